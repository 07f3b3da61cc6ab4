"""TUM RGB-D: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats (also ICL-NUIM written like it).

``rgb.txt``, ``depth.txt`` (``timestamp file``) and ``groundtruth.txt`` (``timestamp tx ty tz qx qy qz qw``,
cam_to_world), associated by time. Depth: 16 bit, 5000 steps a metre, registered to the colour image. Cameras
are those of the published calibration of freiburg1, 2 and 3, which the folder's name tells; a ``K.txt``
replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, Skipped
from zoo.data.captures.files import BadFileError, read_camera, read_numbers
from zoo.data.captures.poses import BadPoseError, pose_of_quaternion
from zoo.errors import ZooError
from zoo.geometry.lens import Distortion

NAME = "tum"
LOOKS_LIKE = "rgb.txt, depth.txt and groundtruth.txt, rgb/, depth/"
METRES_PER_UNIT: Final = 1 / 5000
MAX_SECONDS: Final = 0.02
"""Largest difference in time between an image, its depth and its pose."""

_CAMERAS: Final[dict[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "freiburg1": ((517.3, 516.5, 318.6, 255.3), (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    "freiburg2": ((520.9, 521.0, 325.1, 249.7), (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    "freiburg3": ((535.4, 539.2, 320.1, 247.6), ()),
}
_SIZE: Final = (640, 480)
_DEFAULT: Final = (525.0, 525.0, 319.5, 239.5)


def matches(root: Path) -> bool:
    """Whether a folder holds this layout."""
    return all((root / name).is_file() for name in ("rgb.txt", "groundtruth.txt"))


def read(root: Path) -> Capture:
    """The capture in a folder.

    Raises:
        ZooError: a list is missing or not as described.
    """
    images = _list(root / "rgb.txt")
    depths = _list(root / "depth.txt") if (root / "depth.txt").is_file() else []
    path = root / "groundtruth.txt"
    try:
        poses = read_numbers(path)
        if poses.shape[1] != 8:
            raise BadFileError(f"has {poses.shape[1]} numbers a line, not 8 (timestamp tx ty tz qx qy qz qw)")
    except BadFileError as error:
        raise ZooError(f"{path}: {error}") from None
    try:
        camera, distortion, remark = _camera(root)
    except BadFileError as error:
        raise ZooError(f"{root / 'K.txt'}: {error}") from None
    size = None if (root / "K.txt").is_file() else _SIZE
    pose_times = poses[:, 0]
    depth_times = np.array([time for time, _ in depths])

    def candidates() -> Iterator[Candidate | Skipped]:
        for time, image in images:
            line = _nearest(pose_times, time)
            if line is None:
                yield Skipped(image, f"no pose of groundtruth.txt within {MAX_SECONDS} s of it")
                continue
            _, tx, ty, tz, qx, qy, qz, qw = poses[line].tolist()
            try:
                pose = pose_of_quaternion(qw, qx, qy, qz, np.array([tx, ty, tz]))
            except BadPoseError as error:
                yield Skipped(image, str(error))
                continue
            match = _nearest(depth_times, time)
            depth = None if match is None else DepthFile(depths[match][1], METRES_PER_UNIT)
            yield Candidate(image, camera, size, pose, path, distortion, depth)

    return assemble(root, NAME, candidates(), images=root / "rgb", remarks=[remark] if remark else [])


def _camera(root: Path) -> tuple[Float[np.ndarray, "3 3"], Distortion | None, str]:
    if (root / "K.txt").is_file():
        return read_camera(root / "K.txt"), None, ""
    known = next((name for name in _CAMERAS if name in str(root.resolve()).lower()), None)
    (fx, fy, cx, cy), lens = _CAMERAS[known] if known else (_DEFAULT, ())
    distortion = Distortion(model="radtan", coefficients=lens) if lens else None
    remark = (
        "the folder's name holds none of freiburg1, freiburg2, freiburg3: the approximate default camera "
        "525, 525, 319.5, 239.5 is used; put the right one into K.txt"
    )
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), distortion, "" if known else remark


def _list(path: Path) -> list[tuple[float, Path]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = [line.split()[:2] for line in lines if line.strip() and not line.startswith("#")]
        return [(float(time), path.parent / name) for time, name in pairs]
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: not a list of timestamps and files ({error})") from None


def _nearest(times: Float[np.ndarray, "n"], time: float) -> int | None:
    if not len(times):
        return None
    best = int(np.abs(times - time).argmin())
    return best if abs(float(times[best]) - time) <= MAX_SECONDS else None
