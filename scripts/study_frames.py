"""MEYE's frames, and rendered ones like them, at the size that the studies' small networks take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.conventions import BACKGROUND, IGNORE, PUPIL
from zoo.data.letterbox import letterbox_batch
from zoo.data.pool import Pool, PoolWriter
from zoo.data.sample import EyeBatch, empty_eye_batch
from zoo.data.sources.meye import Labels, Meye
from zoo.errors import ZooError

SIZE: Final = 64  # of the network's input, pixels


class Frames(Meye):
    """MEYE's frames in memory: they are measured on more than a hundred times."""

    def __init__(self, source: Meye, people: Sequence[int] | None = None) -> None:
        subjects = source.labels.subjects
        rows = np.flatnonzero(np.isin(subjects, subjects if people is None else people))
        self.labels = Labels(*(column[rows] for column in source.labels))
        self._kept = source.images(rows), source.masks(rows)

    def __len__(self) -> int:
        return len(self.labels.names)

    def images(self, rows: Int[np.ndarray, "B"]) -> Float[Tensor, "B 1 128 128"]:
        return self._kept[0][torch.from_numpy(rows)]

    def masks(self, rows: Int[np.ndarray, "B"]) -> Bool[Tensor, "B 128 128"]:
        return self._kept[1][torch.from_numpy(rows)]

    def of(self, people: Sequence[int]) -> Frames:
        """Those of some people."""
        return Frames(self, people)


def pack_rendered(source: Path, target: Path, first: int, count: int) -> None:
    """The middle square of rendered frames, shrunk, with the pupil as the only class."""
    pool = Pool(source)
    if pool.height < SIZE or pool.width < pool.height or len(pool) < first + count:
        raise ZooError(
            f"{source}: {len(pool)} frames of {pool.width}x{pool.height}; needed: {first + count} upright or "
            f"wide ones of at least {SIZE} rows"
        )
    left, side = (pool.width - pool.height) // 2, pool.height
    spec = {"pool": pool.spec, "first": first, "left": left, "side": side}
    writer = PoolWriter(target, spec, count, SIZE, SIZE)
    for start in range(writer.done, count, 256):
        rows = np.arange(first + start, first + min(start + 256, count))
        wide = pool.batch(rows)
        square = slice(left, left + side)
        classes = wide["segmentation"][:, :, square]
        batch = shrunk(wide["image"][..., square], classes == PUPIL, wide["segmentation_valid"])
        inside = (wide["pupil_mask_px"][:, 0] >= left) & (wide["pupil_mask_px"][:, 0] < left + side)
        # As in `zoo.data.geometric`: a pupil that leaves the frame is no blink, but the lids are unknown.
        seen = inside | ~wide["pupil_mask_px_valid"]
        for label in ("blink", "openness"):
            batch[label] = wide[label]
            batch[f"{label}_valid"] = wide[f"{label}_valid"] & seen  # type: ignore[literal-required]
        batch["domain"], batch["subject"] = wide["domain"], wide["subject"]
        writer.write(start, batch)


def pack_real(source: Meye, target: Path, people: Sequence[int]) -> None:
    """The frames of some people, shrunk, with the pupil as the only class where it is labelled."""
    chosen = np.flatnonzero(np.isin(source.labels.subjects, people))
    writer = PoolWriter(target, {"source": "meye", "people": list(people)}, len(chosen), SIZE, SIZE)
    for start in range(writer.done, len(chosen), 256):
        rows = chosen[start : start + 256]
        labels = source.batch(rows)
        batch = shrunk(source.images(rows), source.masks(rows), labels["pupil_mask_px_valid"])
        for key in ("blink", "blink_valid", "domain", "subject"):
            batch[key] = labels[key]
        writer.write(start, batch)


def shrunk(
    images: Float[Tensor, "B 1 h w"], pupil: Bool[Tensor, "B h w"], labelled: Bool[Tensor, "B"]
) -> EyeBatch:
    """Frames and masks on the network's canvas; a pixel is pupil where more than half of it is."""
    batch = empty_eye_batch(len(images), SIZE, SIZE)
    batch["image"], content, _ = letterbox_batch(images, SIZE, SIZE)
    batch["image"].clamp_(0, 1)
    batch["content"] = content.expand(len(images), -1, -1).clone()
    mask = letterbox_batch(pupil[:, None].float(), SIZE, SIZE)[0][:, 0] > 0.5
    classes = torch.where(mask, PUPIL, BACKGROUND).masked_fill(~labelled[:, None, None], IGNORE)
    batch["segmentation"] = classes.to(torch.uint8)
    batch["segmentation_valid"] = labelled
    grid = torch.arange(SIZE, dtype=torch.float32)
    area = mask.sum((1, 2))
    u, v = (mask.float().sum(axis) @ grid / area.clamp(min=1) for axis in (1, 2))
    batch["pupil_mask_px"] = torch.stack([u, v], dim=1)
    batch["pupil_mask_px_valid"] = labelled & (area > 0)
    return batch
