"""What `zoo list` and `zoo info` print. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table

from zoo.hub import cache, names
from zoo.hub.card import format_metric, render
from zoo.hub.fields import FIELDS, Row, Value
from zoo.hub.index import Found, aliases, catalogue, find, resolve
from zoo.hub.metadata import METADATA_FILE, read_metadata
from zoo.hub.schema import Entry
from zoo.hub.where import ordered, where

MEASURED: Final = ("miou", "pupil_px", "gaze_deg", "real_pupil", "absrel", "real_absrel")
"""Fields of `zoo.hub.fields` that the table shows; `zoo info` shows all that was measured."""


def rows() -> list[Row]:
    """Every listed version with the aliases that point to it."""
    pointing: dict[str, list[str]] = {}
    for alias, targets in aliases().items():
        for target in targets:
            pointing.setdefault(target, []).append(alias if len(targets) == 1 else f"{alias}?")
    return [Row(found, tuple(pointing.get(name, ()))) for name, found in catalogue().items()]


def checkpoint_table(
    condition: str | None = None, sort: str | None = None, everything: bool = False, width: int = 120
) -> Group:
    """The indexes, a line a checkpoint.

    Args:
        condition: an expression of `zoo.hub.where`.
        sort: a field, after a minus for descending.
        everything: older versions too, not only the promoted ones, and the newest where none is promoted.
        width: of the terminal, in characters; where names do not fit, the last columns are left out.

    Raises:
        ZooError: a mistake in the expression or in the field; an index that cannot be read.
    """
    known = rows()
    shown = known if everything else _current(known)
    chosen = where(condition, shown) if condition is not None else shown
    chosen = ordered(sort, chosen) if sort is not None else chosen
    columns = {
        heading: [_cell(heading, row) for row in chosen] for heading in ("params", "latency", *MEASURED)
    }
    titles = [_names(row) for row in chosen]
    widest = max((len(line) for lines in titles for line in lines), default=0)
    fitting, taken = [], widest
    for heading, cells in columns.items():
        taken += 1 + max(map(len, [*heading.split("_"), *cells]))
        if taken <= width:
            fitting.append(heading)
    table = Table(title=None, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("checkpoint, tasks, licence of the weights", overflow="fold", min_width=widest)
    for heading in fitting:
        table.add_column(heading.replace("_", "\n"), justify="right", no_wrap=True)
    for number, row in enumerate(chosen):
        entry = row.found.entry
        about = f"  {', '.join(entry.tasks)}; {entry.licences.weights}"
        shown_cells = [columns[heading][number] for heading in fitting]
        table.add_row("\n".join([*titles[number], about]), *shown_cells)
    left_out = [heading for heading in columns if heading not in fitting]
    narrow = [f"no room here for {', '.join(left_out)}"] if left_out else []
    return Group(table, *narrow, *_remarks(known, shown, chosen))


def field_table() -> Table:
    """The fields that `--where` and `--sort` know."""
    table = Table(title=None, box=None, pad_edge=False)
    for heading in ("field", "kind", "meaning"):
        table.add_column(heading, overflow="fold")
    for name, field in FIELDS.items():
        table.add_row(name, {"texts": "list"}.get(field.kind, field.kind), field.meaning)
    table.add_row(
        "PART.METRIC", "number", "any other metric, as in shifted.pupil_px_median (`zoo info` lists them)"
    )
    return table


def checkpoint_card(name_or_path: str, rendered: bool) -> RenderableType:
    """What the index says of a checkpoint and, where its files are on this machine, its card.

    Nothing is fetched for it.
    """
    found = find(name_or_path)
    if found is None:
        text = render(read_metadata(resolve(name_or_path)))
    else:
        folder = found.folder or cache.folder_of(found.entry)
        here = found.is_here and (folder / METADATA_FILE).is_file()
        text = render(read_metadata(folder)) if here else ""
    if rendered and text:
        from rich.markdown import Markdown

        card: RenderableType = Markdown(text)
    else:
        card = text
    return card if found is None else Group(_facts(found), *([card] if text else [_training(found.entry)]))


def _current(known: Sequence[Row]) -> list[Row]:
    promoted = {row.found.entry.parts.line for row in known if row.aliases}
    newest: dict[str, int] = {}
    for row in known:
        parts = row.found.entry.parts
        newest[parts.line] = max(parts.version, newest.get(parts.line, 0))
    return [
        row
        for row in known
        if row.aliases
        or ((parts := row.found.entry.parts).line not in promoted and parts.version == newest[parts.line])
    ]


def _remarks(known: Sequence[Row], shown: Sequence[Row], chosen: Sequence[Row]) -> list[str]:
    remarks = []
    if not chosen:
        remarks.append(f"none of {len(shown)} checkpoints" if shown else "no checkpoint is listed")
    if older := len(known) - len(shown):
        remarks.append(f"{older} other version{'' if older == 1 else 's'}: zoo list --all")
    if any(alias.endswith("?") for row in known for alias in row.aliases):
        remarks.append("?: indexes disagree about this alias, so only the full name can be used")
    return remarks


def _status(found: Found) -> str:
    if found.folder is not None:
        return ""
    if found.is_here:
        return "(in the cache)"
    if found.places:
        return "(to be fetched)"
    return "(weights not in this installation)" if found.entry.locations else "(weights not published)"


def _names(row: Row) -> list[str]:
    """The lines that are never broken."""
    named = (", ".join(row.aliases), row.found.entry.name, _status(row.found))
    return [text for text in named if text]


def _cell(heading: str, row: Row) -> str:
    entry = row.found.entry
    if heading == "params":
        return f"{entry.parameters / 1e6:.2f} M"
    if heading == "latency":
        return "–" if entry.latency is None else f"{entry.latency.ms:.3g}"
    return _shown(FIELDS[heading].value(row))


def _shown(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float | int) else "–"


def _facts(found: Found) -> str:
    entry = found.entry
    pointing = [alias for alias, targets in aliases().items() if entry.name in targets]
    siblings = [name for name in catalogue() if names.parse(name).line == entry.parts.line]
    latency = "unknown" if entry.latency is None else f"{entry.latency.ms:.3g} ms ({entry.latency.on})"
    lines = [
        f"{entry.name}, released {entry.released}" + (f", is {', '.join(pointing)}" if pointing else ""),
        f"versions: {', '.join(siblings)}",
        f"tasks: {', '.join(entry.tasks)}",
        f"input: {entry.input.width}x{entry.input.height}",
        f"parameters: {entry.parameters:,}; multiply-accumulates: "
        + ("unknown" if entry.macs is None else f"{entry.macs:,}"),
        f"latency of one pass: {latency}",
        f"trained from: {entry.parent or 'nothing'}",
        *(f"  {change}" for change in entry.changes),
        f"licence: {entry.licences.weights} (training data: {entry.licences.training_data})",
        f"weights: {entry.size_bytes:,} bytes, SHA-256 {entry.sha256}",
        f"where: {_where(found)}",
        f"listed by: {', '.join(source.at for source in found.sources)}",
    ]
    return "\n".join(lines) + "\n"


def _where(found: Found) -> str:
    if found.folder is not None:
        return str(found.folder)
    cached = [f"{cache.folder_of(found.entry)} (the cache)"] if found.is_here else []
    return ", ".join([*cached, *found.places]) or _status(found).strip("()")


def _training(entry: Entry) -> str:
    lines = [
        f"training: {entry.training.data} Samples seen: {entry.training.samples_seen:,}.",
        f"  {entry.training.command}",
    ]
    for part, values in entry.metrics.items():
        lines += [f"{part}:", *(f"  {name}: {format_metric(value)}" for name, value in values.items())]
    return "\n".join(lines)
