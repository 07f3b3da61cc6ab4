"""Render a pool of rooms with several processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import torch

from zoo.data.room_pool import room_pool_writer
from zoo.data.rooms import RoomBatch
from zoo.memory import keep_freed_memory
from zoo.synth.rooms.domain import RoomDomain
from zoo.synth.rooms.renderer import RoomRenderer

_CHUNK = 4
"""Scenes in one go: what they need lies in the cache of one core."""
_COMPILE_FROM = 50e6
"""Pixels from which compiling the shaders in every process pays."""

_renderer: RoomRenderer | None = None


def _start(
    domain: RoomDomain, seed: int, height: int, width: int, views: int, samples: int, compiled: bool
) -> None:
    global _renderer
    torch.set_num_threads(1)
    keep_freed_memory()
    _renderer = RoomRenderer(domain, seed, height, width, views, samples)
    if compiled:
        _renderer.compile()


def _render(start: int, end: int) -> RoomBatch:
    assert _renderer is not None
    return _renderer.render(torch.arange(start, end))


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
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> None:
    """Render samples 0 to `count` into a pool, or go on with one that was cut short.

    Args:
        progress: called with (samples done, count) after every chunk is on the disk.

    Raises:
        ZooError: the folder holds another recipe's pool, or the disk is full.
    """
    spec = {"renderer": "rooms", "seed": seed, "samples": samples, "domain": domain.model_dump()}
    writer = room_pool_writer(path, spec, count, views, height, width)
    progress(writer.done, count)
    if torch.device(device).type != "cpu":
        renderer = RoomRenderer(domain, seed, height, width, views, samples, device)
        while writer.done < count:
            index = torch.arange(writer.done, min(writer.done + 4 * _CHUNK, count))
            batch = renderer.render(index)
            writer.write(writer.done, {key: value.cpu() for key, value in batch.items()})  # type: ignore[attr-defined]
            progress(writer.done, count)
        return

    compiled = (count - writer.done) * views * height * width >= _COMPILE_FROM
    context = multiprocessing.get_context("spawn")
    setup = (domain, seed, height, width, views, samples, compiled)
    with ProcessPoolExecutor(workers, context, _start, setup) as executor:
        waiting: deque[Future[RoomBatch]] = deque()
        start = writer.done
        try:
            while start < count or waiting:
                while start < count and len(waiting) < 4 * workers:
                    waiting.append(executor.submit(_render, start, min(start + _CHUNK, count)))
                    start += _CHUNK
                writer.write(writer.done, waiting.popleft().result())
                progress(writer.done, count)
        finally:
            for future in waiting:
                future.cancel()
