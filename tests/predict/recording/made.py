"""Recordings of a known eye, seen by a network whose errors are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.geometry.angles import angle_between, angles_to_vector
from zoo.geometry.cameras import intrinsics
from zoo.geometry.ellipse import fit_ellipse
from zoo.geometry.eye import Eye, apply_kappa
from zoo.geometry.refraction import pupil_contour
from zoo.geometry.rotations import listing
from zoo.geometry.vectors import transform, unit
from zoo.model.heads.gaze import MEAN_KAPPA
from zoo.predict.recording.answer import answer_all
from zoo.predict.recording.constants import Constants
from zoo.predict.recording.fit import fit
from zoo.predict.recording.observe import observe, steady
from zoo.predict.result import EyeResult, Vector

HEIGHT, WIDTH = 240, 320

CAMERA = intrinsics(*(torch.tensor(value, dtype=torch.float64) for value in (300.0, 300.0, 160.0, 120.0)))
SIGMA_OF_SD = 1.515
GROSS = 12.0
"""By how much an outlier's axis and cornea are worse."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations of one component; `shared_deg` is one rotation of all axes about x and y."""

    axis_deg: float = 4.0
    shared_deg: float = 0.0
    depth_mm: float = 2.0
    pupil_px: float = 0.7


EXACT = Noise(0.01, 0.0, 0.001, 0.001)


@dataclass(frozen=True, eq=False)
class Recording:
    """`results` in the order of time, the eye behind them, and which of them are no outliers."""

    eye: Eye
    results: list[EyeResult]
    good: np.ndarray


def record(
    seed: int = 0,
    frames: int = 40,
    noise: Noise = Noise(),
    outliers: float = 0.0,
    blinks: float = 0.0,
    slip_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Recording:
    """What a network with such errors answers to a random eye that looks about; the slip is at half time."""
    rng = np.random.default_rng(seed)
    whole = torch.ones(frames, dtype=torch.float64)
    slipped = (torch.arange(frames) >= frames // 2)[:, None] * torch.tensor(slip_mm, dtype=torch.float64)
    eyeball = torch.tensor(rng.uniform((-4, -4, 42), (4, 4, 52))) + slipped
    lengths = rng.uniform(4.8, 5.9), rng.normal(7.8, 0.25), rng.normal(4.4, 0.2)
    angles = torch.deg2rad(torch.tensor(rng.uniform((-15, -20), (15, 20), (frames, 2))))
    radius = torch.tensor(rng.uniform(1.2, 2.8, frames))
    rotation = listing(angles_to_vector(angles))
    eye = Eye(eyeball, rotation, 12 * whole, *(value * whole for value in lengths), radius)
    good, shut = rng.random(frames) >= outliers, rng.random(frames) < blinks
    worse = np.where(good, 1.0, GROSS)[:, None]

    ellipse = fit_ellipse(pupil_contour(eye, CAMERA, 32))
    pixels = ellipse[:, :2] + torch.tensor(rng.normal(0, noise.pupil_px, (frames, 2)) * worse)
    off = rng.normal(0, math.radians(noise.axis_deg), (frames, 2)) * worse
    off += rng.normal(0, math.radians(noise.shared_deg), 2)
    axis = unit(eye.optical + transform(rotation[:, :, :2], torch.tensor(off)))
    depth = torch.tensor(rng.normal(0, noise.depth_mm, (frames, 1)) * worse)
    cornea = eye.cornea + depth * unit(eye.cornea)
    kappa = apply_kappa(listing(axis), *MEAN_KAPPA, torch.tensor(1))
    results = [
        shut_eye()
        if shut[n]
        else EyeResult(
            HEIGHT,
            WIDTH,
            openness=0.9,
            blink=0.02,
            pupil_present=0.99,
            pupil_px=(float(pixels[n, 0]), float(pixels[n, 1])),
            cornea_mm=triple(cornea[n]),
            pupil_mm=triple(cornea[n] + 4.4 * axis[n]),
            optical=triple(axis[n]),
            visual=triple(kappa[n]),
            gaze_sigma_deg=SIGMA_OF_SD * math.hypot(noise.axis_deg, noise.shared_deg),
            roll_deg=0.0,
            camera=CAMERA.numpy(),
            camera_known=True,
            eye_side="right",
        )
        for n in range(frames)
    ]
    return Recording(eye, results, good)


def shut_eye() -> EyeResult:
    return EyeResult(
        HEIGHT,
        WIDTH,
        openness=0.05,
        blink=0.98,
        pupil_present=0.01,
        camera=CAMERA.numpy(),
        camera_known=True,
        eye_side="right",
    )


def triple(vector: Tensor) -> Vector:
    x, y, z = vector.tolist()
    return x, y, z


def errors(results: Sequence[EyeResult], made: Recording, rows: np.ndarray | None = None) -> np.ndarray:
    """Angles to the true axes in degrees, of frames that have one and are in `rows` (else: good)."""
    wanted = made.good if rows is None else rows
    shown = [n for n, result in enumerate(results) if result.optical is not None and wanted[n]]
    optical = torch.tensor([results[n].optical for n in shown], dtype=torch.float64)
    return np.asarray(torch.rad2deg(angle_between(optical, made.eye.optical[shown])))


def fitted(results: Sequence[EyeResult]) -> Constants:
    found = fit(observe([result for result in results if steady(result)]))
    assert found is not None
    return found


def improved(seeds: range, **changes: Any) -> tuple[float, float]:
    """Mean errors before and after, over several people."""
    before, after = [], []
    for seed in seeds:
        made = record(seed, **changes)
        before.append(errors(made.results, made))
        after.append(errors(answer_all(made.results, fitted(made.results)), made))
    return float(np.concatenate(before).mean()), float(np.concatenate(after).mean())
