"""From the network's pixels to those of the image file: another size, and the lens."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32

from zoo.data.captures.capture import Frame
from zoo.data.fit_views import Fit
from zoo.geometry.cameras import pixel_grid
from zoo.geometry.distortion import undistort_pixels
from zoo.geometry.lens import Distortion

_EDGE: Final = 0.03
"""Where neighbours differ by more, there is a border: depth is not interpolated across it."""
_BEYOND: Final = 1.5  # pixels of the network's input: rounding of its size may cut off as much


def to_native(
    frame: Frame, depth: Float32[np.ndarray, "H W"], sigma: Float32[np.ndarray, "H W"]
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Depth and relative uncertainty of the frame's own pixels; both 0 where the network saw nothing."""
    height, width = depth.shape
    camera = tuple(frame.camera.ravel().tolist())
    (across, down), inside = _places(frame.distortion, camera, frame.size, height, width)
    smooth, nearest = (
        cv2.remap(depth, across, down, how, borderMode=cv2.BORDER_REPLICATE)
        for how in (cv2.INTER_LINEAR, cv2.INTER_NEAREST)
    )
    found = np.where(np.abs(smooth - nearest) > _EDGE * nearest, nearest, smooth)
    width_there = cv2.remap(sigma, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    zero = np.float32(0)
    return np.where(inside, found, zero), np.where(inside, width_there, zero)


@lru_cache(maxsize=4)  # frames come in runs of one camera
def _places(
    distortion: Distortion | None,
    intrinsics: tuple[float, ...],
    size: tuple[int, int],
    height: int,
    width: int,
) -> tuple[tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]], Bool[np.ndarray, "h w"]]:
    """Where the network's image shows the pixels of the file, and whether it does."""
    grid = pixel_grid(size[1], size[0], dtype=torch.float64)
    if distortion is not None:
        camera = torch.tensor(intrinsics, dtype=torch.float64).reshape(3, 3)
        # All rows at once take gigabytes.
        grid = torch.cat([undistort_pixels(some, camera, distortion) for some in grid.split(64)])
    places = Fit.cover(size, height, width).to_fitted(grid.numpy())
    limits = np.array([width - 1, height - 1]) + _BEYOND
    inside = np.asarray(((places >= -_BEYOND) & (places <= limits)).all(-1))
    across, down = (np.ascontiguousarray(places[..., i], dtype=np.float32) for i in range(2))
    return (across, down), inside
