"""Cameras that the user gives for frames: four numbers, a table by file, or YAML. Imports no torch."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from zoo.config.rendering import load_camera
from zoo.conventions import EYE_SIDES, EyeSide
from zoo.errors import ZooError, did_you_mean
from zoo.geometry.lens import COEFFICIENTS, Distortion, LensModel, check_intrinsics, doubt_intrinsics
from zoo.predict.header import check_cells, check_header
from zoo.synth.eyes.rig import RigCamera

_COLUMNS: Final = ("file", "fx", "fy", "cx", "cy")
_YAML: Final = (".yaml", ".yml")
_LENS_COLUMNS: Final = ("distortion_model", "k1", "k2", "p1", "p2", "k3", "k4")


@dataclass(frozen=True, eq=False)
class FrameCamera:
    """Intrinsics in native pixels, its lens, and the eye's side where it is known."""

    matrix: Float[np.ndarray, "3 3"]
    eye_side: EyeSide | None = None
    distortion: Distortion | None = None
    size: tuple[int, int] | None = None
    """Width and height of the frames that it holds for, where that is stated."""

    @classmethod
    def of(cls, camera: RigCamera) -> FrameCamera:
        """The camera of a rig."""
        matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        side = None if camera.eye_side == "both" else camera.eye_side
        return cls(matrix, side, camera.distortion, (camera.width, camera.height))

    def check(self, file: str, height: int, width: int) -> str | None:
        """Raise `ZooError` where it is no camera of a frame; a remark where it is an unusual one."""
        if self.size not in (None, (width, height)):
            raise ZooError(
                f"{file}: has {width}x{height} pixels, but its camera holds for "
                f"{'x'.join(map(str, self.size or ()))}: intrinsics change with the size"
            )
        (fx, _, cx), (_, fy, cy), _ = self.matrix.tolist()
        try:
            check_intrinsics(fx, fy, cx, cy, width, height)
            if self.distortion is not None:
                self.distortion.check(fx, fy, cx, cy, width, height)
        except ValueError as error:
            raise ZooError(f"{file}: {error}") from None
        return doubt_intrinsics(fx, fy, cx, cy, width, height)


class Cameras:
    """Looks up the camera of a file: by its path as given, else by its name."""

    def __init__(self, common: FrameCamera | None, by_file: dict[str, FrameCamera]) -> None:
        self._common = common
        self._by_file = by_file

    def of(self, file: str) -> FrameCamera | None:
        """The camera of a file; None where it is not known."""
        return self._by_file.get(file) or self._by_file.get(Path(file).name) or self._common

    def unused(self, files: Iterable[str]) -> list[str]:
        """Files that the table names and that are none of these."""
        known = {name for file in files for name in (file, Path(file).name)}
        return [file for file in self._by_file if file not in known]


def read_cameras(text: str | None) -> Cameras:
    """Parse `FX,FY,CX,CY` in pixels of the frames, or read a csv or a YAML file.

    A csv has the columns `file,fx,fy,cx,cy`, and may have `eye_side` and those of a lens: `distortion_model`
    and `k1,k2,p1,p2,k3` (`radtan`; k3 may be empty) or `k1,k2,k3,k4` (`fisheye`). A YAML file is a rig, or
    only its camera: see `zoo.config.rendering.load_camera`.

    Raises:
        ZooError: none of them, or a row or file that is no camera.
    """
    if text is None:
        return Cameras(None, {})
    parts = text.split(",")
    if len(parts) == 4:
        return Cameras(FrameCamera(_matrix(parts, f"--camera {text}")), {})
    path = Path(text).expanduser()
    if path.suffix in (".csv", *_YAML) and not path.exists():
        raise ZooError(f"--camera {text}: no such file")
    if not path.is_file():
        raise ZooError(f"--camera {text}: neither four numbers FX,FY,CX,CY nor a csv or YAML file")
    if path.suffix in _YAML:
        return Cameras(FrameCamera.of(load_camera(path)), {})
    by_file: dict[str, FrameCamera] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise ZooError(f"{path}: lacks the columns {', '.join(missing)}")
            check_header(path, reader.fieldnames or [], (*_COLUMNS, "eye_side", *_LENS_COLUMNS))
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                check_cells(where, row)
                if not row["file"]:
                    raise ZooError(f"{where}: names no file")
                if row["file"] in by_file:
                    raise ZooError(f"{where}: {row['file']} has a camera already, above")
                matrix = _matrix([row[name] for name in _COLUMNS[1:]], where)
                side = _side(row.get("eye_side"), where)
                by_file[row["file"]] = FrameCamera(matrix, side, _distortion(row, where))
    except (OSError, csv.Error) as error:
        raise ZooError(f"{path}: cannot be read ({error})") from None
    if not by_file:
        raise ZooError(f"{path}: has no rows below its head")
    return Cameras(None, by_file)


def _matrix(parts: list[str], where: str) -> Float[np.ndarray, "3 3"]:
    try:
        fx, fy, cx, cy = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ZooError(f"{where}: fx, fy, cx, cy are numbers, not {', '.join(map(str, parts))}") from None
    if not all(map(math.isfinite, (fx, fy, cx, cy))) or min(fx, fy) <= 0:
        raise ZooError(f"{where}: fx, fy, cx, cy are finite and fx, fy positive, not {', '.join(parts)}")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _distortion(row: Mapping[str, str | None], where: str) -> Distortion | None:
    given = {name: text for name in _LENS_COLUMNS if (text := (row.get(name) or "").strip())}
    model = given.pop("distortion_model", None)
    if model is None and not given:
        return None
    known: LensModel | None = next((name for name in COEFFICIENTS if name == model), None)
    if known is None:
        model = model or ""
        raise ZooError(
            f"{where}: distortion_model {model!r} is not valid; {did_you_mean(model, COEFFICIENTS)}"
        )
    names = COEFFICIENTS[known]
    if tuple(given) not in (names, names[:4]):
        raise ZooError(f"{where}: {known} has the coefficients {', '.join(names)}, not {', '.join(given)}")
    try:
        return Distortion(model=known, coefficients=tuple(map(float, given.values())))
    except ValueError:
        raise ZooError(f"{where}: coefficients are finite numbers, not {', '.join(given.values())}") from None


def _side(text: str | None, where: str) -> EyeSide | None:
    if not text:
        return None
    for side in EYE_SIDES:
        if text.strip().lower() == side:
            return side
    raise ZooError(f"{where}: eye_side {text!r} is not valid; {did_you_mean(text, EYE_SIDES)}")
