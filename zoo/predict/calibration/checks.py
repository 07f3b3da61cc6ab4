"""What is refused and what is warned of, before the fit and after it."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from zoo.errors import ZooError
from zoo.geometry.angles import vector_to_angles
from zoo.predict.calibration.calibration import Calibration
from zoo.predict.calibration.corrections import Affine, Kappa, Model, Offset
from zoo.predict.calibration.samples import Samples


class _Need(NamedTuple):
    """How many samples a model takes: below the first it is refused, below the second there is a warning."""

    least: int
    advised: int


NEEDS: Final[dict[Model, _Need]] = {"offset": _Need(1, 3), "affine": _Need(3, 6), "kappa": _Need(1, 3)}

SPREAD_DEG: Final = 2.0
"""Standard deviation of the targets below which they count as one place."""
OFFSET_DEG: Final = 15.0
"""Above it an offset is more than kappa and a usual error of the network together."""
KAPPA_DEG: Final = (-3.0, 12.0)
"""Alpha of people's eyes (nasal; sources: `zoo.synth.eyes.anatomy`), and a margin for the network's error."""

_AGAINST: Final = -0.5  # concordance below which a sign is taken for wrong
_SWAPPED: Final = 0.5  # by how much the crossed concordance is better where the order is taken for wrong
_UNEXPLAINED: Final = 2.5  # times the stated sigma, below which 68 % of the errors lie
_FEW: Final = 4  # samples below which concordance says nothing
_APART_DEG: Final = 1.0  # targets nearer than this are not compared


def check_samples(model: Model, samples: Samples) -> list[str]:
    """Warnings about samples that can be used.

    Raises:
        ZooError: they cannot: too few, too close together, or in other conventions than ours.
    """
    least = NEEDS[model].least
    if len(samples) < least:
        raise ZooError(
            f"{len(samples)} usable samples: {model} needs at least {least}{_instead(model, samples)}"
        )
    if model == "kappa" and samples.eye_side is None:
        raise ZooError(
            "kappa is nasal, so it needs the eye's side: give --eye-side left|right, or a column eye_side"
        )
    targets = torch.rad2deg(vector_to_angles(samples.target)).numpy()
    predicted = torch.rad2deg(vector_to_angles(samples.optical)).numpy()
    _check_units(targets, predicted)
    spreads = _spreads(targets)
    if len(samples) >= _FEW and spreads[1] >= SPREAD_DEG:
        _check_order_and_signs(targets, predicted)
    if model == "affine" and spreads[0] < SPREAD_DEG:
        raise ZooError(
            "the targets are too close together, or on one line, for affine: their standard deviation across "
            f"is {spreads[0]:.1f} degrees, at least {SPREAD_DEG:g} is needed; use --model offset"
        )
    if len(samples) > 1 and spreads[1] < SPREAD_DEG:
        return [
            f"the targets are close together (standard deviation {spreads[1]:.1f} degrees): "
            "what holds there need not hold elsewhere"
        ]
    return []


def check_fit(calibration: Calibration, sigma_deg: float) -> list[str]:
    """Warnings about a correction that was found.

    Args:
        sigma_deg: the usual error of the samples' predictions, as the network states it.

    Raises:
        ZooError: too few samples are left beside the outliers.
    """
    correction = calibration.correction
    least, advised = NEEDS[correction.model]
    if calibration.used < least:
        raise ZooError(
            f"{calibration.used} samples are left beside {calibration.left_out} outliers: "
            f"{correction.model} needs at least {least}"
        )
    warnings = []
    if calibration.used < advised:
        warnings.append(f"only {calibration.used} samples are used: {correction.model} should have {advised}")
    if isinstance(correction, Kappa):
        low, high = KAPPA_DEG
        if not low <= correction.alpha_deg <= high:
            warnings.append(
                f"alpha of {correction.alpha_deg:.1f} degrees is no eye's ({low:g} to {high:g}, nasal): "
                "are the side of the eye, the camera and the targets right?"
            )
    if isinstance(correction, Offset):
        size = math.hypot(correction.pitch_deg, correction.yaw_deg)
        if size > OFFSET_DEG:
            warnings.append(
                f"an offset of {size:.1f} degrees is more than kappa and a usual error of the network: are "
                "the targets degrees in the frame of this camera, whose direction (0, 0) looks into its lens?"
            )
    if isinstance(correction, Affine) and np.linalg.det(correction.matrix) <= 0:
        warnings.append("the matrix mirrors or flattens the directions: the samples contradict each other")
    expected = calibration.leave_one_out_error_deg
    if expected is not None and expected > calibration.raw_error_deg:
        warnings.append(
            f"it does no good: the error is {expected:.2f} degrees on a sample left out, "
            f"{calibration.raw_error_deg:.2f} without calibration"
        )
    error = expected if expected is not None else calibration.fitted_error_deg
    if error > _UNEXPLAINED * sigma_deg:
        warnings.append(
            f"an error of {error:.1f} degrees is left where the predictions state {sigma_deg:.1f}: are the "
            "targets of these frames, and are their order, signs, units and frame right?"
        )
    return warnings


def _instead(model: Model, samples: Samples) -> str:
    return "; use --model offset" if model == "affine" and len(samples) else ""


def _check_units(targets: Float[np.ndarray, "n 2"], predicted: Float[np.ndarray, "n 2"]) -> None:
    spread, seen = np.ptp(targets, axis=0).max(), np.ptp(predicted, axis=0).max()
    if np.abs(targets).max() < 1 and spread > 0 and seen > max(5, 10 * spread):
        raise ZooError(
            f"all targets are within 1 degree of (0, 0) while the predictions spread over {seen:.0f}: "
            "are they in radians? The columns are degrees (points: millimetres)"
        )


def _check_order_and_signs(targets: Float[np.ndarray, "n 2"], predicted: Float[np.ndarray, "n 2"]) -> None:
    straight = [_concordance(targets[:, k], predicted[:, k]) for k in (0, 1)]
    crossed = [_concordance(targets[:, k], predicted[:, 1 - k]) for k in (0, 1)]
    if _mean_size(crossed) - _mean_size(straight) > _SWAPPED:
        raise ZooError(
            "the targets follow the predictions better crosswise: are pitch and yaw swapped? "
            "Pitch is up and down, yaw left and right"
        )
    for name, positive, value in zip(
        ("pitch", "yaw"), ("upwards", "towards image left"), straight, strict=True
    ):
        if value is not None and value < _AGAINST:
            raise ZooError(
                f"target and predicted {name} run against each other: is {name} mirrored? "
                f"It is positive {positive}"
            )


def _concordance(target: Float[np.ndarray, "n"], predicted: Float[np.ndarray, "n"]) -> float | None:
    """Mean sign, over pairs with different targets, of whether both change alike; outliers matter little."""
    change = target[:, None] - target
    pairs = change > _APART_DEG
    if not pairs.any():
        return None
    return float(np.sign(predicted[:, None] - predicted)[pairs].mean())


def _mean_size(values: list[float | None]) -> float:
    known = [abs(value) for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def _spreads(angles: Float[np.ndarray, "n 2"]) -> tuple[float, float]:
    """Standard deviations across and along the direction in which the targets spread most."""
    values = np.linalg.eigvalsh(np.cov(angles.T, bias=True))
    across, along = np.sqrt(np.clip(values, 0, None)).tolist()
    return across, along
