"""The order of training: a run's batch is a function of (seed, step), whoever makes it and when."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch.utils.data import DataLoader, Dataset

from zoo.data.augment import augment
from zoo.data.augment_views import augment_views
from zoo.data.config import AugmentConfig
from zoo.data.kinds import Batch, is_views
from zoo.draws import Draws
from zoo.memory import keep_freed_memory

Step = TypeVar("Step")
"""What a step takes."""


@runtime_checkable
class Source(Protocol):
    """Samples that can be read by number, in any order."""

    def __len__(self) -> int: ...

    def batch(self, rows: Int[np.ndarray, "B"]) -> Batch:
        """The samples at `rows`, in that order."""
        ...


class Split(NamedTuple):
    """Which of the processes that train together this one is."""

    process: int = 0
    of: int = 1

    def numbers(self, step: int, batch_size: int) -> Int[np.ndarray, "B"]:
        """Global numbers of this process's samples of a step: an equal share, in order."""
        share = batch_size // self.of
        first = step * batch_size + self.process * share
        return np.arange(first, first + share)


class Batches(Dataset[Batch]):
    """A run's batches by step. Every epoch shows each row of the source once, in an order of its own.

    Epochs run on through batch borders, so all batches are full. The draws of a sample's augmentation depend
    on its global index ``step * batch_size + position``: a row looks different each time that it is shown.

    Args:
        source: where the rows are read.
        batch_size: samples a step.
        seed: of the order and of the augmentation.
        augmentation: what happens to the samples; None leaves them as they are.
    """

    def __init__(
        self, source: Source, batch_size: int, seed: int, augmentation: AugmentConfig | None = None
    ) -> None:
        self.source = source
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.split = Split()

    def __getitem__(self, step: int) -> Batch:
        index = self.split.numbers(step, self.batch_size)
        batch = self.source.batch(rows(self.seed, index, len(self.source)))
        if self.augmentation is None:
            return batch
        draws = Draws(self.seed, torch.from_numpy(index))
        if is_views(batch):
            return augment_views(batch, draws, self.augmentation.views)
        return augment(batch, draws, self.augmentation)


def rows(seed: int, index: Int[np.ndarray, "B"], size: int) -> Int[np.ndarray, "B"]:
    """The row that each global index of a run shows, of a source with `size` rows."""
    epoch, place = np.divmod(index, size)
    out = np.empty_like(index)
    for number in np.unique(epoch):
        chosen = epoch == number
        out[chosen] = _permutation(seed, int(number), size)[place[chosen]]
    return out


def loader(
    dataset: Dataset[Step], first_step: int, last_step: int, workers: int, pin_memory: bool = False
) -> DataLoader[Step]:
    """The batches of steps `first_step` to `last_step` - 1, in order.

    Args:
        dataset: `Batches`, or another whose items are the batches by step.
        first_step, last_step: half-open range; a run is resumed by starting where it stopped.
        workers: how many processes make batches; 0: this one.
        pin_memory: for copies to a GPU.
    """
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=range(first_step, last_step),
        num_workers=workers,
        worker_init_fn=_start_worker if workers else None,
        pin_memory=pin_memory,
    )


@lru_cache(maxsize=16)  # each source of a mixture is somewhere in an order of its own
def _permutation(seed: int, epoch: int, size: int) -> Int[np.ndarray, "size"]:
    key = np.random.SeedSequence([seed % 2**64, epoch])
    return np.random.Generator(np.random.Philox(key)).permutation(size)


def _start_worker(_: int) -> None:
    keep_freed_memory()
