"""What `zoo eval` prints."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from zoo.exam.run import ExamReport


def metrics_tables(report: ExamReport) -> Iterator[Table]:
    """All metrics beside the constant prediction's, then one table for each column that was sliced by."""
    beside = {name for name in report.metrics if "@" in name}
    suffixes = sorted({name.partition("@")[2] for name in beside})
    table = Table(title=f"{report.checkpoint}, {int(report.metrics.get('frames', 0))} frames")
    table.add_column("metric")
    for heading in ("value", *(f"@{suffix}" for suffix in suffixes), "baseline"):
        table.add_column(heading, justify="right")
    for name, value in report.metrics.items():
        if name not in beside and name != "frames":
            others = [_number(report.metrics.get(f"{name}@{suffix}")) for suffix in suffixes]
            table.add_row(name, _number(value), *others, _number(report.baseline.get(name)))
    yield table
    for column, parts in report.slices.items():
        names = [name for name in report.metrics if "@" not in name]
        table = Table(title=f"by {column}")
        table.add_column("metric")
        for part in parts:
            table.add_column(part, justify="right")
        for name in names:
            table.add_row(name, *(_number(metrics.get(name)) for metrics in parts.values()))
        yield table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
