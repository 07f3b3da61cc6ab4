"""From the network's canvas to the frame as it came: points, lengths, the pupil's outline and the classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from torch import Tensor

from zoo.conventions import DEFAULT_HORIZONTAL_FOV_DEG, EYE_SIDES, PUPIL, EyeSide
from zoo.data.letterbox import Letterbox
from zoo.geometry.cameras import default_camera, resize_camera
from zoo.model.heads.keypoints import GLINT_SCORE
from zoo.model.masks import pupil_mask
from zoo.predict.precision import pupil_sigma_px
from zoo.predict.pupil import Ellipse, Pupil, measure_pupil
from zoo.predict.result import EyeResult, Glint, Point, Vector

Camera = Shaped[np.ndarray, "3 3"] | Shaped[Tensor, "3 3"]
"""Intrinsics in pixels of the image, the centre of whose first pixel is (0, 0)."""

PRESENT: Final = 0.5
"""A pupil is reported where its presence reaches this."""
_NUMBERS: Final = (
    *("openness", "blink", "pupil_present", "pupil_px", "glints_px", "glint_scores"),
    *("pupil_ray_px", "cornea_mm", "pupil_mm", "optical", "visual", "gaze_sigma", "roll"),
    "glints_used",
)


class OnCanvas(NamedTuple):
    """A frame of height x width pixels and how it lies on the canvas."""

    box: Letterbox
    height: int
    width: int
    camera: Camera | None = None
    eye_side: EyeSide | None = None

    @property
    def intrinsics(self) -> Float[np.ndarray, "3 3"]:
        """Of the frame: those given, checked, else those of a default field of view."""
        if self.camera is None:
            fov = DEFAULT_HORIZONTAL_FOV_DEG
            return np.asarray(default_camera(self.width, self.height, fov, dtype=torch.float64))
        return checked_camera(self.camera)


def on_canvas(frames: Sequence[OnCanvas]) -> tuple[Float[Tensor, "B 3 3"], Int[Tensor, "B"]]:
    """Intrinsics in pixels of the canvases, and sides of the eyes (any where unknown).

    Raises:
        ValueError: a camera or a side is not valid.
    """
    cameras = [
        resize_camera(torch.from_numpy(frame.intrinsics), frame.box.scale, (frame.box.left, frame.box.top))
        for frame in frames
    ]
    sides = [EYE_SIDES.index(_checked_side(frame.eye_side) or EYE_SIDES[0]) for frame in frames]
    return torch.stack(cameras).float(), torch.tensor(sides)


def checked_camera(camera: Camera) -> Float[np.ndarray, "3 3"]:
    """The intrinsics as float64.

    Raises:
        ValueError: they are no camera's.
    """
    matrix = np.asarray(camera.detach().cpu() if isinstance(camera, Tensor) else camera, dtype=np.float64)
    finite = bool(np.isfinite(matrix).all())
    if not finite or min(matrix[0, 0], matrix[1, 1]) <= 0 or (matrix[2] != (0, 0, 1)).any():
        raise ValueError(f"intrinsics are [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], fx, fy > 0, not {matrix}")
    return matrix


def to_native(
    heads: Mapping[str, Mapping[str, Tensor]],
    content: Bool[Tensor, "B H W"],
    frames: Sequence[OnCanvas],
    segmentation: bool = True,
) -> list[EyeResult]:
    """What a network's heads say of a batch, in pixels of each frame.

    Args:
        heads: `zoo.model.network.Network`'s prediction for the canvases.
        content: which pixels of the canvases are the frames'.
        frames: one for each canvas.
        segmentation: whether to map the classes to the frames too.

    Raises:
        ValueError: a camera or a side is not valid.
    """
    fields = {key: value.detach() for head in heads.values() for key, value in head.items()}
    logits = _one_pupil(fields["logits"], content).float().cpu() if "logits" in fields else None
    numbers = {key: fields[key].double().cpu() for key in _NUMBERS if key in fields}
    return [
        _result(
            frame,
            {key: value[row] for key, value in numbers.items()},
            None if logits is None else logits[row],
            segmentation,
        )
        for row, frame in enumerate(frames)
    ]


def _one_pupil(logits: Float[Tensor, "B 4 H W"], content: Bool[Tensor, "B H W"]) -> Float[Tensor, "B 4 H W"]:
    """Pupil only in its largest blob on the frame: it shows one eye. Elsewhere the next class wins."""
    lowest = logits.amin(1)
    pupil = torch.where(content, logits[:, PUPIL], lowest)
    logits = torch.cat([logits[:, :PUPIL], pupil[:, None]], dim=1)
    stray = (pupil > logits[:, :PUPIL].amax(1)) & ~pupil_mask(logits)
    logits[:, PUPIL] = torch.where(stray, lowest, pupil)
    return logits


def _result(
    frame: OnCanvas,
    numbers: dict[str, Tensor],
    logits: Float[Tensor, "4 H W"] | None,
    segmentation: bool,
) -> EyeResult:
    def scalar(key: str) -> float | None:
        return float(numbers[key]) if key in numbers else None

    def vector(key: str, known: bool = True) -> Vector | None:
        if not (known and located and key in numbers):
            return None
        x, y, z = numbers[key].tolist()
        return x, y, z

    box, height, width, camera, eye_side = frame
    present = scalar("pupil_present")
    located = present is None or present >= PRESENT
    centre = numbers.get("pupil_px") if located else None
    pupil = None if logits is None or not located else _native_pupil(box, logits, centre, height, width)
    ellipse = pupil.ellipse if pupil else None
    classes = None if logits is None or not segmentation else _native_classes(box, logits, height, width)
    return EyeResult(
        height=height,
        width=width,
        openness=scalar("openness"),
        blink=scalar("blink"),
        pupil_present=present,
        pupil_px=None if centre is None else _native(box, centre),
        pupil_sigma_px=_pupil_sigma(box, numbers) if located else None,
        pupil_mask_px=pupil.centroid if pupil else None,
        pupil_area_px=pupil.area if pupil else None,
        pupil_major_px=ellipse.major if ellipse else None,
        pupil_minor_px=ellipse.minor if ellipse else None,
        pupil_angle_deg=ellipse.angle_deg if ellipse else None,
        glints=_glints(box, numbers),
        segmentation=classes,
        cornea_mm=vector("cornea_mm"),
        pupil_mm=vector("pupil_mm"),
        optical=vector("optical"),
        visual=vector("visual", known=eye_side is not None),
        gaze_sigma_deg=_degrees(scalar("gaze_sigma")) if located else None,
        roll_deg=_degrees(scalar("roll")) if located else None,
        camera=frame.intrinsics,
        camera_known=camera is not None,
        glints_used=int(numbers["glints_used"]) if "glints_used" in numbers and located else None,
        eye_side=_checked_side(eye_side),
    )


def _native(box: Letterbox, point: Float[Tensor, "2"]) -> Point:
    u, v = box.to_native(point).tolist()
    return u, v


def _pupil_sigma(box: Letterbox, numbers: dict[str, Tensor]) -> float | None:
    if not {"pupil_px", "pupil_ray_px"} <= numbers.keys():
        return None
    return float(pupil_sigma_px(numbers["pupil_px"], numbers["pupil_ray_px"])) / box.scale


def _glints(box: Letterbox, numbers: dict[str, Tensor]) -> tuple[Glint, ...]:
    if "glints_px" not in numbers:
        return ()
    pairs = zip(numbers["glints_px"], numbers["glint_scores"], strict=True)
    glints = [Glint(*_native(box, point), float(score)) for point, score in pairs if score > GLINT_SCORE]
    return tuple(sorted(glints, key=lambda glint: -glint.score))


def _native_pupil(
    box: Letterbox,
    logits: Float[Tensor, "4 H W"],
    centre: Float[Tensor, "2"] | None,
    height: int,
    width: int,
) -> Pupil | None:
    """Measured on the canvas without its padding, then mapped to the frame."""
    left, top = round(box.left), round(box.top)
    rows, columns = math.ceil(height * box.scale - 0.5), math.ceil(width * box.scale - 0.5)
    window = logits[:, top : top + rows, left : left + columns].numpy()
    offset = torch.tensor([left, top], dtype=torch.float64)
    known = None if centre is None else (centre - offset).tolist()
    pupil = measure_pupil(window, (known[0], known[1]) if known else None)
    if pupil is None:
        return None
    ellipse = pupil.ellipse
    return Pupil(
        area=pupil.area / box.scale**2,
        centroid=_native(box, torch.tensor(pupil.centroid, dtype=torch.float64) + offset),
        ellipse=ellipse and Ellipse(ellipse.major / box.scale, ellipse.minor / box.scale, ellipse.angle_deg),
    )


def _native_classes(
    box: Letterbox, logits: Float[Tensor, "4 H W"], height: int, width: int
) -> UInt8[np.ndarray, "h w"]:
    """The highest class at each native pixel, class by class: large frames would need gigabytes at once."""
    best = box.image_to_native(logits[None, :1], height, width)[0, 0]
    ids = torch.zeros(height, width, dtype=torch.uint8)
    for number in range(1, len(logits)):
        score = box.image_to_native(logits[None, number : number + 1], height, width)[0, 0]
        ids.masked_fill_(score > best, number)
        best = torch.maximum(best, score)
    return ids.numpy()


def _checked_side(side: EyeSide | None) -> EyeSide | None:
    if side is not None and side not in EYE_SIDES:
        raise ValueError(f"an eye side is one of {', '.join(EYE_SIDES)}, not {side!r}")
    return side


def _degrees(radians: float | None) -> float | None:
    return None if radians is None else math.degrees(radians)
