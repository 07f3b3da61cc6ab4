"""What checkpoints can be filtered and sorted by (`zoo list --where`, `--sort`). Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal

from zoo.hub.index import Found

Value = float | str | bool | tuple[str, ...] | None
"""None: unknown."""
Kind = Literal["number", "text", "texts", "truth"]


@dataclass(frozen=True)
class Row:
    """A listed version, and what the indexes say around it."""

    found: Found
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """Something that can be asked of a row."""

    kind: Kind
    meaning: str
    value: Callable[[Row], Value]


def _metric(part: str, name: str) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        values = row.found.entry.metrics.get(part, {})
        return values.get(name, {key.rpartition("/")[2]: v for key, v in values.items()}.get(name))

    return value


def _of_metric(part: str, name: str, meaning: str) -> Field:
    return Field("number", f"{meaning}: {part}.{name}", _metric(part, name))


FIELDS: Final[Mapping[str, Field]] = {
    "name": Field("text", "full name", lambda row: row.found.entry.name),
    "architecture": Field("text", "of the name, before the dot", lambda row: row.found.entry.parts[0]),
    "tag": Field("text", "of the name, between dot and @", lambda row: row.found.entry.parts[1]),
    "version": Field("number", "the number after the @", lambda row: row.found.entry.parts[2]),
    "aliases": Field("texts", "names that point to it", lambda row: row.aliases),
    "promoted": Field("truth", "an alias points to it", lambda row: bool(row.aliases)),
    "here": Field("truth", "its weights are on this machine", lambda row: row.found.is_here),
    "released": Field("text", "date, as 2026-11-21", lambda row: row.found.entry.released.isoformat()),
    "parent": Field("text", "full name of what it was trained from", lambda row: row.found.entry.parent),
    "tasks": Field("texts", "its heads, as in 'gaze' in tasks", lambda row: row.found.entry.tasks),
    "width": Field("number", "of the input, pixels", lambda row: row.found.entry.input.width),
    "height": Field("number", "of the input, pixels", lambda row: row.found.entry.input.height),
    "params": Field("number", "parameters", lambda row: row.found.entry.parameters),
    "macs": Field("number", "multiply-accumulates of one pass", lambda row: row.found.entry.macs),
    "size_mb": Field("number", "of the weights, 1e6 bytes", lambda row: row.found.entry.size_bytes / 1e6),
    "latency": Field(
        "number",
        "milliseconds of one pass on one core (`zoo info` says which)",
        lambda row: None if row.found.entry.latency is None else row.found.entry.latency.ms,
    ),
    "samples": Field("number", "training samples seen", lambda row: row.found.entry.training.samples_seen),
    "licence": Field("text", "of the weights", lambda row: row.found.entry.licences.weights),
    "data_licence": Field("text", "of the training data", lambda row: row.found.entry.licences.training_data),
    "miou": _of_metric("unseen", "segmentation/miou", "mIoU of 4 classes, rendered unseen people"),
    "pupil_px": _of_metric("unseen", "keypoints/pupil_px_median", "median error of the pupil centre, pixels"),
    "blink_ap": _of_metric("unseen", "blink/blink_ap", "average precision of blinks"),
    "gaze_deg": _of_metric("unseen", "gaze/optical_deg_mean", "mean error of the optical axis, degrees"),
    "real_pupil": _of_metric(
        "meye", "segmentation/pupil_mask_px_within_2px", "share of real pupils within 2 pixels"
    ),
    "absrel": _of_metric("depth_rooms_unseen", "depth/absrel_ratio", "AbsRel of depth, rendered rooms"),
    "real_absrel": _of_metric("depth_hololens", "depth/absrel_ratio", "AbsRel of depth, real rooms"),
}
"""Short names. Any other metric is `PART.METRIC`: `shifted.pupil_px_median`, `unseen.blink/blink_ap`."""


def field(name: str, rows: Iterable[Row]) -> Field:
    """The field of that name: a short one, or a metric that some row has.

    Raises:
        KeyError: there is none; its argument says which is the nearest.
    """
    if name in FIELDS:
        return FIELDS[name]
    measured = {
        f"{part}.{spelling}": None
        for row in rows
        for part, values in row.found.entry.metrics.items()
        for metric in values
        for spelling in (metric, metric.rpartition("/")[2])
    }
    if name in measured:
        part, _, metric = name.partition(".")
        return Field("number", name, _metric(part, metric))
    known = measured if "." in name else FIELDS
    close = get_close_matches(name, known, n=1) or get_close_matches(
        name, [*FIELDS, *measured], n=1, cutoff=0.5
    )
    nearest = f"did you mean {close[0]!r}?" if close else f"valid: {', '.join(FIELDS)}, or PART.METRIC"
    raise KeyError(f"no field {name!r}; {nearest}")
