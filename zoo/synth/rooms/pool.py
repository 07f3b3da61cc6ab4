"""Pools of rendered rooms."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from zoo.data.room_pool import room_pool_writer
from zoo.synth.pool import Progress, render_into
from zoo.synth.rooms.domain import RoomDomain
from zoo.synth.rooms.renderer import RoomRenderer

_CHUNK = 4
"""Scenes in one go on a CPU: what they need lies in the cache of one core."""
_COMPILE_FROM = 50e6
"""Pixels from which compiling the shaders in every process pays."""


def render_room_pool(
    path: Path,
    domain: RoomDomain,
    count: int,
    seed: int,
    height: int = 120,
    width: int = 160,
    views: int = 3,
    samples: int = 2,
    workers: int = 2,
    device: str = "cpu",
    progress: Progress = lambda done: None,
) -> None:
    """Render samples 0 to `count` into a pool, or go on with one that was cut short.

    Raises:
        ZooError: the folder holds another recipe's pool, or the disk is full.
    """
    spec = {"renderer": "rooms", "seed": seed, "samples": samples, "domain": domain.model_dump()}
    writer = room_pool_writer(path, spec, count, views, height, width)
    render_into(
        writer,
        partial(RoomRenderer, domain, seed, height, width, views, samples),
        chunk=_CHUNK if torch.device(device).type == "cpu" else 4 * _CHUNK,
        device=device,
        workers=workers,
        compiled=(count - writer.done) * views * height * width >= _COMPILE_FROM,
        progress=progress,
    )
