"""Whether a version may take the place of another: is it shown that anything got worse than is allowed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from zoo.config.gate import GateConfig
from zoo.errors import ZooError
from zoo.versions.paired import Cell, pair
from zoo.versions.simultaneous import bounds
from zoo.versions.statistics import metric


@dataclass(frozen=True)
class Judged:
    """One metric on one slice, with its error: what a score lacks to 1, or the metric itself."""

    metric: str
    by: str
    value: str
    samples: int
    a: float
    b: float
    allowed: float
    """How much the error may grow."""
    surely: float
    """How much it grew at least; all of these bounds hold at once."""
    harmed: bool

    @property
    def where(self) -> str:
        """The slice, for reading."""
        return Cell(self.metric, self.by, self.value).where


@dataclass(frozen=True)
class GateReport:
    """What the gate says."""

    holds: bool
    judged: tuple[Judged, ...]
    lost: tuple[str, ...]
    """Metrics that the promoted version has and the other has not."""
    too_small: tuple[str, ...]
    """Rows that too few samples or people tell of."""
    confidence: float
    draws: int
    factor: float

    @property
    def harms(self) -> list[Judged]:
        """The rows that got worse than is allowed, the worst first."""
        harmed = [row for row in self.judged if row.harmed]
        return sorted(harmed, key=lambda row: row.surely / max(row.a, 1e-12), reverse=True)


def judge(a: pl.DataFrame, b: pl.DataFrame, gate: GateConfig, seed: int = 0, kinds: int = 1) -> GateReport:
    """Judge the version of table `b` against the promoted one of table `a`, on the same samples.

    A row fails where the lower bound of its error's growth exceeds what is allowed. The bounds hold together
    at `gate.confidence`, so a version that harms nothing fails in at most one of 1 / (1 - confidence) cases,
    however many rows there are.

    Args:
        a, b: tables of `zoo.evaluate.rows`.
        seed: of the bootstrap.
        kinds: how many such reports a decision rests on: each then takes its share of the confidence.

    Raises:
        ZooError: the tables are not of the same samples, or nothing in them is judged by this gate.
    """
    wanted = [name for name in gate.metrics if metric(a, name) is not None]
    lost = tuple(name for name in wanted if metric(b, name) is None)
    by = {column: edges for column, edges in gate.by.items() if column in a.columns}
    paired = pair(
        a, b, [name for name in wanted if name not in lost], by,
        draws=gate.draws, min_samples=gate.min_samples, min_groups=gate.min_people, seed=seed,
    )  # fmt: skip
    if not paired.cells:
        raise ZooError(
            f"the gate judges nothing here: it names {', '.join(gate.metrics)} on at least "
            f"{gate.min_samples} samples of {gate.min_people} people, and the table has {len(a)} samples"
        )
    confidence = 1 - (1 - gate.confidence) / kinds
    error_a, error_b, drawn_a, drawn_b = paired.errors()
    share = np.array([_share(gate, cell) for cell in paired.cells])
    least = np.array([gate.metrics[cell.metric].absolute for cell in paired.cells])
    allowed, allowed_drawn = np.maximum(share * error_a, least), np.maximum(share * drawn_a, least)
    beyond = error_b - error_a - allowed
    error, factor = bounds(beyond, drawn_b - drawn_a - allowed_drawn, confidence, one_sided=True)
    surely = beyond - factor * error + allowed
    judged = tuple(
        Judged(
            *cell,
            samples=size.samples,
            a=float(error_a[k]),
            b=float(error_b[k]),
            allowed=float(allowed[k]),
            surely=float(surely[k]),
            harmed=bool(surely[k] > allowed[k]),
        )
        for k, (cell, size) in enumerate(zip(paired.cells, paired.sizes, strict=True))
    )
    holds = not lost and not any(row.harmed for row in judged)
    small = tuple(f"{cell.metric} ({cell.where})" for cell in paired.too_small)
    return GateReport(holds, judged, lost, small, confidence, gate.draws, factor)


def _share(gate: GateConfig, cell: Cell) -> float:
    allowed = gate.metrics[cell.metric]
    return allowed.slice if cell.by else allowed.overall


def reasons(reports: Sequence[GateReport]) -> list[str]:
    """Why the gate does not hold, a line each."""
    lines = []
    for report in reports:
        lines += [f"{name}: the new version lacks it" for name in report.lost]
        lines += [
            f"{row.metric} on {row.where}: error {row.a:.4g} -> {row.b:.4g}, surely more than "
            f"{row.surely:+.3g}, where {row.allowed:+.3g} is allowed ({row.samples} samples)"
            for row in report.harms
        ]
    return lines
