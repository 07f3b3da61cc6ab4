"""People: the eye's dimensions, drawn for an identity from the ranges of one table."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.draws import Draws


class Spread(NamedTuple):
    """A truncated normal distribution and where it comes from."""

    mean: float
    sd: float
    low: float
    high: float
    source: str


ANATOMY: Final[dict[str, Spread]] = {
    "eyeball_radius": Spread(12.0, 0.5, 10.8, 13.2, "mm; Le Grand eye; axial length 22-26 mm"),
    "cornea_radius": Spread(7.8, 0.27, 7.0, 8.6, "mm; anterior surface, schematic eyes"),
    "limbus_radius": Spread(5.9, 0.25, 5.2, 6.5, "mm; half the visible iris diameter of about 11.75"),
    "pupil_distance": Spread(
        4.4, 0.25, 3.8, 5.0, "mm; cornea centre to pupil: 4.2 (Guestrin), 4.44 (PyEtSimul)"
    ),
    "kappa_horizontal": Spread(5.0, 1.9, -1.0, 10.0, "deg, nasal; Orbscan 4.7-4.9, sd 2.1-2.7"),
    "kappa_vertical": Spread(1.5, 1.2, -2.0, 5.0, "deg, visual axis above the optical one; 1.5-2 typical"),
    "pupil_radius_rest": Spread(1.9, 0.6, 0.9, 3.3, "mm; 3.1 mm diameter in light, 4.9 in the dark (Wyatt)"),
}


class Anatomy(NamedTuple):
    """A batch of people; every field is (B,) float32, millimetres and radians."""

    eyeball_radius: Float[Tensor, "B"]
    cornea_radius: Float[Tensor, "B"]
    limbus_radius: Float[Tensor, "B"]
    pupil_distance: Float[Tensor, "B"]
    kappa_horizontal: Float[Tensor, "B"]
    kappa_vertical: Float[Tensor, "B"]
    pupil_radius_rest: Float[Tensor, "B"]


def draw_anatomy(draws: Draws) -> Anatomy:
    """Dimensions of the identities that `draws` is indexed by."""
    values = {
        name: draws.normal(name, spread.mean, spread.sd, low=spread.low, high=spread.high)
        for name, spread in ANATOMY.items()
    }
    for name in ("kappa_horizontal", "kappa_vertical"):
        values[name] = torch.deg2rad(values[name])
    return Anatomy(**values)
