"""The oracle floor: what an observer misses who sees everything in the picture, but not whose eye it is.

A picture fixes an eye up to its size: scale eye and distance together, and the picture stays. The observer
reads every proportion of the eye exactly; its size remains as uncertain as adults' anatomy leaves it given
all proportions. The optical axis depends on proportions alone, so its floor is zero. The visual axis stands
to it at an angle that no picture shows.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from zoo.synth.eyes.anatomy import ANATOMY

_LENGTHS: Final = ("eyeball_radius", "cornea_radius", "limbus_radius", "pupil_distance")
_PEOPLE: Final = 200_000


def size_sd() -> float:
    """Standard deviation of the logarithm of an eye's size, given its proportions.

    Each of the independent lengths of `zoo.synth.eyes.anatomy` tells the size with the spread that it has
    among adults; together they tell it by the sum of their precisions.
    """
    return 1 / math.sqrt(sum((ANATOMY[name].mean / ANATOMY[name].sd) ** 2 for name in _LENGTHS))


def depth_floor(distance_mm: float) -> float:
    """Mean absolute error in mm of the distance to a cornea that far away."""
    return distance_mm * size_sd() * math.sqrt(2 / math.pi)


def visual_floor_deg() -> tuple[float, float]:
    """(mean, median) angle in degrees between a person's visual axis and that of mean kappa."""
    rng = np.random.default_rng(0)
    horizontal, vertical = (
        np.clip(rng.normal(s.mean, s.sd, _PEOPLE), s.low, s.high) - s.mean
        for s in (ANATOMY["kappa_horizontal"], ANATOMY["kappa_vertical"])
    )
    angle = np.hypot(horizontal, vertical)
    return float(angle.mean()), float(np.median(angle))
