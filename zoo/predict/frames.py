"""A stream of frames from sources, decoded ahead by a bounded amount. Imports no torch.

What cannot be decoded is reported as a `Problem` in its place in the stream, which never stops.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Shaped

from zoo.predict.images import BadImageError, read_image
from zoo.predict.sources import Source
from zoo.predict.video import read_camera, read_video

Item = TypeVar("Item")

MAX_BATCH_PIXELS = 32_000_000
"""A batch ends early at this many native pixels, so that memory does not grow with the frames' size."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame: grey uint8, uint16 or float in [0, 1]; `time_s` is None for still images."""

    source: Source
    index: int
    time_s: float | None
    image: Shaped[np.ndarray, "h w"]


@dataclass(frozen=True)
class Problem:
    """Something about a source that the user must hear; `skipped` where data were left out."""

    source: Source
    text: str
    skipped: bool


def read_frames(sources: Iterable[Source]) -> Generator[Frame | Problem, None, None]:
    """Decode one frame after the other."""
    for source in sources:
        if source.kind == "image":
            yield from _read_still(source)
            continue
        reader = read_camera(source.device) if source.kind == "camera" else read_video(source.path)
        for item in reader:
            if isinstance(item, str):
                yield Problem(source, item, skipped=True)
            else:
                yield Frame(source, *item)


def _read_still(source: Source) -> Generator[Frame | Problem, None, None]:
    try:
        image, remark = read_image(source.path)
    except BadImageError as error:
        yield Problem(source, str(error), skipped=True)
        return
    if remark:
        yield Problem(source, remark, skipped=False)
    yield Frame(source, 0, None, image)


def batched(items: Iterable[Frame | Problem], size: int) -> Generator[list[Frame] | Problem, None, None]:
    """Group consecutive frames into batches of `size`, smaller where frames are large; pass problems on."""
    batch: list[Frame] = []
    pixels = 0
    for item in items:
        if isinstance(item, Problem):
            yield item
            continue
        if batch and pixels + item.image.size > MAX_BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
        batch.append(item)
        pixels += item.image.size
        if len(batch) == size or item.source.kind == "camera":
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


class _End(NamedTuple):
    error: BaseException | None


def prefetched(items: Generator[Item, None, None], ahead: int) -> Generator[Item, None, None]:
    """The same items, produced in a thread that runs at most `ahead` items in advance.

    Closing this generator ends the thread; what `items` raises is raised here.
    """
    results: queue.Queue[Item | _End] = queue.Queue(ahead)
    stop = threading.Event()

    def put(item: Item | _End) -> None:
        while not stop.is_set():
            try:
                results.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def produce() -> None:
        error: BaseException | None = None
        try:
            with closing(items):
                for item in items:
                    put(item)
                    if stop.is_set():
                        return
        except BaseException as caught:
            error = caught
        put(_End(error))

    thread = threading.Thread(target=produce, name="zoo-decode", daemon=True)
    thread.start()
    try:
        while not isinstance(item := results.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join(timeout=5)
