"""Lights of a room: one main light that throws shadows, two that do not, and what the walls give back."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zoo.synth.rooms.build import Builder


class Lights(NamedTuple):
    """Lights of S scenes (of one scene: without the S)."""

    position: Float[Tensor, "S 3 3"]  # the first throws shadows
    power: Float[Tensor, "S 3 3"]  # colour times strength, at a metre
    size: Float[Tensor, "S 3"]  # square metres added to the squared distance
    ambient: Float[Tensor, "S 3"]
    bounce: Float[Tensor, "S"]  # share of the ambient light that comes from above
    axis: Float[Tensor, "S"]  # wall of the opening that the main light comes through: 0 x, 1 y, -1 none
    plane: Float[Tensor, "S"]  # where that wall is
    opening: Float[Tensor, "S 4"]  # middle along the wall, middle height, half width, half height


def _tint(b: Builder, warm: float) -> np.ndarray:
    return np.array([1 + 0.35 * warm, 1.0, 1 - 0.4 * warm]) * (1 + 0.03 * b.rng.gauss(0, 1))


def draw_lights(b: Builder, room: np.ndarray) -> Lights:
    """Lights of one of the domain's families for a room of that width, depth and height."""
    family = b.one_of(b.domain.lights)
    width, depth, height = (float(v) for v in room)

    def inside(low: float, high: float) -> list[float]:
        return [b.number(0.15, 0.85) * width, b.number(0.15, 0.85) * depth, b.number(low, high)]

    position = np.array(
        [inside(height - 0.35, height - 0.05), inside(height - 0.6, height - 0.05), inside(1.0, height - 0.1)]
    )
    warm = b.number(-0.3, 0.9)
    power = np.stack([_tint(b, warm), 0.6 * _tint(b, warm), 0.3 * _tint(b, b.number(-0.3, 0.9))])
    power = power * np.array(
        [[3.0 * math.exp(b.rng.gauss(0, 0.3))], [b.number(0.0, 2.5)], [b.number(0.0, 1.5)]]
    )
    size = np.array([0.25, 0.4, 0.3])
    ambient = _tint(b, 0.5 * warm) * b.number(0.12, 0.45)
    axis, plane, opening = -1.0, 0.0, np.array([0.0, 0.0, 1e3, 1e3])
    if family in ("window", "sunny"):
        side = b.whole(0, 3)
        axis = float(side // 2)
        across, along = (width, depth) if side < 2 else (depth, width)
        plane = 0.0 if side % 2 == 0 else across
        outward = -1.0 if side % 2 == 0 else 1.0
        middle, far = b.number(0.25, 0.75) * along, b.number(2.0, 5.0)
        spot = [0.0, 0.0, b.number(2.0, 2.0 + 0.8 * far)]
        spot[int(axis)] = plane + outward * far
        spot[1 - int(axis)] = middle + b.number(-1.5, 1.5)
        position[0] = spot
        distance2 = (far + 0.4 * across) ** 2
        strength = b.number(1.2, 2.5) if family == "window" else b.number(4.0, 9.0)
        power[0] = _tint(b, -0.15 if family == "window" else 0.25) * strength * distance2
        if family == "sunny":
            opening = np.array([middle, b.number(1.2, 1.7), b.number(0.3, 1.0), b.number(0.3, 0.7)])
            power[1] += 1.5
        else:
            opening = np.array([middle, 1.5, b.number(0.8, 2.5), b.number(0.7, 1.5)])
            power[1] += 0.8
            size[0] = 1.0
        ambient = ambient * 1.3
    elif family == "lamps":
        position[0] = inside(1.2, min(2.0, height - 0.2))
        power[0] *= 0.5
        ambient = ambient * 0.7
    elif family == "dim":
        power *= 0.5
        power[0] = _tint(b, 1.0) * 0.6
    elif family == "spots":
        power[:2] *= np.array([[1.4, 0.5, 0.3], [0.3, 0.5, 1.4]])
        ambient = ambient * 0.5
    elif family == "flat":
        ambient = np.array([1.0, 1.0, 1.0]) * b.number(0.9, 1.3)
        power *= 0.15
    bounce = b.number(0.2, 0.6)
    values = (position, power, size, ambient, bounce, axis, plane, opening)
    return Lights(*(torch.from_numpy(np.asarray(value)).float() for value in values))
