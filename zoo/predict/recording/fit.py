"""The constants of a recording from its frames: robust least squares."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.rotations import listing
from zoo.geometry.vectors import norm
from zoo.model.heads.eye3d import MEAN_PUPIL_DISTANCE
from zoo.predict.recording.constants import (
    CENTRE,
    CORNEA_DISTANCE,
    COUNT,
    PUPIL_DISTANCE,
    Constants,
    apart,
    slopes,
)
from zoo.predict.recording.observe import Observations

LEAST_FRAMES: Final = 5
"""Fewer frames with an open eye are not fitted."""
MOST_FRAMES: Final = 240
"""Of more, so many are used, evenly spaced."""

MEAN_CORNEA_DISTANCE: Final = 5.35
"""Rotation centre to cornea centre, mm: `zoo.geometry.eye.cornea_distance` of the mean adult ..."""
SD_CORNEA_DISTANCE: Final = 0.72
"""... and its deviation among the people of `zoo.synth.eyes.anatomy` (Le Grand: 5.41, Guestrin: 5.3)."""
SD_PUPIL_DISTANCE: Final = 0.25
"""Likewise; the mean is the network's, the source in `zoo.synth.eyes.anatomy`."""

_SD_DISTANCE: Final = 0.05  # of the network's, about the true one; no picture tells the size of an eye
_CUTOFF: Final = 3.0  # deviations; the pull of a frame falls off beyond c / sqrt 3 (Geman and McClure)
_STEPS: Final = 15
_CONVERGED_MM: Final = 1e-3
_MEDIAN: Final = math.sqrt(2 * math.log(2))  # of the length of a normal error in the plane, deviation 1
_COUNTED: Final = 5  # frames that the expected scatter counts for
_LEAST_SCATTER: Final = 0.1
_LEAST_COMMON: Final = 0.3  # of what the network expects: what its answers have in common at least


class _Prior(NamedTuple):
    """A normal distribution of the constants, and one of the distance to the rotation centre."""

    mean: Tensor  # (5,)
    precision: Tensor  # (5, 5); 0 where nothing is known
    distance: float  # mm
    distance_precision: float


def fit(
    seen: Observations, known: Constants | None = None, start: Constants | None = None
) -> Constants | None:
    """Find what is constant over frames of one person and one rig; None for fewer than `LEAST_FRAMES`.

    Gauss-Newton on rotation centre and distances, with the weights of Geman and McClure's loss, whose scale
    is taken from the median of what is left.

    Args:
        seen: frames with an open eye.
        known: constants of the same person before the headset slipped: only the rotation centre is new.
        start: where to start from, such as the constants of fewer of these frames.
    """
    if len(seen.axis) < LEAST_FRAMES:
        return None
    if len(seen.axis) > MOST_FRAMES:
        seen = seen.take([n * len(seen.axis) // MOST_FRAMES for n in range(MOST_FRAMES)])
    prior = _prior(seen, known)
    usual = known.scatter if known else 1.0
    values = prior.mean if start is None else start.values
    for _ in range(_STEPS):
        information, moment, scatter = _normal(values, seen, prior, usual)
        change = torch.linalg.solve(information, moment)
        values = values + change
        if float(change.abs().max()) < _CONVERGED_MM:
            break
    information, _, scatter = _normal(values, seen, prior, usual)
    expected = float(seen.axis_sd.median())
    common = expected * math.sqrt(max(1 - scatter**2, _LEAST_COMMON**2))
    return Constants(values, torch.linalg.inv(information), scatter, common, len(seen.axis))


def _prior(seen: Observations, known: Constants | None) -> _Prior:
    values = torch.zeros(COUNT, dtype=torch.float64)
    precision = torch.zeros(COUNT, COUNT, dtype=torch.float64)
    if known is None:
        values[CORNEA_DISTANCE], values[PUPIL_DISTANCE] = MEAN_CORNEA_DISTANCE, MEAN_PUPIL_DISTANCE
        precision[CORNEA_DISTANCE, CORNEA_DISTANCE] = SD_CORNEA_DISTANCE**-2
        precision[PUPIL_DISTANCE, PUPIL_DISTANCE] = SD_PUPIL_DISTANCE**-2
    else:
        kept = slice(CORNEA_DISTANCE, COUNT)
        values[kept] = known.values[kept]
        precision[kept, kept] = torch.linalg.inv(known.covariance[kept, kept])
    centres = seen.cornea - values[CORNEA_DISTANCE] * seen.axis
    values[CENTRE] = centres.median(dim=0).values
    distance = float(norm(centres).median())
    return _Prior(values, precision, distance, (_SD_DISTANCE * distance) ** -2)


def _normal(
    values: Float[Tensor, "5"], seen: Observations, prior: _Prior, usual: float
) -> tuple[Float[Tensor, "5 5"], Float[Tensor, "5"], float]:
    """Information on the constants, the moment that drives them, and the scatter of the network's axes."""
    axis, by_values, by_pixel = slopes(values, seen)
    basis = listing(axis)[..., :2].mT
    off, by_values = apart(axis, seen.axis), basis @ by_values
    of_pixel = (basis @ by_pixel).square().sum((1, 2)) / 2 * seen.pupil_sd**2
    scatter = _scatter(norm(off), of_pixel, seen.axis_sd, usual)
    variance = (scatter * seen.axis_sd) ** 2 + of_pixel
    weight = (_CUTOFF**2 / (_CUTOFF**2 + off.square().sum(1) / variance)) ** 2 / variance
    information = torch.einsum("n,nij,nik->jk", weight, by_values, by_values) + prior.precision
    moment = torch.einsum("n,nij,ni->j", weight, by_values, off) + prior.precision @ (prior.mean - values)
    distance = norm(values[CENTRE])
    ray = torch.zeros_like(values)
    ray[CENTRE] = values[CENTRE] / distance
    information = information + prior.distance_precision * torch.outer(ray, ray)
    return information, moment + prior.distance_precision * (prior.distance - distance) * ray, scatter


def _scatter(
    off: Float[Tensor, "n"], of_pixel: Float[Tensor, "n"], axis_sd: Float[Tensor, "n"], usual: float
) -> float:
    """Scale of the misfit in units of what the network expects, from the median; `usual` while few."""
    count = len(off)
    found = float((off / axis_sd).median()) / _MEDIAN
    squared = max(found**2 - float((of_pixel / axis_sd**2).median()), 0.0)
    return max(math.sqrt((count * squared + _COUNTED * usual**2) / (count + _COUNTED)), _LEAST_SCATTER)
