"""Metrics of a table of samples under any resampling of its rows, by the names of `zoo.evaluate.summarise`.

Beside those there is ``<distance>_typical``, the geometric mean: each sample's relative change counts alike,
so that it tells a change of all errors from a few wild ones with far fewer samples than median and mean need.

A resampling is a matrix of whole numbers: how often each row counts in each of R draws. Each metric is that
of the table in which every row stands so often, without making that table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from zoo.conventions import CLASSES
from zoo.evaluate.summary import WITHIN_PX

Counts = Int[np.ndarray, "R n"]
Values = Float[np.ndarray, "R"]


@runtime_checkable
class Statistic(Protocol):
    """One number of a table with n rows."""

    def resampled(self, counts: Counts) -> Values:
        """Its value in each resampling; NaN where no row that counts has a label."""
        ...


class Ratios(NamedTuple):
    """Mean over parts of (sum of the numerator) / (sum of the denominator): means, shares, IoU, mIoU."""

    numerators: Float[np.ndarray, "parts n"]
    denominators: Float[np.ndarray, "parts n"]

    def resampled(self, counts: Counts) -> Values:
        """Value by resampling; NaN where a part has nothing to divide by."""
        weights = counts.astype(np.float64)
        return self.of(weights @ self.numerators.T, weights @ self.denominators.T)

    def of(self, above: Float[np.ndarray, "R parts"], below: Float[np.ndarray, "R parts"]) -> Values:
        """The value of sums."""
        with np.errstate(invalid="ignore", divide="ignore"):
            values: Values = np.where(below > 0, above / below, np.nan).mean(1)
        return values


class Typical(NamedTuple):
    """Geometric mean of (value + floor), less the floor."""

    numerators: Float[np.ndarray, "1 n"]  # logarithms
    denominators: Float[np.ndarray, "1 n"]
    floor: float

    def resampled(self, counts: Counts) -> Values:
        """Value by resampling; NaN where nothing that counts is known."""
        weights = counts.astype(np.float64)
        return self.of(weights @ self.numerators.T, weights @ self.denominators.T)

    def of(self, above: Float[np.ndarray, "R 1"], below: Float[np.ndarray, "R 1"]) -> Values:
        """The value of sums."""
        value: Values = np.exp(Ratios(self.numerators, self.denominators).of(above, below)) - self.floor
        return value


class Quantile(NamedTuple):
    """A quantile of the known values, interpolated as `numpy.quantile` does."""

    values: Float[np.ndarray, "n"]  # NaN where unknown
    q: float

    def resampled(self, counts: Counts) -> Values:
        """Value by resampling."""
        order = np.argsort(self.values)[: int(np.isfinite(self.values).sum())]
        if not len(order):
            return np.full(len(counts), np.nan)
        ordered = self.values[order]
        reached = np.cumsum(counts[:, order], axis=1)
        total = reached[:, -1]
        position = (np.maximum(total, 1) - 1) * self.q
        low = np.floor(position)
        below = _first_above(reached, low)
        above = _first_above(reached, np.minimum(low + 1, np.maximum(total, 1) - 1))
        value = ordered[below] + (position - low) * (ordered[above] - ordered[below])
        result: Values = np.where(total > 0, value, np.nan)
        return result


def _first_above(reached: Int[np.ndarray, "R n"], place: Float[np.ndarray, "R"]) -> Int[np.ndarray, "R"]:
    """Index of the element at a place (from 0) of the sorted, repeated values."""
    index: Int[np.ndarray, "R"] = (reached <= place[:, None]).sum(1).clip(max=reached.shape[1] - 1)
    return index


class AveragePrecision(NamedTuple):
    """Area under precision over recall as a step function; equal scores are one step."""

    scores: Float[np.ndarray, "n"]
    labels: Float[np.ndarray, "n"]  # 0 or 1; NaN where unknown

    def resampled(self, counts: Counts) -> Values:
        """Value by resampling; NaN without a positive."""
        known = np.flatnonzero(np.isfinite(self.labels) & np.isfinite(self.scores))
        order = known[np.argsort(-self.scores[known], kind="stable")]
        if not len(order):
            return np.full(len(counts), np.nan)
        weights = counts[:, order]
        predicted = np.cumsum(weights, axis=1)
        found = np.cumsum(weights * self.labels[order].astype(weights.dtype), axis=1)
        last = np.append(np.diff(self.scores[order]) != 0, True)  # of the rows with one score
        predicted, found = predicted[:, last], found[:, last]
        gained = np.diff(found, axis=1, prepend=0)
        positives = found[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(predicted > 0, found / predicted, 0.0)
            area: Values = np.where(positives > 0, (precision * gained).sum(1) / positives, np.nan)
        return area


class Metric(NamedTuple):
    """A metric by its name, and what a sample must keep to be good at it."""

    name: str
    """As `zoo.evaluate.summarise` has it: `<head>/<metric>`."""
    low_is_good: bool
    statistic: Statistic
    loss: Float[np.ndarray, "n"] | None
    """Of each sample, low is good, NaN where unknown; None: the metric has no value of a single sample."""
    good: float
    """A sample is good up to this loss."""

    @property
    def head(self) -> str:
        """The task."""
        return self.name.rpartition("/")[0]


GOOD: Final = {"px": WITHIN_PX, "mm": 1.0, "deg": 5.0, "mae": 0.1, "ratio": 0.1, "share": 0.1, "m": 0.3}
"""By unit: up to which error a sample is good; a share that should be 1 may lack so much."""
FLOOR: Final = {"px": 0.25, "mm": 0.1, "deg": 0.5}
"""Distances far below are all as good, whatever their ratio."""
GOOD_IOU: Final = 0.7
"""IoU of an image from which it is good."""

_NO_QUALITY: Final = ("sigma_share", "seen_pixels_share", "point_count")
"""Columns that are neither better high nor better low."""


def metrics_of(table: pl.DataFrame) -> list[str]:
    """Names of the metrics that say whether a checkpoint got better, in the order of the table's columns.

    Of distances the typical one and the mean, of detections average precision and accuracy, of masks mIoU and
    the classes' IoU, of counts precision and recall, and means of everything else.
    """
    names: list[str] = []
    for column in table.columns:
        head, _, name = column.rpartition("/")
        stem, _, kind = name.rpartition("_")
        if not head or head == "label" or name in _NO_QUALITY:
            continue
        if kind in ("px", "mm", "deg"):
            names += [f"{column}_typical", f"{column}_mean"]
        elif kind in ("share", "ratio", "m"):
            names.append(column)
        elif kind == "error":
            names.append(f"{head}/{stem}_mae")
        elif kind == "score":
            names += [f"{head}/{stem}_ap", f"{head}/{stem}_accuracy"]
        elif kind == "matched":
            names += [f"{head}/{stem}_precision", f"{head}/{stem}_recall"]
        elif kind == "union":
            names.append(f"{head}/iou_{stem}")
    for head in dict.fromkeys(name.rpartition("/")[0] for name in names if "/iou_" in name):
        if all(f"{head}/iou_{c}" in names for c in CLASSES):
            names.append(f"{head}/miou")
    return names


def metric(table: pl.DataFrame, name: str) -> Metric | None:
    """The metric `name` of a table; None where the table lacks what it needs."""
    head, _, key = name.rpartition("/")
    stem, _, kind = key.rpartition("_")
    made: Metric | None = None
    if key == "miou":
        made = _overlap(table, name, head, CLASSES)
    elif key.startswith("iou_"):
        made = _overlap(table, name, head, (key.removeprefix("iou_"),))
    elif kind in ("ap", "accuracy"):
        made = _detection(table, name, f"{head}/{stem}", kind)
    elif kind in ("precision", "recall"):
        made = _counted(table, name, f"{head}/{stem}", kind)
    elif kind in ("typical", "median", "p95", "mean") and f"{head}/{stem}" in table.columns:
        made = _distance(table, name, f"{head}/{stem}", kind)
    elif kind == "mae" and f"{head}/{stem}_error" in table.columns:
        values = _numbers(table, f"{head}/{stem}_error")
        made = Metric(name, True, _mean(values), values, GOOD["mae"])
    elif kind in ("share", "ratio", "m") and name in table.columns:
        values = _numbers(table, name)
        low = kind != "share"
        made = Metric(name, low, _mean(values), values if low else 1 - values, GOOD[kind])
    return made


def _numbers(table: pl.DataFrame, column: str) -> Float[np.ndarray, "n"]:
    """A column with NaN for null."""
    values: Float[np.ndarray, "n"] = (
        table[column].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
    )
    return values


def _mean(values: Float[np.ndarray, "n"]) -> Ratios:
    known = np.isfinite(values)
    return Ratios(np.where(known, values, 0.0)[None], known[None].astype(np.float64))


def _ratio(above: Float[np.ndarray, "n"], below: Float[np.ndarray, "n"]) -> Ratios:
    known = np.isfinite(above) & np.isfinite(below)
    return Ratios(np.where(known, above, 0.0)[None], np.where(known, below, 0.0)[None])


def _distance(table: pl.DataFrame, name: str, column: str, kind: str) -> Metric:
    values, unit = _numbers(table, column), column.rpartition("_")[2]
    statistic: Statistic
    if kind == "typical":
        floor = FLOOR.get(unit, 0.1)
        statistic = Typical(*_mean(np.log(values + floor)), floor)
    elif kind == "mean":
        statistic = _mean(values)
    else:
        statistic = Quantile(values, {"median": 0.5, "p95": 0.95}[kind])
    return Metric(name, True, statistic, values, GOOD.get(unit, np.inf))


def _overlap(table: pl.DataFrame, name: str, head: str, classes: Sequence[str]) -> Metric | None:
    if any(f"{head}/{c}_union" not in table.columns for c in classes):
        return None
    above, below, images = [], [], []
    for c in classes:
        shared, joined = (_numbers(table, f"{head}/{c}_{count}") for count in ("intersection", "union"))
        part = _ratio(shared, joined)
        above.append(part.numerators[0])
        below.append(part.denominators[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            images.append(np.where(joined > 0, shared / joined, np.nan))
    stack = np.stack(images)
    known = np.isfinite(stack).sum(0)
    of_image = np.where(known > 0, np.nansum(stack, axis=0) / np.maximum(known, 1), np.nan)
    return Metric(name, False, Ratios(np.stack(above), np.stack(below)), 1 - of_image, 1 - GOOD_IOU)


def _detection(table: pl.DataFrame, name: str, prefix: str, kind: str) -> Metric | None:
    if f"{prefix}_score" not in table.columns:
        return None
    scores, labels = _numbers(table, f"{prefix}_score"), _numbers(table, f"{prefix}_label")
    known = np.isfinite(scores) & np.isfinite(labels)
    wrong = np.where(known, ((scores > 0.5) != (labels > 0.5)).astype(np.float64), np.nan)
    if kind == "accuracy":
        return Metric(name, False, _mean(1 - wrong), wrong, 0.5)
    return Metric(name, False, AveragePrecision(scores, labels), wrong, 0.5)


def _counted(table: pl.DataFrame, name: str, prefix: str, kind: str) -> Metric | None:
    if f"{prefix}_matched" not in table.columns:
        return None
    matched = _numbers(table, f"{prefix}_matched")
    of = _numbers(table, f"{prefix}_{'predicted' if kind == 'precision' else 'labelled'}")
    with np.errstate(invalid="ignore", divide="ignore"):
        missed = np.where(of > 0, 1 - matched / of, np.nan)
    return Metric(name, False, _ratio(matched, of), missed, 0.5)
