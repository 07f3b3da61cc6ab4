"""The table of results: `predictions.csv`, one row a frame, written as a stream. Imports no torch."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Final

from zoo.conventions import MAX_GLINTS
from zoo.predict.result import EyeResult, Point, Vector

COLUMNS: Final = (
    "file",
    "frame",
    "time_s",
    "openness",
    "blink",
    "pupil_present",
    "pupil_u_px",
    "pupil_v_px",
    "pupil_mask_u_px",
    "pupil_mask_v_px",
    "pupil_area_px",
    "pupil_major_px",
    "pupil_minor_px",
    "pupil_angle_deg",
    *(f"glint{k}_{name}" for k in range(MAX_GLINTS) for name in ("u_px", "v_px", "score")),
    *(f"{point}_{axis}_mm" for point in ("cornea", "pupil") for axis in "xyz"),
    *("optical_x", "optical_y", "optical_z", "optical_pitch_deg", "optical_yaw_deg"),
    *("visual_x", "visual_y", "visual_z", "gaze_sigma_deg"),
    "camera_known",
    "glints_used",
)


class Table:
    """Rows go into `<name>.part`, which `close` renames: also after Ctrl-C or a full disk, the rows that were
    done are in the table, and only a killed process leaves them in the `.part` file.

    Unknown cells are empty. `blink` and `pupil_present` are probabilities.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".part")
        # surrogateescape: names of files that are not UTF-8 are written as the bytes that they are
        self._file = self._temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, file: str, frame: int, time_s: float | None, result: EyeResult) -> None:
        """Append the row of one frame."""
        self._writer.writerow([file, frame, _cell(time_s, 6), *_cells(result)])

    def flush(self) -> None:
        """Hand the rows so far to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Finish the table under its own name."""
        self._file.close()
        os.replace(self._temporary, self._path)


def _cells(result: EyeResult) -> list[str]:
    cells = [_cell(value, 5) for value in (result.openness, result.blink, result.pupil_present)]
    cells += [*_point(result.pupil_px), *_point(result.pupil_mask_px)]
    cells += [_cell(result.pupil_area_px, 2)]
    cells += [
        _cell(value, 3) for value in (result.pupil_major_px, result.pupil_minor_px, result.pupil_angle_deg)
    ]
    for glint in result.glints:
        cells += [_cell(glint.u, 3), _cell(glint.v, 3), _cell(glint.score, 4)]
    cells += [""] * (3 * (MAX_GLINTS - len(result.glints)))
    cells += [*_vector(result.cornea_mm, 3), *_vector(result.pupil_mm, 3), *_vector(result.optical, 6)]
    cells += [_cell(angle, 3) for angle in _angles_deg(result.optical)]
    cells += [*_vector(result.visual, 6), _cell(result.gaze_sigma_deg, 3)]
    used = "" if result.glints_used is None else str(result.glints_used)
    return [*cells, str(int(result.camera_known)), used]


def _vector(vector: Vector | None, digits: int) -> list[str]:
    return [""] * 3 if vector is None else [_cell(value, digits) for value in vector]


def _angles_deg(axis: Vector | None) -> tuple[float | None, float | None]:
    """(pitch, yaw) as `zoo.conventions` defines them."""
    if axis is None:
        return None, None
    x, y, z = axis
    return math.degrees(math.atan2(-y, math.hypot(x, z))), math.degrees(math.atan2(-x, -z))


def _point(point: Point | None) -> tuple[str, str]:
    return ("", "") if point is None else (_cell(point[0], 3), _cell(point[1], 3))


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
