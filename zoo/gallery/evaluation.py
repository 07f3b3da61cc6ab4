"""One evaluation as it lies on disk: metrics, slices, and pictures where there are some. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from zoo.errors import ZooError

METRICS_FILE: Final = "metrics.json"
PICTURES_FILE: Final = "pictures.json"

Metrics = dict[str, float]


@dataclass(frozen=True)
class Shot:
    """A picture of a frame."""

    file: Path
    row: int
    value: float | None
    """Its error; None where it was not chosen by one."""


@dataclass(frozen=True)
class Shots:
    """Pictures of one task, the worst first, or the first frames as they come."""

    task: str
    error: str
    unit: str
    high_is_bad: bool
    frames: int
    """How many they were chosen from."""
    shots: list[Shot]


@dataclass(frozen=True)
class Evaluation:
    """What was measured of one checkpoint on one set of samples."""

    title: str
    checkpoint: str
    date: str
    data: dict[str, Any]
    metrics: Metrics
    sha256: str | None = None
    """Of the weights."""
    baseline: Metrics = field(default_factory=dict)
    floor: Metrics = field(default_factory=dict)
    slices: dict[str, dict[str, Metrics]] = field(default_factory=dict)
    """Column -> value -> metrics."""
    pictures: list[Shots] = field(default_factory=list)
    real_left_out: bool = False
    """Whether pictures were wanted, and all frames are of real people."""


def read_evaluation(path: Path) -> Evaluation:
    """Read a folder that `zoo eval output=FOLDER` wrote, or a file of metrics.

    Raises:
        ZooError: it holds no metrics, or they cannot be read.
    """
    file = path / METRICS_FILE if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        raise ZooError(f"{path}: holds no {METRICS_FILE}; `zoo eval NAME output={path}` writes one")
    raw = _json(file)
    try:
        # Numbers of views are slices too; a report of depth keeps them under their own name.
        slices = dict(raw.get("slices", {})) | ({"views": raw["views"]} if raw.get("views") else {})
        made = Evaluation(
            title=path.name if path.is_dir() else path.stem,
            checkpoint=raw["checkpoint"],
            date=raw["date"],
            data=raw["data"],
            metrics=_numbers(raw["metrics"]),
            sha256=raw.get("sha256"),
            baseline=_numbers(raw.get("baseline", {})),
            floor=_numbers(raw.get("floor", {})),
            slices={
                str(column): {str(value): _numbers(metrics) for value, metrics in parts.items()}
                for column, parts in slices.items()
            },
            **_pictures(path),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ZooError(f"{file}: not what `zoo eval` writes ({type(error).__name__}: {error})") from None
    if not made.metrics:
        raise ZooError(f"{file}: holds no metric")
    return made


def _pictures(path: Path) -> dict[str, Any]:
    file = path / PICTURES_FILE
    if not path.is_dir() or not file.is_file():
        return {}
    raw = _json(file)
    groups = [
        Shots(
            task=group["task"],
            error=group.get("error", ""),
            unit=group.get("unit", ""),
            high_is_bad=group.get("high_is_bad", True),
            frames=group["frames"],
            shots=[Shot(path / shot["file"], shot["row"], shot["value"]) for shot in group["pictures"]],
        )
        for group in raw["groups"]
    ]
    return {"pictures": groups, "real_left_out": bool(raw["real_frames_left_out"])}


def _json(file: Path) -> dict[str, Any]:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ZooError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ZooError(f"{file}: not valid JSON ({error})") from None
    if not isinstance(raw, dict):
        raise ZooError(f"{file}: not what `zoo eval` writes")
    return raw


def _numbers(raw: dict[str, Any]) -> Metrics:
    return {name: float(value) for name, value in raw.items() if isinstance(value, (int, float))}
