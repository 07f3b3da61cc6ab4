"""Measuring a run on its held-out samples, by the same path as `zoo eval`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from zoo import evaluate
from zoo.config import PoolData, RenderData, TrainConfig
from zoo.data.kinds import Batch
from zoo.data.pool import PoolWriter
from zoo.model.network import Network
from zoo.train.console import say
from zoo.train.data import batches_of
from zoo.train.folder import HELD_OUT


class HeldOut:
    """The held-out samples of a run, from a pool; rendered ones are put into one in the run folder, once."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.config = config
        self.device = device

    def __iter__(self) -> Iterator[Batch]:
        config = self.config
        data = config.validation.data
        if isinstance(data, RenderData):
            self._render()
            data = PoolData(type="pool", path=config.run_dir / HELD_OUT)
        yield from batches_of(
            data,
            config.validation.seed,
            config.validation.count,
            config.held_out_batch,
            config.network.input,
            self.device,
        )

    def _render(self) -> None:
        held_out, size = self.config.validation, self.config.network.input
        spec = {"data": held_out.data.model_dump(mode="json"), "seed": held_out.seed}
        writer = PoolWriter(self.config.run_dir / HELD_OUT, spec, held_out.count, size.height, size.width)
        if writer.done == held_out.count:
            return
        say(f"rendering {held_out.count:,} held-out samples")
        batches = batches_of(
            held_out.data,
            held_out.seed,
            held_out.count,
            self.config.held_out_batch,
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
    tables = []
    for batch in batches:
        batch = to_device(batch, device)
        predictions = network.answer(batch)
        tables.append(evaluate.rows(predictions, batch, network))
    network.train(training)
    return evaluate.summarise(polars.concat(tables))


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on `device`."""
    return {key: value.to(device) for key, value in batch.items()}  # type: ignore[attr-defined, return-value]
