"""A line through angles that a few wrong samples do not move: iteratively reweighted least squares."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

TUKEY: Final = 4.685
"""Residuals beyond this many scales have no weight (Tukey's biweight; 95 % efficient for normal errors)."""
SMALLEST_SCALE: Final = math.radians(0.5)
"""Nothing within 2.3 degrees of the fit is thrown out: few samples may agree by chance."""
GAIN_SPREAD: Final = 0.1
"""How far gains are expected to be from 1: as many standard deviations cost as much as those of the noise."""
ENOUGH: Final = 6
"""From so many samples on, the noise is told from the gains."""

_RAYLEIGH_MEDIAN: Final = math.sqrt(2 * math.log(2))  # of the length of a 2D normal error with deviation 1
_STEPS: Final = 100
_CONVERGED: Final = 1e-10  # radians


class Line(NamedTuple):
    """`wanted = observed + gain @ observed + shift`, angles in radians."""

    gain: Float[np.ndarray, "2 2"]
    shift: Float[np.ndarray, "2"]

    def residuals(
        self, observed: Float[np.ndarray, "n 2"], wanted: Float[np.ndarray, "n 2"]
    ) -> Float[np.ndarray, "n 2"]:
        """What is left, as small angles on the sphere: (pitch, cos(pitch) yaw)."""
        left = wanted - observed - observed @ self.gain.T - self.shift
        return np.asarray(left * _on_sphere(wanted))


def robust_line(
    observed: Float[np.ndarray, "n 2"],
    wanted: Float[np.ndarray, "n 2"],
    trust: Float[np.ndarray, "n"],
    with_gain: bool,
) -> tuple[Line, Float[np.ndarray, "n"]]:
    """Fit `Line` to (pitch, yaw) in radians; also the share of its weight that each sample keeps, [0, 1].

    Starts from the median shift. Each step takes the scale from the median length of the residuals (the MAD
    of two-dimensional errors about 0), weighs with Tukey's biweight and solves; gains are ridge-regularised
    towards 0 as `GAIN_SPREAD` says, against a noise of that scale.

    Args:
        trust: inverse variance of each sample, up to a factor.
        with_gain: whether there is a gain; else it is 0.
    """
    trust = trust / np.median(trust)
    line = Line(np.zeros((2, 2)), np.median(wanted - observed, axis=0))
    plain = scale = _scale(line.residuals(observed, wanted), trust, parameters=2)
    kept = np.ones(len(trust))
    for _ in range(_STEPS):
        length = np.linalg.norm(line.residuals(observed, wanted), axis=1) * np.sqrt(trust)
        kept = np.clip(1 - (length / (TUKEY * max(scale, SMALLEST_SCALE))) ** 2, 0, None) ** 2
        ridge = (scale / GAIN_SPREAD) ** 2 if with_gain else None
        last, line = line, _solve(observed, wanted, kept * trust, ridge)
        if with_gain and len(trust) < ENOUGH:
            scale = plain
        else:
            scale = _scale(line.residuals(observed, wanted), trust, parameters=6 if with_gain else 2)
        if max(np.abs(line.gain - last.gain).max(), np.abs(line.shift - last.shift).max()) < _CONVERGED:
            break
    return line, kept


def _solve(
    observed: Float[np.ndarray, "n 2"],
    wanted: Float[np.ndarray, "n 2"],
    weight: Float[np.ndarray, "n"],
    ridge: float | None,
) -> Line:
    gain, shift = np.zeros((2, 2)), np.zeros(2)
    weights = weight[:, None] * _on_sphere(wanted) ** 2
    for row in range(2):
        of = weights[:, row] / weights[:, row].sum()
        centre, difference = of @ observed, wanted[:, row] - observed[:, row]
        if ridge is not None:
            about = observed - centre
            normal = about.T @ (weights[:, row, None] * about) + ridge * np.eye(2)
            moment = about.T @ (weights[:, row] * (difference - of @ difference))
            gain[row] = np.linalg.pinv(normal, hermitian=True) @ moment
        shift[row] = of @ difference - gain[row] @ centre
    return Line(gain, shift)


def _scale(residuals: Float[np.ndarray, "n 2"], trust: Float[np.ndarray, "n"], parameters: int) -> float:
    """Standard deviation of one component, from the median length, made up for the fitted parameters."""
    numbers = residuals.size
    lengths = np.linalg.norm(residuals, axis=1) * np.sqrt(trust)
    return float(np.median(lengths)) / _RAYLEIGH_MEDIAN * math.sqrt(numbers / max(numbers - parameters, 1))


def _on_sphere(angles: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    return np.stack((np.ones(len(angles)), np.cos(angles[:, 0])), axis=1)
