"""Many intervals that hold at once.

Among hundreds of 95 % intervals of two equal checkpoints some miss zero. Here all are widened by one factor:
the quantile, over the draws of the bootstrap, of the largest studentised deviation of any of them
(single-step max-T: Westfall and Young, *Resampling-Based Multiple Testing*, 1993). Rows that move together
(metrics of one head, overlapping slices) cost less than by Holm's or Bonferroni's bound, which know nothing
of that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Bounds(NamedTuple):
    """Standard errors, and how many of them an interval needs so that all hold at once."""

    error: Float[np.ndarray, "k"]
    factor: float


def bounds(
    value: Float[np.ndarray, "k"],
    drawn: Float[np.ndarray, "R k"],
    confidence: float,
    *,
    one_sided: bool = False,
) -> Bounds:
    """Standard errors of k differences, and the common factor.

    Args:
        value: the differences.
        drawn: the differences in each draw; NaN where a draw holds no sample of that row.
        confidence: that every interval holds its true difference.
        one_sided: only lower bounds are wanted.
    """
    if not len(value):
        return Bounds(np.zeros(0), 0.0)
    deviation = drawn - value
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.nanmean(deviation**2, axis=0))
        scaled = np.where(error > 0, deviation / error, 0.0)
    scaled = np.nan_to_num(scaled)
    largest = (scaled if one_sided else np.abs(scaled)).max(axis=1)
    return Bounds(error, float(np.quantile(largest, confidence)))
