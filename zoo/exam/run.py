"""`zoo eval`: one checkpoint on one source, to a table of samples and a file of metrics."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch

from zoo.config import EvalConfig, MeyeData
from zoo.config.sources import is_views
from zoo.data.kinds import kind_of
from zoo.errors import ZooError
from zoo.evaluate import baseline, rows, summarise, summarise_by
from zoo.exam.oracle import depth_floor, visual_floor_deg
from zoo.exam.real import over_people, score_meye
from zoo.files import replacing, write_text
from zoo.model.config import InputConfig
from zoo.predict.predictor import Predictor, load
from zoo.train.data import batches_of, reader_of
from zoo.train.measure import to_device

Metrics = dict[str, float]


@dataclass(frozen=True)
class ExamReport:
    """What one evaluation found, and on what."""

    checkpoint: str
    sha256: str | None
    date: str
    data: dict[str, Any]
    metrics: Metrics
    """On real people: means over people, with the worst person's beside them as ``<metric>@worst``."""
    baseline: Metrics
    """Of a constant prediction on the same samples."""
    floor: Metrics
    """Of an observer who sees everything but whose eye it is (`zoo.exam.oracle`)."""
    slices: dict[str, dict[str, Metrics]]
    """Column -> value -> metrics."""

    def to_json(self) -> str:
        """The content of ``metrics.json``."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def evaluate(config: EvalConfig, progress: Callable[[int], None] = lambda frames: None) -> ExamReport:
    """Measure, and with `config.output` write ``metrics.json`` and ``samples.parquet`` there.

    With `config.pictures` too, the worst frames are drawn: see `zoo.exam.pictures`.

    Args:
        progress: called with the number of frames done.

    Raises:
        ZooError: no such checkpoint, source or column to slice by.
    """
    predictor = load(config.checkpoint, config.device)
    tables = []
    frames = 0
    for table in _tables(config, predictor):
        tables.append(table)
        frames += len(table)
        progress(frames)
    table = pl.concat(tables)

    slices: dict[str, dict[str, Metrics]] = {}
    trivial: Metrics = {}
    floor: Metrics = {}
    if isinstance(config.data, MeyeData):
        metrics, slices["subject"] = over_people(table)
    else:
        metrics, trivial = summarise(table), summarise(baseline(table))
        floor = _floor(table)
    for column in config.by:
        if column not in table.columns:
            raise ZooError(
                f"by={column}: the samples have {', '.join(c for c in table.columns if '/' not in c)}"
            )
        parts = summarise_by(table, column).to_dicts()
        slices[column] = {str(part.pop(column)): part for part in parts}
    weights = predictor.metadata.weights
    report = ExamReport(
        checkpoint=predictor.metadata.name,
        sha256=None if weights is None else weights.sha256,
        date=datetime.date.today().isoformat(),
        data=config.data.model_dump(mode="json", exclude={"root", "path"}) | {"seed": config.seed},
        metrics=metrics,
        baseline=trivial,
        floor=floor,
        slices=slices,
    )
    if config.output is not None:
        _write(config.output, report, table)
        if config.pictures:
            _draw(config.output, config, predictor, table)
    return report


def _floor(table: pl.DataFrame) -> Metrics:
    floor: Metrics = {}
    if "gaze/visual_deg" in table.columns and table["gaze/visual_deg"].count():
        floor["gaze/visual_deg_mean"], floor["gaze/visual_deg_median"] = visual_floor_deg()
    if "eye3d/cornea_depth_mm" not in table.columns or not table["eye3d/cornea_depth_mm"].count():
        return floor
    apart = [pl.col(f"label/cornea_mm_{axis}") ** 2 for axis in "xyz"]
    judged = table.filter(pl.col("eye3d/cornea_depth_mm").is_not_null())
    distance = judged.select(pl.sum_horizontal(apart).sqrt().mean()).item()
    return {"eye3d/cornea_depth_mm_mean": depth_floor(distance), **floor}


def _tables(config: EvalConfig, predictor: Predictor) -> Iterator[pl.DataFrame]:
    if isinstance(config.data, MeyeData):
        from zoo.data.sources.meye import Meye

        yield from score_meye(
            predictor, Meye(config.data.root), config.seed, config.batch_size, config.data.perturb
        )
        return
    network = predictor.network.to(predictor.device).eval()
    size = _canvas(config, predictor)
    data = batches_of(config.data, config.seed, config.count, config.batch_size, size, predictor.device)
    with torch.inference_mode():
        for batch in data:
            batch = to_device(batch, predictor.device)
            if not network.heads_of(kind := kind_of(batch)):
                raise ZooError(
                    f"data={config.data.type} gives {kind}, which no head of {config.checkpoint} reads: "
                    f"it has {', '.join(network.heads)}"
                )
            yield rows(predictor.answer(batch), batch, network)


def _canvas(config: EvalConfig, predictor: Predictor) -> InputConfig:
    return predictor.metadata.network.canvas("views" if is_views(config.data) else "eyes")


def _draw(folder: Path, config: EvalConfig, predictor: Predictor, table: pl.DataFrame) -> None:
    from zoo.exam.pictures import write_pictures

    network = predictor.network.to(predictor.device).eval()
    read, _ = reader_of(config.data, config.seed, _canvas(config, predictor), predictor.device)
    write_pictures(folder, table, read, network, predictor.device, config.pictures, config.pictures_of_people)


def _write(folder: Path, report: ExamReport, table: pl.DataFrame) -> None:
    write_text(folder / "metrics.json", report.to_json())
    with replacing(folder / "samples.parquet") as path:
        table.write_parquet(path)
