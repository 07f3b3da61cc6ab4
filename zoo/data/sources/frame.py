"""One labelled frame in its own pixels, as a data set states it, and the batch that frames become.

What every source of separate images shares: letterboxing, and carrying labels and camera along with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, cast

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from zoo.conventions import DOMAINS, EYE_SIDES, IGNORE, MAX_GLINTS, PUPIL, Domain, EyeSide
from zoo.data.letterbox import Letterbox, letterbox_batch
from zoo.data.sample import EyeBatch, check_eye_batch, empty_eye_batch
from zoo.errors import ZooError
from zoo.geometry.glint_inverse import MEAN_CORNEA_RADIUS

Vector = tuple[float, float, float]
Point = tuple[float, float]

MEAN_ROTATION_CENTRE: Final = 5.5
"""mm from the centre of the cornea back to the eye's centre of rotation, of adults."""


class Solid(NamedTuple):
    """The eye in 3D, camera frame, mm."""

    cornea: Vector
    pupil: Vector
    cornea_radius: float | None = None
    """None: the mean of adults."""
    eyeball: Vector | None = None
    """None: behind the cornea at the mean distance."""


@dataclass(frozen=True, eq=False)
class EyeFrame:
    """Labels of one frame in pixels of that frame (the conventions of `zoo.conventions`). None: unknown."""

    subject: int = 0
    eye_side: EyeSide | None = None
    camera: tuple[float, float, float, float] | None = None
    """fx, fy, cx, cy."""
    spectacles: bool | None = None
    skin_tone: float | None = None
    """In [0, 1]."""
    openness: float | None = None
    blink: bool | None = None
    pupil_present: bool | None = None
    """None: taken to be true where the pupil's place is known."""
    pupil_px: Point | None = None
    pupil_axes: tuple[float, float, float] | None = None
    """Major and minor axis in pixels and the angle in radians; counts only with `pupil_px`."""
    pupil_mask_px: Point | None = None
    glints_px: tuple[Point, ...] | None = None
    """All that show."""
    solid: Solid | None = None
    optical: Vector | None = None
    visual: Vector | None = None


class Labelled(NamedTuple):
    """A frame with all that its data set says of it."""

    image: UInt8[np.ndarray, "h w"]
    """Grey, of any size."""
    frame: EyeFrame
    mask: UInt8[np.ndarray, "h w"] | None = None
    """Class ids, 255 = ignore; None where the classes are unknown. Where there is a mask and no
    `pupil_mask_px`, it is the centroid of the mask's pupil."""


def eye_batch(samples: Sequence[Labelled], height: int, width: int, domain: Domain, source: str) -> EyeBatch:
    """Frames letterboxed to height x width, their labels in pixels of that canvas.

    Args:
        samples: frames of any sizes.
        domain: of all of them.
        source: named in messages about values that break the contract.
    """
    batch = empty_eye_batch(len(samples), height, width)
    batch["domain"].fill_(DOMAINS.index(domain))
    for row, (image, frame, mask) in enumerate(samples):
        native = torch.from_numpy(image)[None, None].float() / 255
        canvas, batch["content"][row], box = letterbox_batch(native, height, width)
        batch["image"][row] = canvas[0].clamp(0, 1)
        if mask is not None:
            batch["segmentation"][row] = letterbox_mask(mask, batch["content"][row], box)
            batch["segmentation_valid"][row] = True
        _put_labels(batch, row, frame, mask, box)
    check_eye_batch(batch, source)
    return batch


def letterbox_mask(mask: UInt8[np.ndarray, "h w"], content: Tensor, box: Letterbox) -> Tensor:
    """(H, W) uint8: the class in whose native pixel the centre of each canvas pixel lies, 255 on padding."""
    height, width = content.shape
    u = box.to_native(torch.stack([torch.arange(width), torch.zeros(width)], -1).float())[:, 0]
    v = box.to_native(torch.stack([torch.zeros(height), torch.arange(height)], -1).float())[:, 1]
    columns = u.round().clamp(0, mask.shape[1] - 1).long()
    lines = v.round().clamp(0, mask.shape[0] - 1).long()
    classes = torch.from_numpy(np.ascontiguousarray(mask))[lines[:, None], columns]
    return torch.where(content, classes, IGNORE)


def mask_centroid(mask: UInt8[np.ndarray, "h w"]) -> Point | None:
    """(u, v) of the pupil's pixels; None where there are none."""
    v, u = np.nonzero(mask == PUPIL)
    return (float(u.mean()), float(v.mean())) if len(u) else None


def pitch_yaw_vector(pitch: float, yaw: float) -> Vector:
    """Unit vector of angles in radians, as `zoo.conventions` defines them."""
    level = np.cos(pitch)
    return float(-level * np.sin(yaw)), float(-np.sin(pitch)), float(-level * np.cos(yaw))


def fov_camera(size: tuple[int, ...], fov_deg: float) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of a picture of (height, width) `size` that spans `fov_deg` from left to right."""
    height, width = size
    focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
    return focal, focal, (width - 1) / 2, (height - 1) / 2


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in ASCII; ZooError naming one that is not readable as such."""
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: not readable ({error})") from None


def read_grey(path: Path) -> UInt8[np.ndarray, "h w"]:
    """An image file as 8-bit grey; ZooError naming the file that is none."""
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise ZooError(f"{path}: not readable ({error.strerror or error})") from None
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    if image is None:
        raise ZooError(f"{path}: not a readable image")
    return cast("UInt8[np.ndarray, 'h w']", image)


def read_classes(path: Path, size: tuple[int, int]) -> UInt8[np.ndarray, "h w"]:
    """A PNG of class ids (0-3, 255 = ignore) of (height, width) `size`; of a palette, its indices."""
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L", "1"):
                raise ZooError(f"{path}: is {image.mode}, not an indexed or grey PNG of class ids")
            mask = np.array(image, dtype=np.uint8)
    except OSError as error:
        raise ZooError(f"{path}: not a readable image ({error})") from error
    check_classes(mask, size, path)
    return mask


def check_classes(mask: np.ndarray, size: tuple[int, int], path: Path) -> None:
    """ZooError unless the mask has the image's size and holds class ids only."""
    if mask.shape != size:
        raise ZooError(f"{path}: the mask is {_shape(mask.shape)}, its image {_shape(size)} (height x width)")
    others = sorted(set(np.unique(mask).tolist()) - {0, 1, 2, 3, IGNORE})
    if others:
        raise ZooError(
            f"{path}: holds the class {others[0]}; valid: 0 background, 1 sclera, 2 iris, 3 pupil, 255 ignore"
        )


def _shape(size: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in size)


def _put_labels(
    batch: EyeBatch, row: int, frame: EyeFrame, mask: UInt8[np.ndarray, "h w"] | None, box: Letterbox
) -> None:
    def put(key: str, value: object, mask_key: str | None = None) -> None:
        batch[key][row] = torch.as_tensor(value, dtype=batch[key].dtype)  # type: ignore[literal-required]
        batch[mask_key or f"{key}_valid"][row] = True  # type: ignore[literal-required]

    def moved(point: Point) -> Float[Tensor, "2"]:
        return box.to_canvas(torch.tensor(point, dtype=torch.float64)).float()

    batch["subject"][row] = frame.subject
    if frame.eye_side is not None:
        put("eye_side", EYE_SIDES.index(frame.eye_side))
    if frame.camera is not None:
        fx, fy, cx, cy = frame.camera
        centre = moved((cx, cy)).tolist()
        put("camera", [[fx * box.scale, 0, centre[0]], [0, fy * box.scale, centre[1]], [0, 0, 1]])
    if frame.spectacles is not None:
        put("spectacles", frame.spectacles)
    if frame.skin_tone is not None:
        put("skin_tone", frame.skin_tone)
    if frame.openness is not None:
        put("openness", frame.openness)
    if frame.blink is not None:
        put("blink", float(frame.blink))

    centroid = frame.pupil_mask_px
    if centroid is None and mask is not None:
        centroid = mask_centroid(mask)
    present = frame.pupil_present
    if present is None and (centroid is not None or frame.pupil_px is not None):
        present = True
    if present is not None:
        put("pupil_present", float(present))
    if centroid is not None:
        put("pupil_mask_px", moved(centroid))
    if frame.pupil_px is not None:
        batch["pupil_ellipse"][row, :2] = moved(frame.pupil_px)
        batch["pupil_centre_valid"][row] = True
        if frame.pupil_axes is not None:
            major, minor, angle = frame.pupil_axes
            batch["pupil_ellipse"][row, 2:] = torch.tensor([major * box.scale, minor * box.scale, angle])
            batch["pupil_ellipse_valid"][row] = True
    if frame.glints_px is not None:
        for slot, glint in enumerate(frame.glints_px[:MAX_GLINTS]):
            batch["glints_px"][row, slot] = moved(glint)
            batch["glints_visible"][row, slot] = True
        batch["glints_valid"][row] = True

    if frame.solid is not None:
        _put_solid(batch, row, frame.solid)
    for key, axis in (("optical", frame.optical), ("visual", frame.visual)):
        if axis is not None:
            put(key, torch.nn.functional.normalize(torch.tensor(axis, dtype=torch.float64), dim=0))


def _put_solid(batch: EyeBatch, row: int, solid: Solid) -> None:
    cornea, pupil = (torch.tensor(p, dtype=torch.float32) for p in (solid.cornea, solid.pupil))
    batch["cornea_mm"][row], batch["pupil_mm"][row] = cornea, pupil
    radius = MEAN_CORNEA_RADIUS if solid.cornea_radius is None else solid.cornea_radius
    batch["cornea_radius_mm"][row] = radius
    back = torch.nn.functional.normalize(cornea - pupil, dim=0)
    eyeball = cornea + MEAN_ROTATION_CENTRE * back
    batch["eyeball_mm"][row] = eyeball if solid.eyeball is None else torch.tensor(solid.eyeball)
    batch["eye3d_valid"][row] = True
