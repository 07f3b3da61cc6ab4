"""From a frame of any size to the network's canvas and back, and the one input normalisation.

Images are shrunk or enlarged by one factor for both axes, centred and padded, never cropped or stretched, so
that circles stay circles and the camera stays a pinhole.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

SD_FLOOR = 2 / 255
"""Smallest standard deviation that `standardise` divides by: below two grey levels there is only noise."""


class Letterbox(NamedTuple):
    """Maps native pixels to canvas pixels: ``canvas = scale * (native + 0.5) - 0.5 + (left, top)``."""

    scale: float
    left: float
    top: float

    def to_canvas(self, points: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
        """Points in native pixels to canvas pixels."""
        return self.scale * (points + 0.5) - 0.5 + self._offset(points)

    def to_native(self, points: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
        """Points in canvas pixels to native pixels."""
        return (points + 0.5 - self._offset(points)) / self.scale - 0.5

    def image_to_native(
        self, canvas: Float[Tensor, "B C H W"], height: int, width: int
    ) -> Float[Tensor, "B C h w"]:
        """Resample what lies on the canvas (probabilities, say) to a native height x width frame."""
        rows, columns = _content_size(self.scale, height, width)
        top, left = round(self.top), round(self.left)
        return _resample(canvas[..., top : top + rows, left : left + columns], 1 / self.scale, height, width)

    def _offset(self, like: Tensor) -> Tensor:
        return torch.tensor([self.left, self.top], dtype=like.dtype, device=like.device)


def letterbox(
    image: Float[Tensor, "1 h w"], height: int, width: int
) -> tuple[Float[Tensor, "1 H W"], Bool[Tensor, "H W"], Letterbox]:
    """Fit one image into height x width pixels: (canvas padded with 0, where the image is, mapping)."""
    canvas, content, box = letterbox_batch(image[None], height, width)
    return canvas[0], content, box


def letterbox_batch(
    images: Float[Tensor, "B C h w"], height: int, width: int
) -> tuple[Float[Tensor, "B C H W"], Bool[Tensor, "H W"], Letterbox]:
    """Fit images of one native size into height x width pixels; see `letterbox`.

    A canvas pixel is content when its centre lies on the image. Shrinking averages over what a pixel covers.
    """
    h, w = images.shape[-2:]
    scale = min(height / h, width / w)
    rows, columns = _content_size(scale, h, w)
    top, left = (height - rows) // 2, (width - columns) // 2
    inside = (..., slice(top, top + rows), slice(left, left + columns))
    canvas = images.new_zeros(*images.shape[:-2], height, width)
    canvas[inside] = _resample(images, scale, rows, columns)
    content = torch.zeros(height, width, dtype=torch.bool, device=images.device)
    content[inside] = True
    return canvas, content, Letterbox(scale, float(left), float(top))


def standardise(image: Float[Tensor, "B 1 H W"], content: Bool[Tensor, "B H W"]) -> Float[Tensor, "B 1 H W"]:
    """Zero mean and unit standard deviation over each image's content; padding becomes exactly 0.

    The only normalisation of a network's input, in training and in prediction alike.
    """
    mask = content[:, None].to(image.dtype)
    count = mask.sum((1, 2, 3), keepdim=True).clamp_min(1)
    centred = (image - (image * mask).sum((1, 2, 3), keepdim=True) / count) * mask
    variance = centred.square().sum((1, 2, 3), keepdim=True) / count
    return centred / variance.sqrt().clamp_min(SD_FLOOR)


def _content_size(scale: float, height: int, width: int) -> tuple[int, int]:
    """How many scaled pixels have their centre on an image of height x width pixels, at least one."""
    return max(1, math.ceil(height * scale - 0.5)), max(1, math.ceil(width * scale - 0.5))


def _resample(images: Tensor, scale: float, height: int, width: int) -> Tensor:
    """(B, C, h, w) to (B, C, height, width) by exactly `scale` on both axes, from the first pixel's corner.

    Interpolating to whole numbers of pixels would stretch the axes differently. So the scale is given and
    the last row and column are repeated until enough pixels come out.
    """
    right, below = (
        _missing(have, want, scale) for have, want in ((images.shape[-1], width), (images.shape[-2], height))
    )
    padded = F.pad(images, (0, right, 0, below), mode="replicate") if right or below else images
    scaled = F.interpolate(
        padded,
        scale_factor=(scale, scale),
        mode="bilinear",
        antialias=scale < 1,
        align_corners=False,
        recompute_scale_factor=False,
    )
    return scaled[..., :height, :width]


def _missing(have: int, want: int, scale: float) -> int:
    """How many pixels to add to `have` so that interpolation by `scale` yields at least `want`."""
    return next(n for n in itertools.count() if math.floor((have + n) * scale) >= want)
