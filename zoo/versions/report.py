"""A comparison, and what a gate says, as tables on a terminal, as Markdown and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from zoo.files import replacing, write_text
from zoo.hub.card import format_metric
from zoo.versions.compare import Comparison, Row, Verdict, sorted_rows
from zoo.versions.gate import GateReport, reasons
from zoo.versions.measure import Measured

Result = tuple[Measured, Comparison, GateReport | None]

_HEADINGS = ("metric", "on", "samples", "A", "B", "B - A", "good to bad", "bad to good")
_COLOURS: dict[Verdict, str] = {"better": "green", "worse": "red", "unsure": "", "equal": ""}


def tables(measured: Measured, comparison: Comparison) -> Iterator[Table]:
    """All samples by task, then every slice that got worse or better."""
    title = f"A = {measured.names[0]}, B = {measured.names[1]}: {len(measured.a)} samples"
    yield _table(title, [row for row in comparison.rows if not row.by], verdict=True)
    verdicts: tuple[Verdict, ...] = ("worse", "better")
    for verdict in verdicts:
        rows = [row for row in sorted_rows(comparison, verdict) if row.by]
        if rows:
            yield _table(f"{verdict} on {len(rows)} slices", rows, verdict=False)


def _table(title: str, rows: Sequence[Row], verdict: bool) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in (*_HEADINGS, *(["verdict"] if verdict else [])):
        justify: Literal["left", "right"] = "left" if heading in ("metric", "on", "verdict") else "right"
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row), *([row.verdict] if verdict else []), style=_COLOURS[row.verdict])
    return table


def _cells(row: Row) -> list[str]:
    shares = ["" if s is None else f"{s:.1%}" for s in (row.good_to_bad, row.bad_to_good)]
    interval = f"{row.low:+.3g} to {row.high:+.3g}"
    return [
        row.metric,
        row.where,
        f"{row.samples:,}",
        format_metric(row.a),
        format_metric(row.b),
        interval,
        *shares,
    ]


def summary(comparison: Comparison) -> str:
    """One sentence on how many rows got which verdict, and how sure they are together."""
    counts = ", ".join(
        f"{comparison.count(verdict)} {verdict}"
        for verdict in ("better", "worse", "unsure", "equal")
        if comparison.count(verdict)
    )
    left_out = (
        f" {comparison.too_small} rows of too few samples or people left out." if comparison.too_small else ""
    )
    return (
        f"{len(comparison.rows)} rows: {counts}. With {comparison.confidence:.0%} confidence all intervals "
        f"hold at once ({comparison.factor:.2f} standard errors each way; paired bootstrap over people, "
        f"{comparison.draws} draws).{left_out}"
    )


def gate_lines(report: GateReport) -> list[str]:
    """What the gate says, a line each."""
    if report.holds:
        return [
            f"The gate holds: of {len(report.judged)} rows none is shown to be harmed beyond what is allowed "
            f"({report.confidence:.0%} confidence together)."
        ]
    return [
        f"The gate does not hold ({len(report.judged)} rows judged):",
        *(f"  {r}" for r in reasons([report])),
    ]


def markdown(results: Sequence[Result]) -> str:
    """The whole report."""
    lines: list[str] = []
    for measured, comparison, gate in results:
        a, b = measured.names
        data = ", ".join(f"{key} {value}" for key, value in measured.data.items() if value is not None)
        lines += [
            f"# {b} compared with {a}",
            "",
            f"On {data}. A is {a}, B is {b}.",
            "",
            summary(comparison),
            "",
        ]
        if gate is not None:
            lines += [*gate_lines(gate), ""]
        lines += [
            "An interval is of B - A. Good to bad: the share of samples that A is good at and B is not.",
            "",
        ]
        lines += _section("All samples", [row for row in comparison.rows if not row.by])
        for verdict in ("worse", "better"):
            rows = [row for row in sorted_rows(comparison, verdict) if row.by]
            lines += _section(f"Slices: {verdict}", rows)
        tasks = dict.fromkeys(row.task for row in comparison.rows)
        for task in tasks:
            rows = [row for row in comparison.rows if row.task == task and row.by]
            lines += _section(f"Every slice of {task}", rows)
    return "\n".join(lines)


def _section(title: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    heads = (*_HEADINGS, "verdict")
    body = [f"| {' | '.join([*_cells(row), row.verdict])} |" for row in rows]
    return [f"## {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *body, ""]


def as_json(results: Sequence[Result]) -> str:
    """Everything, for programs."""
    parts: list[dict[str, Any]] = []
    for measured, comparison, gate in results:
        said = {
            "a": measured.names[0],
            "b": measured.names[1],
            "sha256": measured.sha256,
            "data": measured.data,
        }
        judged = {} if gate is None else {"gate": dataclasses.asdict(gate)}
        parts.append({**said, **dataclasses.asdict(comparison), **judged})
    return json.dumps(parts, indent=1) + "\n"


def write(folder: Path, results: Sequence[Result]) -> None:
    """``comparison.md``, ``comparison.json``, and the tables of samples: ``a.parquet``, ``b.parquet``."""
    write_text(folder / "comparison.md", markdown(results))
    write_text(folder / "comparison.json", as_json(results))
    for number, (measured, _, _) in enumerate(results):
        suffix = f"_{number}" if number else ""
        for name, table in (("a", measured.a), ("b", measured.b)):
            with replacing(folder / f"{name}{suffix}.parquet") as path:
                table.write_parquet(path)
