"""From samples to a calibration: pure, without files."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.geometry.angles import angle_between, vector_to_angles
from zoo.geometry.vectors import transform
from zoo.predict.calibration.calibration import Calibration, SampleFit
from zoo.predict.calibration.checks import check_fit, check_samples
from zoo.predict.calibration.corrections import Affine, Correction, Kappa, Model, Offset, eye_rotation
from zoo.predict.calibration.robust import Line, robust_line
from zoo.predict.calibration.samples import Samples

SAME_TARGET: Final = math.radians(0.5)
"""Samples whose targets are nearer than this show the same one, and are left out together."""


def fit(model: Model, samples: Samples) -> Calibration:
    """The correction that brings the predicted axes onto the targets, robust to some wrong samples.

    Raises:
        ZooError: too few samples, targets that do not determine the model or contradict `zoo.conventions`,
            or kappa without the eye's side.
    """
    warnings = check_samples(model, samples)
    correction, weight = _solve(model, samples)
    raw = torch.rad2deg(angle_between(samples.raw, samples.target)).tolist()
    fitted = _errors_deg(correction, samples).tolist()
    left_out = _leave_one_out_deg(model, samples)
    rows = tuple(
        SampleFit(
            name=name, raw_deg=raw[i], fitted_deg=fitted[i], left_out_deg=left_out[i], weight=float(weight[i])
        )
        for i, name in enumerate(samples.names)
    )
    used = [row for row in rows if not row.outlier]
    calibration = Calibration(
        eye_side=samples.eye_side,
        camera_known=samples.camera_known,
        correction=correction,
        used=len(used),
        left_out=len(rows) - len(used),
        raw_error_deg=_mean([row.raw_deg for row in used]),
        fitted_error_deg=_mean([row.fitted_deg for row in used]),
        leave_one_out_error_deg=_mean_of_known([row.left_out_deg for row in used]),
        samples=rows,
    )
    warnings += check_fit(calibration, float(np.median(samples.trust**-0.5)))
    return calibration.model_copy(update={"warnings": tuple(warnings)})


class _Problem(NamedTuple):
    """(pitch, yaw) in radians: what is there, and what should be, in a frame where the model is a `Line`."""

    observed: Float[np.ndarray, "n 2"]
    wanted: Float[np.ndarray, "n 2"]


def _solve(model: Model, samples: Samples) -> tuple[Correction, Float[np.ndarray, "n"]]:
    observed, wanted = _problem(model, samples)
    line, weight = robust_line(observed, wanted, samples.trust, with_gain=model == "affine")
    return _correction(model, line, samples), weight


def _problem(model: Model, samples: Samples) -> _Problem:
    if model == "kappa":  # in the eye's own frame the optical axis is (0, 0), and kappa a shift from it
        into_eye = eye_rotation(samples.optical, samples.roll).mT
        wanted = vector_to_angles(transform(into_eye, samples.target)).numpy()
        return _Problem(np.zeros_like(wanted), wanted)
    return _Problem(vector_to_angles(samples.optical).numpy(), vector_to_angles(samples.target).numpy())


def _correction(model: Model, line: Line, samples: Samples) -> Correction:
    pitch_deg, yaw_deg = np.degrees(line.shift).tolist()
    if model == "kappa":
        nasal = -yaw_deg if samples.eye_side == "right" else yaw_deg
        return Kappa(alpha_deg=nasal, beta_deg=pitch_deg)
    if model == "affine":
        (a, b), (c, d) = (np.eye(2) + line.gain).tolist()
        return Affine(matrix=((a, b), (c, d)), pitch_deg=pitch_deg, yaw_deg=yaw_deg)
    return Offset(pitch_deg=pitch_deg, yaw_deg=yaw_deg)


def _errors_deg(correction: Correction, samples: Samples) -> Float[Tensor, "n"]:
    visual = correction.visual(samples.optical, samples.roll, samples.eye_side)
    return torch.rad2deg(angle_between(visual, samples.target))


def _leave_one_out_deg(model: Model, samples: Samples) -> list[float | None]:
    """The error of each sample when the fit, outliers and all, is made without its target."""
    fits: dict[bytes, Correction] = {}
    errors: list[float | None] = []
    for row in range(len(samples)):
        others = (angle_between(samples.target, samples.target[row]) > SAME_TARGET).numpy()
        if not others.any():
            errors.append(None)
            continue
        key = others.tobytes()
        if key not in fits:
            fits[key], _ = _solve(model, samples.take(others))
        errors.append(float(_errors_deg(fits[key], samples.take(_only(row, len(samples))))[0]))
    return errors


def _only(row: int, count: int) -> Bool[np.ndarray, "n"]:
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[row] = True
    return chosen


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _mean_of_known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _mean(known) if known else None
