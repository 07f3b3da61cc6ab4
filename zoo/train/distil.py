"""Distillation from the parent: where a sample has no label, the network answers as its parent does."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.model.heads.base import Masked, masked


def distance(prediction: Mapping[str, Tensor], target: Mapping[str, Tensor], unlabelled: Tensor) -> Masked:
    """How far two predictions of a head are apart, in spreads of the parent's: (B,), of unlabelled samples.

    Mean over all outputs that carry a gradient and have the same shape of the smooth L1 distance (Huber's, of
    width 1) after division by the standard deviation of the parent's output over the batch.
    """
    terms = []
    for name, value in prediction.items():
        if not value.requires_grad or name not in target or target[name].shape != value.shape:
            continue
        goal = target[name].detach()
        spread = goal.std(correction=0).clamp(min=1e-3)
        error = F.smooth_l1_loss(value / spread, goal / spread, reduction="none")
        terms.append(error.flatten(1).mean(1) if error.ndim > 1 else error)
    if not terms:
        return Masked(torch.zeros_like(unlabelled, dtype=torch.float32), torch.zeros_like(unlabelled))
    return Masked(masked(torch.stack(terms).mean(0), unlabelled), unlabelled)
