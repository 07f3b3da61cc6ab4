"""Predictions and targets of an eye whose calibration is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.geometry.angles import angles_to_vector, vector_to_angles
from zoo.geometry.eye import apply_kappa
from zoo.geometry.rotations import listing, rotation_about
from zoo.predict.calibration.samples import Angles, Samples, gather
from zoo.predict.result import EyeResult

GRID = [(float(pitch), float(yaw)) for pitch in (-12, 0, 12) for yaw in (-15, 0, 15)]
SHA = "a" * 64


def vector(pitch_deg: float, yaw_deg: float) -> tuple[float, float, float]:
    x, y, z = angles_to_vector(
        torch.deg2rad(torch.tensor([pitch_deg, yaw_deg], dtype=torch.float64))
    ).tolist()
    return x, y, z


def angles(direction: Sequence[float] | Tensor) -> tuple[float, float]:
    pitch, yaw = torch.rad2deg(vector_to_angles(torch.as_tensor(direction, dtype=torch.float64))).tolist()
    return pitch, yaw


def result(pitch_deg: float, yaw_deg: float, **fields: Any) -> EyeResult:
    known = {"gaze_sigma_deg": 1.0, "roll_deg": 0.0, "camera_known": True, **fields}
    return EyeResult(120, 160, optical=vector(pitch_deg, yaw_deg), **known)


def kappa_target(predicted: EyeResult, alpha_deg: float, beta_deg: float, side: EyeSide) -> Angles:
    """Where an eye with this kappa looks, by the geometry alone."""
    optical = torch.tensor(predicted.optical, dtype=torch.float64)
    roll = torch.tensor(math.radians(predicted.roll_deg or 0), dtype=torch.float64)
    rotation = listing(optical) @ rotation_about("z", roll)
    which = torch.tensor(EYE_SIDES.index(side))
    return Angles(*angles(apply_kappa(rotation, math.radians(alpha_deg), math.radians(beta_deg), which)))


def joined(results: Sequence[EyeResult], targets: Sequence[Any]) -> Samples:
    samples, skipped = gather([f"{n}.png" for n in range(len(results))], results, targets)
    assert not skipped
    return samples


def shifted(
    seen: Sequence[tuple[float, float]] = GRID,
    shift: tuple[float, float] = (2.0, -4.0),
    noise: float = 0.0,
    seed: int = 0,
    **fields: Any,
) -> Samples:
    """Predictions at `seen`, targets at a shift from them, with noise in degrees."""
    drawn = noise * np.random.default_rng(seed).standard_normal((len(seen), 2))
    targets = [Angles(p + shift[0] + a, y + shift[1] + b) for (p, y), (a, b) in zip(seen, drawn, strict=True)]
    return joined([result(*angle, **fields) for angle in seen], targets)
