"""A second look at the eye, at one scale: the picture about a point, so many pixels a millimetre.

In the frame an eye may be large or small and stand anywhere, so that a network spends its capacity on being
indifferent to that. In the patch it always looks alike, as after the normalisation that remote gaze
estimation applies to faces, and angles can be read from it.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import ConvNormAct
from timm.models.byobnet import BasicBlock
from torch import Tensor, nn

from zoo.model.config import PatchConfig
from zoo.model.heads.votes import Summary

SPAN_MM: Final = 20.0
"""Side of the patch: the iris of 12 mm, wherever it has turned to, with the lids about it."""
_NARROW: Final = 24
_POINTS: Final = 16
_PX_PER_MM: Final = (
    0.3,
    30.0,
)  # beyond, a first look is wrong, and a patch of it would be one pixel or noise


class Patch(nn.Module):
    """Looks at the patch about a point: numbers for the heads that build on it.

    Attributes:
        features: how many numbers.
    """

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.size = config.size
        first, *rest = config.widths
        self.stem = ConvNormAct(1, first, 3, stride=2)
        widths = [first, *rest]
        self.stages = nn.ModuleList(
            BasicBlock(a, b, stride=2, downsample="conv1x1") for a, b in zip(widths, rest, strict=False)
        )
        self.summary = Summary(rest[0], _POINTS)
        self.narrow = ConvNormAct(rest[-1], _NARROW, 1)
        self.features = patch_features(config)

    def forward(
        self, image: Float[Tensor, "B 1 H W"], centre: Float[Tensor, "B 2"], px_per_mm: Float[Tensor, "B"]
    ) -> Float[Tensor, "B F"]:
        """The numbers; nothing flows back into `centre` and `px_per_mm`."""
        x = self.stem(resample(image, centre.detach(), px_per_mm.detach(), self.size))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        numbers, first = self.summary.on_cells(maps[0])
        middle = (maps[0].shape[2] - 1) / 2
        ends = [self.narrow(x).flatten(1), x.mean((2, 3)), x.amax((2, 3))]
        return torch.cat([numbers, first / middle - 1, *ends], dim=1)


def patch_features(config: PatchConfig) -> int:
    """How many numbers a `Patch` of this configuration has."""
    cells = config.size // 2 ** len(config.widths)
    look = Summary.count(config.widths[1], _POINTS)
    return look + 2 + _NARROW * cells * cells + 2 * config.widths[-1]


def resample(
    image: Float[Tensor, "B 1 H W"], centre: Float[Tensor, "B 2"], px_per_mm: Float[Tensor, "B"], size: int
) -> Float[Tensor, "B 1 S S"]:
    """The square of `SPAN_MM` about points of images, in size x size pixels; 0 beyond the image."""
    height, width = image.shape[2:]
    step = (px_per_mm.clamp(*_PX_PER_MM) * (SPAN_MM / size))[:, None]
    offset = torch.arange((1 - size) / 2, size / 2, device=image.device, dtype=image.dtype)
    u, v = centre[:, :1] + step * offset, centre[:, 1:] + step * offset
    grid = _grid(u, v, height, width)
    sharp = F.grid_sample(image, grid, align_corners=False)
    # Where the patch shrinks the picture, from one of half the size, or it would alias.
    half = F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
    if height % 2 or width % 2:  # then the halves reach beyond the image
        grid = _grid(u, v, 2 * half.shape[2], 2 * half.shape[3])
    smooth = F.grid_sample(half, grid, align_corners=False)
    return torch.where((step > 1.5)[:, :, None, None], smooth, sharp)


def _grid(
    u: Float[Tensor, "B S"], v: Float[Tensor, "B S"], height: int, width: int
) -> Float[Tensor, "B S S 2"]:
    """Columns and rows in pixels for `grid_sample`, which has the corners of the image at -1 and 1."""
    u, v = u * (2 / width) + (1 / width - 1), v * (2 / height) + (1 / height - 1)
    return torch.stack(torch.broadcast_tensors(u[:, None, :], v[:, :, None]), dim=3)
