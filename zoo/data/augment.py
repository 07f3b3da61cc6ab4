"""What training does to a batch after it was read: each sample by draws of its own."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.data.affine import similarity
from zoo.data.config import AugmentConfig, GeometricConfig
from zoo.data.geometric import hflip, warp
from zoo.data.library import transformed
from zoo.data.photometric import photometric
from zoo.data.sample import EyeBatch
from zoo.draws import Draws


class Motion(NamedTuple):
    """How frames move: first mirrored or not, then by a similarity, then cut and filled; see `warp`."""

    flip: Bool[Tensor, "B"]
    affine: Float[Tensor, "B 2 3"]
    frame: Bool[Tensor, "B H W"] | None
    fill: Int[Tensor, "B"] | None


def augment(batch: EyeBatch, draws: Draws, config: AugmentConfig) -> EyeBatch:
    """Move the frames with all their labels, then change how the images look.

    Args:
        batch: the samples; left as they are.
        draws: one index a sample; the same index, seed and configuration give the same result in any batch.
        config: what may happen, and how much of it.
    """
    geometric = config.geometric
    if geometric.flip or geometric.moves:
        motion = draw_motion(draws, geometric, *batch["content"].shape[-2:])
        batch = hflip(batch, motion.flip)
        if geometric.moves:
            batch = warp(batch, motion.affine, motion.frame, motion.fill)
    image = photometric(batch["image"], batch["content"], draws, config.photometric)
    image = transformed(image, batch["content"], draws, config.photometric.library)
    return {**batch, "image": image}


def draw_motion(draws: Draws, config: GeometricConfig, height: int, width: int) -> Motion:
    """How each sample's height x width frame moves."""
    limit = math.radians(config.rotate_deg)
    turn = draws.uniform("rotate", -limit, limit) + torch.pi * draws.chance("half_turn", config.half_turn)
    extent = torch.tensor([width, height], device=draws.device) * config.shift
    shift = draws.uniform("shift", -1.0, 1.0, 2) * extent
    affine = similarity(turn, draws.log_uniform("scale", *config.scale), shift, height, width)
    frame = _letterbox_frame(draws, config, height, width) if config.reframe else None
    # In the order of FILLS.
    fill = draws.choice("fill", [1 - config.fill, config.fill / 2, config.fill / 2]) if config.fill else None
    return Motion(draws.chance("flip", config.flip), affine, frame, fill)


def _letterbox_frame(draws: Draws, config: GeometricConfig, height: int, width: int) -> Tensor:
    """(B, height, width): the centred rectangle that a frame of a drawn aspect fills, or everything."""
    aspect = draws.log_uniform("aspect", *config.aspect, 1)
    all_of_it = ~draws.chance("reframe", config.reframe, 1)
    x = torch.arange(width, device=draws.device) - (width - 1) / 2
    y = torch.arange(height, device=draws.device) - (height - 1) / 2
    columns = all_of_it | (x.abs() <= height * aspect / 2)
    rows = all_of_it | (y.abs() <= width / aspect / 2)
    return rows[:, :, None] & columns[:, None, :]
