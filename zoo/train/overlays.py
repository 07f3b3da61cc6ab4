"""Predictions drawn on held-out frames, for the logger. Only rendered frames: nobody's eyes are uploaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import cast

import torch
from pytorch_lightning.loggers import WandbLogger

from zoo.conventions import DOMAINS
from zoo.data.kinds import Batch, is_views
from zoo.data.letterbox import Letterbox
from zoo.data.sample import EyeBatch
from zoo.model.network import Network
from zoo.train.measure import to_device
from zoo.train.module import ZooModule


def log_overlays(module: ZooModule, batches: Iterable[Batch], count: int) -> None:
    """Draw the averaged weights' predictions on the first `count` rendered frames into the W&B run."""
    logger = module.logger
    if count == 0 or not isinstance(logger, WandbLogger):
        return
    pictures = list(islice(overlays(module.released(), batches, module.device), count))
    logger.log_image("validation/overlays", pictures, step=module.global_step)


@torch.no_grad()
def overlays(network: Network, batches: Iterable[Batch], device: torch.device) -> Iterator[object]:
    """One RGB picture for each rendered sample, with what `network` predicts for it."""
    from zoo.draw import overlay
    from zoo.predict.native import OnCanvas, to_native

    whole = Letterbox(1.0, 0.0, 0.0)
    network.eval()
    for views_or_eyes in batches:
        if is_views(views_or_eyes):
            return
        batch = cast(EyeBatch, to_device(views_or_eyes, device))
        height, width = batch["image"].shape[2:]
        known = zip(batch["camera"], batch["camera_valid"], strict=True)
        frames = [OnCanvas(whole, height, width, camera if valid else None) for camera, valid in known]
        predictions = network.answer(batch)
        results = to_native(predictions, batch["content"], frames)
        for image, result, domain in zip(batch["image"], results, batch["domain"], strict=True):
            if DOMAINS[int(domain)] == "synthetic":
                yield overlay(image[0].cpu().numpy(), result)
