"""Rendered rooms from a pool as view samples: every view is the anchor of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from zoo.conventions import DOMAINS
from zoo.data.room_pool import RoomPool
from zoo.data.views import ViewBatch, empty_view_batch
from zoo.errors import ZooError
from zoo.geometry.cameras import resize_camera


class RoomViews:
    """Row ``V * i + a`` is scene i of the pool as its view a sees it, with the others in turn as sources.

    Args:
        path: of the pool.
        height, width: of the samples; the pool's own, or smaller by a whole factor. Colours are then
            averaged, depth is that of a pixel near the middle: means of depths are of nothing real.

    Raises:
        ZooError: no pool, or one whose images are no multiple of the size.
    """

    def __init__(self, path: Path | str, height: int, width: int) -> None:
        self.pool = RoomPool(path)
        self.size = (height, width)
        self.views = int(self.pool.sizes["views"])
        self.factor = self.pool.height // height
        if (self.factor * height, self.factor * width) != (self.pool.height, self.pool.width):
            raise ZooError(
                f"data.path={path}: its images are {self.pool.width}x{self.pool.height}, which is no "
                f"multiple of {width}x{height}"
            )

    def __len__(self) -> int:
        return len(self.pool) * self.views

    def batch(self, rows: Int[np.ndarray, "B"]) -> ViewBatch:
        """The samples at `rows`, in that order."""
        scene, anchor = np.divmod(rows, self.views)
        room = self.pool.batch(scene)
        batch = empty_view_batch(len(rows), self.views, *self.size)
        order = torch.from_numpy((anchor[:, None] + np.arange(self.views)) % self.views)
        pick = torch.arange(len(rows))[:, None]
        images = room["images"][pick, order]
        batch["images"] = self._averaged(images)
        batch["cameras"] = resize_camera(room["cameras"][pick, order], 1 / self.factor)
        batch["cam_to_world"] = room["cam_to_world"][pick, order]
        batch["views_valid"][:] = True
        batch["depth"] = self._thinned(room["depth"][pick[:, 0], order[:, 0]])
        batch["depth_valid"] = (batch["depth"] > 0).flatten(1).any(1)
        batch["seen"] = self._thinned(room["covisible"][pick[:, 0], order[:, 0]])
        batch["seen_valid"][:] = True
        batch["scene"] = room["scene"]
        batch["domain"][:] = DOMAINS.index("synthetic")
        return batch

    def _averaged(self, images: Tensor) -> Tensor:
        if self.factor == 1:
            return images
        return F.avg_pool2d(images.flatten(0, 1), self.factor).unflatten(0, images.shape[:2])

    def _thinned(self, map_: Tensor) -> Tensor:
        middle = self.factor // 2
        return map_[..., middle :: self.factor, middle :: self.factor].contiguous()
