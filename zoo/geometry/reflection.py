"""Corneal reflections: where on the cornea a camera sees an LED."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.geometry.arc import Arc, increasing_root
from zoo.geometry.eye import Eye, on_cap
from zoo.geometry.vectors import Scalar, broadcast, column, dot

_STEPS: Final = 4


def glint(
    cornea: Float[Tensor, "*#b 3"],
    radius: Scalar,
    light: Float[Tensor, "*#b 3"],
    observer: Float[Tensor, "*#b 3"] | None = None,
) -> Float[Tensor, "*b 3"]:
    """The specular point on the corneal sphere; its projection is the glint's centre in the image.

    There the normal bisects the directions to the light and to the observer. Solved on the arc between these
    directions as seen from the sphere's centre, to rounding error.

    Args:
        cornea: centre of the sphere; add a dimension to batch over LEDs.
        radius: of the sphere.
        light: positions outside the sphere.
        observer: outside the sphere; the camera centre (the origin) unless given.
    """
    to_observer = -cornea if observer is None else observer - cornea
    arc = Arc.between(*broadcast(to_observer, light - cornea))

    def incidence(distance: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Angle at the surface to a point `angle` away from the normal, and its derivative by `angle`."""
        along, across = distance * torch.cos(angle), distance * torch.sin(angle)
        slope = (distance**2 - radius * along) / (distance**2 + radius**2 - 2 * radius * along)
        return torch.atan2(across, along - radius), slope

    def imbalance(share: Tensor) -> tuple[Tensor, Tensor]:
        observed, observed_slope = incidence(arc.start_distance, share * arc.angle)
        lit, lit_slope = incidence(arc.end_distance, (1 - share) * arc.angle)
        return (observed - lit) / arc.safe_angle, observed_slope + lit_slope

    # Exact for small angles: incidence is then proportional to the angle from the normal.
    observed = arc.start_distance / (arc.start_distance - radius)
    lit = arc.end_distance / (arc.end_distance - radius)
    share = lit / (observed + lit)
    share = increasing_root(imbalance, share, torch.zeros_like(share), torch.ones_like(share), _STEPS)
    return cornea + column(radius) * arc.direction(share)


def glint_on_cap(
    point: Float[Tensor, "*#b 3"], eye: Eye, observer: Float[Tensor, "*#b 3"] | None = None
) -> Bool[Tensor, "*b"]:
    """Whether a specular point lies on the cornea (beyond the limbus plane) and faces the observer.

    Off the cap the corneal sphere is inside the eyeball, and a light behind the horizon has no glint. Lids
    and the image border are the caller's. For (*b, n) LEDs pass `eye.per_point()`.
    """
    to_observer = -point if observer is None else observer - point
    return on_cap(point, eye) & (dot(point - eye.cornea, to_observer) > 0)
