"""Sparse measurements for the exam of completion: random pixels of the truth, with a sensor's faults."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.data.views import ViewBatch
from zoo.draws import Draws


class Protocol(NamedTuple):
    """How many points, and how wrong they are."""

    points: int
    noise: float = 0.0
    """Relative standard deviation of their depth."""
    outliers: float = 0.0
    """Share of them whose depth is drawn anew, uniform in `OUTLIER_M`. Nothing tells which they are."""


PROTOCOLS: Final = {
    "100_clean": Protocol(100),
    "500_noisy": Protocol(500, noise=0.05, outliers=0.10),
    "500_clean": Protocol(500),
}
OUTLIER_M: Final = (0.4, 10.0)


def sparse_points(depth: Float[Tensor, "B H W"], protocol: Protocol, draws: Draws) -> Float[Tensor, "B H W"]:
    """Measured depth at random pixels of known depth, metres, else 0; all known ones if too few."""
    height, width = depth.shape[1:]
    order = draws.unit("where", height, width).masked_fill(depth <= 0, 2.0).flatten(1)
    found = order.topk(min(protocol.points, height * width), dim=1, largest=False, sorted=True)
    truth = depth.flatten(1).gather(1, found.indices)
    count = found.indices.shape[1]
    error = draws.normal("noise", 0.0, 1.0, count)
    value = (truth * (1 + protocol.noise * error)).clamp(min=0.05)
    wrong = torch.arange(count, device=depth.device) < round(protocol.outliers * count)
    value = torch.where(wrong, draws.uniform("outlier", *OUTLIER_M, count), value)
    value = torch.where(found.values < 1, value, torch.zeros_like(value))
    return torch.zeros_like(depth).flatten(1).scatter(1, found.indices, value).unflatten(1, (height, width))


def with_points(batch: ViewBatch, sparse: Float[Tensor, "B H W"]) -> ViewBatch:
    """The anchors alone, without any source, with these measurements at full confidence."""
    valid = torch.zeros_like(batch["views_valid"][:, :2])
    valid[:, 0] = True
    alone = {key: batch[key][:, :1].repeat_interleave(2, 1) for key in ("images", "cameras", "cam_to_world")}
    return {
        **batch,
        **alone,  # type: ignore[typeddict-item]
        "views_valid": valid,
        "seen": torch.zeros_like(batch["seen"]),
        "seen_valid": torch.zeros_like(batch["seen_valid"]),
        "sparse_depth": sparse,
        "sparse_confidence": (sparse > 0).to(sparse.dtype),
    }
