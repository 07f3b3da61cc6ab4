"""A pool of rendered rooms: as `zoo.data.pool`, with the columns of `RoomBatch`.

On disk images are kept in 8 bit and depth in whole millimetres (16 bit, 0 unknown): about 0.35 MB for three
views of 160x120.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from zoo.data.column import Column
from zoo.data.pool import Layout, Pool, PoolWriter
from zoo.data.rooms import RoomBatch

_MOST_MM = 65535


class _Depth(Column):
    """Metres in memory, millimetres on disk."""

    def __init__(self, key: str, like: Tensor) -> None:
        super().__init__(key, like)
        self.dtype = np.dtype(np.uint16)
        self.row_bytes = int(np.prod(self.shape)) * self.dtype.itemsize

    def decode(self, rows: Shaped[np.ndarray, "N ..."]) -> Tensor:
        return torch.from_numpy(rows.astype(np.float32)).div_(1000)

    def _encode(self, value: Tensor) -> Shaped[np.ndarray, "N ..."]:
        return (value * 1000).round().clamp(0, _MOST_MM).cpu().numpy().astype(np.uint16)


def _columns(views: int, height: int, width: int) -> dict[str, Column]:
    plain = {
        "images": torch.zeros(1, views, 3, height, width),
        "cameras": torch.zeros(1, views, 3, 3),
        "cam_to_world": torch.zeros(1, views, 4, 4),
        "covisible": torch.zeros(1, views, height, width, dtype=torch.uint8),
        "scene": torch.zeros(1, dtype=torch.int64),
    }
    columns = {key: Column(key, like) for key, like in plain.items()}
    return columns | {"depth": _Depth("depth", torch.zeros(1, views, height, width))}


def room_layout(views: int) -> Layout:
    """What a pool of samples of that many views holds."""
    return Layout(
        format="zoo-room-pool",
        version=1,
        sizes={"views": views},
        columns=lambda height, width: _columns(views, height, width),
    )


def room_pool_writer(
    path: Path | str, spec: dict[str, Any], count: int, views: int, height: int, width: int
) -> PoolWriter:
    """A writer of `RoomBatch`es; see `PoolWriter`."""
    return PoolWriter(path, spec, count, height, width, room_layout(views))


class RoomPool(Pool):
    """Reads the samples of a pool of rooms that are done, also while more are being written.

    Args:
        path: the pool's folder.

    Raises:
        ZooError: no pool of rooms, an empty one, or a file in it that is missing, cut off or of another kind.
    """

    @staticmethod
    def _layout(description: dict[str, Any]) -> Layout:
        return room_layout(int(description["views"]))

    _format = "zoo-room-pool"
    _version = 1

    def batch(self, rows: Int[np.ndarray, "B"]) -> RoomBatch:  # type: ignore[override]
        """The samples at `rows`, in that order; IndexError where a row lies outside [0, len)."""
        return cast(RoomBatch, self.stored(rows))
