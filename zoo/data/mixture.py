"""Batches from many sources: each of them eyes or views, with shares that may change while a run goes on.

A sample is a function of the seed, its kind and its number in the run: `zoo.data.allocation` says which
source gives it, the number of samples that this source gave before says which of its rows. So any process can
make any step, and a run that is resumed goes on with what it would have seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from zoo.conventions import DOMAINS, Domain, Kind
from zoo.data.allocation import Allocation, Knots, shares_at
from zoo.data.augment import augment
from zoo.data.augment_views import augment_views
from zoo.data.batches import Split, rows
from zoo.data.config import AugmentConfig
from zoo.data.kinds import Batch, MixedBatch, is_views
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewSample, stack_views, unstack_views
from zoo.draws import Draws
from zoo.errors import ZooError


class Part(NamedTuple):
    """One source of a mixture."""

    name: str
    read: Callable[[Int[np.ndarray, "B"]], Batch]
    """The samples at these rows."""
    size: int | None
    """Rows; None: it never ends."""
    share: Knots
    """Its share of the samples of its kind, before division by the sum of all."""
    domain: Domain | None = None
    """Set on its samples; None leaves what they say."""
    limit: int | None = None
    """How many of its rows may be seen: the first of the order that `subset_seed` makes."""
    subset_seed: int = 0

    @property
    def rows(self) -> int | None:
        """How many different rows a run can see; None: no end."""
        return self.size if self.limit is None else self.limit


class Seen(NamedTuple):
    """What a run has seen of a source."""

    samples: int
    distinct: int
    """Different rows among them."""
    of: int | None
    """Rows that it may see of the source; None: it never ends."""


class Mixed:
    """The samples of one kind.

    Args:
        kind: of all parts.
        parts: the sources, by the number that `source` of a sample holds.
        batch_size: samples of this kind a step.
        step_samples: samples of all kinds a step, which is what shares over time are counted in.
        seed: of the order and of the augmentation.
        augmentation: what happens to the samples; None leaves them as they are.
        device: where batches are put together; None: where the first source puts its samples.

    Raises:
        ZooError: a limit above the number of rows of its source.
    """

    def __init__(
        self,
        kind: Kind,
        parts: Sequence[Part],
        batch_size: int,
        step_samples: int,
        seed: int,
        augmentation: AugmentConfig | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.kind = kind
        self.parts = parts
        self.batch_size = batch_size
        self.step_samples = step_samples
        self.seed = seed
        self.augmentation = augmentation
        self.device = device
        self.split = Split()
        self._subsets = [_subset(kind, part) for part in parts]
        self._allocation = Allocation(self._shares, len(parts))

    def batch(self, step: int) -> Batch:
        """The samples of a step, in the order of their numbers."""
        index = self.split.numbers(step, self.batch_size)
        assigned = self._allocation[index]
        pieces = []
        for number, part in enumerate(self.parts):
            where = np.flatnonzero(assigned.source == number)
            if len(where):
                batch = part.read(self._rows(number, assigned.place[where]))
                pieces.append((where, self._marked(batch, number, part)))
        joined = _joined(pieces)
        if self.augmentation is None:
            return joined
        draws = Draws(self.seed, torch.from_numpy(index).to(joined["domain"].device))
        if is_views(joined):
            return augment_views(joined, draws, self.augmentation.views)
        return augment(joined, draws, self.augmentation)

    def ids(self, step: int) -> list[str]:
        """`source:row` of the samples of a step."""
        assigned = self._allocation[Split().numbers(step, self.batch_size)]
        return [
            f"{self.parts[source].name}:{int(self._rows(source, np.array([place]))[0])}"
            for source, place in zip(*(column.tolist() for column in assigned), strict=True)
        ]

    def seen(self, steps: int) -> dict[str, Seen]:
        """What the first `steps` steps show, by source."""
        counts = self._allocation.counts(steps * self.batch_size).tolist()
        return {
            part.name: Seen(count, count if part.rows is None else min(count, part.rows), part.rows)
            for part, count in zip(self.parts, counts, strict=True)
        }

    def _shares(self, index: Int[np.ndarray, "N"]) -> Float[np.ndarray, "N K"]:
        seen = (index // self.batch_size * self.step_samples).astype(np.float64)
        return shares_at(seen, [part.share for part in self.parts])

    def _rows(self, number: int, place: Int[np.ndarray, "N"]) -> Int[np.ndarray, "N"]:
        part, subset = self.parts[number], self._subsets[number]
        if part.rows is None:
            return place
        order = rows(part_seed(self.seed, self.kind, part.name), place, part.rows)
        return order if subset is None else subset[order]

    def _marked(self, batch: Batch, number: int, part: Part) -> Batch:
        """The batch on the device, with the number and the domain of its source."""
        tensors = cast(Mapping[str, Tensor], batch)
        marked = dict(tensors)
        marked["source"] = torch.full_like(tensors["domain"], number)
        if part.domain is not None:
            marked["domain"] = torch.full_like(tensors["domain"], DOMAINS.index(part.domain))
        if self.device is not None:
            marked = {key: value.to(self.device) for key, value in marked.items()}
        return cast(Batch, marked)


class Mixture(Dataset[MixedBatch]):
    """A run's batches by step: of each kind one."""

    def __init__(self, kinds: Sequence[Mixed]) -> None:
        self.kinds = kinds

    @property
    def split(self) -> Split:
        """Of the processes that train together."""
        return self.kinds[0].split

    @split.setter
    def split(self, split: Split) -> None:
        for mixed in self.kinds:
            mixed.split = split

    def __getitem__(self, step: int) -> MixedBatch:
        return cast(MixedBatch, {mixed.kind: mixed.batch(step) for mixed in self.kinds})

    def ids(self, step: int) -> dict[str, list[str]]:
        """By kind, `source:row` of the samples of a step."""
        return {mixed.kind: mixed.ids(step) for mixed in self.kinds}

    def seen(self, steps: int) -> dict[str, dict[str, Seen]]:
        """By kind and source, what the first `steps` steps show."""
        return {mixed.kind: mixed.seen(steps) for mixed in self.kinds}


def part_seed(seed: int, kind: Kind, name: str) -> int:
    """The seed of one source: what is beside it in a mixture does not change its order."""
    digest = hashlib.blake2b(f"{seed}/{kind}/{name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") >> 1


def _subset(kind: Kind, part: Part) -> Int[np.ndarray, "limit"] | None:
    """The rows that a limit leaves; a lower limit leaves some of them."""
    if part.limit is None or part.size is None:
        return None
    if part.limit > part.size:
        raise ZooError(
            f"data.{kind}.{part.name}.max_samples={part.limit}: the source has {part.size} samples; "
            "valid: at most as many, or null for all"
        )
    return rows(part.subset_seed, np.arange(part.limit), part.size)


def _joined(pieces: list[tuple[Int[np.ndarray, "_"], Batch]]) -> Batch:
    """One batch with the samples of each piece at its places."""
    order = np.argsort(np.concatenate([where for where, _ in pieces]))
    batches = [batch for _, batch in pieces]
    if is_views(batches[0]):  # the number of views differs from source to source
        samples: list[ViewSample] = [s for batch in batches if is_views(batch) for s in unstack_views(batch)]
        return stack_views([samples[i] for i in order])
    index = torch.from_numpy(order)
    tensors = cast(Sequence[Mapping[str, Tensor]], batches)
    joined = {
        key: torch.cat([t[key] for t in tensors])[index.to(value.device)] for key, value in tensors[0].items()
    }
    return cast(EyeBatch, joined)
