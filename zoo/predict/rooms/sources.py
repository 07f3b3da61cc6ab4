"""What the user points to, as a capture: posed frames in a known layout, or images with sparse depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from zoo.data.captures.assemble import UNIFORM, Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, Frame
from zoo.data.captures.detect import detect, find_captures, open_capture
from zoo.data.captures.files import BadFileError, image_size, read_depth
from zoo.errors import ZooError
from zoo.predict.cameras import Cameras, read_cameras
from zoo.predict.sources import IMAGES, find_sources

METRES_PER_UNIT: Final = 0.001
"""Of 16-bit depth images that the user gives."""
_FIELD_OF_VIEW_DEG: Final = 60.0
_PLAUSIBLE: Final = (0.4, 10.0)  # median of sparse measurements, metres: five times off is mostly outside
_LOOKED_AT: Final = 8  # sparse files whose unit is judged


def open_source(
    patterns: Sequence[str],
    output: Path,
    *,
    layout: str | None = None,
    sparse: Path | None = None,
    camera: str | None = None,
    metres_per_unit: float | None = None,
) -> tuple[Capture, list[str]]:
    """The frames to predict, with poses in metres where they have poses, and remarks for the user.

    Args:
        patterns: one capture; with `sparse`, also images, folders or globs of images.
        output: a folder that is left out of `patterns`.
        layout: a name of `zoo.data.captures.detect.LAYOUTS`.
        sparse: a folder of 16-bit depth images in millimetres, called like the frames.
        camera: of images without a capture, as `zoo.predict.cameras.read_cameras` takes it.
        metres_per_unit: of a capture whose scale is open.

    Raises:
        ZooError: nothing that can be used, and what would be.
    """
    root = Path(patterns[0]).expanduser()
    posed = len(patterns) == 1 and (layout is not None or _is_capture(root))
    if posed:
        if camera is not None:
            raise ZooError("--camera is for images without a capture; a capture has its own intrinsics")
        capture = open_capture(root, layout, metres_per_unit)
    elif sparse is not None:
        capture = _of_images(patterns, output, read_cameras(camera), camera is not None)
    else:
        capture = open_capture(_only_capture(patterns), layout, metres_per_unit)
    remarks = []
    if capture.metric and capture.scale_remark:
        remarks.append(f"{capture.scale_remark} (--metres-per-unit)")
    if not capture.metric:
        unit = capture.nominal_metres_per_unit()
        capture = capture.scaled(unit)
        remarks.append(
            f"one unit of its poses is taken as {unit:.4g} m, which makes the scene as large as a room: "
            "depths are right up to one factor; --metres-per-unit sets it"
        )
    if sparse is not None:
        capture, notes = _with_sparse(capture, sparse.expanduser())
        remarks += notes
    return capture, remarks


def check_aspect(frame: Frame, depth: DepthFile) -> None:
    """Raise `BadFileError` where sparse depth has another aspect than its image."""
    if depth.camera is not None or depth.path.suffix in (".npy", ".npz", ".h5"):
        return
    width, height = image_size(depth.path)
    if abs(width / height * frame.size[1] / frame.size[0] - 1) > UNIFORM:
        raise BadFileError(
            f"has {width}x{height} pixels, its image {frame.size[0]}x{frame.size[1]}: another aspect"
        )


def _is_capture(root: Path) -> bool:
    return root.exists() and detect(root) is not None


def _only_capture(patterns: Sequence[str]) -> Path:
    if len(patterns) > 1:
        raise ZooError(f"one capture at a time, not {len(patterns)} sources; images alone need --sparse")
    root = Path(patterns[0]).expanduser()
    below = find_captures(root) if root.is_dir() else []
    if len(below) > 1:
        names = ", ".join(str(path) for path in below[:4])
        raise ZooError(f"{root}: holds {len(below)} captures ({names}, ...); give one of them")
    if below:
        return below[0]
    if root.is_dir() and any(file.suffix.lower() in IMAGES for file in root.iterdir()):
        raise ZooError(
            f"{root}: images without camera poses; this model needs a posed capture (docs/rooms.md lists "
            "the layouts), or sparse depth of each image (`--sparse FOLDER`)"
        )
    return root


def _of_images(patterns: Sequence[str], output: Path, cameras: Cameras, known: bool) -> Capture:
    images = [source.path for source in find_sources(patterns, skip=output) if source.kind == "image"]
    if not images:
        raise ZooError(f"{patterns[0]}: no images to complete the sparse depth of")

    def candidates() -> Iterator[Candidate]:
        for image in images:
            given = cameras.of(str(image))
            if given is not None:
                yield Candidate(image, given.matrix, given.size, distortion=given.distortion)
            else:
                yield Candidate(image, _usual_camera(image), None)

    remark = (
        "no --camera: images are taken as of a pinhole whose horizontal field of view is "
        f"{_FIELD_OF_VIEW_DEG:g} degrees; completed depth hardly depends on it"
    )
    folder = images[0].parent
    return assemble(folder, "images", candidates(), remarks=[] if known else [remark]).require_frames()


def _usual_camera(image: Path) -> Float[np.ndarray, "3 3"]:
    try:
        width, height = image_size(image)
    except BadFileError:  # `assemble` tells it
        width, height = 4, 3
    focal = width / 2 / np.tan(np.radians(_FIELD_OF_VIEW_DEG) / 2)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])


def _with_sparse(capture: Capture, folder: Path) -> tuple[Capture, list[str]]:
    if not folder.is_dir():
        raise ZooError(f"--sparse {folder}: there is no such folder")
    frames, missing = [], []
    for frame in capture.frames:
        names = dict.fromkeys((f"{frame.name}.png", f"{frame.image.stem}.png"))
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            missing.append(frame)
            frames.append(frame)
        else:
            frames.append(replace(frame, sparse_depth=DepthFile(path, METRES_PER_UNIT)))
    if len(missing) == len(frames):
        raise ZooError(
            f"--sparse {folder}: holds no file of any frame; sparse depth of the frame {frames[0].name} is "
            f"looked for in {folder / frames[0].name}.png (16 bit, millimetres, 0 unknown)"
        )
    remarks = []
    if missing:
        count = f"{len(missing)} of {len(frames)} frames (such as {missing[0].name})"
        remarks.append(f"{count} have no sparse depth in {folder}")
    remarks += _check_unit([f.sparse_depth for f in frames if f.sparse_depth is not None], folder)
    return replace(capture, frames=tuple(frames)), remarks


def _check_unit(files: list[DepthFile], folder: Path) -> list[str]:
    values = []
    for file in files[:: max(1, len(files) // _LOOKED_AT)][:_LOOKED_AT]:
        try:
            depth = read_depth(file)
        except BadFileError:  # told when its frame is read
            continue
        values.append(depth[depth > 0])
    known = np.concatenate(values) if values else np.zeros(0)
    if not len(known) or _PLAUSIBLE[0] <= (median := float(np.median(known))) <= _PLAUSIBLE[1]:
        return []
    return [
        f"{folder}: the median depth is {median:.4g} m, which is hardly a room: are its files in "
        "millimetres? (metres are 1000 times too small, TUM's 5000 steps a metre 5 times too large)"
    ]
