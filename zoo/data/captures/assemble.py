"""From what a layout states to a capture: every check that all layouts share.

A frame that fails a check is skipped with a reason, and the rest goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from zoo.data.captures.capture import Capture, DepthFile, Frame, Skipped, frame_names
from zoo.data.captures.files import BadFileError, image_size
from zoo.data.captures.poses import BadPoseError, checked_pose
from zoo.geometry.lens import Distortion

UNIFORM = 0.01
"""Largest relative difference between the scales of width and height that rounding to pixels explains."""
USED_WITHOUT = "missing; the frame is used without it"
"""The reason of what is noted and not left out."""
_MIDDLE = (0.3, 0.7)  # where principal points lie, as a share of the image, if the size is only assumed


@dataclass(frozen=True, eq=False)
class Candidate:
    """A frame as its layout states it, converted to our conventions and not yet checked."""

    image: Path
    camera: Float[np.ndarray, "3 3"]
    size: tuple[int, int] | None
    """Width and height that the intrinsics hold for, where the layout states them."""
    pose: Shaped[np.ndarray, "..."] | None = None
    """cam_to_world; None in layouts without poses."""
    pose_file: Path | None = None
    """The file to name if the pose is wrong."""
    distortion: Distortion | None = None
    depth: DepthFile | None = None
    sparse_depth: DepthFile | None = None
    name: str | None = None
    """Where the image's file name does not serve."""


def assemble(
    root: Path,
    layout: str,
    candidates: Iterable[Candidate | Skipped],
    *,
    images: Path | None = None,
    remarks: Iterable[str] = (),
    metric: bool = True,
) -> Capture:
    """The capture of those candidates that pass.

    Args:
        root: the capture's folder.
        layout: its name.
        candidates: in the order of the frames; `Skipped` for what the layout itself could not use.
        images: folder that frame names are relative to; `root` if None.
        remarks: of the layout.
        metric: whether lengths are metres.
    """
    skipped, notes = [], list(dict.fromkeys(remarks))
    scaled: dict[str, list[str]] = {}
    found: list[tuple[Candidate, tuple[int, int]]] = []
    listed: set[Path] = set()
    for candidate in candidates:
        if isinstance(candidate, Skipped):
            skipped.append(candidate)
            continue
        if candidate.image in listed:
            skipped.append(Skipped(candidate.image, "listed more than once: its first entry is used"))
            continue
        listed.add(candidate.image)
        try:
            found.append((candidate, image_size(candidate.image)))
        except BadFileError as error:
            skipped.append(Skipped(candidate.image, str(error)))
    common = Counter(size for _, size in found).most_common(1)
    names = frame_names([candidate.image for candidate, _ in found], images or root)
    frames = []
    for (candidate, size), name in zip(found, names, strict=True):
        stated = candidate.size or common[0][0]
        try:
            if size != stated:
                scaled.setdefault(_scale_note(stated, size, candidate), []).append(candidate.image.name)
            camera = _camera(candidate, stated, size)
            if candidate.distortion is not None:
                fx, fy, cx, cy = camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2]
                candidate.distortion.check(float(fx), float(fy), float(cx), float(cy), *size)
        except ValueError as error:
            skipped.append(Skipped(candidate.image, str(error)))
            continue
        pose = candidate.pose
        if pose is not None:
            try:
                pose = checked_pose(pose)
            except BadPoseError as error:
                skipped.append(Skipped(candidate.pose_file or candidate.image, str(error)))
                continue
        depths = []
        for depth in (candidate.depth, candidate.sparse_depth):
            if depth is not None and not depth.path.is_file():
                skipped.append(Skipped(depth.path, USED_WITHOUT))
                depth = None
            depths.append(depth)
        frames.append(
            Frame(candidate.name or name, candidate.image, size, camera, candidate.distortion, pose, *depths)
        )
    for note, changed in scaled.items():
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        notes.append(f"{changed[0]}{more}: {note}")
    return Capture(root, layout, tuple(frames), tuple(skipped), tuple(notes), metric)


def scale_camera(
    camera: Float[np.ndarray, "3 3"], scale_u: float, scale_v: float
) -> Float[np.ndarray, "3 3"]:
    """Camera of a resized image, by the rule that pixel c goes to ``s (c + 0.5) - 0.5``."""
    scaled = camera.astype(np.float64)
    scaled[0] *= scale_u
    scaled[1] *= scale_v
    scaled[0, 2] += (scale_u - 1) / 2
    scaled[1, 2] += (scale_v - 1) / 2
    return scaled


def _scale_note(stated: tuple[int, int], size: tuple[int, int], candidate: Candidate) -> str:
    if min(stated) < 1:
        raise ValueError(f"the size that its intrinsics hold for is {stated[0]}x{stated[1]} pixels")
    across, down = size[0] / stated[0], size[1] / stated[1]
    one, other = f"{stated[0]}x{stated[1]}", f"{size[0]}x{size[1]}"
    whose = "the intrinsics hold for" if candidate.size else "most images have"
    if abs(across / down - 1) > UNIFORM:
        raise ValueError(
            f"{whose} {one} pixels, this image has {other}, which is another aspect: it was cropped or "
            "stretched; give the intrinsics of the images as they are, or the original images"
        )
    return f"{other} pixels, {whose} {one}: the intrinsics were scaled by {across:.4g}"


def _camera(candidate: Candidate, stated: tuple[int, int], size: tuple[int, int]) -> Float[np.ndarray, "3 3"]:
    camera, (width, height) = np.asarray(candidate.camera, np.float64), stated
    if camera.shape != (3, 3) or not np.isfinite(camera).all():
        raise ValueError(f"its intrinsics are not a 3x3 matrix of finite numbers: {camera.tolist()}")
    fx, fy, cx, cy = camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2]
    if fx <= 0 or fy <= 0:
        raise ValueError(
            f"its focal lengths {fx:g}, {fy:g} are not positive; a negative one means flipped axes or rows: "
            "flip the image and the poses, not the focal length"
        )
    low, high = (0.0, 1.0) if candidate.size else _MIDDLE
    if not (low * width <= cx <= high * width and low * height <= cy <= high * height):
        raise ValueError(
            f"its principal point ({cx:g}, {cy:g}) is far from the middle of {width}x{height} pixels: these "
            "look like the intrinsics of another resolution; scale them to the images"
        )
    return scale_camera(camera, size[0] / width, size[1] / height) if size != stated else camera
