"""Blink: how far the lids are open, and whether that counts as a blink."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from zoo.conventions import BLINK_OPENNESS
from zoo.data.sample import EyeBatch
from zoo.model.config import BlinkConfig
from zoo.model.heads.base import Head, Masked, Scored, at_least_float32, masked
from zoo.model.neck import FeatureChannels, Features, Map

OPENNESS_SCALE: Final = 0.1
"""Width of the Laplace distribution of errors of openness: their mean size on held-out rendered people."""
OPENNESS_SHARE: Final = 0.25
"""Of what openness says in the probability of a blink: chosen on held-out rendered people, where accuracy
gains half a percent by it and average precision loses 0.001."""


class BlinkHead(Head[BlinkConfig]):
    """Openness in [0, 1] and the probability of a blink, as `zoo.conventions` defines both.

    The probability is a mixture: a classifier's, and that of an openness below the threshold, given the
    errors of openness. The classifier alone saturates on lids that are half shut, and then ranks them by
    chance; where another data set draws the line between open and shut higher, that is what decides.

    The loss adds the absolute error of openness to the cross entropy of the mixture, each where its label is
    valid, so that data with only one of the two labels trains it.
    """

    needs: tuple[Map, ...] = ("pooled",)

    def __init__(self, config: BlinkConfig, channels: FeatureChannels) -> None:
        super().__init__(config, channels)
        self.layers = nn.Sequential(
            nn.Linear(channels.pooled, config.hidden), nn.ReLU(inplace=True), nn.Linear(config.hidden, 2)
        )

    def forward(self, features: Features) -> dict[str, Tensor]:
        """`openness` and `blink` (a probability), each (B,)."""
        assert features.pooled is not None
        openness, classifier = torch.sigmoid(self.layers(features.pooled)).unbind(1)
        blink = (1 - OPENNESS_SHARE) * classifier + OPENNESS_SHARE * _below_threshold(openness)
        return {"openness": openness, "blink": blink}

    def loss(self, prediction: dict[str, Tensor], batch: EyeBatch) -> Masked:
        """|openness error| + binary cross entropy."""
        openness = (at_least_float32(prediction["openness"]) - batch["openness"]).abs()
        probability = at_least_float32(prediction["blink"])
        label = batch["blink"].to(probability.dtype)
        blink = -(label * probability.log() + (1 - label) * torch.log1p(-probability))
        value = masked(openness, batch["openness_valid"]) + masked(blink, batch["blink_valid"])
        return Masked(value, batch["openness_valid"] | batch["blink_valid"])

    def errors(self, prediction: dict[str, Tensor], batch: EyeBatch) -> dict[str, Masked]:
        """`openness_error`: absolute."""
        error = (at_least_float32(prediction["openness"]) - batch["openness"]).abs()
        return {"openness_error": Masked(error, batch["openness_valid"])}

    def scores(self, prediction: dict[str, Tensor], batch: EyeBatch) -> dict[str, Scored]:
        """`blink`."""
        score = at_least_float32(prediction["blink"])
        return {"blink": Scored(score, batch["blink"] > 0.5, batch["blink_valid"])}


def _below_threshold(openness: Tensor) -> Tensor:
    """P(openness + Laplace error < threshold), never 0 or 1 for openness in [0, 1]: its log is finite."""
    excess = (openness - BLINK_OPENNESS) / OPENNESS_SCALE
    tail = 0.5 * torch.exp(-excess.abs())
    return torch.where(excess > 0, tail, 1 - tail)
