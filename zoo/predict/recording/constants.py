"""What is constant over a recording, with its covariance, and what it makes of a pupil's pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.cameras import project
from zoo.geometry.eye import EFFECTIVE_INDEX
from zoo.geometry.glint_inverse import MEAN_CORNEA_RADIUS
from zoo.geometry.refraction import refract_point
from zoo.geometry.rotations import listing
from zoo.geometry.spheres import back_project_to_sphere
from zoo.geometry.vectors import norm, transform, unit
from zoo.predict.recording.observe import Observations
from zoo.predict.result import Vector

CENTRE: Final = slice(0, 3)
"""Where the rotation centre stands in `Constants.values`: camera frame, mm."""
CORNEA_DISTANCE: Final = 3
PUPIL_DISTANCE: Final = 4
COUNT: Final = 5

_REFRACTIONS: Final = 3  # each brings the pixel some ten times nearer
_STEP: Final = 1e-4  # mm and pixels; central differences are then good to about 1e-7


@dataclass(frozen=True, eq=False)
class Constants:
    """One person in one rig, camera frame; `values` in mm, in the order of this module's indices."""

    values: Float[Tensor, "5"]
    covariance: Float[Tensor, "5 5"]
    scatter: float
    """How far the network's axes scatter about the fit, of what it expects to be off."""
    common_sd: float
    """Deviation of one component of what its axes are off in all frames alike, radians."""
    frames: int
    """From how many frames this was found."""

    @property
    def centre_mm(self) -> Vector:
        """Rotation centre of the eyeball."""
        x, y, z = self.values[CENTRE].tolist()
        return x, y, z

    @property
    def cornea_distance_mm(self) -> float:
        """Rotation centre to cornea centre."""
        return float(self.values[CORNEA_DISTANCE])

    @property
    def pupil_distance_mm(self) -> float:
        """Cornea centre to pupil centre."""
        return float(self.values[PUPIL_DISTANCE])


def axes_through(
    values: Float[Tensor, "*#b 5"], pixels: Float[Tensor, "*#b 2"], camera: Float[Tensor, "*#b 3 3"]
) -> Float[Tensor, "*b 3"]:
    """Optical axes of the eye that puts its refracted pupil at these pixels; of a miss, the nearest.

    The pixel is moved until the pupil behind it, on a sphere about the rotation centre, is refracted to where
    it was seen.
    """
    centre, distance = values[..., CENTRE], values[..., CORNEA_DISTANCE]
    radius = torch.full_like(distance, MEAN_CORNEA_RADIUS)
    reach = distance + values[..., PUPIL_DISTANCE]
    target = pixels
    for _ in range(_REFRACTIONS):
        pupil, _ = back_project_to_sphere(target, camera, centre, reach)
        axis = unit(pupil - centre)
        surface = refract_point(pupil, centre + distance[..., None] * axis, radius, EFFECTIVE_INDEX)
        target = target + (pixels - project(surface, camera))
    pupil, _ = back_project_to_sphere(target, camera, centre, reach)
    return unit(pupil - centre)


def slopes(
    values: Float[Tensor, "5"], seen: Observations
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3 5"], Float[Tensor, "n 3 2"]]:
    """Axes through the pupils, and their derivatives by the constants and by the pixels."""
    steps = torch.eye(COUNT + 2, dtype=values.dtype) * _STEP
    steps = torch.cat((steps, -steps, torch.zeros_like(steps[:1])))[:, None]
    found = axes_through(values + steps[..., :COUNT], seen.pupil_px + steps[..., COUNT:], seen.camera)
    up, down, here = found.split((COUNT + 2, COUNT + 2, 1))
    by_all = ((up - down) / (2 * _STEP)).permute(1, 2, 0)
    return here[0], by_all[..., :COUNT], by_all[..., COUNT:]


def across(axis: Float[Tensor, "n 3"], vectors: Float[Tensor, "n 3"]) -> Float[Tensor, "n 2"]:
    """Two components of vectors at right angles to unit vectors: small ones are angles in radians."""
    return transform(listing(axis)[..., :2].mT, vectors)


def apart(axis: Float[Tensor, "n 3"], other: Float[Tensor, "n 3"]) -> Float[Tensor, "n 2"]:
    """The angle from unit vectors to others as two components across the first, radians."""
    sides = across(axis, other)
    angle = torch.atan2(norm(sides), (axis * other).sum(-1))
    return sides * (angle / norm(sides).clamp(min=1e-12))[:, None]
