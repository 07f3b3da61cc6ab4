"""The two-sphere eye: an eyeball that turns about its centre and a corneal sphere set into its front.

The eye's own frame has its origin in the rotation centre; the optical axis is (0, 0, -1), x and y are those
of the camera frame when the rotation is the identity (the eye then looks along the camera's -z, towards it).
Sizes in adults (millimetres): eyeball radius 12, corneal radius 7.8, rotation centre to cornea centre 4.4 to
5.7, cornea centre to pupil 4.2 to 5, limbus radius 6, pupil radius 0.75 to 4.5 (Le Grand; Guestrin and
Eizenman, IEEE Trans. Biomed. Eng. 2006).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.conventions import EYE_SIDES
from zoo.geometry.angles import angles_to_vector
from zoo.geometry.vectors import Scalar, broadcast, column, dot, safe_sqrt, transform

EFFECTIVE_INDEX: Final = 1.3375
"""Keratometric index: cornea and aqueous humour as one medium behind one surface."""


class Eye(NamedTuple):
    """Eyes in the camera frame, lengths in millimetres; a tuple, so that tree maps and compilers see it."""

    eyeball: Tensor  # (*b, 3) rotation centre, also the centre of the eyeball sphere
    rotation: Tensor  # (*b, 3, 3) from the eye's frame to the camera frame
    eyeball_radius: Tensor  # (*b,)
    cornea_distance: Tensor  # (*b,) rotation centre to cornea centre
    cornea_radius: Tensor  # (*b,)
    pupil_distance: Tensor  # (*b,) cornea centre to the plane of the pupil
    pupil_radius: Tensor  # (*b,) true radius, before refraction enlarges it
    refractive_index: Tensor | float = EFFECTIVE_INDEX  # (*b,)

    @property
    def optical(self) -> Float[Tensor, "*b 3"]:
        """Optical axis: unit vector out of the eye."""
        return -self.rotation[..., :, 2]

    @property
    def cornea(self) -> Float[Tensor, "*b 3"]:
        """Centre of the corneal sphere."""
        return self.eyeball + column(self.cornea_distance) * self.optical

    @property
    def pupil(self) -> Float[Tensor, "*b 3"]:
        """Centre of the pupil."""
        return self.cornea + column(self.pupil_distance) * self.optical

    def per_point(self) -> Eye:
        """The same eyes with a batch dimension of 1 appended, to broadcast against (*b, n) points or LEDs."""
        n = self.refractive_index
        return Eye(
            eyeball=self.eyeball[..., None, :],
            rotation=self.rotation[..., None, :, :],
            eyeball_radius=self.eyeball_radius[..., None],
            cornea_distance=self.cornea_distance[..., None],
            cornea_radius=self.cornea_radius[..., None],
            pupil_distance=self.pupil_distance[..., None],
            pupil_radius=self.pupil_radius[..., None],
            refractive_index=n[..., None] if isinstance(n, Tensor) else n,
        )


class Limbus(NamedTuple):
    """The circle in which the corneal sphere meets the eyeball: the edge of the cornea."""

    centre: Tensor  # (*b, 3)
    radius: Tensor  # (*b,)
    height: Tensor  # (*b,) of its plane above the cornea centre, along the optical axis


def limbus(eye: Eye) -> Limbus:
    """Where the two spheres intersect; the radius is 0 where they do not."""
    d = eye.cornea_distance
    from_eyeball = (d**2 + eye.eyeball_radius**2 - eye.cornea_radius**2) / (2 * d)
    return Limbus(
        centre=eye.eyeball + column(from_eyeball) * eye.optical,
        radius=safe_sqrt(eye.eyeball_radius**2 - from_eyeball**2),
        height=from_eyeball - d,
    )


def cornea_distance(
    eyeball_radius: Float[Tensor, "*#b"],
    cornea_radius: Float[Tensor, "*#b"],
    limbus_radius: Float[Tensor, "*#b"],
) -> Float[Tensor, "*b"]:
    """Distance from rotation centre to cornea centre that makes the spheres meet in the given limbus."""
    return torch.sqrt(eyeball_radius**2 - limbus_radius**2) - torch.sqrt(cornea_radius**2 - limbus_radius**2)


def on_cap(points: Float[Tensor, "*#b 3"], eye: Eye) -> Bool[Tensor, "*b"]:
    """Which points of the corneal sphere lie on the cornea itself: beyond the plane of the limbus."""
    return dot(points - eye.cornea, eye.optical) > limbus(eye).height


def apply_kappa(
    rotation: Float[Tensor, "*#b 3 3"], alpha: Scalar, beta: Scalar, side: Int[Tensor, "*#b"]
) -> Float[Tensor, "*b 3"]:
    """Visual axis, a unit vector in the camera frame.

    Args:
        rotation: of the eye (`Eye.rotation`).
        alpha: horizontal angle in radians by which the visual axis is nasal of the optical axis. In the eye's
            frame nasal is +x (image right) for the subject's right eye and -x for the left one, because a
            camera that faces the subject sees the right eye on the image's left, with the nose to its right.
        beta: vertical angle in radians, positive upwards (-y in the eye's frame).
        side: index into `zoo.conventions.EYE_SIDES`.
    """
    right = _is_right(side)
    yaw = torch.where(right, -1.0, 1.0).to(rotation.dtype) * alpha
    pitch = torch.zeros_like(yaw) + beta
    return transform(rotation, angles_to_vector(torch.stack(broadcast(pitch, yaw), dim=-1)))


def rolled_visual(
    roll: Float[Tensor, "*#b"], alpha: float, beta: float, side: Int[Tensor, "*#b"]
) -> Float[Tensor, "*b 3"]:
    """What `apply_kappa` turns to the camera frame for an eye rolled about its optical axis.

    ``rotation @ rolled_visual(roll, ...)`` is ``apply_kappa(rotation @ rotation_about("z", roll), ...)``.

    Args:
        roll: radians.
        alpha, beta, side: as for `apply_kappa`, the same angles for all.
    """
    nasal = math.cos(beta) * math.sin(alpha)
    x = 2 * nasal * _is_right(side).to(roll.dtype) - nasal
    y, z = -math.sin(beta), -math.cos(beta) * math.cos(alpha)
    sine, cosine = torch.sin(roll), torch.cos(roll)
    turned_x = cosine * x - sine * y
    return torch.stack((turned_x, sine * x + cosine * y, torch.full_like(turned_x, z)), dim=-1)


def _is_right(side: Int[Tensor, "*b"]) -> Bool[Tensor, "*b"]:
    return side == EYE_SIDES.index("right")
