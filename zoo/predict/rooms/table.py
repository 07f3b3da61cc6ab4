"""`predictions.csv` of rooms: one row a frame, written as a stream. Imports no torch."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

COLUMNS: Final = (
    "file",
    "frame",
    "sources",
    "median_depth_m",
    "confident_share",
    "points",
    "baseline_m",
    "remark",
)


class RoomTable:
    """Rows go into `<name>.part`, which `close` renames: after Ctrl-C too it holds the rows that were done.

    Unknown cells are empty. `sources` are frame names with blanks between them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".part")
        # surrogateescape: names of files that are not UTF-8 are written as the bytes that they are
        self._file = self._temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(
        self,
        file: str,
        frame: str,
        sources: Sequence[str],
        median_depth_m: float | None,
        confident_share: float,
        points: int,
        baseline_m: float | None,
        remarks: Sequence[str],
    ) -> None:
        """Append the row of one frame."""
        depth = "" if median_depth_m is None else f"{median_depth_m:.4f}"
        baseline = "" if baseline_m is None else f"{baseline_m:.4f}"
        share = f"{confident_share:.4f}"
        self._writer.writerow(
            [file, frame, " ".join(sources), depth, share, points, baseline, "; ".join(remarks)]
        )
        self._file.flush()

    def close(self) -> None:
        """Finish the table under its own name."""
        self._file.close()
        os.replace(self._temporary, self._path)
