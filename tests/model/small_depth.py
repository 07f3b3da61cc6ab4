"""A small network for rooms, and rooms for it."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor

from zoo.data.views import ViewBatch, empty_view_batch
from zoo.model.config import ByobConfig, DepthConfig, InputConfig, MatchingConfig, NeckConfig, NetworkConfig
from zoo.model.network import Network

HEIGHT, WIDTH = 48, 64


def room(batch: int = 2, views: int = 3, seed: int = 0) -> ViewBatch:
    """Noise seen from cameras that stand beside each other, before a slanted wall."""
    g = torch.Generator().manual_seed(seed)
    result = empty_view_batch(batch, views, HEIGHT, WIDTH)
    result["images"] = torch.rand(batch, views, 3, HEIGHT, WIDTH, generator=g)
    result["cameras"][:] = torch.tensor([[64.0, 0, 31.5], [0, 64.0, 23.5], [0, 0, 1]])
    result["cam_to_world"][:, :, :2, 3] = 0.2 * torch.rand(batch, views, 2, generator=g)
    result["views_valid"][:] = True
    result["depth"] = (1.5 + 0.02 * torch.arange(WIDTH)).expand(batch, HEIGHT, WIDTH).clone()
    result["depth_valid"][:] = True
    result["seen"][:] = views - 1
    result["seen_valid"][:] = True
    return result


def small_network(method: Literal["joint", "classic"], check: bool = False) -> Network:
    """In evaluation, always of the same random weights."""
    torch.manual_seed(0)
    matching = MatchingConfig(type=method, hypotheses=16, context=16, check=check)
    config = NetworkConfig(
        input=InputConfig(height=HEIGHT, width=WIDTH),
        backbone=ByobConfig(stem=(8, 8), widths=(8, 16), depths=(1, 1)),
        neck=NeckConfig(width=8, depth=1, detail=8),
        heads={"depth": DepthConfig(widths=(8, 8, 8), matching=matching)},
    )
    return Network(config).eval()


def predict(network: Network, batch: ViewBatch) -> dict[str, Tensor]:
    with torch.no_grad():
        return network.answer(batch)["depth"]


def picked(batch: ViewBatch, order: list[int]) -> ViewBatch:
    """The batch with these views, in this order."""
    per_view = ("images", "cameras", "cam_to_world", "views_valid")
    return cast(ViewBatch, {**batch, **{key: batch[key][:, order] for key in per_view}})
