"""A look at the sources of a run before it starts: files, labels, and what its heads learn from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Int

from zoo.config import TrainConfig
from zoo.data.kinds import Batch, is_views, kind_of
from zoo.data.majority import Majority
from zoo.data.mixture import Mixture
from zoo.data.rules import broken_samples
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch
from zoo.errors import ZooError
from zoo.model.network import Network
from zoo.train.data import FromSource, Rendered, training_batches

QUICK: Final = 64
"""Samples of a source that are looked at before training."""
_SECOND_LOOK: Final = 512  # samples, where the first few have no label for any head
_BATCH: Final = 16
_VIEWS_SHARE: Final = 16  # a sample of views takes as long as so many eyes
_FAR_M: Final = 100.0  # no room is deeper


class Checked(NamedTuple):
    """What was found of one source."""

    key: str
    """Of the config."""
    samples: int
    checked: int
    people: int
    labels: dict[str, float]
    """Share of the samples that have it, by name."""
    heads: dict[str, float]
    """Share of the samples that a head of the run learns from."""


class _Opened(NamedTuple):
    key: str
    read: Callable[[Int[np.ndarray, "B"]], Batch]
    size: int
    owner: Any
    """The source, which may know the files of its samples."""


def check(
    config: TrainConfig, count: int | None = QUICK, progress: Callable[[int], None] | None = None
) -> list[Checked]:
    """Open the sources of a run and check `count` samples of each, spread over it (None: all).

    Raises:
        ZooError: files are not as published, labels break a rule, or no head of the run learns from a source;
            names the source, the file and the rule.
    """
    network = Network(config.used_network, fetch_weights=False)
    return check_batches(config, training_batches(config, torch.device("cpu")), network, count, progress)


def check_batches(
    config: TrainConfig,
    data: FromSource | Rendered | Mixture,
    network: Network,
    count: int | None = QUICK,
    progress: Callable[[int], None] | None = None,
) -> list[Checked]:
    """As `check`, on sources that are open; what is rendered on the fly is right by construction."""
    training = network.training
    network.eval()
    try:
        return [
            _check(opened, network, config.freeze, count, progress)
            for opened in _opened(data)
            if opened.size > 0
        ]
    finally:
        network.train(training)


def untaught(config: TrainConfig, found: Sequence[Checked]) -> list[str]:
    """Heads for which none of the samples that were looked at has a label, in any source of the run."""
    if len(found) < len(config.sources):  # what is rendered on the fly teaches everything
        return []
    taught = {name for source in found for name, share in source.heads.items() if share}
    return [name for name in config.used_network.heads if name not in taught and name not in config.freeze]


def _opened(data: FromSource | Rendered | Mixture) -> Iterator[_Opened]:
    if isinstance(data, FromSource):
        yield _Opened("data", data.source.batch, len(data.source), data.source)
    elif isinstance(data, Mixture):
        for mixed in data.kinds:
            for part in mixed.parts:
                if part.size is not None:
                    key = f"data.{mixed.kind}.{part.name}.data"
                    yield _Opened(key, part.read, part.size, getattr(part.read, "__self__", None))


class _Tally:
    """What the samples of one source have, and what breaks a rule."""

    def __init__(self, opened: _Opened, network: Network, frozen: list[str]) -> None:
        self.opened = opened
        self._network = network
        self._frozen = frozen
        self.checked = 0
        self.learning: list[str] = []
        self.labels: Counter[str] = Counter()
        self.heads: Counter[str] = Counter()
        self._people: set[int] = set()
        self._majority = Majority()

    @torch.no_grad()
    def add(self, rows: Int[np.ndarray, "B"]) -> None:
        """Check these rows and count what they have; ZooError for the first that breaks a rule."""
        batch = self.read(rows)
        if is_views(batch):
            self._check_views(rows, batch)
        else:
            self._check_eyes(rows, batch)
            self._people |= set(batch["subject"].tolist())
        self.checked += len(rows)
        self.learning = [n for n in self._network.heads_of(kind_of(batch)) if n not in self._frozen]
        answers = self._network.answer(batch, self.learning)
        for name in self.learning:
            self.heads[name] += int(self._network.head(name).loss(answers[name], batch).valid.sum())

    def finish(self) -> Checked:
        """What was found; ZooError for what the samples tell together, or if no head learns from them."""
        for sentence in self._majority.broken():
            raise ZooError(f"{self.opened.key}: {sentence}")
        shares = {name: number / self.checked for name, number in self.labels.items() if number}
        if not any(self.heads[name] for name in self.learning):
            known = ", ".join(f"{name} ({share:.0%})" for name, share in shares.items()) or "none"
            wanted = ", ".join(self.learning) or "none that is trained"
            raise ZooError(
                f"{self.opened.key}: none of {self.checked} samples has a label for a head of this run "
                f"({wanted}); its labels: {known}{self._hint(shares)}"
            )
        learnt = {name: self.heads[name] / self.checked for name in self.learning}
        return Checked(self.opened.key, self.opened.size, self.checked, len(self._people), shares, learnt)

    def read(self, rows: Int[np.ndarray, "B"]) -> Batch:
        """The samples at these rows; ZooError naming the source, and the sample where a value is bad."""
        try:
            return self.opened.read(rows)
        except ZooError as error:  # names the file itself
            raise ZooError(f"{self.opened.key}: {error}") from None
        except (ValueError, IndexError):  # which of them is found one by one
            for row in rows:
                try:
                    self.opened.read(np.array([row]))
                except (ValueError, IndexError) as error:
                    raise ZooError(f"{self.opened.key}: {self._name(int(row))}: {error}") from None
            raise

    def _check_eyes(self, rows: Int[np.ndarray, "B"], batch: EyeBatch) -> None:
        for place, sentence in broken_samples(batch)[:1]:
            raise ZooError(f"{self.opened.key}: {self._name(int(rows[place]))}: {sentence}")
        self._majority.add(batch)
        for key, value in batch.items():
            if key.endswith("_valid"):
                self.labels[key.removesuffix("_valid")] += int(cast(torch.Tensor, value).sum())

    def _check_views(self, rows: Int[np.ndarray, "B"], batch: ViewBatch) -> None:
        for place, depth in enumerate(batch["depth"]):
            known = depth[depth > 0]
            if len(known) and float(known.median()) > _FAR_M:
                raise ZooError(
                    f"{self.opened.key}: {self._name(int(rows[place]))}: the median depth is "
                    f"{known.median():.4g}; expected metres (millimetres?)"
                )
            self.labels["depth"] += int(len(known) > 0)
        self.labels["several views"] += int((batch["views_valid"].sum(1) > 1).sum())

    def _name(self, row: int) -> str:
        name = getattr(self.opened.owner, "name", None)
        return str(name(row)) if callable(name) else f"sample {row}"

    @staticmethod
    def _hint(shares: dict[str, float]) -> str:
        if not shares.keys() & {"optical", "visual", "eye3d"}:
            return ""
        if "camera" not in shares:
            return ". Directions and 3D points count with a camera: its fx, fy, cx, cy or horizontal_fov_deg"
        return "" if "eye_side" in shares else ". A visual axis counts with the eye's side"


def _check(
    opened: _Opened,
    network: Network,
    frozen: list[str],
    count: int | None,
    progress: Callable[[int], None] | None,
) -> Checked:
    tally = _Tally(opened, network, frozen)
    views = is_views(tally.read(np.array([0])))
    share, batch = (_VIEWS_SHARE, 1) if views else (1, _BATCH)
    looks = [opened.size] if count is None else [-(-count // share), _SECOND_LOOK // share]
    for look in looks:
        rows = _spread(opened, look)
        if len(rows) == tally.checked:  # there are no more
            break
        tally = _Tally(opened, network, frozen)
        for start in range(0, len(rows), batch):
            tally.add(rows[start : start + batch])
            if progress is not None:
                progress(tally.checked)
        if any(tally.heads.values()):
            break
    return tally.finish()


def _spread(opened: _Opened, count: int) -> Int[np.ndarray, "n"]:
    """So many rows from all over the source; of videos those at their beginnings, which are read fast."""
    cheap = getattr(opened.owner, "cheap_rows", None)
    if callable(cheap) and count < opened.size:
        return np.asarray(cheap(count), dtype=np.int64)
    return np.unique(np.linspace(0, opened.size - 1, min(count, opened.size)).round().astype(np.int64))
