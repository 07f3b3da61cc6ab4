"""What a head is: a task's layers, its loss per sample, and its errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zoo.conventions import Kind
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch
from zoo.model.neck import FeatureChannels, Features, Map
from zoo.model.views import ViewFeatures

Config = TypeVar("Config")
Read = TypeVar("Read")
Batch = TypeVar("Batch")


class Masked(NamedTuple):
    """A number per sample and whether it means anything; `value` is finite everywhere."""

    value: Float[Tensor, "B"]
    valid: Bool[Tensor, "B"]


class Scored(NamedTuple):
    """A detector's score per sample, beside its binary label where that is valid."""

    score: Float[Tensor, "B"]
    label: Bool[Tensor, "B"]
    valid: Bool[Tensor, "B"]


class Task(nn.Module, ABC, Generic[Config, Read, Batch]):
    """A task. Knows nothing of training loops, configuration files, loggers or drawing.

    Subclasses take ``(config, channels)`` and read from the features only the maps they name in `needs`.
    """

    kind: ClassVar[Kind]

    @property
    @abstractmethod
    def needs(self) -> tuple[Map, ...]:
        """The maps that the head reads."""

    def __init__(self, config: Config, channels: FeatureChannels) -> None:
        super().__init__()
        self.config = config
        self.channels = channels

    @abstractmethod
    def forward(self, features: Read) -> dict[str, Tensor]:
        """The prediction: named tensors with a leading batch dimension, lengths in input pixels."""

    @abstractmethod
    def loss(self, prediction: dict[str, Tensor], batch: Batch) -> Masked:
        """The loss of each sample, from that sample alone; 0 and without gradient where not valid."""

    @abstractmethod
    def errors(self, prediction: dict[str, Tensor], batch: Batch) -> dict[str, Masked]:
        """Named errors and counts per sample. `zoo.evaluate` aggregates them by the ending of the name."""

    def scores(self, prediction: dict[str, Tensor], batch: Batch) -> dict[str, Scored]:
        """Named detection scores per sample, for average precision; none by default."""
        return {}


class Head(Task[Config, Features, EyeBatch], Generic[Config]):
    """A task of eyes."""

    kind: ClassVar[Kind] = "eyes"


class ViewHead(Task[Config, ViewFeatures, ViewBatch], Generic[Config]):
    """A task of rooms: of posed views."""

    kind: ClassVar[Kind] = "views"


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32, or in float64 if it is that: losses do not run in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def masked(value: Tensor, valid: Tensor) -> Tensor:
    """`value` where `valid`, else 0 without a gradient."""
    return torch.where(valid, value, torch.zeros((), dtype=value.dtype, device=value.device))
