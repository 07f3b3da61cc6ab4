"""An exponential moving average of a network, counted in samples."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


class Ema(nn.Module, Generic[Model]):
    """Holds `average`: a network with the averaged weights and floating-point buffers (norm statistics).

    The half-life grows with training, `min(half_life, ramp * seen)`, so that the first random weights are
    forgotten at once [Karras et al., "Analyzing and improving the training dynamics of diffusion models",
    CVPR 2024, and its code].

    Args:
        network: the network to follow; copied.
        half_life: samples after which a weight counts half.
        ramp: largest half-life as a share of the samples seen.
    """

    def __init__(self, network: Model, half_life: int, ramp: float) -> None:
        super().__init__()
        self.average: Model = copy.deepcopy(network).requires_grad_(False)
        self.half_life = half_life
        self.ramp = ramp

    def decay(self, seen: int, batch_size: int) -> float:
        """What one step of `batch_size` samples leaves of the old average, after `seen` samples in all."""
        return float(0.5 ** (batch_size / min(self.half_life, self.ramp * seen)))

    @torch.no_grad()
    def update(self, network: nn.Module, seen: int, batch_size: int) -> None:
        """Move towards `network`; `seen` counts the samples of this step too."""
        own, new = self.average.state_dict(), network.state_dict()
        floating = [key for key, value in own.items() if value.is_floating_point()]
        share = 1 - self.decay(seen, batch_size)
        torch._foreach_lerp_([own[key] for key in floating], [new[key] for key in floating], share)
        for key in own.keys() - set(floating):
            own[key].copy_(new[key])
