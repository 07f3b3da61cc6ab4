"""The densifier: corrects the filled map by what the picture shows, and says how sure it is."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import ConvNormAct
from timm.models.byobnet import BasicBlock
from torch import Tensor, nn

STRIDE: Final = 4
_HINTS: Final = 7
_TRUST: Final = 8.0
"""Largest weight of a point, in points of plain confidence."""
_LARGEST: Final = 3.0
"""Logarithm of the largest correction of a depth."""


class Trust(nn.Module):
    """How much to believe the points in each cell, from their agreement with each other and the picture.

    Measured points carry outliers of which nothing tells but their neighbours; matched ones err where the
    picture repeats itself or shows nothing.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(ConvNormAct(channels + 6, 48, 3), ConvNormAct(48, 48, 3))
        self.weigh = nn.Conv2d(48, 2, 1)
        with torch.no_grad():
            self.weigh.bias.copy_(torch.tensor([-2.0, 1.0]))  # type: ignore[union-attr]

    def forward(
        self, picture: Tensor, matched: Tensor, measured: Tensor, rough: Tensor, near: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Factors (B, 1, h, w) on the confidences of matched and of measured points."""
        hints = [rough, near, *points_in_cells(matched, rough), *points_in_cells(measured, rough)]
        weights = _TRUST * torch.sigmoid(self.weigh(self.mix(torch.cat([picture, *hints], dim=1))))
        return weights[:, :1], weights[:, 1:]


def points_in_cells(moments: Tensor, map_: Tensor) -> tuple[Tensor, Tensor]:
    """Confidence of a cell's points, and by how much their inverse depth departs from a map's (logarithm)."""
    mass = moments[:, :1]
    value = moments[:, 6:7] / mass.clamp(min=1e-6)
    apart = ((value + 0.02) / (map_ + 0.02)).clamp(min=1e-3).log()
    return mass.clamp(max=4), torch.where(mass > 1e-3, apart, torch.zeros_like(apart)).clamp(-2, 2)


class Densifier(nn.Module):
    """A U-Net from stride 4 to 16 and back; each pixel is then a convex mix of the nine cells about it.

    The mixing weights are learned (as in RAFT; Teed and Deng, 2020), so that edges are not blurred over a
    cell.
    """

    def __init__(self, channels: int, profile: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        a, b, c = widths
        self.enter = ConvNormAct(channels + profile + _HINTS, a, 3)
        self.first = BasicBlock(a, a)
        self.second = nn.Sequential(BasicBlock(a, b, stride=2, downsample="conv1x1"), BasicBlock(b, b))
        self.third = nn.Sequential(BasicBlock(b, c, stride=2, downsample="conv1x1"), BasicBlock(c, c))
        self.to_second, self.to_first = ConvNormAct(c, b, 1), ConvNormAct(b, a, 1)
        self.up_second, self.up_first = BasicBlock(b, b), BasicBlock(a, a)
        self.correct = nn.Conv2d(a, 2, 3, padding=1)
        self.mix = nn.Sequential(ConvNormAct(a, a, 3), nn.Conv2d(a, 9 * STRIDE**2, 1))
        nn.init.zeros_(self.correct.weight)
        nn.init.constant_(self.correct.bias, 0.0)  # type: ignore[arg-type]

    def forward(
        self,
        picture: Float[Tensor, "B c h w"],
        profile: Float[Tensor, "B p h8 w8"],
        matched: Float[Tensor, "B 9 h w"],
        measured: Float[Tensor, "B 9 h w"],
        filled: Float[Tensor, "B 1 h w"],
        near: Float[Tensor, "B 1 h w"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Log depth (B, H, W) and its log width, and the log depth of the cells (B, h, w)."""
        log_depth = -(filled + 1e-3).log()
        hints = [
            *points_in_cells(matched, filled),
            *points_in_cells(measured, filled),
            near,
            log_depth,
            filled,
        ]
        profile = _fitted(F.interpolate(profile, scale_factor=2), picture)
        x = self.first(self.enter(torch.cat([picture, profile, *hints], dim=1)))
        y = self.second(x)
        z = self.third(y)
        y = self.up_second(y + _like(self.to_second(z), y))
        x = self.up_first(x + _like(self.to_first(y), x))
        correction, width = self.correct(x).split(1, dim=1)
        cells = log_depth + _LARGEST * torch.tanh(correction / _LARGEST)
        fine = _mixed(torch.cat([cells, width], dim=1), self.mix(x))
        return fine[:, 0], fine[:, 1].clamp(-6, 2), cells[:, 0]


def _fitted(x: Tensor, other: Tensor) -> Tensor:
    """`x` cut, or continued by 0, to the size of `other`: backbones may pad further than cells do."""
    below, right = other.shape[2] - x.shape[2], other.shape[3] - x.shape[3]
    return F.pad(x, (0, right, 0, below))


def _like(x: Tensor, other: Tensor) -> Tensor:
    return F.interpolate(x, size=other.shape[2:], mode="nearest")


def _mixed(cells: Float[Tensor, "B C h w"], logits: Float[Tensor, "B M h w"]) -> Float[Tensor, "B C H W"]:
    """Each of the 4x4 pixels of a cell as a mean of the 3x3 cells about it, by the softmax of the logits."""
    b, channels, h, w = cells.shape
    share = logits.view(b, 9, STRIDE**2, h, w).softmax(1)
    around = F.unfold(F.pad(cells, (1, 1, 1, 1), mode="replicate"), 3).view(b, channels, 9, h, w)
    pixels = torch.einsum("bcnhw,bnphw->bcphw", around, share)
    return F.pixel_shuffle(pixels.flatten(1, 2), STRIDE)
