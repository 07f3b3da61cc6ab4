"""The three corrections: from the optical axis that is predicted to the visual axis of one person."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, get_args

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from torch import Tensor

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.geometry.angles import angles_to_vector, vector_to_angles
from zoo.geometry.eye import apply_kappa
from zoo.geometry.rotations import listing, rotation_about
from zoo.geometry.vectors import unit

Model = Literal["offset", "affine", "kappa"]
MODELS: Final[tuple[Model, ...]] = get_args(Model)

Degrees = Annotated[FiniteFloat, Field(ge=-180, le=180)]
Gain = Annotated[FiniteFloat, Field(ge=-100, le=100)]


class _Correction(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Offset(_Correction):
    """A constant that is added to (pitch, yaw) of the optical axis in the camera frame."""

    model: Literal["offset"] = "offset"
    pitch_deg: Degrees
    yaw_deg: Degrees

    def visual(
        self, optical: Float[Tensor, "n 3"], roll: Float[Tensor, "n"], eye_side: EyeSide | None
    ) -> Float[Tensor, "n 3"]:
        """Unit vectors in the camera frame, from the optical axis; `roll` and `eye_side` have no part."""
        return angles_to_vector(vector_to_angles(optical) + _radians(optical, self.pitch_deg, self.yaw_deg))


class Affine(_Correction):
    """(pitch, yaw) of the optical axis in the camera frame times `matrix`, plus a constant."""

    model: Literal["affine"] = "affine"
    matrix: tuple[tuple[Gain, Gain], tuple[Gain, Gain]]
    pitch_deg: Degrees
    yaw_deg: Degrees

    def visual(
        self, optical: Float[Tensor, "n 3"], roll: Float[Tensor, "n"], eye_side: EyeSide | None
    ) -> Float[Tensor, "n 3"]:
        """Unit vectors in the camera frame, from the optical axis; `roll` and `eye_side` have no part."""
        gain = optical.new_tensor(self.matrix)
        angles = vector_to_angles(optical) @ gain.mT + _radians(optical, self.pitch_deg, self.yaw_deg)
        return angles_to_vector(angles)


class Kappa(_Correction):
    """The person's angles between the axes, fixed in the eye: see `zoo.geometry.eye.apply_kappa`."""

    model: Literal["kappa"] = "kappa"
    alpha_deg: Degrees
    """Horizontal, nasal is positive."""
    beta_deg: Degrees
    """Vertical, up is positive."""

    def visual(
        self, optical: Float[Tensor, "n 3"], roll: Float[Tensor, "n"], eye_side: EyeSide | None
    ) -> Float[Tensor, "n 3"]:
        """Unit vectors in the camera frame, from the optical axis and its roll in radians.

        Raises:
            ValueError: the eye's side is unknown.
        """
        if eye_side is None:
            raise ValueError("kappa is nasal: it needs the eye's side")
        side = torch.tensor(EYE_SIDES.index(eye_side))
        return apply_kappa(
            eye_rotation(optical, roll), math.radians(self.alpha_deg), math.radians(self.beta_deg), side
        )


Correction = Offset | Affine | Kappa


def eye_rotation(optical: Float[Tensor, "n 3"], roll: Float[Tensor, "n"]) -> Float[Tensor, "n 3 3"]:
    """From the eye's frame to the camera's, as the gaze head means `optical` and `roll` (radians)."""
    return listing(unit(optical)) @ rotation_about("z", roll)


def describe(correction: Correction) -> str:
    """The parameters in words."""
    if isinstance(correction, Kappa):
        return f"alpha {correction.alpha_deg:+.2f} (nasal), beta {correction.beta_deg:+.2f} (up) degrees"
    text = f"pitch {correction.pitch_deg:+.2f}, yaw {correction.yaw_deg:+.2f} degrees"
    if isinstance(correction, Affine):
        (a, b), (c, d) = correction.matrix
        text += f" after times [[{a:.3f}, {b:.3f}], [{c:.3f}, {d:.3f}]]"
    return text


def _radians(like: Tensor, pitch_deg: float, yaw_deg: float) -> Float[Tensor, "2"]:
    return torch.deg2rad(like.new_tensor((pitch_deg, yaw_deg)))
