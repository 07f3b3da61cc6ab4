"""What `zoo export` says at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from zoo.export.run import Exported

_UNITS: Final = {
    "deg": "°",
    "px": " px",
    "mm": " mm",
    "ratio": " of a pixel's depth",
    "absrel": " AbsRel",
    "share": " of the pixels",
    "points": " of the points",
}


def summary(made: Exported) -> Iterator[str]:
    """A line for each file, and one for the report."""
    for precision, file in made.files.items():
        line = f"{file.path}: {precision}, {len(file.blob) / 1e6:.1f} MB"
        if made.report is not None:
            largest = made.report["worst"][precision]
            apart = ", ".join(f"{value:.2g}{_UNITS[unit]}" for unit, value in largest.items())
            faster = made.report["speedup"][precision]
            line += f"; at most {apart} from PyTorch; {faster:.2f} times as fast on one core"
        yield line
    if made.report_path is not None:
        yield f"{made.report_path}: the report"
