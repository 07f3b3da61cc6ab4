"""From points to a map: interpolation of inverse depth by confidence, at every scale that has evidence.

Inverse depth, because it is linear in the pixel on a plane: at every scale a plane is fitted to what lies
near, by weighted least squares. The network then corrects the map: densifiers that have to interpolate as
well learn that first, slowly, and never quite.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

MOMENTS: Final = 9
"""Of a cell: sums over its points of confidence times 1, x, y, xx, xy, yy, s, xs, ys, for positions (x, y) in
[-1, 1] over the width of the image and inverse depths s."""
_LEVELS: Final = 7
_FULL: Final = 0.5
"""Confidence in a cell at which it takes as much from its own scale as from the coarser ones."""
_CLOSE: Final = 0.1
"""As `_FULL`, where a map shall pass close by its points."""
_RIDGE: Final = 0.2
"""Spread of the points, in squared cells, below which a slope is not believed."""


def moments_of_points(
    pixels: Float[Tensor, "B P 2"],
    inverse_depth: Float[Tensor, "B P"],
    confidence: Float[Tensor, "B P"],
    stride: int,
    size: tuple[int, int],
) -> Float[Tensor, "B 9 h w"]:
    """Points gathered in cells of `stride` pixels; `size` counts the cells. Points outside are left out."""
    h, w = size
    cell = torch.div(pixels + 0.5, stride, rounding_mode="floor").long()
    inside = (cell >= 0).all(2) & (cell[..., 0] < w) & (cell[..., 1] < h)
    index = torch.where(inside, cell[..., 1] * w + cell[..., 0], 0)
    weight = torch.where(inside, confidence, torch.zeros_like(confidence))
    x, y = _position(pixels, stride, size).unbind(2)
    terms = _terms(x, y, inverse_depth) * weight[:, None]
    sums = terms.new_zeros(pixels.shape[0], MOMENTS, h * w)
    return sums.scatter_add(2, index[:, None].expand(-1, MOMENTS, -1), terms).unflatten(2, size)


def moments_of_map(
    inverse_depth: Float[Tensor, "B H W"],
    confidence: Float[Tensor, "B H W"],
    stride: int,
    size: tuple[int, int],
) -> Float[Tensor, "B 9 h w"]:
    """As `moments_of_points`, of a map whose pixels without a point have confidence 0."""
    height, width = inverse_depth.shape[1:]
    v, u = torch.meshgrid(
        torch.arange(height, dtype=inverse_depth.dtype, device=inverse_depth.device),
        torch.arange(width, dtype=inverse_depth.dtype, device=inverse_depth.device),
        indexing="ij",
    )
    x, y = _position(torch.stack([u, v], dim=2), stride, size).unbind(2)
    terms = (
        _terms(x.expand_as(inverse_depth), y.expand_as(inverse_depth), inverse_depth) * confidence[:, None]
    )
    below, right = size[0] * stride - height, size[1] * stride - width
    return F.avg_pool2d(F.pad(terms, (0, right, 0, below)), stride) * stride**2


def fill(
    moments: Float[Tensor, "B 9 h w"], unknown: float
) -> tuple[Float[Tensor, "B 1 h w"], Float[Tensor, "B 1 h w"]]:
    """A dense map of inverse depth, and how much evidence lies near each cell, in [0, 1).

    From the coarsest scale on, each finer one takes over to the extent that it has confidence (pull and push;
    Gortler et al., "The lumigraph", 1996).

    Args:
        unknown: inverse depth where there is no point at all.
    """
    size = moments.shape[2:]
    levels = [moments]
    while len(levels) < _LEVELS and max(levels[-1].shape[2:]) > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False) * 4)
    filled = torch.full_like(levels[-1][:, :1], unknown)
    near = torch.zeros_like(filled)
    for level, sums in reversed(list(enumerate(levels))):
        if filled.shape[2:] != sums.shape[2:]:
            filled, near = _doubled(filled, sums), _doubled(near, sums)
        sums = _blurred(sums)
        taken = sums[:, :1] / (sums[:, :1] + _FULL)
        filled = torch.lerp(filled, _plane(sums, 2**level, (size[0], size[1])), taken)
        near = torch.lerp(near, torch.full_like(near, 2.0**-level), taken)
    return filled, near


def pull_push(value: Float[Tensor, "B H W"], confidence: Float[Tensor, "B H W"]) -> Float[Tensor, "B H W"]:
    """A smooth map through scattered values, 0 far from all of them; as `fill`, of constants for planes."""
    levels = [torch.stack([confidence, confidence * value], dim=1)]
    while max(levels[-1].shape[2:]) > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False) * 4)
    filled = torch.zeros_like(levels[-1][:, :1])
    for sums in reversed(levels):
        if filled.shape[2:] != sums.shape[2:]:
            filled = _doubled(filled, sums)
        mass, total = _blurred(sums).split(1, dim=1)
        filled = torch.lerp(filled, total / mass.clamp(min=1e-8), mass / (mass + _CLOSE))
    return filled[:, 0]


def _plane(sums: Tensor, cell: int, size: tuple[int, int]) -> Tensor:
    """The fitted plane at the centre of each cell, which is `cell` of the finest cells wide."""
    h, w = sums.shape[2:]
    mass = sums[:, :1].clamp(min=1e-8)
    x, y, xx, xy, yy, s, xs, ys = (sums[:, 1:] / mass).split(1, dim=1)
    pitch = 2 * cell / size[1]
    ridge = _RIDGE * pitch**2
    xx, xy, yy = xx - x * x + ridge, xy - x * y, yy - y * y + ridge
    xs, ys = xs - x * s, ys - y * s
    determinant = (xx * yy - xy * xy).clamp(min=0.5 * ridge**2)
    slope_x, slope_y = (yy * xs - xy * ys) / determinant, (xx * ys - xy * xs) / determinant
    at_x = (torch.arange(w, device=sums.device) + 0.5) * pitch - 1
    at_y = (torch.arange(h, device=sums.device) + 0.5) * pitch - size[0] / size[1]
    # Far from the points a slope would carry away: it holds for a cell or two.
    dx = (at_x[None, None, None] - x).clamp(-2 * pitch, 2 * pitch)
    dy = (at_y[None, None, :, None] - y).clamp(-2 * pitch, 2 * pitch)
    return (s + slope_x * dx + slope_y * dy).clamp(min=0)


def _position(pixels: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Pixels (u, v) to [-1, 1] over the width of a grid of `size` cells; square."""
    shift = pixels.new_tensor((1.0, size[0] / size[1]))
    return (pixels + 0.5) * (2 / (stride * size[1])) - shift


def _terms(x: Tensor, y: Tensor, s: Tensor) -> Tensor:
    return torch.stack([torch.ones_like(s), x, y, x * x, x * y, y * y, s, x * s, y * s], dim=1)


def _blurred(x: Tensor) -> Tensor:
    """Sums over neighbouring cells with weights 1/2, 1, 1/2 in each direction."""
    x = F.pad(x, (1, 1, 1, 1))
    x = x[..., 1:-1] + 0.5 * (x[..., :-2] + x[..., 2:])
    return x[..., 1:-1, :] + 0.5 * (x[..., :-2, :] + x[..., 2:, :])


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    h, w = like.shape[2:]
    large = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return large[..., :h, :w]
