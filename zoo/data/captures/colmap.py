"""COLMAP's sparse models, text and binary: https://colmap.github.io/format.html.

``cameras.{bin,txt}`` and ``images.{bin,txt}`` in the folder itself, ``sparse/0``, ``sparse``,
``colmap/sparse/0``, ``dense/sparse`` or the like, and the images in ``images/``. Poses are world-to-camera
(qw qx qy qz tx ty tz); the centre of the first pixel is (0.5, 0.5), so 0.5 is subtracted from the principal
point. The scale is arbitrary.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from jaxtyping import Float

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, Skipped, natural
from zoo.data.captures.poses import BadPoseError, inverse, pose_of_quaternion
from zoo.errors import ZooError
from zoo.geometry.lens import Distortion

NAME = "colmap"
LOOKS_LIKE = "images/ and cameras.bin, images.bin (or .txt), here or in sparse/0/"

MODELS: Final[dict[str, tuple[str, ...]]] = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
    "OPENCV_FISHEYE": ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4"),
    "FULL_OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    "FOV": ("fx", "fy", "cx", "cy", "omega"),
    "SIMPLE_RADIAL_FISHEYE": ("f", "cx", "cy", "k1"),
    "RADIAL_FISHEYE": ("f", "cx", "cy", "k1", "k2"),
    "THIN_PRISM_FISHEYE": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "sx1", "sy1"),
}
"""COLMAP's camera models in the order of their numbers, and their parameters."""
_FISHEYE: Final = ("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
_ENDS: Final = (".bin", ".txt")
_MAX_POINTS: Final = 20_000  # enough for a median
_SCALE_REMARK: Final = (
    "COLMAP's scale is arbitrary unless its poses were aligned to metres: depths come in its unit; "
    "say how many metres one unit has"
)


class Camera(NamedTuple):
    """One line of cameras.txt."""

    model: str
    size: tuple[int, int]
    values: dict[str, float]


class Image(NamedTuple):
    """One entry of images.txt."""

    number: int
    name: str
    camera: int
    quaternion: tuple[float, float, float, float]  # w x y z
    translation: Float[np.ndarray, "3"]


Point = tuple[Float[np.ndarray, "3"], list[int]]
"""A place in the world, and the numbers of the images that it was found in."""


def model_folder(root: Path) -> Path | None:
    """Where below `root` the model lies; of several the first."""
    for place in ("", "sparse/0", "sparse", "colmap/sparse/0", "dense/sparse", "dense/0/sparse", "0"):
        folder = root / place
        if any((folder / f"cameras{end}").is_file() and (folder / f"images{end}").is_file() for end in _ENDS):
            return folder
    return None


def matches(root: Path) -> bool:
    """Whether a folder holds this layout."""
    return model_folder(root) is not None


def read(root: Path) -> Capture:
    """The capture in a folder.

    Raises:
        ZooError: there is no model, or one of its files is damaged.
    """
    folder = model_folder(root)
    if folder is None:
        raise ZooError(f"{root}: no COLMAP model; expected {LOOKS_LIKE}")
    binary = (folder / "cameras.bin").is_file()
    path = folder / ("images.bin" if binary else "images.txt")
    try:
        cameras = (
            read_cameras_binary(folder / "cameras.bin") if binary else _cameras_text(folder / "cameras.txt")
        )
        entries = read_images_binary(path) if binary else _images_text(path)
    except (OSError, ValueError, KeyError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise ZooError(f"{folder}: not a readable COLMAP model ({error})") from None
    images = _images_folder(root, folder, entries)
    by_path = {images / entry.name: entry for entry in entries}

    def candidates() -> Iterator[Candidate | Skipped]:
        for file in natural(by_path):
            entry = by_path[file]
            if entry.camera not in cameras:
                yield Skipped(file, f"its camera {entry.camera} is not among the model's cameras")
                continue
            camera = cameras[entry.camera]
            try:
                matrix, distortion = pinhole(camera)
                pose = pose_of_quaternion(*entry.quaternion, entry.translation)
            except (ValueError, BadPoseError) as error:
                yield Skipped(file, str(error))
                continue
            yield Candidate(file, matrix, camera.size, inverse(pose), path, distortion)

    capture = assemble(root, NAME, candidates(), images=images, metric=False)
    return replace(capture, scale_remark=_SCALE_REMARK, scene_depth=_median_depth(folder, entries))


def pinhole(camera: Camera) -> tuple[Float[np.ndarray, "3 3"], Distortion | None]:
    """Intrinsics in our pixels, and the lens where it has one.

    Raises:
        ValueError: a model that the zoo cannot undistort.
    """
    v = camera.values
    fx, fy = v.get("fx", v.get("f", 0.0)), v.get("fy", v.get("f", 0.0))
    matrix = np.array([[fx, 0, v["cx"] - 0.5], [0, fy, v["cy"] - 0.5], [0, 0, 1]])
    further = [name for name in ("k4", "k5", "k6", "sx1", "sy1", "omega") if v.get(name)]
    if camera.model in _FISHEYE:
        coefficients = tuple(v.get(f"k{i}", 0.0) for i in range(1, 5))
        return matrix, Distortion(model="fisheye", coefficients=coefficients)
    if camera.model in ("FOV", "THIN_PRISM_FISHEYE") or further:
        raise ValueError(
            f"the camera model {camera.model} is not supported; undistort the images with "
            "`colmap image_undistorter` and use its output folder"
        )
    radtan = tuple(v.get(name, 0.0) for name in ("k1", "k2", "p1", "p2", "k3"))
    return matrix, Distortion(model="radtan", coefficients=radtan) if any(radtan) else None


def _median_depth(folder: Path, entries: list[Image]) -> float | None:
    """Of the model's points in the images that they were found in; None where it has no readable points."""
    try:
        binary = folder / "points3D.bin"
        points = _points_binary(binary) if binary.is_file() else _points_text(folder / "points3D.txt")
    except (OSError, ValueError, IndexError, struct.error):
        return None
    poses = {}
    for entry in entries:
        with suppress(BadPoseError):
            poses[entry.number] = pose_of_quaternion(*entry.quaternion, entry.translation)
    depths = [
        float(poses[number][2, :3] @ point + poses[number][2, 3])
        for point, numbers in points
        for number in numbers
        if number in poses
    ]
    ahead = [depth for depth in depths if depth > 0]
    return float(np.median(ahead)) if ahead else None


def _images_folder(root: Path, model: Path, entries: list[Image]) -> Path:
    """The first folder that holds an image of the model; images/ if none does."""
    places = [root / name for name in ("images", "", "dense/images", "rgb", "input")]
    places += [model.parent / "images", model.parent.parent / "images"]
    names = [entry.name for entry in entries[:20]]
    return next((place for place in places if any((place / name).is_file() for name in names)), places[0])


def _camera(model: str, width: int, height: int, values: list[float]) -> Camera:
    names = MODELS[model]
    if len(values) != len(names):
        raise ValueError(
            f"a camera of the model {model} has {len(values)} parameters instead of {len(names)}"
        )
    return Camera(model, (width, height), dict(zip(names, values, strict=True)))


def _cameras_text(path: Path) -> dict[int, Camera]:
    cameras = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 1 and words[1] not in MODELS:
            raise ValueError(f"unknown camera model {words[1]}")
        try:
            number, width, height = int(words[0]), int(words[2]), int(words[3])
            values = [float(word) for word in words[4:]]
        except (ValueError, IndexError):
            raise ValueError(_no_entry(path, "camera", line)) from None
        cameras[number] = _camera(words[1], width, height, values)
    return cameras


def _images_text(path: Path) -> list[Image]:
    # Two lines an image: the second, of its points, may be empty.
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    images = []
    for line in lines[::2]:
        words = line.split(maxsplit=9)
        if not words:
            continue
        try:
            w, x, y, z, *translation = (float(word) for word in words[1:8])
            number, camera, name = int(words[0]), int(words[8]), words[9].strip()
        except (ValueError, IndexError):
            raise ValueError(_no_entry(path, "image", line)) from None
        images.append(Image(number, name, camera, (w, x, y, z), np.array(translation)))
    return images


def _no_entry(path: Path, kind: str, line: str) -> str:
    return f"{path.name}: not a readable entry ({kind}): {line.strip()[:60]!r}"


def read_cameras_binary(path: Path) -> dict[int, Camera]:
    """The cameras of cameras.bin by their number."""
    cameras = {}
    names = list(MODELS)
    with path.open("rb") as file:
        for _ in range(_unpack(file, "Q")[0]):
            number, model, width, height = _unpack(file, "iiQQ")
            if not 0 <= model < len(names):
                raise ValueError(f"unknown camera model number {model}")
            values = list(_unpack(file, "d" * len(MODELS[names[model]])))
            cameras[number] = _camera(names[model], width, height, values)
    return cameras


def read_images_binary(path: Path) -> list[Image]:
    """The images of images.bin; their 2D points are passed over."""
    images = []
    with path.open("rb") as file:
        for _ in range(_unpack(file, "Q")[0]):
            number, w, x, y, z, *translation, camera = _unpack(file, "i7di")
            name = bytearray()
            while (byte := file.read(1)) != b"\0":
                if not byte:
                    raise ValueError("images.bin ends within a name")
                name += byte
            points = 24 * _unpack(file, "Q")[0]
            if points > path.stat().st_size or len(file.read(points)) < points:  # a seek would pass the end
                raise ValueError("images.bin was cut off")
            images.append(Image(number, name.decode("utf-8"), camera, (w, x, y, z), np.array(translation)))
    return images


def _points_text(path: Path) -> list[Point]:
    points: list[Point] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words and not words[0].startswith("#") and len(points) < _MAX_POINTS:
            points.append((np.array([float(word) for word in words[1:4]]), [int(n) for n in words[8::2]]))
    return points


def _points_binary(path: Path) -> list[Point]:
    points: list[Point] = []
    with path.open("rb") as file:
        for _ in range(min(_unpack(file, "Q")[0], _MAX_POINTS)):
            _, *place, _, _, _, _, length = _unpack(file, "Q3d3BdQ")
            if 8 * length > path.stat().st_size:
                raise ValueError("points3D.bin was cut off")
            points.append((np.array(place), list(_unpack(file, "ii" * length)[::2])))
    return points


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    size = struct.calcsize("<" + form)
    data = file.read(size)
    if len(data) < size:
        raise ValueError(f"{Path(file.name).name} was cut off")
    return struct.unpack("<" + form, data)
