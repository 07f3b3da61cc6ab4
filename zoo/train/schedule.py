"""Learning rate by samples seen."""

from __future__ import annotations

import math


def learning_rate_factor(seen: int, warmup: int, total: int, final: float) -> float:
    """Share of the learning rate after `seen` samples: linear from 0 to 1, then half a cosine to `final`.

    Args:
        seen, warmup, total: in samples; `warmup` <= `total`.
        final: the share at and after `total`.
    """
    if seen < warmup:
        return seen / warmup
    progress = min((seen - warmup) / max(total - warmup, 1), 1.0)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
