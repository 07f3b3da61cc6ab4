"""Two checkpoints on the same samples, through the path of `zoo eval`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch

from zoo.config import EvalConfig, MeyeData
from zoo.config.sources import is_views
from zoo.conventions import Kind
from zoo.errors import ZooError
from zoo.evaluate import rows
from zoo.exam.real import score_meye
from zoo.predict.predictor import Predictor
from zoo.train.data import batches_of
from zoo.train.measure import to_device

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Measured:
    """Both tables, and what they are of."""

    names: tuple[str, str]
    sha256: tuple[str, str]
    data: dict[str, Any]
    a: pl.DataFrame
    b: pl.DataFrame


def measure_both(
    config: EvalConfig,
    a: Predictor,
    b: Predictor,
    names: tuple[str, str],
    progress: Progress = lambda frames: None,
) -> Measured:
    """Evaluate both on the same samples; each sample is made once.

    Args:
        config: the data, their number and their seed.
        progress: called with the number of samples done.

    Raises:
        ZooError: no such data, no head reads them, or the canvases differ in shape.
    """
    tables = (
        _meye(config, a, b, progress) if isinstance(config.data, MeyeData) else _both(config, a, b, progress)
    )
    digests = [predictor.metadata.weights for predictor in (a, b)]
    said = config.data.model_dump(mode="json", exclude={"root", "path"})
    return Measured(
        names,
        tuple("" if weights is None else weights.sha256 for weights in digests),  # type: ignore[arg-type]
        {**said, "seed": config.seed, "count": len(tables[0])},
        *tables,
    )


def _meye(
    config: EvalConfig, a: Predictor, b: Predictor, progress: Progress
) -> tuple[pl.DataFrame, pl.DataFrame]:
    from zoo.data.sources.meye import Meye

    assert isinstance(config.data, MeyeData)
    source, done, tables = Meye(config.data.root), 0, []
    for predictor in (a, b):
        parts = []
        for part in score_meye(predictor, source, config.seed, config.batch_size, config.data.perturb):
            parts.append(part)
            done += len(part)
            progress(done // 2)
        tables.append(pl.concat(parts))
    return tables[0], tables[1]


def _both(
    config: EvalConfig, a: Predictor, b: Predictor, progress: Progress
) -> tuple[pl.DataFrame, pl.DataFrame]:
    kind: Kind = "views" if is_views(config.data) else "eyes"
    for predictor in (a, b):
        if not predictor.network.heads_of(kind):
            raise ZooError(
                f"data={config.data.type} gives {kind}, which no head of {predictor.metadata.name} reads: "
                f"it has {', '.join(predictor.network.heads)}"
            )
    networks = [predictor.network.to(predictor.device).eval() for predictor in (a, b)]
    sizes = [network.config.canvas(kind) for network in networks]
    if sizes[0].width * sizes[1].height != sizes[1].width * sizes[0].height:
        shapes = " and ".join(f"{size.width}x{size.height}" for size in sizes)
        raise ZooError(
            f"the two take images of other shapes, {shapes}: pixels of the one are none of the other"
        )
    streams = [
        batches_of(config.data, config.seed, config.count, config.batch_size, size, a.device)
        for size in (sizes if sizes[0] != sizes[1] else sizes[:1])
    ]
    tables: tuple[list[pl.DataFrame], list[pl.DataFrame]] = ([], [])
    done = 0
    with torch.inference_mode():
        for batches in zip(*streams, strict=True):
            for network, size, batch, into in zip(
                networks, sizes, (*batches, *batches)[:2], tables, strict=True
            ):
                batch = to_device(batch, a.device)
                scale = (
                    None
                    if size == sizes[0]
                    else torch.full((len(batch["domain"]),), sizes[0].width / size.width)
                )
                into.append(rows(network.answer(batch), batch, network, scale))
            done += len(tables[0][-1])
            progress(done)
    return pl.concat(tables[0]), pl.concat(tables[1])
