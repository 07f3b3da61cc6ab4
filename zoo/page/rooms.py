"""One posed capture of a room, predicted for the page."""

from __future__ import annotations

import csv
import io
import statistics
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console

from zoo.errors import ZooError
from zoo.page.archive import unpack
from zoo.page.numbers import Row
from zoo.predict.report import Reached
from zoo.predict.rooms.run import SOURCES, VOXEL_M, predict_rooms

PREVIEWS: Final = 12
"""Frames whose depth is shown, evenly spread."""


class RoomAnswer(NamedTuple):
    """What the page shows of one capture."""

    model: Path | None
    """The fused mesh as GLB; None where no frame is sure enough."""
    previews: list[tuple[Path, str]]
    """Pictures of image, depth and uncertainty, and the frames' names."""
    numbers: list[Row]
    files: list[Path]
    """To take away."""
    remark: str


def predict_capture(
    name: str,
    capture: Path,
    folder: Path,
    *,
    sources: int = SOURCES,
    voxel_m: float = VOXEL_M,
    reached: Reached | None = None,
) -> RoomAnswer:
    """Predict a capture: a folder, or a zip file of one; what `zoo predict` writes goes below `folder`.

    Raises:
        ZooError: no capture, or none that can be used, or no such checkpoint.
    """
    root = capture.expanduser()
    if not root.exists():
        raise ZooError(f"{capture}: there is no such folder or zip file")
    if root.is_file():
        root = folder / "capture"
        unpack(capture, root)
    output, told = folder / "out", io.StringIO()
    try:
        summary = predict_rooms(
            name,
            [str(root)],
            output,
            count=sources,
            voxel_m=voxel_m,
            console=Console(file=told, width=1000),
            reached=reached,
        )
    except ZooError as error:
        raise ZooError(_without(str(error), root, capture)) from None
    with (output / "predictions.csv").open(newline="", encoding="utf-8", errors="replace") as file:
        table = list(csv.DictReader(file))
    files = [output / name for name in ("mesh.glb", "mesh.ply", "points.ply", "predictions.csv")]
    mesh = output / "mesh.glb"
    return RoomAnswer(
        model=mesh if mesh.is_file() else None,
        previews=_previews(output, [row["frame"] for row in table]),
        numbers=_numbers(table, summary.skipped),
        files=[path for path in files if path.is_file()],
        remark=_without(told.getvalue().strip(), root, capture),
    )


def _previews(output: Path, frames: list[str]) -> list[tuple[Path, str]]:
    every = max(1, -(-len(frames) // PREVIEWS))
    found = [(output / "preview" / f"{frame}.png", frame) for frame in frames[::every]]
    return [(path, frame) for path, frame in found if path.is_file()]


def _numbers(table: list[dict[str, str]], skipped: int) -> list[Row]:
    rows: list[Row] = [("frames", f"{len(table)}", "", f"{skipped} skipped" if skipped else "")]

    def middle(column: str, label: str, digits: int, unit: str, scale: float = 1.0, note: str = "") -> None:
        values = [float(row[column]) for row in table if row.get(column)]
        if values:
            rows.append((label, f"{scale * statistics.median(values):.{digits}f}", unit, note))

    middle("median_depth_m", "depth", 2, "m", note="median of the frames' medians")
    middle("confident_share", "sure pixels", 0, "%", 100.0, note="sigma of at most 10 % of the depth")
    middle("points", "matched points a frame", 0, "")
    middle("baseline_m", "baseline", 2, "m", note="to the farthest source")
    return rows


def _without(text: str, root: Path, capture: Path) -> str:
    """The page shows nobody where on the machine it unpacks."""
    return text if root == capture.expanduser() else text.replace(str(root), capture.name)
