"""The neck: fuses the maps of any backbone into a few shared ones that the heads read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import ConvNormAct
from torch import Tensor, nn

from zoo.model.config import NeckConfig

Map = Literal["pooled", "stride4", "fine"]
MAPS: Final[tuple[Map, ...]] = ("pooled", "stride4", "fine")


class Features(NamedTuple):
    """What heads read. A map that no head of the pass needs is None.

    `H` and `W` are the size of the network's input; the maps belong to that input padded at its right
    and lower edges, so they may reach beyond it.
    """

    size: tuple[int, int]
    image: Tensor  # (B, 1, H, W), standardised
    camera: Tensor  # (B, 3, 3) intrinsics, pixels of the input
    eye_side: Tensor  # (B,) index into conventions.EYE_SIDES
    pooled: Tensor | None  # (B, P): mean and maximum of the coarsest map
    stride4: Tensor | None  # (B, width, h, w), h >= H / 4
    fine: (
        Tensor | None
    )  # (B, detail, 2h, 2w) at stride 2, or the map at stride 4 where the neck has no detail
    eye3d: dict[str, Tensor] | None = (
        None  # the prediction of the head of that type, for those that build on it
    )


class Given(NamedTuple):
    """What the features know of the input, the first fields of `Features`."""

    size: tuple[int, int]
    image: Tensor
    camera: Tensor
    eye_side: Tensor


class FeatureChannels(NamedTuple):
    """Channels of the maps in `Features`."""

    pooled: int
    stride4: int
    fine: int
    fine_stride: int
    look: int = 0  # numbers of a second look at the eye (`zoo.model.patch`), where the eye3d head takes one


class Neck(nn.Module):
    """A top-down pyramid to stride 4, and one step further for what needs sharp boundaries.

    Heads predict the pixels (or sub-cells) of each cell from its channels by `unfold`: on a CPU this costs
    a fraction of convolutions at stride 1. A backbone that is coarser than 4, such as a vision transformer,
    gets one strided convolution of the image beside its maps, or boundaries would blur.

    Args:
        strides, channels: of the backbone's maps, finest first; those finer than 4 are not used.
    """

    def __init__(self, strides: tuple[int, ...], channels: tuple[int, ...], config: NeckConfig) -> None:
        super().__init__()
        width = config.width
        self.levels = [i for i, stride in enumerate(strides) if stride >= 4]
        if not self.levels:
            raise ValueError(f"a neck needs a map of stride 4 or more, the backbone has strides {strides}")
        self.laterals = nn.ModuleList(
            ConvNormAct(channels[i], width, 1, apply_act=False) for i in self.levels
        )
        self.detail = (
            ConvNormAct(3, width, 7, stride=4, padding=3, apply_act=False)
            if strides[self.levels[0]] > 4
            else None
        )
        self.smooth = nn.Sequential(*(ConvNormAct(width, width, 3) for _ in range(config.depth)))
        fine = (width, 4) if config.detail is None else (config.detail, 2)
        self.channels = FeatureChannels(2 * channels[-1], width, *fine)
        self.refine: nn.ModuleDict | None = None
        if config.detail is not None:
            self.sharp = strides.index(2) if 2 in strides else None
            source, kernel, stride = (3, 3, 2) if self.sharp is None else (channels[self.sharp], 1, 1)
            self.refine = nn.ModuleDict(
                {
                    "coarse": ConvNormAct(width, 4 * config.detail, 1, apply_act=False),
                    "sharp": ConvNormAct(source, config.detail, kernel, stride, apply_act=False),
                    "mix": ConvNormAct(config.detail, config.detail, 3),
                }
            )

    def forward(
        self,
        image: Tensor,
        maps: list[Tensor],
        given: Given,
        needs: Collection[Map] = MAPS,
    ) -> Features:
        """Fuse the `maps` of a padded image, whose first rows and columns are the input."""
        pooled = stride4 = fine = None
        if "pooled" in needs:
            pooled = torch.cat([maps[-1].mean((2, 3)), maps[-1].amax((2, 3))], dim=1)
        if "stride4" in needs or "fine" in needs:
            fused = self._top_down(maps, (image.shape[2] // 4, image.shape[3] // 4))
            stride4 = self.smooth(fused if self.detail is None else fused + self.detail(image))
        if "fine" in needs:
            assert stride4 is not None
            fine = stride4 if self.refine is None else self._refined(stride4, image, maps)
        return Features(*given, pooled, stride4, fine)

    def _refined(self, stride4: Tensor, image: Tensor, maps: list[Tensor]) -> Tensor:
        assert self.refine is not None
        sharp = self.refine["sharp"](image if self.sharp is None else maps[self.sharp])
        mixed: Tensor = self.refine["mix"](F.relu(unfold(self.refine["coarse"](stride4), 2) + sharp))
        return mixed

    def _top_down(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        top: Tensor | None = None
        for level, lateral in zip(reversed(self.levels), reversed(self.laterals), strict=True):
            side = lateral(maps[level])
            top = side if top is None else side + _upsample(top, side.shape[-2:])
        assert top is not None
        return _upsample(top, size)


def _upsample(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    return x if x.shape[-2:] == tuple(size) else F.interpolate(x, size=tuple(size), mode="nearest")


def unfold(cells: Float[Tensor, "B CFF h w"], factor: int) -> Float[Tensor, "B C H W"]:
    """Sub-cells from channels: (B, F * F * C, h, w) to (B, C, F * h, F * w).

    A pixel shuffle with the class as the fastest channel, which on channels-last memory moves whole
    runs and is several times as fast.
    """
    b, channels, h, w = cells.shape
    c = channels // factor**2
    grid = cells.permute(0, 2, 3, 1).reshape(b, h, w, factor, factor, c).permute(0, 1, 3, 2, 4, 5)
    return grid.reshape(b, factor * h, factor * w, c).permute(0, 3, 1, 2)
