"""Blink: how far the lids are open, and whether that counts as a blink."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.sample import EyeBatch
from zoo.model.config import BlinkConfig
from zoo.model.heads.base import Head, Masked, Scored, at_least_float32, masked
from zoo.model.neck import FeatureChannels, Features, Map


class BlinkHead(Head[BlinkConfig]):
    """Openness in [0, 1] and the probability of a blink, as `zoo.conventions` defines both.

    The loss adds the absolute error of openness to the cross entropy of blink, each where its label is
    valid, so that data with only one of the two labels trains it.
    """

    needs: tuple[Map, ...] = ("pooled",)

    def __init__(self, config: BlinkConfig, channels: FeatureChannels) -> None:
        super().__init__(config, channels)
        self.layers = nn.Sequential(
            nn.Linear(channels.pooled, config.hidden), nn.ReLU(inplace=True), nn.Linear(config.hidden, 2)
        )

    def forward(self, features: Features) -> dict[str, Tensor]:
        """`openness`, `blink` (a probability) and `blink_logit`, each (B,)."""
        assert features.pooled is not None
        openness_logit, blink_logit = self.layers(features.pooled).unbind(1)
        return {
            "openness": torch.sigmoid(openness_logit),
            "blink": torch.sigmoid(blink_logit),
            "blink_logit": blink_logit,
        }

    def loss(self, prediction: dict[str, Tensor], batch: EyeBatch) -> Masked:
        """|openness error| + binary cross entropy."""
        openness = (at_least_float32(prediction["openness"]) - batch["openness"]).abs()
        logit = at_least_float32(prediction["blink_logit"])
        blink = F.binary_cross_entropy_with_logits(logit, batch["blink"].to(logit.dtype), reduction="none")
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
