"""Nerfstudio's and Blender's ``transforms.json`` (also instant-ngp's and Polycam's).

https://docs.nerf.studio/quickstart/data_conventions.html. Poses are cam_to_world in OpenGL's camera axes (x
right, y up, z back), turned into OpenCV's. Intrinsics stand at the top or at each frame; the centre of the
first pixel is (0.5, 0.5). Depth (``depth_file_path``) is in millimetres, Nerfstudio's default.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, Skipped
from zoo.data.captures.files import IMAGE_ENDINGS
from zoo.data.captures.poses import OPENGL_TO_OPENCV
from zoo.errors import ZooError
from zoo.geometry.lens import Distortion

NAME = "transforms"
LOOKS_LIKE = "transforms.json (Nerfstudio, instant-ngp), or transforms_train.json (Blender)"
_FILES: Final = ("transforms.json", "transforms_train.json", "transforms_test.json", "transforms_val.json")
_PERSPECTIVE: Final = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE")
_SCALE_REMARK: Final = (
    "transforms.json does not say whether its unit is a metre (it is in captures by ARKit, not in those that "
    "went through COLMAP): depths come in its unit; if it is no metre, say how many metres it has"
)


def matches(root: Path) -> bool:
    """Whether a folder, or the JSON file itself, is of this layout."""
    if root.suffix == ".json":
        return root.is_file()
    return any((root / name).is_file() for name in _FILES)


def read(root: Path) -> Capture:
    """The capture in a folder, or of one JSON file.

    Raises:
        ZooError: the file is missing, no JSON, or lacks the frames or the intrinsics.
    """
    path = root if root.suffix == ".json" else next((root / n for n in _FILES if (root / n).is_file()), None)
    if path is None:
        raise ZooError(f"{root}: has none of {', '.join(_FILES)}")
    try:
        meta = json.loads(path.read_text(encoding="utf-8-sig"))
        entries = meta["frames"]
        if not isinstance(entries, list):
            raise TypeError
    except (OSError, ValueError) as error:
        raise ZooError(f"{path}: not readable JSON ({error})") from None
    except (KeyError, TypeError):
        raise ZooError(
            f'{path}: has no "frames"; a list of file_path and transform_matrix is expected'
        ) from None
    folder = path.parent
    try:
        scale = _positive({"applied_scale": 1.0, **meta}, "applied_scale")
    except ValueError as error:
        raise ZooError(f"{path}: {error}") from None

    def candidates() -> Iterator[Candidate | Skipped]:
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict) or "file_path" not in entry:
                yield Skipped(path.with_name(f"{path.name}, frame {number}"), 'has no "file_path"')
                continue
            values = {**meta, **entry}
            image = _image(folder, str(entry["file_path"]))
            try:
                pose = _matrix(entry["transform_matrix"])
                candidate = _candidate(image, values, pose, path, folder, scale)
            except KeyError as error:
                yield Skipped(image, f"{path.name} gives it no {error.args[0]}")
                continue
            except ValueError as error:
                yield Skipped(image, f"{path.name}: {error}")
                continue
            yield candidate

    remarks = [] if scale == 1 else [f"{path.name}: applied_scale {scale:g} was divided out of the poses"]
    others = [name for name in _FILES if name != path.name and (folder / name).is_file()]
    if others:
        remarks.append(f"{path.name} is used; {', '.join(others)} beside it can be given by path")
    # Taken as metric: captures whose poses the device itself tracked are.
    return replace(assemble(folder, NAME, candidates(), remarks=remarks), scale_remark=_SCALE_REMARK)


def _candidate(
    image: Path,
    values: Mapping[str, Any],
    pose: Float[np.ndarray, "rows 4"],
    path: Path,
    folder: Path,
    scale: float,
) -> Candidate:
    stated = "w" in values and "h" in values
    size = (round(_positive(values, "w")), round(_positive(values, "h"))) if stated else None
    pose = np.vstack((pose[:3], pose[3:] if len(pose) == 4 else [[0, 0, 0, 1.0]])) @ OPENGL_TO_OPENCV
    pose[:3, 3] /= scale
    if "fl_x" in values:
        fx = _number(values, "fl_x")
        fy = _number(values, "fl_y") if "fl_y" in values else fx
    else:
        if "camera_angle_x" not in values:
            raise KeyError("fl_x and no camera_angle_x")
        size = size or _size_of(image)
        fx = _focal(values, "camera_angle_x", size[0])
        fy = _focal(values, "camera_angle_y", size[1]) if "camera_angle_y" in values else fx
    if "cx" in values and "cy" in values:
        cx, cy = _number(values, "cx"), _number(values, "cy")
    else:
        width, height = size or _size_of(image)
        cx, cy = width / 2, height / 2
    depth = values.get("depth_file_path")
    return Candidate(
        image,
        np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1]]),
        size,
        pose,
        path.with_name(f"{path.name}, {image.name}"),
        _distortion(values),
        DepthFile(folder / str(depth), 0.001) if depth else None,
    )


def _distortion(values: Mapping[str, Any]) -> Distortion | None:
    model = str(values.get("camera_model", "OPENCV"))
    ks = [_number(values, name) if name in values else 0.0 for name in ("k1", "k2", "k3", "k4")]
    ps = [_number(values, name) if name in values else 0.0 for name in ("p1", "p2")]
    if model == "OPENCV_FISHEYE" or values.get("is_fisheye"):
        return Distortion(model="fisheye", coefficients=tuple(ks))
    if model not in _PERSPECTIVE:
        raise ValueError(
            f"camera_model {model} is not supported; valid: {', '.join(_PERSPECTIVE)}, OPENCV_FISHEYE"
        )
    if ks[3]:
        raise ValueError(
            f"k4 = {ks[3]:g} is not supported with camera_model {model}; undistort the images first"
        )
    if not any((*ks, *ps)):
        return None
    return Distortion(model="radtan", coefficients=(ks[0], ks[1], *ps, ks[2]))


def _matrix(value: object) -> Float[np.ndarray, "rows 4"]:
    """A pose of 3 or 4 rows."""
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("transform_matrix is no table of 4x4 numbers") from None
    if matrix.shape not in ((3, 4), (4, 4)):
        raise ValueError(f"transform_matrix has the shape {matrix.shape}, not 4x4")
    return matrix


def _number(values: Mapping[str, Any], key: str) -> float:
    try:
        return float(values[key])
    except (TypeError, ValueError):
        raise ValueError(f"{key} is {values[key]!r}, not a number") from None


def _positive(values: Mapping[str, Any], key: str) -> float:
    number = _number(values, key)
    if not 0 < number < math.inf:
        raise ValueError(f"{key} is {number:g}; a positive number is needed")
    return number


def _focal(values: Mapping[str, Any], key: str, pixels: int) -> float:
    """Focal length of a field of view in radians."""
    angle = _number(values, key)
    if not 0 < angle < math.pi:
        raise ValueError(f"{key} is {angle:g}; a field of view in radians is between 0 and pi")
    return 0.5 * pixels / math.tan(0.5 * angle)


def _image(folder: Path, name: str) -> Path:
    """The file of a frame; Blender leaves the ending out, and files written on Windows have backslashes."""
    path = folder / name
    if "\\" in name and not path.is_file():
        path = folder / name.replace("\\", "/")
    if path.suffix.lower() in IMAGE_ENDINGS:
        return path
    there = (path.with_name(path.name + ending) for ending in IMAGE_ENDINGS)
    return next((file for file in there if file.is_file()), path)


def _size_of(image: Path) -> tuple[int, int]:
    from zoo.data.captures.files import BadFileError, image_size

    try:
        return image_size(image)
    except BadFileError as error:
        raise ValueError(str(error)) from None
