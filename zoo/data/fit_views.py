"""A capture's frame as a network takes it: straightened, resized and cropped, with its camera and depth.

One factor resizes both axes so that the frame covers the network's size; what is left over is cropped evenly
from both sides. Depth is looked up at the nearest pixel and never interpolated: between a known and an
unknown pixel, or across an edge, there is no depth in between.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image

from zoo.data.captures.assemble import scale_camera
from zoo.data.captures.capture import DepthFile, Frame
from zoo.data.captures.files import read_depth, read_rgb
from zoo.geometry.cameras import pixel_grid
from zoo.geometry.distortion import distort_pixels, undistort_pixels
from zoo.geometry.lens import Distortion


class Fit(NamedTuple):
    """From pixels of the straight frame to the network's: ``scale * (native + 0.5 - offset) - 0.5``."""

    scale: float
    left: float
    top: float
    height: int
    width: int

    @classmethod
    def cover(cls, size: tuple[int, int], height: int, width: int) -> Fit:
        """The mapping of frames of `size` (width, height) onto all of height x width."""
        scale = max(width / size[0], height / size[1])
        return cls(scale, (size[0] - width / scale) / 2, (size[1] - height / scale) / 2, height, width)

    def camera(self, camera: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
        """Intrinsics of the fitted image."""
        moved = camera.astype(np.float64)
        moved[0, 2] -= self.left
        moved[1, 2] -= self.top
        return scale_camera(moved, self.scale, self.scale)

    def to_native(self, pixels: Float[np.ndarray, "*b 2"]) -> Float[np.ndarray, "*b 2"]:
        """Pixels of the fitted image as those of the straightened frame."""
        native: Float[np.ndarray, "*b 2"] = (
            (pixels + 0.5) / self.scale - 0.5 + np.array([self.left, self.top])
        )
        return native

    def to_fitted(self, pixels: Float[np.ndarray, "*b 2"]) -> Float[np.ndarray, "*b 2"]:
        """Pixels of the straightened frame as those of the fitted image."""
        fitted: Float[np.ndarray, "*b 2"] = (
            self.scale * (pixels + 0.5 - np.array([self.left, self.top])) - 0.5
        )
        return fitted


class FittedView(NamedTuple):
    """A frame at the network's size."""

    image: UInt8[np.ndarray, "H W 3"]
    camera: Float[np.ndarray, "3 3"]


def fit_image(frame: Frame, height: int, width: int) -> FittedView:
    """Image and camera of a frame at height x width; what a lens did not see repeats the nearest border.

    Raises:
        BadFileError: the image cannot be read.
    """
    fit = Fit.cover(frame.size, height, width)
    image = read_rgb(frame)
    if frame.distortion is not None:
        maps = _straightening(frame.distortion, tuple(frame.camera.ravel().tolist()), frame.size)
        image = cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Rounding may put an edge some 1e-14 pixels outside, which Pillow refuses.
    left, top = max(0.0, fit.left), max(0.0, fit.top)
    right = min(frame.size[0], fit.left + width / fit.scale)
    box = (left, top, right, min(frame.size[1], fit.top + height / fit.scale))
    # Pillow averages over what a pixel covers when it shrinks, and takes a box between pixels.
    fitted = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, box=box)
    return FittedView(np.asarray(fitted), fit.camera(frame.camera))


def fit_depth(frame: Frame, depth: DepthFile, height: int, width: int) -> Float32[np.ndarray, "H W"]:
    """Depth of a frame's pixels at height x width, metres; 0 where it is unknown or outside the depth image.

    Raises:
        BadFileError: the depth file cannot be read.
    """
    stored = read_depth(depth)
    grid = pixel_grid(height, width, dtype=torch.float64).numpy()
    pixels = _depth_pixels(frame, depth, stored.shape, Fit.cover(frame.size, height, width).to_native(grid))
    columns, rows = np.rint(pixels[..., 0]).astype(int), np.rint(pixels[..., 1]).astype(int)
    inside = (columns >= 0) & (rows >= 0) & (columns < stored.shape[1]) & (rows < stored.shape[0])
    found = stored[np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return np.where(inside, found, np.float32(0))


def fit_points(frame: Frame, depth: DepthFile, height: int, width: int) -> Float32[np.ndarray, "H W"]:
    """As `fit_depth`, for sparse measurements: each goes to the pixel that it falls into, the nearest wins.

    Raises:
        BadFileError: the depth file cannot be read.
    """
    stored = read_depth(depth)
    rows, columns = np.nonzero(stored)
    own = _depth_camera(frame, depth, stored.shape)
    fit = Fit.cover(frame.size, height, width)
    rays = (np.stack((columns, rows), axis=-1) - own[:2, 2]) / own[[0, 1], [0, 1]]
    native = rays * frame.camera[[0, 1], [0, 1]] + frame.camera[:2, 2]
    if frame.distortion is not None and depth.camera is None:
        straight = undistort_pixels(
            torch.from_numpy(native), torch.from_numpy(frame.camera), frame.distortion
        )
        native = straight.numpy()
    u, v = np.rint(fit.to_fitted(native)).astype(int).T
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    values = stored[rows, columns][inside]
    order = np.argsort(-values, kind="stable")  # the last one written stays
    points = np.zeros((height, width), dtype=np.float32)
    points[v[inside][order], u[inside][order]] = values[order]
    return points


def _depth_camera(frame: Frame, depth: DepthFile, shape: tuple[int, ...]) -> Float[np.ndarray, "3 3"]:
    if depth.camera is not None:
        return depth.camera
    return scale_camera(frame.camera, shape[1] / frame.size[0], shape[0] / frame.size[1])


def _depth_pixels(
    frame: Frame, depth: DepthFile, shape: tuple[int, ...], native: Float[np.ndarray, "H W 2"]
) -> Float[np.ndarray, "H W 2"]:
    """Where the depth image shows the pixels of the straightened frame."""
    if frame.distortion is not None and depth.camera is None:  # registered to the image that the lens made
        native = distort_pixels(
            torch.from_numpy(native), torch.from_numpy(frame.camera), frame.distortion
        ).numpy()
    own = _depth_camera(frame, depth, shape)
    rays = (native - frame.camera[:2, 2]) / frame.camera[[0, 1], [0, 1]]
    pixels: Float[np.ndarray, "H W 2"] = rays * own[[0, 1], [0, 1]] + own[:2, 2]
    return pixels


@lru_cache(maxsize=4)  # frames come in runs of one camera
def _straightening(
    distortion: Distortion, intrinsics: tuple[float, ...], size: tuple[int, int]
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    camera = torch.tensor(intrinsics, dtype=torch.float64).reshape(3, 3)
    rows = pixel_grid(size[1], size[0], dtype=torch.float64).split(64)  # all at once takes gigabytes
    there = torch.cat([distort_pixels(some, camera, distortion).float() for some in rows]).numpy()
    return np.ascontiguousarray(there[..., 0]), np.ascontiguousarray(there[..., 1])
