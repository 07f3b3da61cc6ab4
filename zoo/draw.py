"""Pictures of predictions and labels: overlays and contact sheets. RGB, uint8."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from zoo.conventions import BACKGROUND, IGNORE, IRIS, PUPIL, SCLERA
from zoo.data.sample import EyeBatch
from zoo.errors import ZooError
from zoo.files import replacing
from zoo.geometry.distortion import distort_pixels
from zoo.predict.images import to_unit_grey8
from zoo.predict.result import EyeResult, Glint, Point, Vector

Picture = UInt8[np.ndarray, "_ _ 3"]

_READABLE_SIDE: Final = 480  # smaller frames are enlarged to about this
_COLOURS: Final = np.zeros((256, 1, 3), dtype=np.uint8)
_COLOURS[[SCLERA, IRIS, PUPIL, IGNORE], 0] = (90, 160, 255), (60, 210, 110), (255, 80, 70), (128, 128, 128)
_OPACITY: Final = 0.25
_ELLIPSE: Final = (255, 60, 60)
_CROSS: Final = (255, 255, 255)
_GLINT: Final = (255, 220, 0)
OPTICAL_COLOUR: Final = (0, 225, 255)
VISUAL_COLOUR: Final = (255, 120, 255)
_AXIS_MM: Final = 12.0  # length that an axis is drawn with, from the pupil's centre outward
_OPEN: Final = (70, 190, 90)
_BLINK: Final = (230, 70, 60)
_STRIP: Final = (24, 24, 24)
_TEXT: Final = (235, 235, 235)
_SHIFT: Final = 4  # binary digits of the sub-pixel coordinates that OpenCV draws with


def overlay(image: Shaped[np.ndarray, "..."], result: EyeResult) -> Picture:
    """Draw a result over its frame, with a strip of numbers below.

    Classes are tinted, the pupil's ellipse and its centre (a cross), and glints are drawn below a pixel's
    accuracy; the bar in the strip is as long as the eye is open and turns red at a blink. Small frames are
    enlarged by a whole number. The optical axis is drawn in blue, the visual axis in pink, each as a rod of
    12 mm that stands on the pupil.

    Args:
        image: as `zoo.predict.images.to_unit_grey` takes it, of the size that the result is for.
    """
    grey = to_unit_grey8(image)
    height, width = grey.shape
    factor = max(1, math.ceil(_READABLE_SIDE / max(height, width)))
    size = (width * factor, height * factor)
    enlarged = cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR) if factor > 1 else grey
    picture = np.repeat(enlarged[:, :, None], 3, axis=2)
    stroke = max(1, round(max(size) / 800))
    if result.segmentation is not None:
        classes = cv2.resize(result.segmentation, size, interpolation=cv2.INTER_NEAREST)
        _tint(picture, np.asarray(classes))
    centre = result.pupil_px if result.pupil_px is not None else result.pupil_mask_px
    if centre is not None:
        if result.pupil_major_px is not None and result.pupil_minor_px is not None:
            angle = result.pupil_angle_deg or 0.0
            outline = _ellipse(centre, result.pupil_major_px, result.pupil_minor_px, angle)
            _lines(picture, outline, factor, _ELLIPSE, stroke, closed=True)
        arm = 5 * stroke / factor
        for across in ((arm, 0.0), (0.0, arm)):
            ends = np.array([np.subtract(centre, across), np.add(centre, across)])
            _lines(picture, ends, factor, _CROSS, stroke)
    for axis, colour in ((result.visual, VISUAL_COLOUR), (result.optical, OPTICAL_COLOUR)):
        line = _axis(result, axis)
        if line is not None:
            _lines(picture, line, factor, colour, 2 * stroke)
    for glint in result.glints:
        ring = _ellipse((glint.u, glint.v), 10 * stroke / factor, 10 * stroke / factor, 0.0)
        _lines(picture, ring, factor, _GLINT, stroke, closed=True)
    return np.concatenate([picture, _strip(result, size[0], stroke)])


def sheet(images: Sequence[Picture], columns: int) -> Picture:
    """Pictures side by side in rows of `columns`, each in the middle of a cell as large as the largest."""
    if not images:
        raise ValueError("a sheet needs at least one picture")
    gap = 2
    height, width = (max(image.shape[axis] for image in images) + gap for axis in (0, 1))
    rows = math.ceil(len(images) / columns)
    result = np.full((rows * height, min(columns, len(images)) * width, 3), _STRIP, dtype=np.uint8)
    for number, image in enumerate(images):
        top = number // columns * height + (height - image.shape[0]) // 2
        left = number % columns * width + (width - image.shape[1]) // 2
        result[top : top + image.shape[0], left : left + image.shape[1]] = image
    return result


def save_picture(path: Path, picture: Picture) -> None:
    """Write a picture in the format of the file's ending.

    Raises:
        ZooError: no such format, or the file cannot be written.
    """
    try:
        known, data = cv2.imencode(path.suffix or ".none", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error:
        known = False
    if not known:
        raise ZooError(f"{path}: pictures are written as .png or .jpg")
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(data.tobytes())
    except OSError as error:
        raise ZooError(f"cannot write {path}: {error.strerror or error}") from None


def draw_frames(batch: EyeBatch) -> list[Picture]:
    """Each sample's image as it is."""
    greys = [to_unit_grey8(image) for image in batch["image"][:, 0].cpu().numpy()]
    return [np.repeat(grey[:, :, None], 3, axis=2) for grey in greys]


def draw_labels(batch: EyeBatch) -> list[Picture]:
    """Each sample's image with its known labels, drawn as `overlay` draws predictions."""
    images = batch["image"].detach().cpu().numpy()
    return [overlay(images[row, 0], labels_of(batch, row)) for row in range(len(images))]


def labels_of(batch: EyeBatch, row: int) -> EyeResult:
    """The known labels of one sample, in the form of a result."""

    def known(key: str) -> list[float] | None:
        valid: Tensor = batch[f"{key}_valid"]  # type: ignore[literal-required]
        value: Tensor = batch[key]  # type: ignore[literal-required]
        return value[row].reshape(-1).tolist() if bool(valid[row]) else None

    present, openness, blink = known("pupil_present"), known("openness"), known("blink")
    ellipse, centroid = known("pupil_ellipse"), known("pupil_mask_px")
    centre = batch["pupil_ellipse"][row, :2].tolist() if bool(batch["pupil_centre_valid"][row]) else None
    shown = present is None or present[0] > 0.5
    labelled = bool(batch["segmentation_valid"][row])
    segmentation = batch["segmentation"][row].cpu().numpy() if labelled else None

    def vector(key: str, mask: str) -> Vector | None:
        x, y, z = batch[key][row].tolist()  # type: ignore[literal-required]
        return (x, y, z) if shown and bool(batch[mask][row]) else None  # type: ignore[literal-required]

    places, visible = batch["glints_px"][row].tolist(), batch["glints_visible"][row].tolist()
    glints = tuple(
        Glint(place[0], place[1], 1.0) for place, seen in zip(places, visible, strict=True) if seen
    )
    return EyeResult(
        height=int(batch["image"].shape[2]),
        width=int(batch["image"].shape[3]),
        openness=openness[0] if openness else None,
        blink=blink[0] if blink else None,
        pupil_present=present[0] if present else None,
        pupil_px=(centre[0], centre[1]) if centre and shown else None,
        pupil_mask_px=(centroid[0], centroid[1]) if centroid and shown else None,
        pupil_area_px=None if segmentation is None else float((segmentation == PUPIL).sum()),
        pupil_major_px=ellipse[2] if ellipse and shown else None,
        pupil_minor_px=ellipse[3] if ellipse and shown else None,
        pupil_angle_deg=math.degrees(ellipse[4]) if ellipse and shown else None,
        glints=glints if bool(batch["glints_valid"][row]) else (),
        segmentation=segmentation,
        cornea_mm=vector("cornea_mm", "eye3d_valid"),
        pupil_mm=vector("pupil_mm", "eye3d_valid"),
        optical=vector("optical", "optical_valid"),
        visual=vector("visual", "visual_valid"),
        camera=batch["camera"][row].cpu().numpy().astype(np.float64),
        camera_known=bool(batch["camera_valid"][row]),
    )


def _tint(picture: Picture, classes: UInt8[np.ndarray, "H W"]) -> None:
    colours = cv2.LUT(cv2.merge([classes] * 3), _COLOURS)
    mixed = cv2.addWeighted(picture, 1 - _OPACITY, colours, _OPACITY, 0)
    cv2.copyTo(mixed, (classes != BACKGROUND).astype(np.uint8), picture)


def _ellipse(centre: Point, major: float, minor: float, angle_deg: float) -> Float[np.ndarray, "72 2"]:
    turn = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    along, across = major / 2 * np.cos(turn), minor / 2 * np.sin(turn)
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    u, v = centre[0] + cosine * along - sine * across, centre[1] + sine * along + cosine * across
    return np.stack([u, v], axis=1)


def _axis(result: EyeResult, axis: Vector | None) -> Float[np.ndarray, "2 2"] | None:
    if axis is None or result.pupil_mm is None or result.camera is None:
        return None
    foot = np.array(result.pupil_mm)
    ends = np.stack([foot, foot + _AXIS_MM * np.array(axis)])
    if ends[:, 2].min() <= 1:  # at the camera or behind it
        return None
    image = ends @ result.camera.T
    image = image[:, :2] / image[:, 2:]
    if result.distortion is not None:
        camera = torch.from_numpy(result.camera)
        return distort_pixels(torch.from_numpy(image), camera, result.distortion).numpy()
    return np.asarray(image)


def _lines(
    picture: Picture,
    points: Float[np.ndarray, "N 2"],
    factor: int,
    colour: tuple[int, int, int],
    stroke: int,
    closed: bool = False,
) -> None:
    enlarged = factor * (points + 0.5) - 0.5
    if np.abs(enlarged).max() < 2**20:  # beyond it, OpenCV's fixed point overflows; the frame is far smaller
        fixed = np.rint(enlarged * 2**_SHIFT).astype(np.int32)
        cv2.polylines(picture, [fixed], closed, colour, stroke, cv2.LINE_AA, _SHIFT)


def _strip(result: EyeResult, width: int, stroke: int) -> Picture:
    height = 22 * stroke
    strip = np.full((height, width, 3), _STRIP, dtype=np.uint8)
    blinks = result.blink is not None and result.blink >= 0.5
    if result.openness is not None:
        strip[-4 * stroke :, : round(np.clip(result.openness, 0, 1) * width)] = _BLINK if blinks else _OPEN
    values = {"open": result.openness, "blink": result.blink, "pupil": result.pupil_present}
    parts = [f"{name} {value:.2f}" for name, value in values.items() if value is not None]
    if result.pupil_major_px is not None and result.pupil_minor_px is not None:
        parts.append(f"{result.pupil_major_px:.1f} x {result.pupil_minor_px:.1f} px")
    text, scale = "   ".join(parts), 0.45 * stroke
    (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    scale *= min(1.0, (width - 8) / max(wide, 1))
    colour = _BLINK if blinks else _TEXT
    place = (4, height - 8 * stroke)
    cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, stroke, cv2.LINE_AA)
    return strip
