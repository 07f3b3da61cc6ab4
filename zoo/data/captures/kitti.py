"""KITTI depth completion, without poses: frames to be completed.

Either the selections
``{val_selection_cropped,test_depth_completion_anonymous}/{image,velodyne_raw,intrinsics,
groundtruth_depth}``, or a drive ``<drive>_sync/proj_depth/{velodyne_raw,groundtruth}/image_0X`` with the raw
data's ``image_0X/data`` in the same folder and ``calib_cam_to_cam.txt`` in it or above. Depth: 16 bit, 256
steps a metre, 0 unknown; the truth is accumulated over 11 scans.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, Skipped
from zoo.data.captures.files import BadFileError, read_camera
from zoo.errors import ZooError

NAME = "kitti"
LOOKS_LIKE = (
    "image/, velodyne_raw/, intrinsics/ (the selections), or proj_depth/ with image_02/data/ (a drive)"
)
METRES_PER_UNIT: Final = 1 / 256


def matches(root: Path) -> bool:
    """Whether a folder holds this layout."""
    return (root / "proj_depth").is_dir() or all(
        (root / name).is_dir() for name in ("image", "velodyne_raw", "intrinsics")
    )


def read(root: Path) -> Capture:
    """The frames in a folder.

    Raises:
        ZooError: a drive without its calibration.
    """
    drive = (root / "proj_depth").is_dir()
    candidates = _drive(root) if drive else _selection(root)
    return assemble(root, NAME, candidates, images=root if drive else root / "image")


def _selection(root: Path) -> Iterator[Candidate | Skipped]:
    for image in sorted((root / "image").glob("*.png")):
        try:
            camera = read_camera(root / "intrinsics" / f"{image.stem}.txt")
        except BadFileError as error:
            yield Skipped(root / "intrinsics" / f"{image.stem}.txt", str(error))
            continue
        files = {}
        for kind in ("velodyne_raw", "groundtruth_depth"):
            path = root / kind / image.name.replace("_sync_image_", f"_sync_{kind}_")
            files[kind] = DepthFile(path, METRES_PER_UNIT) if path.is_file() else None
        yield Candidate(
            image, camera, None, depth=files["groundtruth_depth"], sparse_depth=files["velodyne_raw"]
        )


def _drive(root: Path) -> Iterator[Candidate | Skipped]:
    places = [folder / "calib_cam_to_cam.txt" for folder in (root, *list(root.resolve().parents)[:2])]
    calibration = next((path for path in places if path.is_file()), None)
    if calibration is None:
        raise ZooError(
            f"{root}: has no calib_cam_to_cam.txt, neither in it nor above; copy it from KITTI raw"
        )
    for side in ("image_02", "image_03"):
        sparse_folder = root / "proj_depth" / "velodyne_raw" / side
        for sparse in sorted(sparse_folder.glob("*.png")):
            image = root / side / "data" / sparse.name
            if not image.is_file():
                yield Skipped(image, "the image is missing: put KITTI raw's images beside proj_depth")
                continue
            camera, size = _calibration(calibration, side[-2:])
            truth = root / "proj_depth" / "groundtruth" / side / sparse.name
            yield Candidate(
                image,
                camera,
                size,
                depth=DepthFile(truth, METRES_PER_UNIT) if truth.is_file() else None,
                sparse_depth=DepthFile(sparse, METRES_PER_UNIT),
                name=f"{side}/{sparse.stem}",
            )


def _calibration(path: Path, camera: str) -> tuple[Float[np.ndarray, "3 3"], tuple[int, int]]:
    """Intrinsics and image size of a rectified camera."""
    try:
        lines = dict(
            line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line
        )
        matrix = np.array(lines[f"P_rect_{camera}"].split(), dtype=np.float64).reshape(3, 4)
        width, height = (round(float(word)) for word in lines[f"S_rect_{camera}"].split())
    except (OSError, KeyError, ValueError) as error:
        raise ZooError(f"{path}: no rectified calibration of camera {camera} ({error})") from None
    return matrix[:, :3], (width, height)
