"""What one checkpoint does better, and what worse, than another on the same samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zoo.versions.paired import Cell, Paired
from zoo.versions.simultaneous import bounds

Verdict = Literal["better", "worse", "unsure", "equal"]


@dataclass(frozen=True)
class Row:
    """One metric on one slice."""

    metric: str
    task: str
    by: str
    """The column that is sliced by; empty: all samples."""
    value: str
    samples: int
    groups: int
    a: float
    b: float
    low: float
    """The interval of b - a; all intervals of a comparison hold at once."""
    high: float
    low_is_good: bool
    verdict: Verdict
    """Of b: unsure where the interval holds zero, equal where no draw differs."""
    good_to_bad: float | None
    """Share of the samples that a is good at and b is not."""
    bad_to_good: float | None

    @property
    def where(self) -> str:
        """The slice, for reading."""
        return Cell(self.metric, self.by, self.value).where


@dataclass(frozen=True)
class Comparison:
    """Every row, and how sure it is."""

    rows: tuple[Row, ...]
    confidence: float
    draws: int
    factor: float
    """Standard errors on each side of a difference: larger than 1.96, because all intervals hold at once."""
    too_small: int
    """Cells left out: too few samples or people."""

    def count(self, verdict: Verdict) -> int:
        """How many rows got that verdict."""
        return Counter(row.verdict for row in self.rows)[verdict]


def compare(paired: Paired, confidence: float) -> Comparison:
    """The verdict on every cell, at a confidence that all intervals hold at once."""
    difference, drawn = paired.b - paired.a, paired.b_drawn - paired.a_drawn
    error, factor = bounds(difference, drawn, confidence)
    rows = []
    for k, (cell, size) in enumerate(zip(paired.cells, paired.sizes, strict=True)):
        low_is_good = paired.metrics[cell.metric]
        low, high = difference[k] - factor * error[k], difference[k] + factor * error[k]
        rows.append(
            Row(
                metric=cell.metric,
                task=cell.task,
                by=cell.by,
                value=cell.value,
                samples=size.samples,
                groups=size.groups,
                a=float(paired.a[k]),
                b=float(paired.b[k]),
                low=float(low),
                high=float(high),
                low_is_good=low_is_good,
                verdict=_verdict(float(low), float(high), low_is_good, 1e-9 * max(1.0, abs(paired.a[k]))),
                good_to_bad=size.good_to_bad,
                bad_to_good=size.bad_to_good,
            )
        )
    return Comparison(tuple(rows), confidence, len(drawn), factor, len(paired.too_small))


def _verdict(low: float, high: float, low_is_good: bool, rounding: float) -> Verdict:
    if max(abs(low), abs(high)) <= rounding:
        return "equal"
    if not (low > 0 or high < 0):  # also where they are no numbers
        return "unsure"
    return "better" if (high < 0) == low_is_good else "worse"


def sorted_rows(comparison: Comparison, verdict: Verdict) -> list[Row]:
    """The rows of a verdict, the surest first."""

    def sureness(row: Row) -> float:
        width = row.high - row.low
        return abs(row.high + row.low) / width if width else np.inf

    return sorted((r for r in comparison.rows if r.verdict == verdict), key=sureness, reverse=True)
