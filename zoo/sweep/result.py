"""What a sweep found: one row a trial, as a table, as CSV. Imports neither torch nor Optuna."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from zoo.files import write_text
from zoo.sweep.space import Value

COMPLETE: Final = "complete"
TRIALS_FILE: Final = "trials.csv"


@dataclass(frozen=True)
class Row:
    """One trial."""

    number: int
    state: str
    """complete, pruned, failed, or running: stopped, to be gone on with."""
    value: float | None
    """Of the metric: the last one that was measured."""
    params: dict[str, Value]
    samples: int | None
    """Seen when it was measured."""
    folder: str
    note: str = ""
    """Why it failed, or whose result it shares."""


def ranked(rows: Sequence[Row], direction: str) -> list[Row]:
    """Complete trials, the best first, then the others by number."""
    done = [row for row in rows if row.state == COMPLETE and row.value is not None]
    done.sort(key=lambda row: row.value or 0.0, reverse=direction == "maximize")
    return done + [row for row in rows if row not in done]


def result_table(rows: Sequence[Row], keys: Sequence[str], metric: str, direction: str) -> Table:
    """For the terminal: the best trial first."""
    table = Table(title=f"{metric}, to {direction}")
    for name in ("trial", metric.rpartition("/")[2], *keys, "state", "run"):
        table.add_column(name, overflow="fold")
    for place, row in enumerate(ranked(rows, direction)):
        best = place == 0 and row.state == COMPLETE
        state = f"{row.state}: {row.note}" if row.note else row.state
        cells = [str(row.number), _short(row.value), *(_short(row.params.get(key)) for key in keys)]
        table.add_row(*cells, state, row.folder, style="bold" if best else None)
    return table


def write_trials(folder: Path, rows: Sequence[Row], keys: Sequence[str], metric: str) -> None:
    """Write `trials.csv`: a line a trial, by number; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", metric, *keys, "samples", "run", "note"])
    for row in rows:
        values = [row.params.get(key, "") for key in keys]
        value = "" if row.value is None else row.value
        samples = "" if row.samples is None else row.samples
        writer.writerow([row.number, row.state, value, *values, samples, row.folder, row.note])
    write_text(folder / TRIALS_FILE, text.getvalue())


def _short(value: Value | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
