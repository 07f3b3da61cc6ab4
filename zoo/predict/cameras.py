"""Intrinsics that the user gives for frames: four numbers, or a table by file. Imports no torch."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.errors import ZooError, did_you_mean

_COLUMNS: Final = ("file", "fx", "fy", "cx", "cy")


@dataclass(frozen=True, eq=False)
class FrameCamera:
    """Intrinsics in native pixels, and the eye's side where it is known."""

    matrix: Float[np.ndarray, "3 3"]
    eye_side: EyeSide | None = None


class Cameras:
    """Looks up the camera of a file: by its path as given, else by its name."""

    def __init__(self, common: FrameCamera | None, by_file: dict[str, FrameCamera]) -> None:
        self._common = common
        self._by_file = by_file

    def of(self, file: str) -> FrameCamera | None:
        """The camera of a file; None where it is not known."""
        return self._by_file.get(file) or self._by_file.get(Path(file).name) or self._common


def read_cameras(text: str | None) -> Cameras:
    """Parse `FX,FY,CX,CY` in pixels of the frames, or read a csv with `file,fx,fy,cx,cy[,eye_side]`.

    Raises:
        ZooError: neither of them, or a row that is no camera.
    """
    if text is None:
        return Cameras(None, {})
    parts = text.split(",")
    if len(parts) == 4:
        return Cameras(FrameCamera(_matrix(parts, f"--camera {text}")), {})
    path = Path(text).expanduser()
    if not path.is_file():
        raise ZooError(f"--camera {text}: neither four numbers FX,FY,CX,CY nor a csv file")
    by_file: dict[str, FrameCamera] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise ZooError(f"{path}: lacks the columns {', '.join(missing)}")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                matrix = _matrix([row[name] for name in _COLUMNS[1:]], where)
                by_file[row["file"]] = FrameCamera(matrix, _side(row.get("eye_side"), where))
    except (OSError, csv.Error) as error:
        raise ZooError(f"{path}: cannot be read ({error})") from None
    return Cameras(None, by_file)


def _matrix(parts: list[str], where: str) -> Float[np.ndarray, "3 3"]:
    try:
        fx, fy, cx, cy = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ZooError(f"{where}: fx, fy, cx, cy are numbers, not {', '.join(map(str, parts))}") from None
    if not all(map(math.isfinite, (fx, fy, cx, cy))) or min(fx, fy) <= 0:
        raise ZooError(f"{where}: fx, fy, cx, cy are finite and fx, fy positive, not {', '.join(parts)}")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _side(text: str | None, where: str) -> EyeSide | None:
    if not text:
        return None
    for side in EYE_SIDES:
        if text.strip().lower() == side:
            return side
    raise ZooError(f"{where}: eye_side {text!r} is not valid; {did_you_mean(text, EYE_SIDES)}")
