"""Frames of an evaluation, drawn with what was predicted and what is true: the worst of every task first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import polars as pl
import torch

from zoo.conventions import DOMAINS, EYE_SIDES
from zoo.data.kinds import Batch, is_views
from zoo.data.letterbox import Letterbox
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch
from zoo.draw import Picture, labels_of, overlay, save_picture, sheet
from zoo.exam.worst import worst
from zoo.files import write_text
from zoo.model.network import Network
from zoo.predict.native import OnCanvas, to_native
from zoo.predict.rooms.preview import far_of, preview
from zoo.train.measure import to_device

FOLDER: Final = "pictures"
LIST_FILE: Final = "pictures.json"
_WIDEST: Final = 720


@torch.inference_mode()
def write_pictures(
    folder: Path,
    table: pl.DataFrame,
    read: Callable[[np.ndarray], Batch],
    network: Network,
    device: torch.device,
    count: int,
    people: bool,
) -> None:
    """Write ``pictures/*.jpg`` and ``pictures.json``, which tells of each its frame and its error.

    Args:
        folder: of the evaluation.
        table: of `zoo.evaluate.rows`, a row a sample of the source, in its order.
        read: the samples with these numbers.
        network: on `device`, in eval mode.
        device: where it runs.
        count: how many frames of every task, and how many of the first frames as they come.
        people: whether real frames are drawn too; else rendered ones only.
    """
    groups: list[dict[str, Any]] = []
    for found in worst(table, count):
        wanted = [(row, value) for row, value in zip(found.rows, found.values, strict=True)]
        pictures = _drawn(folder, found.ranking.task, wanted, read, network, device, people)
        named = found.ranking._asdict()
        groups.append({**named, "frames": found.frames, "pictures": pictures})
    first = [(row, None) for row in range(min(count, len(table)))]
    pictures = _drawn(folder, "first", first, read, network, device, people)
    groups.append({"task": "first", "frames": len(table), "pictures": pictures})
    hidden = not people and not any(group["pictures"] for group in groups)
    write_text(
        folder / LIST_FILE,
        json.dumps({"count": count, "real_frames_left_out": hidden, "groups": groups}, indent=1) + "\n",
    )


def _drawn(
    folder: Path,
    name: str,
    wanted: list[tuple[int, float]] | list[tuple[int, None]],
    read: Callable[[np.ndarray], Batch],
    network: Network,
    device: torch.device,
    people: bool,
) -> list[dict[str, Any]]:
    if not wanted:
        return []
    batch = to_device(read(np.array([row for row, _ in wanted])), device)
    pictures = _of_views(network, batch) if is_views(batch) else _of_eyes(network, batch)
    listed = []
    for (row, value), picture, domain in zip(wanted, pictures, batch["domain"].tolist(), strict=True):
        if DOMAINS[domain] == "real" and not people:
            continue
        file = f"{FOLDER}/{name}_{row:06d}.jpg"
        save_picture(folder / file, _shrunk(picture))
        listed.append({"file": file, "row": row, "value": value})
    return listed


def _of_eyes(network: Network, batch: EyeBatch) -> list[Picture]:
    """Prediction beside label, both on the network's input."""
    height, width = batch["image"].shape[2:]
    whole = Letterbox(1.0, 0.0, 0.0)
    frames = [
        OnCanvas(whole, height, width, camera if known else None, EYE_SIDES[side] if sided else None)
        for camera, known, side, sided in zip(
            batch["camera"].cpu(),
            batch["camera_valid"].tolist(),
            batch["eye_side"].tolist(),
            batch["eye_side_valid"].tolist(),
            strict=True,
        )
    ]
    results = to_native(network.answer(batch), batch["content"], frames)
    images = batch["image"][:, 0].cpu().numpy()
    return [
        sheet([overlay(image, result), overlay(image, labels_of(batch, row))], 2)
        for row, (image, result) in enumerate(zip(images, results, strict=True))
    ]


def _of_views(network: Network, batch: ViewBatch) -> list[Picture]:
    """Image, predicted depth and uncertainty; below them image, true depth and error."""
    answer = network.answer(batch)
    found = next(fields for fields in answer.values() if "depth" in fields and "sigma" in fields)
    images = (batch["images"][:, 0].permute(0, 2, 3, 1).cpu().numpy() * 255).round().astype(np.uint8)
    maps = (x.float().cpu().numpy() for x in (found["depth"], found["sigma"], batch["depth"]))
    pictures = []
    for image, depth, sigma, truth in zip(images, *maps, strict=True):
        far = far_of(truth)
        error = np.abs(depth - truth) / np.maximum(truth, 1e-6)
        parts = [
            preview(image, depth, sigma, far),
            preview(image, truth, error, far, ("true depth", "error")),
        ]
        pictures.append(np.concatenate(parts))
    return pictures


def _shrunk(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if width <= _WIDEST:
        return picture
    size = (_WIDEST, round(height * _WIDEST / width))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
