"""The visible pupil of a segmentation: area, centroid and the ellipse of its outline, below a pixel.

The zero level of the pupil's margin over the best other class is followed between pixels. Where a lid or the
frame cuts the pupil, its outline is not the pupil's edge: only the part that borders the iris is fitted.
Where that part is short, the hidden side is taken to be its image through the centre that the keypoints give
(on rendered eyes with half of the edge visible, this brings the axes' error from 7 to 1 pixel).
Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32
from numpy.typing import NDArray

from zoo.conventions import IRIS, PUPIL
from zoo.predict.result import Point

_FINE = 4  # sub-pixels per pixel in the outline
_LARGEST_FINE_SIDE = 1024
_BORDER_PX = 1.5  # outline closer than this to the frame's edge is a cut, not an edge
# Shares of the outline that border the iris, chosen on labels of rendered eyes:
_ARC_SHARE = 0.6  # from here an ellipse through this part alone is the best
_MIRROR_SHARE = 0.1  # from here it can be completed through a known centre


class Pupil(NamedTuple):
    """In pixels of the segmentation; no ellipse where too little of the edge is visible."""

    area: float
    centroid: Point
    ellipse: Ellipse | None


class Ellipse(NamedTuple):
    """Full axes, and the direction of the major one from +x towards +y in [0, 180)."""

    major: float
    minor: float
    angle_deg: float


def measure_pupil(logits: Float32[np.ndarray, "4 H W"], centre: Point | None = None) -> Pupil | None:
    """Measure the pupil; None where no pixel is pupil.

    Args:
        logits: the classes' scores of a frame without padding, with one connected region of pupil
            (`zoo.model.masks.pupil_mask`).
        centre: the centre of the full pupil where it is known, in the same pixels.
    """
    margin = logits[PUPIL] - logits[:PUPIL].max(0)
    inside = np.argwhere(margin > 0)
    if len(inside) == 0:
        return None
    height, width = margin.shape
    (top, left), (bottom, right) = np.maximum(inside.min(0) - 2, 0), inside.max(0) + 3
    window = margin[top:bottom, left:right]
    window = np.clip(window, -4, 4)  # saturated scores say nothing about where between two pixels the edge is
    fine = max(1, min(_FINE, _LARGEST_FINE_SIDE // max(window.shape)))
    dense = cv2.resize(window, None, fx=fine, fy=fine, interpolation=cv2.INTER_LINEAR) > 0
    moments = cv2.moments(dense.astype(np.uint8), binaryImage=True)
    if moments["m00"] == 0:
        return None
    origin = np.array([left, top], dtype=np.float64)

    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points + 0.5) / fine - 0.5 + origin

    centroid = to_pixels(np.array([moments["m10"], moments["m01"]]) / moments["m00"])
    outlines, _ = cv2.findContours(dense.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = to_pixels(max(outlines, key=len).reshape(-1, 2).astype(np.float64))
    edge = _borders_iris(outline, logits, height, width)
    area = moments["m00"] / fine**2
    candidates = _candidates(outline[edge], float(edge.mean()), centre, 1 / fine, moments)
    extent = math.hypot(*np.ptp(outline, axis=0)) + 1
    ellipse = next((found for found in candidates if found and _plausible(found, area, extent)), None)
    return Pupil(area, (float(centroid[0]), float(centroid[1])), ellipse)


def _candidates(
    edge: Float[np.ndarray, "N 2"],
    share: float,
    centre: Point | None,
    sub_pixel: float,
    moments: dict[str, float],
) -> Iterator[Ellipse | None]:
    """Ellipses from the most to the least trusted."""
    if share >= _ARC_SHARE:
        yield _fit(edge, sub_pixel)
        yield _from_moments(moments, sub_pixel)  # too small or too ragged for a fit
    elif share >= _MIRROR_SHARE and centre is not None:
        yield _fit(np.concatenate([edge, 2 * np.array(centre) - edge]), sub_pixel)


def _borders_iris(
    outline: Float[np.ndarray, "N 2"], logits: Float32[np.ndarray, "4 H W"], height: int, width: int
) -> Bool[np.ndarray, "N"]:
    column, row = np.rint(outline).astype(int).T
    rival = logits[:PUPIL, row.clip(0, height - 1), column.clip(0, width - 1)].argmax(0)
    to_border = np.minimum(outline + 0.5, np.array([width, height]) - 0.5 - outline).min(1)
    result: NDArray[np.bool_] = (rival == IRIS) & (to_border > _BORDER_PX)
    return result


def _fit(points: Float[np.ndarray, "N 2"], sub_pixel: float) -> Ellipse | None:
    """The least-squares ellipse (Fitzgibbon's direct fit).

    The outline runs through the centres of the outermost sub-pixels, half a sub-pixel inside the edge on
    either side, so one is added to both axes.
    """
    if len(points) < 8:
        return None
    offset = points.mean(0)  # single precision in OpenCV
    _, (first, second), angle = cv2.fitEllipseDirect((points - offset).astype(np.float32))
    if not (math.isfinite(first) and math.isfinite(second) and math.isfinite(angle)):
        return None
    if first < second:
        first, second, angle = second, first, angle + 90
    return Ellipse(first + sub_pixel, second + sub_pixel, angle % 180)


def _plausible(ellipse: Ellipse, area: float, extent: float) -> bool:
    """Hardly smaller than what is visible of it, nor much longer, and no needle unless that is visible."""
    filled = area / (math.pi / 4 * ellipse.major * ellipse.minor)
    return (
        filled <= 1.2 and ellipse.major <= 2 * extent and (ellipse.major <= 5 * ellipse.minor or filled > 0.8)
    )


def _from_moments(moments: dict[str, float], sub_pixel: float) -> Ellipse:
    """The ellipse with the same second moments as the visible region."""
    xx, yy, xy = (moments[key] / moments["m00"] for key in ("mu20", "mu02", "mu11"))
    mean, spread = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    within = 1 / 12  # variance inside one sub-pixel
    major, minor = (
        4 * math.sqrt(max(value, 0) + within) * sub_pixel for value in (mean + spread, mean - spread)
    )
    return Ellipse(major, minor, math.degrees(0.5 * math.atan2(2 * xy, xx - yy)) % 180)
