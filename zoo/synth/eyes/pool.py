"""Render a pool with several processes: intra-op threads hardly help a renderer, processes do."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import torch

from zoo.data.pool import PoolWriter
from zoo.data.sample import EyeBatch
from zoo.memory import keep_freed_memory
from zoo.synth.eyes.domain import EyeDomain
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.eyes.rig import Rig

_CHUNK = {"cpu": 16, "cuda": 512}
_COMPILE_FROM = 4000
"""Frames from which compiling the shader in every process pays."""

_renderer: EyeRenderer | None = None


def _start(domain: EyeDomain, seed: int, rig: Rig, height: int, width: int, compiled: bool) -> None:
    global _renderer
    torch.set_num_threads(1)
    keep_freed_memory()
    _renderer = EyeRenderer(domain, seed, rig, height, width)
    if compiled:
        _renderer.compile()


def _render(start: int, end: int) -> EyeBatch:
    assert _renderer is not None
    return _renderer.render(torch.arange(start, end))


def render_pool(
    path: Path,
    domain: EyeDomain,
    rig: Rig,
    count: int,
    seed: int,
    height: int = 120,
    width: int = 160,
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
    shown = rig.model_dump(exclude={"distortion"})  # the frames do not depend on it
    spec = {"renderer": "eyes", "seed": seed, "domain": domain.model_dump(), "rig": shown}
    writer = PoolWriter(path, spec, count, height, width)
    progress(writer.done, count)
    chunk = _CHUNK.get(torch.device(device).type, _CHUNK["cpu"])
    if torch.device(device).type != "cpu":
        renderer = EyeRenderer(domain, seed, rig, height, width, device)
        while writer.done < count:
            index = torch.arange(writer.done, min(writer.done + chunk, count))
            batch = {key: value.cpu() for key, value in renderer.render(index).items()}  # type: ignore[attr-defined]
            writer.write(writer.done, batch)
            progress(writer.done, count)
        return

    compiled = count - writer.done >= _COMPILE_FROM
    context = multiprocessing.get_context("spawn")
    setup = (domain, seed, rig, height, width, compiled)
    with ProcessPoolExecutor(workers, context, _start, setup) as executor:
        waiting: deque[Future[EyeBatch]] = deque()
        start = writer.done
        try:
            while start < count or waiting:
                while start < count and len(waiting) < 4 * workers:
                    waiting.append(executor.submit(_render, start, min(start + chunk, count)))
                    start += chunk
                writer.write(writer.done, waiting.popleft().result())
                progress(writer.done, count)
        finally:
            for future in waiting:
                future.cancel()
