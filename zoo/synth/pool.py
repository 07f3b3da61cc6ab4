"""Render into a pool with several processes: intra-op threads hardly help a renderer, processes do."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import torch

from zoo.data.pool import PoolWriter
from zoo.memory import keep_freed_memory

Progress = Callable[[int], None]
"""Called with the number of samples done after every chunk is on the disk."""

_renderer: Any = None  # of this process


def _start(make: Callable[..., Any], compiled: bool) -> None:
    global _renderer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches all: the parent answers it
    torch.set_num_threads(1)
    keep_freed_memory()
    _renderer = make()
    if compiled:
        _renderer.compile()


def _render(start: int, end: int) -> Any:
    return _renderer.render(torch.arange(start, end))


def render_into(
    writer: PoolWriter,
    make: Callable[..., Any],
    *,
    chunk: int,
    device: str,
    workers: int,
    compiled: bool,
    progress: Progress,
) -> None:
    """Render what a pool still lacks.

    Args:
        make: the renderer, on the CPU or on `device=`; can be pickled. Its `render(index)` gives a batch.
        chunk: samples in one go.
        device: a CPU renders in `workers` processes, anything else in this one.
        compiled: whether every process compiles its shaders first.

    Raises:
        ZooError: the disk is full; what was done before stays.
    """
    count = writer.count
    progress(writer.done)
    if torch.device(device).type != "cpu":
        renderer = make(device=device)
        while writer.done < count:
            batch = renderer.render(torch.arange(writer.done, min(writer.done + chunk, count)))
            writer.write(writer.done, {key: value.cpu() for key, value in batch.items()})
            progress(writer.done)
        return

    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start, (make, compiled)) as executor:
        waiting: deque[Future[Any]] = deque()
        start = writer.done
        try:
            while start < count or waiting:
                while start < count and len(waiting) < 4 * workers:
                    waiting.append(executor.submit(_render, start, min(start + chunk, count)))
                    start += chunk
                writer.write(writer.done, waiting.popleft().result())
                progress(writer.done)
        except BaseException:
            # What they render now is not waited for. No future is cancelled: an executor whose processes end
            # cannot tell such a one, and says so in a stack trace.
            for process in multiprocessing.active_children():
                if process not in others:
                    process.terminate()
            raise
