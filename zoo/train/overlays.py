"""Predictions drawn on held-out samples, for the logger. Of real people only where that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from zoo.conventions import DOMAINS
from zoo.data.kinds import Batch, is_views
from zoo.data.letterbox import Letterbox
from zoo.data.views import ViewBatch
from zoo.draw import Picture, draw_labels, overlay
from zoo.model.network import Network
from zoo.predict.native import OnCanvas, to_native
from zoo.synth.rooms.picture import colour_depth
from zoo.train.measure import to_device


def overlays(
    network: Network, batches: Iterable[Batch], device: torch.device, real_images: bool
) -> Iterator[Picture]:
    """One RGB picture for each sample that may be shown, with what `network` predicts for it."""
    for batch in batches:
        shown = zip(predicted(network, batch, device), may_show(batch, real_images), strict=True)
        yield from (picture for picture, allowed in shown if allowed)


def may_show(batch: Batch, real_images: bool) -> list[bool]:
    """Which samples of a batch may be shown."""
    return [real_images or DOMAINS[int(domain)] == "synthetic" for domain in batch["domain"]]


@torch.no_grad()
def predicted(network: Network, batch: Batch, device: torch.device) -> list[Picture]:
    """Each sample with what `network` predicts for it: an overlay, or an anchor beside its depth."""
    network.eval()
    batch = to_device(batch, device)
    predictions = network.answer(batch)
    if is_views(batch):
        (depth,) = (prediction["depth"] for prediction in predictions.values() if "depth" in prediction)
        return _beside_depth(batch, depth.cpu().numpy())
    height, width = batch["image"].shape[2:]
    known = zip(batch["camera"], batch["camera_valid"], strict=True)
    whole = Letterbox(1.0, 0.0, 0.0)
    frames = [OnCanvas(whole, height, width, camera if valid else None) for camera, valid in known]
    results = to_native(predictions, batch["content"], frames)
    images = batch["image"][:, 0].cpu().numpy()
    return [overlay(image, result) for image, result in zip(images, results, strict=True)]


def labelled(batch: Batch) -> list[Picture]:
    """Each sample with its labels, drawn as `predicted` draws predictions."""
    if is_views(batch):
        return _beside_depth(batch, batch["depth"].cpu().numpy())
    return draw_labels(batch)


def _beside_depth(batch: ViewBatch, depth: np.ndarray) -> list[Picture]:
    anchors = (batch["images"][:, 0].cpu().numpy() * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)
    return [np.concatenate([a, colour_depth(z)], axis=1) for a, z in zip(anchors, depth, strict=True)]
