"""Samples of one eye: what was predicted where it is known what the person looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.conventions import EyeSide
from zoo.errors import ZooError
from zoo.geometry.angles import angles_to_vector, vector_to_angles
from zoo.geometry.vectors import unit
from zoo.predict.result import EyeResult, Vector

Value = TypeVar("Value")

FIELD_DEG: Final = 75.0
"""Targets lie within this of the direction into the camera, in pitch and in yaw: a camera may stand 45
degrees off the line of sight, and eyes turn 30."""

_UNEXPLAINED_DEG: Final = 1.0  # beside the network's error: the eye does not rest exactly on the target


class Angles(NamedTuple):
    """Direction of the visual axis in the camera frame, degrees."""

    pitch: float
    yaw: float


class Point(NamedTuple):
    """A point that is looked at, camera frame, millimetres."""

    x: float
    y: float
    z: float


Target = Angles | Point


@dataclass(frozen=True, eq=False)
class Samples:
    """n samples of one eye in one camera, float64 on the CPU; axes are unit vectors in the camera frame."""

    names: tuple[str, ...]
    optical: Float[Tensor, "n 3"]
    target: Float[Tensor, "n 3"]
    """Where the visual axis points in truth."""
    raw: Float[Tensor, "n 3"]
    """The visual axis as predicted for mean kappa; the optical one where the eye's side is unknown."""
    roll: Float[Tensor, "n"]
    """Radians."""
    trust: Float[np.ndarray, "n"]
    """Inverse variance of the predictions, 1 / degrees squared."""
    eye_side: EyeSide | None
    camera_known: bool

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Bool[np.ndarray, "n"]) -> Samples:
        """Those of the given rows."""
        mask = torch.from_numpy(rows)
        return replace(
            self,
            names=tuple(name for name, row in zip(self.names, rows, strict=True) if row),
            optical=self.optical[mask],
            target=self.target[mask],
            raw=self.raw[mask],
            roll=self.roll[mask],
            trust=self.trust[rows],
        )


class Skipped(NamedTuple):
    """A sample that cannot be used."""

    name: str
    reason: str


def gather(
    names: Sequence[str], results: Sequence[EyeResult], targets: Sequence[Target]
) -> tuple[Samples, list[Skipped]]:
    """Join predictions with what was looked at, in one order; name those where nothing is predicted.

    Raises:
        ZooError: both eyes, known and unknown cameras together, or a target that no eye looks at.
    """
    rows: list[tuple[str, EyeResult, Vector, Vector]] = []
    skipped: list[Skipped] = []
    for name, result, target in zip(names, results, targets, strict=True):
        if result.optical is None:
            skipped.append(Skipped(name, "no gaze is predicted: the eye is shut or shows no pupil"))
        elif isinstance(target, Point) and result.cornea_mm is None:
            skipped.append(Skipped(name, "no position of the eye is predicted, from which to see the point"))
        else:
            rows.append((name, result, result.optical, _direction(name, target, result)))
    used = [result for _, result, _, _ in rows]
    side = _same("eye_side", [result.eye_side for result in used])
    sigmas = [result.gaze_sigma_deg for result in used if result.gaze_sigma_deg is not None]
    usual = float(np.median(sigmas)) if sigmas else 1.0
    sigma = np.array([usual if result.gaze_sigma_deg is None else result.gaze_sigma_deg for result in used])
    samples = Samples(
        names=tuple(name for name, *_ in rows),
        optical=unit(_vectors([optical for _, _, optical, _ in rows])),
        target=_vectors([direction for *_, direction in rows]),
        raw=unit(_vectors([result.visual or optical for _, result, optical, _ in rows])),
        roll=torch.deg2rad(torch.tensor([result.roll_deg or 0.0 for result in used], dtype=torch.float64)),
        trust=1 / (sigma**2 + _UNEXPLAINED_DEG**2),
        eye_side=side,
        camera_known=bool(_same("camera_known", [result.camera_known for result in used])),
    )
    return samples, skipped


def outside(target: Angles) -> str | None:
    """Why no eye that this camera sees looks there; None where it may."""
    for name, angle in zip(("pitch", "yaw"), target, strict=True):
        if abs(angle) > FIELD_DEG:
            return (
                f"a {name} of {angle:.1f} degrees is outside the field: at most {FIELD_DEG:g} from the "
                "direction that looks straight into the camera, which is (0, 0)"
            )
    return None


def _direction(name: str, target: Target, result: EyeResult) -> Vector:
    if isinstance(target, Angles):
        vector = angles_to_vector(torch.deg2rad(torch.tensor(target, dtype=torch.float64)))
    else:
        assert result.cornea_mm is not None
        eye = torch.tensor(result.cornea_mm, dtype=torch.float64)
        vector = unit(torch.tensor(target, dtype=torch.float64) - eye)
        if vector[2] >= 0:
            raise ZooError(
                f"{name}: the point ({target.x:g}, {target.y:g}, {target.z:g}) mm lies behind the eye, which "
                f"is at z = {eye[2]:.0f} mm; z points out of the camera, so what is looked at has smaller z"
            )
        pitch, yaw = torch.rad2deg(vector_to_angles(vector)).tolist()
        target = Angles(pitch, yaw)
    if problem := outside(target):
        raise ZooError(f"{name}: {problem}")
    x, y, z = vector.tolist()
    return x, y, z


def _same(name: str, values: list[Value]) -> Value | None:
    if len(set(values)) > 1:
        found = ", ".join(sorted({str(value) for value in values}))
        raise ZooError(f"the samples have different {name} ({found}): a calibration is of one eye and camera")
    return values[0] if values else None


def _vectors(vectors: list[Vector]) -> Float[Tensor, "n 3"]:
    return torch.tensor(vectors, dtype=torch.float64).reshape(-1, 3)
