"""What an export costs: parity with PyTorch, latency beside it, and the metrics of every precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import polars as pl
import torch
from torch import Tensor

from zoo.config.rendering import load_domain, load_room_domain
from zoo.conventions import Kind
from zoo.data.kinds import Batch
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch, empty_view_batch
from zoo.draws import Draws
from zoo.evaluate import rows, summarise
from zoo.exam.depth.cost import take_turns
from zoo.exam.depth.sparse import PROTOCOLS, sparse_points
from zoo.export.file import ExportedFile, Precision
from zoo.export.graph import EYE_INPUTS, example, graph_of
from zoo.export.parity import parity
from zoo.export.session import Session
from zoo.model.network import Network, cameras_of
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.rooms.renderer import RoomRenderer

Sessions = dict[Precision, Session]

EXAM: Final = ("unseen", 4201)
"""Domain and seed of the exam of unseen people (`conf/exam/unseen.yaml`), whose first frames are measured."""
CALIBRATION: Final = ("train", 4301)
"""Domain and seed of the frames that the ranges of int8 are found on: none of them is in an exam."""
CALIBRATION_FRAMES: Final = 128
BATCH_SIZES: Final = (1, 8)
_PARITY_FRAMES: Final = 16
_CHUNK: Final = 16
_ROUNDS: Final = {"eyes": 100, "views": 10}


def sessions(files: dict[Precision, ExportedFile], threads: int | None = None) -> Sessions:
    """What runs the files."""
    return {precision: Session(file, threads) for precision, file in files.items()}


def rendered_eyes(recipe: tuple[str, int], count: int, height: int, width: int) -> Iterator[EyeBatch]:
    """Frames of a domain of `conf/domain`, by (name, seed)."""
    renderer = EyeRenderer(load_domain(recipe[0]), recipe[1], height=height, width=width)
    for start in range(0, count, _CHUNK):
        yield renderer.render(torch.arange(start, min(start + _CHUNK, count)))


def calibration_frames(count: int, height: int, width: int) -> Iterator[tuple[Tensor, ...]]:
    """Inputs of `zoo.export.graph.EyeGraph` to calibrate int8 with."""
    for batch in rendered_eyes(CALIBRATION, count, height, width):
        known: dict[str, Tensor] = {**batch, "camera": cameras_of(batch)}  # type: ignore[dict-item]
        yield tuple(known[name] for name in EYE_INPUTS)


def parities(network: Network, files: dict[Precision, ExportedFile], views: int) -> list[dict[str, Any]]:
    """`parity` of every precision, at two batch sizes and, where the canvas is open, at two resolutions."""
    made = sessions(files)
    kind: Kind = next(iter(files.values())).kind
    found = []
    for height, width in _sizes(network, made, kind):
        batch = _pictures(kind, height, width, views)
        with torch.inference_mode():
            expected = network.answer(batch, network.heads_of(kind))
        for size in BATCH_SIZES if kind == "eyes" else (1, 2):
            for precision, session in made.items():
                found.append(
                    {
                        "precision": precision,
                        "batch": size,
                        "size": [width, height],
                        "errors": parity(expected, _in_batches(session, batch, size)),
                    }
                )
    return found


def latencies(network: Network, files: dict[Precision, ExportedFile], views: int) -> dict[str, float]:
    """Median milliseconds of one sample on one core, of contenders that take turns.

    ``pytorch`` is what `zoo predict` runs without an export.
    """
    file = next(iter(files.values()))
    canvas = file.metadata.network.canvas(file.kind)
    inputs = example(file.kind, 1, canvas.height, canvas.width, views)
    contenders: dict[str, Callable[[], object]] = {"pytorch": partial(graph_of(network, file.kind), *inputs)}
    contenders |= {name: partial(session, *inputs) for name, session in sessions(files, threads=1).items()}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            seconds = take_turns(contenders, _ROUNDS[file.kind])
    finally:
        torch.set_num_threads(threads)
    return {name: 1000 * value for name, value in seconds.items()}


def metrics(
    network: Network, files: dict[Precision, ExportedFile], count: int
) -> dict[str, dict[str, float]]:
    """Metric -> value by PyTorch and by every precision, on the first frames of the exam of unseen people."""
    canvas = network.config.canvas("eyes")
    answers: dict[str, Callable[[Batch], Any]] = {
        "pytorch": partial(network.answer, heads=network.heads_of("eyes"))
    }
    answers |= {name: session.answer for name, session in sessions(files).items()}
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in answers}
    for batch in rendered_eyes(EXAM, count, canvas.height, canvas.width):
        with torch.inference_mode():
            for name, answer in answers.items():
                tables[name].append(rows(answer(batch), batch, network))
    found = {name: summarise(pl.concat(parts)) for name, parts in tables.items()}
    return {
        metric: {name: values[metric] for name, values in found.items() if metric in values}
        for metric in found["pytorch"]
        if "@" not in metric and metric != "frames"
    }


def _sizes(network: Network, made: Sessions, kind: Kind) -> list[tuple[int, int]]:
    canvas = network.config.canvas(kind)
    own = (canvas.height, canvas.width)
    if not all(session.any_size for session in made.values()):
        return [own]
    multiple = network.backbone.multiple
    return [own, (_larger(own[0], multiple), _larger(own[1], multiple))]


def _larger(side: int, multiple: int) -> int:
    return -(-3 * side // (2 * multiple)) * multiple


def _pictures(kind: Kind, height: int, width: int, views: int) -> Batch:
    if kind == "eyes":
        return next(rendered_eyes(EXAM, _PARITY_FRAMES, height, width))
    return _rooms(height, width, views)


def _rooms(height: int, width: int, views: int) -> ViewBatch:
    """Two rooms: one with all its views, one that has measured points and lacks its last view."""
    rows = torch.arange(2)
    room = RoomRenderer(load_room_domain(EXAM[0]), EXAM[1], height, width, views, samples=1).render(rows)
    batch = empty_view_batch(len(rows), views, height, width)
    for key in ("images", "cameras", "cam_to_world"):
        batch[key] = room[key]
    batch["views_valid"][:] = True
    batch["views_valid"][1, -1] = views < 3
    points = sparse_points(room["depth"][:, 0], PROTOCOLS["100_clean"], Draws(EXAM[1], rows))
    batch["sparse_depth"][1] = points[1]
    batch["sparse_confidence"] = (batch["sparse_depth"] > 0).float()
    return batch


def _in_batches(session: Session, batch: Batch, size: int) -> dict[str, dict[str, Tensor]]:
    count = len(batch["domain"])
    parts = [
        session.answer({key: value[at : at + size] for key, value in batch.items()})  # type: ignore[index, arg-type]
        for at in range(0, count, size)
    ]
    return {
        head: {name: torch.cat([part[head][name] for part in parts]) for name in tensors}
        for head, tensors in parts[0].items()
    }
