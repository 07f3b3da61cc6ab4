"""Two tables of the same samples: every metric in every slice, with its resampled values side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from zoo.errors import ZooError
from zoo.evaluate import slices
from zoo.versions.resample import GROUPS, Mask, Resampling, blocks, groups_of
from zoo.versions.statistics import AveragePrecision, Metric, metric

SLICED_BY: Final = (
    "eye_side",
    "skin_tone",
    "spectacles",
    "openness",
    "pupil_visible",
    "gaze_eccentricity_deg",
    "focal_over_width",
    "domain",
    "mean_depth_m",
    "baseline_m",
    "texture",
    "group",
    *GROUPS,
)
"""Columns that a comparison slices by, unless it is told which."""
_FEWEST_OF_A_KIND: Final = 10
"""Positives, and negatives, below which average precision is not compared."""


class Cell(NamedTuple):
    """One metric on one slice; an empty `by` means all samples."""

    metric: str
    by: str
    value: str

    @property
    def task(self) -> str:
        """The head."""
        return self.metric.rpartition("/")[0]

    @property
    def where(self) -> str:
        """For reading."""
        return f"{self.by} {self.value}" if self.by else "all"


class Sized(NamedTuple):
    """How much a cell rests on, and how many samples went from good to bad and back."""

    samples: int
    groups: int
    """People, or rooms; runs of frames where all samples are of one person."""
    good_to_bad: float | None
    """Share of the samples; None where the metric has no value of a single sample."""
    bad_to_good: float | None


class Errors(NamedTuple):
    """Of two checkpoints, cell by cell."""

    a: Float[np.ndarray, "k"]
    b: Float[np.ndarray, "k"]
    a_drawn: Float[np.ndarray, "R k"]
    b_drawn: Float[np.ndarray, "R k"]


class Paired(NamedTuple):
    """What two checkpoints got, cell by cell, and in each draw of the bootstrap."""

    cells: list[Cell]
    sizes: list[Sized]
    metrics: dict[str, bool]
    """Name -> whether low is good."""
    a: Float[np.ndarray, "k"]
    b: Float[np.ndarray, "k"]
    a_drawn: Float[np.ndarray, "R k"]
    b_drawn: Float[np.ndarray, "R k"]
    too_small: list[Cell]
    """Cells with too few samples or people to say anything."""

    def errors(self) -> Errors:
        """Low is good: a score becomes what it lacks to 1."""
        low = np.array([self.metrics[cell.metric] for cell in self.cells], bool)
        return Errors(*(np.where(low, x, 1 - x) for x in (self.a, self.b, self.a_drawn, self.b_drawn)))


def pair(
    a: pl.DataFrame,
    b: pl.DataFrame,
    metrics: Sequence[str],
    by: Mapping[str, Sequence[float] | None] | None = None,
    *,
    draws: int,
    min_samples: int,
    min_groups: int,
    seed: int = 0,
) -> Paired:
    """Put the tables of two checkpoints side by side.

    Args:
        a, b: tables of `zoo.evaluate.rows` of the same samples in the same order.
        metrics: by name; those that a table cannot tell are left out.
        by: columns to slice by, with the edges of bins (None: those of `zoo.evaluate.SLICES`, else every
            value by itself); None takes those of `SLICED_BY` that the tables have.
        draws: of the bootstrap.
        min_samples, min_groups: a slice with fewer labelled samples, or of fewer people, is left out.

    Raises:
        ZooError: the tables are not of the same samples, or lack a column to slice by.
    """
    _check_same_samples(a, b)
    usual: dict[str, Sequence[float] | None] = dict.fromkeys(c for c in SLICED_BY if c in a.columns)
    columns = usual if by is None else dict(by)
    for column in columns:
        if column not in a.columns:
            raise ZooError(f"by={column}: the samples have {', '.join(c for c in a.columns if '/' not in c)}")
    both = {name: (metric(a, name), metric(b, name)) for name in metrics}
    made = {name: (ours, theirs) for name, (ours, theirs) in both.items() if ours and theirs}
    groups = groups_of(a)
    if groups.max(initial=0) == 0:
        groups = blocks(np.ones(len(a), bool))
    together: list[_Work] = []
    alone: dict[tuple[str, str], list[_Work]] = {}
    too_small: list[Cell] = []
    for column, value, mask in _parts(a, columns, min_samples):
        one_group = column in GROUPS
        at = blocks(mask) if one_group else groups
        for name, (ours, theirs) in made.items():
            cell = Cell(name, column, value)
            size = _size(ours, theirs, mask, at)
            if not _enough(ours, mask, size, min_samples, 1 if one_group else min_groups):
                too_small.append(cell)
                continue
            work = _Work(cell, size, mask, ours, theirs)
            (alone.setdefault((column, value), []) if one_group else together).append(work)
    values = [_resampled(Resampling(groups, draws, seed), together)]
    done = list(together)
    for number, works in enumerate(alone.values()):
        values.append(_resampled(Resampling(blocks(works[0].mask), draws, seed + 1 + number), works))
        done += works
    a_values, b_values, a_drawn, b_drawn = (
        np.concatenate(parts, axis=-1) for parts in zip(*values, strict=True)
    )
    told = np.isfinite(a_values) & np.isfinite(b_values)  # not the mIoU of a slice that lacks a class
    too_small += [work.cell for work, ok in zip(done, told, strict=True) if not ok]
    return Paired(
        [work.cell for work, ok in zip(done, told, strict=True) if ok],
        [work.size for work, ok in zip(done, told, strict=True) if ok],
        {name: ours.low_is_good for name, (ours, _) in made.items()},
        a_values[told], b_values[told], a_drawn[:, told], b_drawn[:, told], too_small,
    )  # fmt: skip


class _Work(NamedTuple):
    cell: Cell
    size: Sized
    mask: Mask
    a: Metric
    b: Metric


def _check_same_samples(a: pl.DataFrame, b: pl.DataFrame) -> None:
    shared = [c for c in a.columns if c in b.columns and ("/" not in c or c.startswith("label/pupil"))]
    if len(a) != len(b) or not all(a[c].equals(b[c]) for c in shared if not a[c].dtype.is_float()):
        raise ZooError("the two tables are not of the same samples in the same order")


def _parts(
    table: pl.DataFrame, columns: Mapping[str, Sequence[float] | None], min_samples: int
) -> Iterator[tuple[str, str, Mask]]:
    yield "", "", np.ones(len(table), bool)
    for column, edges in columns.items():
        if (
            column in GROUPS
            and np.unique(table[column].to_numpy(), return_counts=True)[1].max() < min_samples
        ):
            continue  # thousands of people with some frames each: nobody is a slice
        found = slices(table, column, edges)
        parts = {value: rows for value, rows in found.items() if value != "unknown"}
        if len(parts) > 1:
            for value, rows in parts.items():
                yield column, value, rows.to_numpy()


def _size(a: Metric, b: Metric, mask: Mask, groups: np.ndarray) -> Sized:
    if a.loss is None or b.loss is None:
        return Sized(int(mask.sum()), len(np.unique(groups[mask])), None, None)
    known = mask & np.isfinite(a.loss) & np.isfinite(b.loss)
    count = int(known.sum())
    good_a, good_b = a.loss[known] <= a.good, b.loss[known] <= b.good
    shares: tuple[float, float] | tuple[None, None] = (None, None)
    if count and np.isfinite(a.good):
        shares = (float((good_a & ~good_b).mean()), float((~good_a & good_b).mean()))
    return Sized(count, len(np.unique(groups[known])), *shares)


def _enough(metric: Metric, mask: Mask, size: Sized, min_samples: int, min_groups: int) -> bool:
    if size.samples < max(min_samples, 1) or size.groups < max(min_groups, 2):
        return False
    if isinstance(metric.statistic, AveragePrecision):
        labels = metric.statistic.labels[mask]
        return bool(min((labels > 0.5).sum(), (labels < 0.5).sum()) >= _FEWEST_OF_A_KIND)
    return True


def _resampled(resampling: Resampling, works: Sequence[_Work]) -> tuple[np.ndarray, ...]:
    a, a_drawn = resampling.of([(work.a.statistic, work.mask) for work in works])
    b, b_drawn = resampling.of([(work.b.statistic, work.mask) for work in works])
    return a, b, a_drawn, b_drawn
