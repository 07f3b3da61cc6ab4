"""Rays that meet spheres, and the way back from a pixel to the pupil."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.geometry.cameras import unit_rays
from zoo.geometry.refraction import refract_ray
from zoo.geometry.vectors import Scalar, column, dot, safe_sqrt, unit


def ray_sphere(
    origin: Float[Tensor, "*#b 3"],
    direction: Float[Tensor, "*#b 3"],
    centre: Float[Tensor, "*#b 3"],
    radius: Scalar,
) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"], Bool[Tensor, "*b"]]:
    """Where lines enter and leave a sphere: (near, far, hit), the first two in lengths of `direction`.

    For a miss both are the closest approach, with finite gradients. `hit` concerns the whole line: a sphere
    behind the origin has negative distances.
    """
    offset = origin - centre
    squared = dot(direction, direction)
    closest = -dot(offset, direction) / squared
    # The squared distance of the line from the centre, formed without cancellation (it matters in float32).
    apart = offset + column(closest) * direction
    room = radius**2 - dot(apart, apart)
    half = safe_sqrt(room / squared)
    return closest - half, closest + half, room > 0


def back_project_to_sphere(
    pixel: Float[Tensor, "*#b 2"],
    camera: Float[Tensor, "*#b 3 3"],
    centre: Float[Tensor, "*#b 3"],
    radius: Scalar,
) -> tuple[Float[Tensor, "*b 3"], Bool[Tensor, "*b"]]:
    """The point of a sphere that is seen at a pixel (for a miss: the ray's closest), and whether one is."""
    return _seen_along(unit_rays(pixel, camera), centre, radius)


def _seen_along(
    ray: Float[Tensor, "*#b 3"], centre: Float[Tensor, "*#b 3"], radius: Scalar
) -> tuple[Float[Tensor, "*b 3"], Bool[Tensor, "*b"]]:
    near, _, hit = ray_sphere(torch.zeros_like(centre), ray, centre, radius)
    return column(near) * ray, hit


def pupil_on_sphere(
    pixel: Float[Tensor, "*#b 2"],
    camera: Float[Tensor, "*#b 3 3"],
    cornea: Float[Tensor, "*#b 3"],
    radius: Scalar,
    pupil_distance: Scalar,
    n: Scalar,
) -> tuple[Float[Tensor, "*b 3"], Bool[Tensor, "*b"]]:
    """3D pupil centre behind the refracted image of it at a pixel, and whether there is one.

    The pixel's ray is refracted at the cornea and followed to the sphere of radius `pupil_distance` about the
    cornea centre, on which the pupil's centre lies; the first intersection is the one in front of the eye.
    The inverse of `zoo.geometry.refraction.pupil_centre_px`. For a miss: the closest point.
    """
    return pupil_along(unit_rays(pixel, camera), cornea, radius, pupil_distance, n)


def pupil_along(
    ray: Float[Tensor, "*#b 3"],
    cornea: Float[Tensor, "*#b 3"],
    radius: Scalar,
    pupil_distance: Scalar,
    n: Scalar,
) -> tuple[Float[Tensor, "*b 3"], Bool[Tensor, "*b"]]:
    """As `pupil_on_sphere`, for unit vectors from the camera centre instead of pixels.

    Lengths in one unit, of any kind; camera frame; `n` of the cornea over that of air, at least 1.
    """
    surface, hit = _seen_along(ray, cornea, radius)
    inside, _ = refract_ray(ray, unit(surface - cornea), 1 / n)
    near, _, reached = ray_sphere(surface, inside, cornea, pupil_distance)
    return surface + column(near) * inside, hit & reached
