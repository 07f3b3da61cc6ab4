"""Random eyes over the whole range that the renderer draws from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.geometry.eye import Eye, cornea_distance
from zoo.geometry.rotations import listing
from zoo.geometry.vectors import transform, unit


def uniform(generator: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)


def random_eyes(count: int, seed: int = 0, max_angle_deg: float = 65.0, max_pupil: float = 4.5) -> Eye:
    """Corneas 20 to 1000 mm away, the camera up to `max_angle_deg` off the optical axis."""
    generator = torch.Generator().manual_seed(seed)

    def draw(low: float, high: float) -> Tensor:
        return uniform(generator, count, low, high)

    cornea_radius, eyeball_radius = draw(7.2, 8.5), draw(11.0, 13.0)
    distance = cornea_distance(eyeball_radius, cornea_radius, draw(5.5, 6.5))
    away = torch.exp(draw(math.log(20.0), math.log(1000.0)))
    cornea = away[:, None] * unit(torch.stack((draw(-0.6, 0.6), draw(-0.6, 0.6), torch.ones_like(away)), -1))
    angle, turn = draw(0.0, math.radians(max_angle_deg)), draw(0.0, 2 * math.pi)
    from_camera = torch.stack((angle.sin() * turn.cos(), angle.sin() * turn.sin(), -angle.cos()), -1)
    optical = transform(listing(unit(-cornea)), from_camera)
    return Eye(
        eyeball=cornea - distance[:, None] * optical,
        rotation=listing(optical),
        eyeball_radius=eyeball_radius,
        cornea_distance=distance,
        cornea_radius=cornea_radius,
        pupil_distance=draw(3.9, 5.0),
        pupil_radius=draw(0.75, max_pupil),
        refractive_index=draw(1.33, 1.38),
    )
