"""Measuring a run on its held-out samples, by the same path as `zoo eval`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from zoo import evaluate
from zoo.config import Data, PoolData, RenderData, TrainConfig
from zoo.data.kinds import KINDS, Batch, Kind, kind_of
from zoo.data.pool import PoolWriter
from zoo.model.network import Network
from zoo.train.console import say
from zoo.train.data import batches_of, canvas_of
from zoo.train.folder import HELD_OUT


class HeldOut:
    """The held-out samples of a run, from a pool; rendered ones are put into one in the run folder, once."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.config = config
        self.device = device

    def __iter__(self) -> Iterator[Batch]:
        held_out = self.config.validation
        data = held_out.data
        if isinstance(data, RenderData):
            self._render()
            data = PoolData(type="pool", path=self.config.run_dir / HELD_OUT)
        yield from self._batches(data, held_out.count)
        if held_out.views is not None:
            yield from self._batches(held_out.views, held_out.views_count)

    def _batches(self, data: Data, count: int) -> Iterator[Batch]:
        config, seed = self.config, self.config.validation.seed
        yield from batches_of(data, seed, count, config.batch_of(data), canvas_of(config, data), self.device)

    def _render(self) -> None:
        held_out, size = self.config.validation, canvas_of(self.config, self.config.validation.data)
        spec = {"data": held_out.data.model_dump(mode="json"), "seed": held_out.seed}
        writer = PoolWriter(self.config.run_dir / HELD_OUT, spec, held_out.count, size.height, size.width)
        if writer.done == held_out.count:
            return
        say(f"rendering {held_out.count:,} held-out samples")
        batches = batches_of(
            held_out.data,
            held_out.seed,
            held_out.count,
            self.config.batch_of(held_out.data),
            size,
            self.device,
            writer.done,
        )
        for batch in batches:
            writer.write(writer.done, to_device(batch, torch.device("cpu")))


@torch.no_grad()
def measure(network: Network, batches: Iterable[Batch], device: torch.device) -> dict[str, float]:
    """Every metric of `zoo.evaluate.summarise` on the batches, with `network` in eval mode."""
    import polars

    training = network.training
    network.eval()
    tables: dict[Kind, list[polars.DataFrame]] = {}
    for batch in batches:
        batch = to_device(batch, device)
        predictions = network.answer(batch)
        tables.setdefault(kind_of(batch), []).append(evaluate.rows(predictions, batch, network))
    network.train(training)
    metrics: dict[str, float] = {}
    for kind in reversed(KINDS):  # eyes last: the number of frames is theirs
        if kind in tables:
            metrics |= evaluate.summarise(polars.concat(tables[kind]))
    return metrics


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on `device`."""
    return {key: value.to(device) for key, value in batch.items()}  # type: ignore[attr-defined, return-value]
