"""Refraction at the cornea: how a camera sees the pupil."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.geometry.arc import Arc, increasing_root
from zoo.geometry.cameras import project
from zoo.geometry.eye import Eye
from zoo.geometry.vectors import Scalar, broadcast, column, dot, safe_sqrt

_STEPS: Final = 7


def refract_ray(
    direction: Float[Tensor, "*#b 3"], normal: Float[Tensor, "*#b 3"], n1_over_n2: Scalar
) -> tuple[Float[Tensor, "*b 3"], Bool[Tensor, "*b"]]:
    """Direction of a ray behind a surface (Snell's law in vector form), and whether it gets there.

    Args:
        direction: unit vectors of the incoming rays.
        normal: unit vectors, on the side the rays come from (``direction . normal < 0``).
        n1_over_n2: refractive index before the surface over the one behind it.

    Returns:
        Unit vectors, and a mask that is false under total internal reflection, where the direction is the
        limiting one, along the surface.
    """
    cosine = -dot(direction, normal)
    along = direction + column(cosine) * normal  # of length sin(incidence)
    sine_squared = 1 - cosine**2
    cosine_squared = 1 - n1_over_n2**2 * sine_squared  # behind the surface
    passes = cosine_squared > 0
    stretch = n1_over_n2
    if isinstance(stretch, Tensor) or stretch > 1:  # into a denser medium every ray passes
        stretch = torch.where(passes, stretch, torch.rsqrt(torch.where(passes, 1.0, sine_squared)))
    return column(stretch) * along - column(safe_sqrt(cosine_squared)) * normal, passes


def refract_point(
    point: Float[Tensor, "*#b 3"],
    cornea: Float[Tensor, "*#b 3"],
    radius: Scalar,
    n: Scalar,
    observer: Float[Tensor, "*#b 3"] | None = None,
) -> Float[Tensor, "*b 3"]:
    """Where on the corneal sphere an observer sees a point behind it; projects to the point's exact image.

    There Snell's law holds between the ray to the point and the ray to the observer. Solved on the arc
    between their directions as seen from the sphere's centre, to rounding error. A point hidden by total
    internal reflection (the far margin of a wide pupil seen from far aside) gets its place on the horizon.

    Args:
        point: inside the sphere.
        cornea: centre of the sphere.
        radius: of the sphere.
        n: refractive index behind the surface, over that of air; above 1.
        observer: outside the sphere; the camera centre (the origin) unless given.
    """
    to_observer = -cornea if observer is None else observer - cornea
    arc = Arc.between(*broadcast(to_observer, point - cornea))
    outer, inner = arc.start_distance, arc.end_distance

    def excess(share: Tensor) -> tuple[Tensor, Tensor]:
        """Angle inside that Snell's law asks for, less the one that leads to the point; and its slope."""
        angle = share * arc.angle
        along, across = outer * torch.cos(angle), outer * torch.sin(angle)
        squared = outer**2 + radius**2 - 2 * radius * along
        sine, cosine = across / squared.sqrt(), (along - radius) / squared.sqrt()
        wanted_slope = cosine / (n**2 - sine**2).sqrt() * (outer**2 - radius * along) / squared

        angle = (1 - share) * arc.angle
        along, across = inner * torch.cos(angle), inner * torch.sin(angle)
        actual_slope = (radius * along - inner**2) / (radius**2 + inner**2 - 2 * radius * along)

        value = torch.asin(sine / n) - torch.atan2(across, radius - along)
        return value / arc.safe_angle, wanted_slope + actual_slope

    # Exact for small angles, where both angles are proportional to those from the normal.
    seen = outer / (outer - radius)
    bent = n * inner / (radius - inner)
    share = bent / (seen + bent)
    horizon = (torch.acos(radius / outer) / arc.safe_angle).clamp(max=1.0)
    hidden = excess(horizon)[0] < 0
    share = increasing_root(excess, share, torch.zeros_like(share), horizon, _STEPS)
    return cornea + column(radius) * arc.direction(torch.where(hidden, horizon, share))


def refracted_rim(eye: Eye, count: int) -> Float[Tensor, "*b {count} 3"]:
    """Points on the cornea through which the camera sees `count` points of the pupil's rim.

    The rim points are spaced evenly, from the eye's +x towards +y. `zoo.geometry.eye.on_cap` tells which are
    really on the cornea.
    """
    turn = torch.arange(count, dtype=eye.eyeball.dtype, device=eye.eyeball.device) * (2 * torch.pi / count)
    each = eye.per_point()
    across = turn.cos()[:, None] * each.rotation[..., :, 0] + turn.sin()[:, None] * each.rotation[..., :, 1]
    rim = each.pupil + column(each.pupil_radius) * across
    return refract_point(rim, each.cornea, each.cornea_radius, each.refractive_index)


def pupil_contour(eye: Eye, camera: Float[Tensor, "*#b 3 3"], count: int) -> Float[Tensor, "*b {count} 2"]:
    """The pupil's outline in pixels, as seen through the cornea."""
    return project(refracted_rim(eye, count), camera[..., None, :, :])


def pupil_centre_px(eye: Eye, camera: Float[Tensor, "*#b 3 3"]) -> Float[Tensor, "*b 2"]:
    """The refracted image of the pupil's 3D centre in pixels; not quite the centre of the contour."""
    return project(refract_point(eye.pupil, eye.cornea, eye.cornea_radius, eye.refractive_index), camera)
