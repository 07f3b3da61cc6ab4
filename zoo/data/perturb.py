"""Known changes to native frames whose pupils are labelled: how far does a prediction follow?

Frames keep their size. What a change uncovers is black. The true pupil of a changed frame is what is left of
its mask; the inverse of `affine` takes errors back to the scale of the native frame.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.data.affine import move_points, sample, sampling_grid, similarity
from zoo.data.photometric import gaussian_blur
from zoo.draws import Draws
from zoo.geometry.cameras import pixel_grid

Kind = Literal["shift", "scale", "border", "turn", "exposure"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

SHIFT: Final = 0.25
"""Largest shift either way, as a share of the frame's width and height."""
SCALE: Final = (0.5, 2.0)
CUT: Final = 0.5
"""Largest share of the pupil's width or height that the border cuts off."""
STOPS: Final = 2.0


class Perturbed(NamedTuple):
    """Changed frames."""

    images: Float[Tensor, "B 1 h w"]
    masks: Bool[Tensor, "B h w"]  # what is left of the pupil
    affine: Float[Tensor, "B 2 3"]  # from the native to the changed frame
    kept: Float[Tensor, "B"]  # share of the pupil's area that is left; 0 where there was no pupil


def perturb(
    images: Float[Tensor, "B 1 h w"], masks: Bool[Tensor, "B h w"], kind: Kind, draws: Draws
) -> Perturbed:
    """Change each frame by a draw of its own.

    * shift: by up to a quarter of the frame, whole pixels
    * scale: by 0.5 to 2 about the frame's centre, antialiased
    * border: shift until one side of the frame cuts off up to half of the pupil's width or height; frames
      without a pupil stay as they are
    * turn: by 180 degrees
    * exposure: by up to two stops either way, clipped, in 8 bits

    Args:
        images: in [0, 1].
        masks: the visible pupil.
        kind: one of `KINDS`.
        draws: one index a frame.
    """
    height, width = masks.shape[-2:]
    zero = images.new_zeros(len(masks))
    one = zero + 1
    scale, turn, shift = one, zero, images.new_zeros(len(masks), 2)
    if kind == "exposure":
        gain = torch.exp2(draws.uniform("exposure", -STOPS, STOPS, 1, 1, 1))
        images = (images * gain).clamp(0, 1).mul(255).round().div(255)
    elif kind == "turn":
        turn = torch.pi * one
    elif kind == "scale":
        scale = draws.log_uniform("scale", *SCALE)
        # A shrunk pixel covers 1 / scale native ones: blur by the Gaussian of their excess variance.
        sd = ((1 / scale.clamp(max=1)).square() - 1).div(12).sqrt().clamp_min(0.1)
        images = gaussian_blur(images, torch.ones_like(images), sd)
    elif kind == "shift":
        shift = (draws.uniform("shift", -SHIFT, SHIFT, 2) * images.new_tensor([width, height])).round()
    else:
        shift = _border_shift(masks, draws)
    affine = similarity(turn, scale, shift, height, width)
    grid = sampling_grid(affine, height, width)
    moved = sample(masks[:, None].float(), grid, mode="nearest")[:, 0] > 0.5
    return Perturbed(sample(images, grid), moved, affine, _kept(masks, affine))


def _kept(masks: Tensor, affine: Tensor) -> Tensor:
    """(B,) share of the mask's pixels whose centre is still in the frame."""
    height, width = masks.shape[-2:]
    u, v = move_points(
        pixel_grid(height, width, device=masks.device).expand(len(masks), -1, -1, -1), affine
    ).unbind(-1)
    inside = (u > -0.5) & (u < width - 0.5) & (v > -0.5) & (v < height - 0.5)
    return (masks & inside).sum((1, 2)) / masks.sum((1, 2)).clamp_min(1)


def _border_shift(masks: Tensor, draws: Draws) -> Tensor:
    """(B, 2) whole pixels that bring a line across the pupil to the frame's edge."""
    side = draws.choice("side", [1.0, 1.0, 1.0, 1.0])
    cut = draws.uniform("cut", 0.0, CUT)
    shift = torch.zeros(len(masks), 2, device=masks.device)
    for axis, size in enumerate((masks.shape[2], masks.shape[1])):
        line = masks.any(1 + axis)
        first = line.int().argmax(1) - 0.5
        last = size - 0.5 - line.flip(1).int().argmax(1)
        low = -0.5 - (first + cut * (last - first))
        high = size - 0.5 - (last - cut * (last - first))
        shift[:, axis] += torch.where(side == 2 * axis, low, 0) + torch.where(side == 2 * axis + 1, high, 0)
    return torch.where(masks.flatten(1).any(1)[:, None], shift.round(), 0.0)
