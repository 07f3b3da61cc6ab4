"""One backbone, one neck, many heads."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zoo.errors import did_you_mean
from zoo.model.backbone import build_backbone
from zoo.model.config import NetworkConfig
from zoo.model.heads import Head, build_head
from zoo.model.neck import Neck


class Network(nn.Module):
    """The network that `config` describes.

    Args:
        config: see `zoo.model.config`.
        fetch_weights: false builds a timm backbone without fetching its pretrained weights, for a
            checkpoint whose own weights are loaded next.

    Raises:
        ZooError: timm does not know the backbone, or has no weights of it.
    """

    def __init__(self, config: NetworkConfig, fetch_weights: bool = True) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, config.input, fetch_weights)
        self.neck = Neck(self.backbone.strides, self.backbone.channels, config.neck)
        self.heads = nn.ModuleDict({k: build_head(h, self.neck.channels) for k, h in config.heads.items()})
        self.to(memory_format=torch.channels_last)  # what convolutions are fastest in

    def forward(
        self, image: Float[Tensor, "B 1 H W"], heads: Collection[str] | None = None
    ) -> dict[str, dict[str, Tensor]]:
        """Predict.

        Args:
            image: standardised grey images of any size; see `zoo.data.letterbox.standardise`.
            heads: which heads to run (what only the others need is not computed); None: all.

        Returns:
            the prediction of each head, in pixels of `image`.

        Raises:
            ValueError: an unknown head.
        """
        chosen = list(self.heads) if heads is None else heads
        size = (image.shape[2], image.shape[3])
        padded = self._prepare(image)
        modules = {name: self.head(name) for name in chosen}
        needs = {need for head in modules.values() for need in head.needs}
        features = self.neck(padded, self.backbone(padded), size, needs)
        return {name: head(features) for name, head in modules.items()}

    def head(self, name: str) -> Head[Any]:
        """The head of that name.

        Raises:
            ValueError: there is none.
        """
        if name not in self.heads:
            raise ValueError(f"the network has no head {name!r}: {did_you_mean(name, self.heads)}")
        return cast(Head[Any], self.heads[name])

    def _prepare(self, image: Tensor) -> Tensor:
        """Pad to the backbone's multiple with 0, the mean; repeat grey, as one trunk serves colour too."""
        right, below = (-image.shape[3] % self.backbone.multiple, -image.shape[2] % self.backbone.multiple)
        padded = F.pad(image, (0, right, 0, below)) if right or below else image
        repeated = padded.expand(-1, self.backbone.image_channels, -1, -1)
        return repeated.contiguous(memory_format=torch.channels_last)
