"""Points from maps at stride 4: soft-argmax of votes, the loss of their heat maps, and a map's summary."""

from __future__ import annotations

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zoo.model.grids import cell_grid

STRIDE: Final = 4
WINDOW: Final = 3
"""Cells on each side of the highest one that the soft-argmax averages over: a second, lower mode of the
heat map must not pull the point towards itself."""


def crop(maps: Float[Tensor, "B C h w"], size: tuple[int, int], stride: int) -> Float[Tensor, "B C i j"]:
    """The cells that belong to an image of this size; the maps may reach beyond it."""
    height, width = -(-size[0] // stride), -(-size[1] // stride)
    return maps if maps.shape[2:] == (height, width) else maps[:, :, :height, :width]


def to_px(cells: Tensor, stride: int) -> Tensor:
    """Positions in cells to pixels."""
    return stride * cells + (stride - 1) / 2


def to_cells(px: Tensor, stride: int) -> Tensor:
    """Positions in pixels to cells."""
    return (px + 0.5) / stride - 0.5


def one_by_one(layer: nn.Conv2d, maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B K h*w"]:
    """A 1x1 convolution to a few maps, each of which lies in one run of memory.

    As a matrix product that is twice as fast on a CPU, and so is what follows.
    """
    assert layer.bias is not None
    weight = layer.weight.flatten(1).expand(maps.shape[0], -1, -1)  # len() would fix it for exporters
    return torch.baddbmm(layer.bias[:, None], weight, maps.flatten(2))


def decode_votes(
    logits: Float[Tensor, "*b h w"], offsets: Float[Tensor, "*b 2 h w"]
) -> Float[Tensor, "*b 2"]:
    """Soft-argmax of the votes (cell + offset) around the highest cell, in pixels.

    Each cell votes for the point itself, so that it can lie between cells and also outside the image.
    """
    grid = cell_grid(logits.shape[-2], logits.shape[-1], logits)
    flat = logits.flatten(-2)
    beside = grid - grid.T[flat.argmax(-1)][..., None]
    far = beside.abs().amax(-2) > WINDOW
    weight = flat.masked_fill(far, -math.inf).softmax(-1)
    votes = offsets.flatten(-2) + grid
    return to_px((votes * weight[..., None, :]).sum(-1), STRIDE)


def heatmap_divergence(logits: Float[Tensor, "B h w"], centre: Float[Tensor, "B 2"]) -> Float[Tensor, "B"]:
    """Kullback-Leibler divergence of the heat map from a Gaussian of one cell around a point in pixels.

    A point outside the image is clamped to the nearest cell.
    """
    height, width = logits.shape[1:]
    cell = to_cells(centre.to(logits.dtype), STRIDE)
    columns = torch.arange(width, device=logits.device) - cell[:, :1].clamp(0, width - 1)
    rows = torch.arange(height, device=logits.device) - cell[:, 1:].clamp(0, height - 1)
    log_target = (-(rows[:, :, None] ** 2 + columns[:, None, :] ** 2) / 2).flatten(1).log_softmax(1)
    return (log_target.exp() * (log_target - logits.flatten(1).log_softmax(1))).sum(1)


class Summary(nn.Module):
    """What a map holds, in a few numbers: where learned points lie, and the mean features of where one looks.

    The points are the means of spatial softmaxes, in units of the image's width from the first of them,
    which makes the numbers independent of where in the frame the eye is.

    Args:
        channels: of the map.
        points: how many.
    """

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.maps = nn.Conv2d(channels, points, 1)
        self.features = self.count(channels, points)

    @staticmethod
    def count(channels: int, points: int) -> int:
        """How many numbers a summary has."""
        return channels + 2 * (points - 1) + points

    def forward(
        self, stride4: Float[Tensor, "B C h w"], size: tuple[int, int]
    ) -> tuple[Float[Tensor, "B F"], Float[Tensor, "B 2"]]:
        """(numbers, first point in pixels)."""
        numbers, first = self.on_cells(crop(stride4, size, STRIDE))
        return numbers, to_px(first, STRIDE)

    def on_cells(self, x: Float[Tensor, "B C h w"]) -> tuple[Float[Tensor, "B F"], Float[Tensor, "B 2"]]:
        """(numbers, first point in cells) of any map."""
        height, width = x.shape[2:]
        weight = one_by_one(self.maps, x).softmax(2)
        grid = cell_grid(height, width, weight).T
        points = weight @ grid
        # About each point's own mean: the difference of E[x²] and E[x]² has no digits left in float32.
        beside = (grid - points[:, :, None]).square().sum(3)
        spread = (weight * beside).sum(2).clamp(min=1e-6).sqrt()
        apart = (points[:, 1:] - points[:, :1]).flatten(1)
        looked_at = (weight[:, :1] @ x.flatten(2).mT)[:, 0]
        lengths = 8.0 / width * torch.cat([apart, spread], dim=1)
        return torch.cat([looked_at, lengths], dim=1), points[:, 0]
