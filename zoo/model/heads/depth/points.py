"""Which points of the anchor are matched: one in every cell of 8x8 pixels, where it is best recognised."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

CELL: Final = 8
"""Pixels of a cell's side, as in SuperPoint (DeTone et al., 2018), which DELTAS' detector follows."""


def cell_points(logits: Float[Tensor, "B 64 h w"], noise: Tensor | None = None) -> Float[Tensor, "B P 2"]:
    """The best pixel of every cell, rows first; P = h * w.

    Args:
        logits: of the pixels of each cell, rows first.
        noise: added to the logits, so that training meets other points than the best.
    """
    h, w = logits.shape[2:]
    best = (logits if noise is None else logits + noise).argmax(1).flatten(1)
    cell = torch.arange(h * w, device=logits.device)
    u = (cell % w) * CELL + best % CELL
    v = (cell // w) * CELL + best // CELL
    return torch.stack([u, v], dim=2).to(logits.dtype)


def cornerness(images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N H W"]:
    """The smaller eigenvalue of the structure tensor (Shi and Tomasi, 1994), in units of its mean."""
    grey = images.mean(1, keepdim=True)
    x = F.pad(grey[..., 2:] - grey[..., :-2], (1, 1))
    y = F.pad(grey[..., 2:, :] - grey[..., :-2, :], (0, 0, 1, 1))
    xx, xy, yy = (_smooth(product) for product in (x * x, x * y, y * y))
    least = 0.5 * (xx + yy - ((xx - yy).square() + 4 * xy.square() + 1e-12).sqrt())
    least = least.clamp(min=0)[:, 0]
    return least / least.mean((1, 2), keepdim=True).clamp(min=1e-8)


def recognised(
    anchor: Float[Tensor, "B H W"], sources: Float[Tensor, "B S H W"], inside: Bool[Tensor, "B S H W"]
) -> Float[Tensor, "B H W"]:
    """Cornerness that the other views confirm: the geometric mean of the anchor's and that of their mean.

    SuperPoint averages over random homographies of one picture; with true depth the views themselves say
    which corners of the anchor stay corners, on slanted and curved surfaces and under other light too.

    Args:
        anchor, sources: `cornerness`, the sources' warped into the anchor.
        inside: where a source sees the pixel; a pixel that none sees counts by the anchor alone.
    """
    count = inside.sum(1)
    there = (sources * inside).sum(1) / count.clamp(min=1)
    return torch.where(count > 0, (anchor * there).sqrt(), anchor)


def point_loss(logits: Float[Tensor, "B 64 h w"], strength: Float[Tensor, "B H W"]) -> Float[Tensor, "B"]:
    """Cross entropy between each cell's pixels and the strengths in it, as shares.

    A cell without structure has even shares and so asks for nothing: points on textureless places are where
    the network finds them useful or anywhere.
    """
    h, w = logits.shape[2:]
    cells = F.pixel_unshuffle(strength[:, None, : h * CELL, : w * CELL] + 0.05, CELL)
    share = cells / cells.sum(1, keepdim=True)
    return -(share * logits.log_softmax(1)).sum(1).mean((1, 2))


def _smooth(x: Tensor) -> Tensor:
    """A binomial kernel of five, by slices: on a CPU faster than convolving one channel."""
    for along in (2, 3):
        size = x.shape[along]
        x = F.pad(x, (0, 0, 2, 2) if along == 2 else (2, 2, 0, 0), mode="replicate")
        a, b, c, d, e = (x.narrow(along, start, size) for start in range(5))
        x = (a + e + 4 * (b + d) + 6 * c) / 16
    return x
