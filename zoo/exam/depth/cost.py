"""What a depth network costs: parameters, multiply-accumulates, and milliseconds beside its backbone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from zoo.data.views import ViewBatch, empty_view_batch
from zoo.model.fuse import fused
from zoo.model.network import Network

ORIGINAL: Final = {"parameters": 126e6, "gmacs": 92.0}
"""DELTAS with ResNet-50 at 320x240 and 3 views (Sinha et al., ECCV 2020)."""


def cost(
    network: Network, views: int = 3, height: int = 240, width: int = 320, rounds: int = 20
) -> dict[str, Any]:
    """Parameters and GMACs, absolute and over the original's, and latencies on the threads that torch has.

    Latencies are medians of contenders that take turns: the whole network as `zoo predict` runs it, and its
    backbone alone on the same pictures.
    """
    batch = _batch(views, height, width)
    runs = fused(network)
    if runs.backbone.image_channels != batch["images"].shape[2]:
        runs = network  # folded for grey frames alone
    multiple = network.backbone.multiple
    images = F.pad(batch["images"][0], (0, -width % multiple, 0, -height % multiple))
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        macs = gmacs(network, batch)
        seconds = take_turns(
            {"network": lambda: runs.views(batch), "backbone": lambda: runs.backbone(images)}, rounds
        )
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {
        "views": views,
        "size": [width, height],
        "parameters": parameters,
        "gmacs": macs,
        "parameters_over_original": parameters / ORIGINAL["parameters"],
        "gmacs_over_original": macs / ORIGINAL["gmacs"],
        "latency_ms": {name: 1000 * value for name, value in seconds.items()},
        "network_over_backbone": seconds["network"] / seconds["backbone"],
    }


def gmacs(network: Network, batch: ViewBatch) -> float:
    """Billions of multiply-accumulates of convolutions and matrix products in one pass."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network.eval().views(batch)
    return counter.get_total_flops() / 2e9


def take_turns(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of one call of each contender; what else the machine does then hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 3):
        for name, call in contenders.items():
            start = time.perf_counter()
            call()
            if turn >= 3:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def _batch(views: int, height: int, width: int) -> ViewBatch:
    """Noise, seen by cameras in a row."""
    batch = empty_view_batch(1, views, height, width)
    batch["images"] = torch.rand(1, views, 3, height, width, generator=torch.Generator().manual_seed(0))
    batch["cameras"][..., 0, 0] = batch["cameras"][..., 1, 1] = float(width)
    batch["cameras"][..., 0, 2], batch["cameras"][..., 1, 2] = (width - 1) / 2, (height - 1) / 2
    batch["cam_to_world"][0, :, 0, 3] = 0.15 * torch.arange(views)
    batch["views_valid"][:] = True
    return batch
