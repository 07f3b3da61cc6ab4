"""Affine maps of pixels (B, 2, 3), ``moved = map[..., :2] @ point + map[..., 2]``, and resampling by them."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def similarity(
    turn: Float[Tensor, "B"],
    scale: Float[Tensor, "B"],
    shift: Float[Tensor, "B 2"],
    height: int,
    width: int,
) -> Float[Tensor, "B 2 3"]:
    """Turn (radians, +x towards +y) and enlarge about the centre of a height x width frame, then shift."""
    cos, sin = scale * torch.cos(turn), scale * torch.sin(turn)
    linear = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=turn.dtype, device=turn.device)
    return torch.cat([linear, (centre + shift - linear @ centre)[..., None]], -1)


def invert(affine: Float[Tensor, "B 2 3"]) -> Float[Tensor, "B 2 3"]:
    """The map that undoes `affine`."""
    linear = torch.linalg.inv(affine[..., :2])
    return torch.cat([linear, -linear @ affine[..., 2:]], -1)


def move_points(points: Float[Tensor, "B *n 2"], affine: Float[Tensor, "B 2 3"]) -> Float[Tensor, "B *n 2"]:
    """Each sample's points by its map."""
    flat = points.reshape(len(points), -1, 2)
    return (flat @ affine[..., :2].mT + affine[:, None, :, 2]).reshape(points.shape)


def sampling_grid(affine: Float[Tensor, "B 2 3"], height: int, width: int) -> Float[Tensor, "B H W 2"]:
    """Where each pixel of the moved frames comes from, in the units of `sample`."""
    back = invert(affine)
    x = torch.arange(width, dtype=affine.dtype, device=affine.device)[None, None, :]
    y = torch.arange(height, dtype=affine.dtype, device=affine.device)[None, :, None]
    # Planes of x and y, not pairs: the fastest layout to write, and to sample from.
    grid = affine.new_empty(len(affine), 2, height, width)
    for axis, size in enumerate((width, height)):
        # The centres of pixels 0 ... size - 1 are -1 ... 1.
        a, b, c = (back[:, axis, k, None, None] * (2 / max(size - 1, 1)) for k in range(3))
        torch.add(a * x, b * y + (c - 1), out=grid[:, axis])
    return grid.permute(0, 2, 3, 1)


def sample(
    image: Float[Tensor, "B C H W"],
    grid: Float[Tensor, "B H W 2"],
    mode: Literal["bilinear", "nearest"] = "bilinear",
    padding: Literal["zeros", "border"] = "zeros",
) -> Float[Tensor, "B C H W"]:
    """The images at the places of a `sampling_grid`; outside a frame there is 0 or its edge's colour."""
    return F.grid_sample(image, grid, mode=mode, padding_mode=padding, align_corners=True)
