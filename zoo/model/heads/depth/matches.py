"""What matching finds, however it is done."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

PROFILE: Final = 16
"""Channels in which the densifier learns how the matching went."""
_TINY: Final = 1e-3


class Matches(NamedTuple):
    """What is known of the points, P = h * w of a grid of cells."""

    pixels: Tensor  # (B, P, 2)
    inverse_depth: Tensor  # (B, P)
    confidence: Tensor  # (B, P) in [0, 1]; 0 where no view can tell
    profile: Tensor  # (B, PROFILE, h, w)
    details: dict[str, Tensor]  # what the loss of the method needs, with B in front


def log_apart(a: Float[Tensor, "B P"], b: Float[Tensor, "B P"]) -> Float[Tensor, "B P"]:
    """Distance of the logarithms of inverse depths."""
    return ((a + _TINY).log() - (b + _TINY).log()).abs()


def mean_known(value: Float[Tensor, "B P"], known: Bool[Tensor, "B P"]) -> Float[Tensor, "B"]:
    """Mean over the known points of each sample, 0 where there is none."""
    return torch.where(known, value, torch.zeros_like(value)).sum(1) / known.sum(1).clamp(min=1)
