"""What `zoo list` and `zoo info` print. Imports no torch."""

from __future__ import annotations

from typing import Final

from rich.console import RenderableType
from rich.table import Table

from zoo.errors import ZooError
from zoo.hub.index import Entry, entries, has_weights, known_entries, resolve

KEY_METRICS: Final = {
    "miou": "mIoU",
    "pupil_px_median": "pupil centre px",
    "pupil_mask_px_median": "pupil mask px",
    "blink_ap": "blink AP",
    "optical_deg_median": "gaze °",
    "absrel_ratio": "AbsRel",
    "delta_share": "δ<1.25",
}
"""Endings of the metrics' names (`zoo.evaluate.summarise`) that the table shows."""


def checkpoint_table() -> Table:
    """The index, a line a checkpoint."""
    table = Table(title=None, box=None, pad_edge=False)
    for heading in ("name", "tasks", "parameters", "input", "measured", "licence", ""):
        table.add_column(heading, justify="right" if heading == "parameters" else "left", overflow="fold")
    for entry in entries().values():
        table.add_row(
            entry.name,
            ", ".join(entry.tasks),
            f"{entry.parameters / 1e6:.2f} M",
            f"{entry.input_width}x{entry.input_height}",
            _measured(entry),
            entry.licence,
            "" if has_weights(entry.name) else "(weights not in this installation)",
        )
    return table


def checkpoint_card(name_or_path: str, rendered: bool) -> RenderableType:
    """The card of a checkpoint, or what the index says of one whose files are not here."""
    try:
        folder = resolve(name_or_path)
    except ZooError as error:
        listed = known_entries().get(name_or_path)
        if listed is None:
            raise
        return f"{error}\n\n{_facts(listed)}"
    from zoo.hub.card import render
    from zoo.hub.metadata import read_metadata

    text = render(read_metadata(folder))
    if not rendered:
        return text
    from rich.markdown import Markdown

    return Markdown(text)


def _measured(entry: Entry) -> str:
    lines = []
    for part, values in entry.metrics.items():
        last = {name.rpartition("/")[2]: value for name, value in values.items()}
        shown = [
            f"{label} {last[name]:.3g}" for name, label in KEY_METRICS.items() if last.get(name) is not None
        ]
        if shown and part.partition("_")[0] not in {*entry.metrics} - {part}:  # <set>_<change> vary a set
            lines.append(f"{part}: {', '.join(shown)}")
    return "\n".join(lines)


def _facts(entry: Entry) -> str:
    return "\n".join(
        [
            f"tasks: {', '.join(entry.tasks)}",
            f"parameters: {entry.parameters:,}",
            f"input: {entry.input_width}x{entry.input_height}",
            f"licence: {entry.licence} (training data: {entry.training_data_licence})",
            f"measured:\n{_measured(entry)}",
        ]
    )
