"""One depth checkpoint on one set of samples: dense maps, points, more views, completion."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from zoo.data.views import ViewBatch
from zoo.draws import Draws
from zoo.errors import ZooError
from zoo.evaluate import rows as metric_rows
from zoo.evaluate import summarise
from zoo.exam.depth.interpolate import interpolate
from zoo.exam.depth.samples import MOST_VIEWS, DepthSamples, in_batches
from zoo.exam.depth.sparse import PROTOCOLS, sparse_points, with_points
from zoo.model.completion import complete as completed
from zoo.model.network import Network

VIEWS: Final = 3
"""Of the main table."""
COMPARED: Final = 64
"""Samples, evenly spread, on which numbers of views are compared and sparse depth is completed."""
SEED: Final = 4303
"""Of the sparse points."""
_BATCH: Final = 4

Metrics = dict[str, float]


@dataclass(frozen=True)
class DepthReport:
    """What one measurement found, and on what."""

    checkpoint: str
    sha256: str | None
    date: str
    command: str
    data: dict[str, Any]
    samples: int
    left_out: int
    """Samples whose views do not keep the rule."""
    metrics: Metrics
    """With 3 views, mean over frames."""
    views: dict[str, Metrics]
    """With 2, 3 and 5 views, each on the same part of the samples (`DepthSamples.comparable`)."""
    completion: dict[str, dict[str, Any]]
    """Protocol -> metrics of the network and of linear interpolation of the same points, and their ratio."""

    def to_json(self) -> str:
        """The content of the metrics file."""
        return json.dumps(asdict(self), indent=1) + "\n"


def measure_depth(
    network: Network,
    samples: DepthSamples,
    *,
    checkpoint: str,
    sha256: str | None = None,
    command: str = "",
    progress: Callable[[str], None] = lambda what: None,
) -> DepthReport:
    """Measure a network that has a head named `depth`, on the CPU and in eval mode.

    Raises:
        ZooError: no sample counts.
    """
    everything, part = samples.rows, spread(samples.comparable, COMPARED)
    if not everything:
        raise ZooError(f"no sample of {samples.describe()['type']} keeps the rule for views")
    progress(f"{len(everything)} samples, {VIEWS} views")
    table = score(network, samples, everything, VIEWS)
    views = {} if not part else {str(VIEWS): summarise(table.filter(pl.col("row").is_in(part)))}
    for count in (2, MOST_VIEWS) if part else ():
        progress(f"{len(part)} samples, {count} views")
        views[str(count)] = summarise(score(network, samples, part, count))
    part = spread(everything, COMPARED)
    progress(f"{len(part)} samples, completion")
    return DepthReport(
        checkpoint=checkpoint,
        sha256=sha256,
        date=datetime.date.today().isoformat(),
        command=command,
        data=samples.describe(),
        samples=len(everything),
        left_out=samples.left_out,
        metrics=summarise(table),
        views=dict(sorted(views.items())),
        completion=complete(network, samples, part),
    )


@torch.inference_mode()
def score(network: Network, samples: DepthSamples, rows: Sequence[int], views: int) -> pl.DataFrame:
    """`zoo.evaluate.rows` of the samples, and the column `row`."""
    tables = []
    for some in in_batches(rows, _BATCH):
        batch = samples.batch(some, views)
        table = metric_rows(network.views(batch), batch, network)
        tables.append(table.with_columns(pl.Series("row", some)))
    return pl.concat(tables)


@torch.inference_mode()
def complete(network: Network, samples: DepthSamples, rows: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Single images with sparse depth, by protocol, as `zoo predict --sparse` completes them.

    Pixels that hold a point count as all others.
    """
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in PROTOCOLS}
    linear: dict[str, list[pl.DataFrame]] = {name: [] for name in PROTOCOLS}
    for some in in_batches(rows, _BATCH):
        batch = samples.batch(some, 2)
        for name, protocol in PROTOCOLS.items():
            draws = Draws(SEED, torch.tensor(some)).fork(name)
            given = with_points(batch, sparse_points(batch["depth"], protocol, draws))
            prediction = {"depth": completed(lambda some: network.views(some, ["depth"])["depth"], given)}
            tables[name].append(metric_rows(prediction, given, network))
            same = {head: dict(values) for head, values in prediction.items()}
            same["depth"]["depth"] = interpolated(given)
            linear[name].append(metric_rows(same, given, network))
    result: dict[str, dict[str, Any]] = {}
    for name in PROTOCOLS:
        ours, theirs = summarise(pl.concat(tables[name])), summarise(pl.concat(linear[name]))
        theirs = {key: theirs[f"depth/{key}"] for key in ("absrel_ratio", "rmse_m", "delta_share")}
        result[name] = {
            "network": ours,
            "linear": theirs,
            "over_linear": {
                key: ours[f"depth/{key}"] / max(theirs[key], 1e-9) for key in ("absrel_ratio", "rmse_m")
            },
        }
    return result


def interpolated(batch: ViewBatch) -> Tensor:
    """(B, H, W): the sparse depth, linearly interpolated."""
    height, width = batch["sparse_depth"].shape[1:]
    maps = []
    for sparse in batch["sparse_depth"].numpy():
        v, u = sparse.nonzero()
        points = np.stack([u, v], axis=1).astype(np.float64)
        maps.append(torch.from_numpy(interpolate(points, sparse[v, u].astype(np.float64), height, width)))
    return torch.stack(maps).float()


def spread(rows: Sequence[int], count: int) -> list[int]:
    """At most `count` of the rows, evenly spread."""
    if len(rows) <= count:
        return list(rows)
    return [rows[i] for i in np.rint(np.linspace(0, len(rows) - 1, count)).astype(int)]
