"""The paired bootstrap: both checkpoints on the same resampled people, all metrics and slices in a draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from zoo.versions.statistics import Counts, Ratios, Statistic, Typical

GROUPS: Final = ("subject", "scene")
"""Columns that say which samples are of one person or room; such samples are drawn together."""
BLOCKS: Final = 20
"""Where all samples are of one person: so many runs of consecutive samples are drawn instead."""

Mask = Bool[np.ndarray, "n"]


def groups_of(table: pl.DataFrame) -> Int[np.ndarray, "n"]:
    """Number of the person or room of each row, from 0; every row its own where the table knows neither."""
    for column in GROUPS:
        if column in table.columns:
            numbers: Int[np.ndarray, "n"] = np.unique(table[column].to_numpy(), return_inverse=True)[1]
            return numbers
    return np.arange(len(table))


def blocks(mask: Mask, count: int = BLOCKS) -> Int[np.ndarray, "n"]:
    """Number of the run that each row of the mask is in, 0 elsewhere: neighbouring frames are alike."""
    place = np.cumsum(mask) - 1
    runs: Int[np.ndarray, "n"] = np.where(mask, place * count // max(int(mask.sum()), 1), 0)
    return runs


class Resampling:
    """Draws of whole groups, with replacement.

    Args:
        groups: the group of each row, from 0.
        draws: how many resamplings.
        seed: of the draws.
    """

    def __init__(self, groups: Int[np.ndarray, "n"], draws: int, seed: int) -> None:
        self.groups = groups
        self.count = int(groups.max(initial=-1)) + 1
        generator = np.random.default_rng(seed)
        self.counts: Counts = np.empty((draws, self.count), np.int32)
        for row in self.counts:
            chosen = generator.integers(0, self.count, self.count)
            row[:] = np.bincount(chosen, minlength=self.count)

    def of(
        self, statistics: Sequence[tuple[Statistic, Mask]]
    ) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "R k"]]:
        """(value of each statistic on the rows of its mask, its value in each draw)."""
        values = np.full(len(statistics), np.nan)
        drawn = np.full((len(self.counts), len(statistics)), np.nan)
        summed = [k for k, (statistic, _) in enumerate(statistics) if isinstance(statistic, Ratios | Typical)]
        self._ratios(statistics, summed, values, drawn)
        once = np.ones((1, self.count), np.int32)
        for k in sorted({*range(len(statistics))} - {*summed}):
            statistic, mask = statistics[k]
            part = _part(statistic, mask)
            values[k] = part.resampled(once[:, self.groups[mask]])[0]
            drawn[:, k] = part.resampled(self.counts[:, self.groups[mask]])
        return values, drawn

    def _ratios(
        self,
        statistics: Sequence[tuple[Statistic, Mask]],
        which: Sequence[int],
        values: Float[np.ndarray, "k"],
        drawn: Float[np.ndarray, "R k"],
    ) -> None:
        """Sums over groups come first: one product of matrices then serves all draws and statistics."""
        columns: list[Float[np.ndarray, "C"]] = []
        places: list[int] = []
        for k in which:
            statistic, mask = statistics[k]
            assert isinstance(statistic, Ratios | Typical)
            places.append(len(columns))
            parts = (*statistic.numerators, *statistic.denominators)
            columns += [np.bincount(self.groups[mask], part[mask], self.count) for part in parts]
        if not columns:
            return
        sums = np.stack(columns, axis=1)
        totals = np.concatenate([sums.sum(0, keepdims=True), self.counts.astype(np.float64) @ sums])
        for k, first in zip(which, places, strict=True):
            statistic, _ = statistics[k]
            assert isinstance(statistic, Ratios | Typical)
            middle = first + len(statistic.numerators)
            value = statistic.of(totals[:, first:middle], totals[:, middle : 2 * middle - first])
            values[k], drawn[:, k] = value[0], value[1:]


def _part(statistic: Statistic, mask: Mask) -> Statistic:
    """The statistic of the rows of a mask."""
    fields = [f[..., mask] if isinstance(f, np.ndarray) else f for f in statistic]  # type: ignore[attr-defined]
    made: Statistic = type(statistic)(*fields)
    return made
