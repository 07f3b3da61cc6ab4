"""Measuring a run on its held-out samples, by the same path as `zoo eval`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars
import torch

from zoo import evaluate
from zoo.config import Data, PoolData, RenderData, TrainConfig
from zoo.data.kinds import Batch
from zoo.data.pool import PoolWriter
from zoo.model.network import Network
from zoo.train.console import say
from zoo.train.data import batches_of, canvas_of, samples_of


class HeldOut:
    """Held-out samples of a run, from a pool; rendered ones are put into one in the run folder, once.

    Args:
        config: of the run.
        data: where they are.
        count: how many, from the first; None: all of a source that ends.
        folder: of the pool of rendered ones.
        device: renders them.
    """

    def __init__(
        self, config: TrainConfig, data: Data, count: int | None, folder: Path, device: torch.device
    ) -> None:
        self.config = config
        self.data = data
        self.count = count
        self.folder = folder
        self.device = device

    def __iter__(self) -> Iterator[Batch]:
        yield from self._batches(self._kept(), 0)

    def samples(self, rows: Sequence[int]) -> Batch:
        """The samples of these numbers."""
        return samples_of(self._kept(), np.array(rows), canvas_of(self.config, self.data))

    def _batches(self, data: Data, first: int) -> Iterator[Batch]:
        config = self.config
        size, batch_size = canvas_of(config, data), config.batch_of(data)
        return batches_of(data, config.validation.seed, self.count, batch_size, size, self.device, first)

    def _kept(self) -> Data:
        if not isinstance(self.data, RenderData):
            return self.data
        assert self.count is not None, "the schema demands it of rendered samples"
        size = canvas_of(self.config, self.data)
        spec = {"data": self.data.model_dump(mode="json"), "seed": self.config.validation.seed}
        writer = PoolWriter(self.folder, spec, self.count, size.height, size.width)
        if writer.done < self.count:
            say(f"rendering {self.count:,} held-out samples")
            for batch in self._batches(self.data, writer.done):
                writer.write(writer.done, to_device(batch, torch.device("cpu")))
        return PoolData(type="pool", path=self.folder)


@torch.no_grad()
def measure(network: Network, batches: Iterable[Batch], device: torch.device) -> polars.DataFrame:
    """The table of `zoo.evaluate.rows` on the batches, with `network` in eval mode."""
    training = network.training
    network.eval()
    tables = []
    for batch in batches:
        batch = to_device(batch, device)
        predictions = network.answer(batch)
        tables.append(evaluate.rows(predictions, batch, network))
    network.train(training)
    return polars.concat(tables)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on `device`."""
    return {key: value.to(device) for key, value in batch.items()}  # type: ignore[attr-defined, return-value]
