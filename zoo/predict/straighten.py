"""Frames of a lens: straightened to a pinhole's before the network, and its answer bent back.

The pinhole has the camera's intrinsics and size. So the outermost pixels of a barrel lens are not on the
straightened frame; their class is background.
"""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from zoo.geometry.cameras import pixel_grid
from zoo.geometry.distortion import distort_pixels, undistort_pixels
from zoo.geometry.ellipse import ellipse_points, fit_ellipse
from zoo.geometry.lens import Distortion
from zoo.predict.pupil import Ellipse
from zoo.predict.result import EyeResult, Glint, Point

_OUTLINE = 64  # points that an ellipse is bent by
_SPOT = Ellipse(1.0, 1.0, 0.0)  # what has no outline is bent as a pixel is

Map = Float32[np.ndarray, "2 h w"]


class Straightener(NamedTuple):
    """Between the frames of one camera with a lens and those of its pinhole."""

    distortion: Distortion
    camera: Float[Tensor, "3 3"]
    there: Map  # for each pixel of the straight frame, its place in the frame as it came
    back: Map  # and the other way round

    @classmethod
    def of(
        cls, distortion: Distortion, camera: Float[np.ndarray, "3 3"], height: int, width: int
    ) -> Straightener:
        """For frames of height x width pixels.

        Raises:
            ValueError: the distortion cannot be inverted all over the frame.
        """
        return _straightener(distortion, tuple(camera.flat), height, width)

    def straight(self, grey: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """The pinhole's frame; what the lens did not see repeats its nearest border."""
        frame: Float32[np.ndarray, "h w"] = cv2.remap(
            grey, self.there[0], self.there[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return frame

    def bent(self, result: EyeResult) -> EyeResult:
        """A result for the pinhole's frame as one for the frame as it came; what is 3D stays."""
        centre, middle, area = result.pupil_px, result.pupil_mask_px, result.pupil_area_px
        major, minor, angle = result.pupil_major_px, result.pupil_minor_px, result.pupil_angle_deg
        oval = None
        if major is not None and minor is not None and angle is not None:
            oval = Ellipse(major, minor, angle)
        seen = oval or _SPOT
        if area is not None:  # a part of the pupil is bent as an ellipse of its area
            factor = math.sqrt(area / _area(seen))
            seen = seen._replace(major=seen.major * factor, minor=seen.minor * factor)
        if whole := centre or middle:
            place, bent = self._bend(whole, oval or seen)
            centre = centre and place
            major, minor, angle = bent if oval else (None, None, None)
        if middle:
            middle, bent = self._bend(middle, seen)
            area = None if area is None else _area(bent)
        places = [self._bend((glint.u, glint.v), _SPOT)[0] for glint in result.glints]
        glints = zip(places, result.glints, strict=True)
        classes = result.segmentation
        if classes is not None:
            classes = cv2.remap(classes, self.back[0], self.back[1], cv2.INTER_NEAREST).astype(np.uint8)
        return dataclasses.replace(
            result,
            pupil_px=centre,
            pupil_mask_px=middle,
            pupil_area_px=area,
            pupil_major_px=major,
            pupil_minor_px=minor,
            pupil_angle_deg=angle,
            glints=tuple(Glint(u, v, glint.score) for (u, v), glint in glints),
            segmentation=classes,
            distortion=self.distortion,
        )

    def _bend(self, centre: Point, shape: Ellipse) -> tuple[Point, Ellipse]:
        """An ellipse through the lens. Its new centre is not quite where the lens images the old one."""
        values = [*centre, shape.major, shape.minor, math.radians(shape.angle_deg)]
        outline = ellipse_points(torch.tensor(values, dtype=torch.float64), _OUTLINE)
        bent = fit_ellipse(distort_pixels(outline, self.camera, self.distortion))
        u, v, major, minor, angle = bent.tolist()
        return (u, v), Ellipse(major, minor, math.degrees(angle) % 180)


def _area(ellipse: Ellipse) -> float:
    return math.pi / 4 * ellipse.major * ellipse.minor


@lru_cache(maxsize=4)  # frames come in runs of one camera, and two maps take 16 bytes a pixel
def _straightener(
    distortion: Distortion, intrinsics: tuple[float, ...], height: int, width: int
) -> Straightener:
    camera = torch.tensor(intrinsics, dtype=torch.float64).reshape(3, 3)
    fx, _, cx, _, fy, cy, *_ = intrinsics
    distortion.check(fx, fy, cx, cy, width, height)
    rows = pixel_grid(height, width, dtype=torch.float64).split(
        64
    )  # all at once, large frames need gigabytes
    there, back = (
        torch.cat([way(some, camera, distortion).float() for some in rows])
        .movedim(-1, 0)
        .contiguous()
        .numpy()
        for way in (distort_pixels, undistort_pixels)
    )
    return Straightener(distortion, camera, there, back)
