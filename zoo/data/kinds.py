"""The two kinds of input: eyes and views."""

from __future__ import annotations

from typing import Literal, TypeAlias

from typing_extensions import TypeIs

from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch

Kind: TypeAlias = Literal["eyes", "views"]
Batch: TypeAlias = EyeBatch | ViewBatch


def kind_of(batch: Batch) -> Kind:
    """What the samples of a batch are."""
    return "views" if is_views(batch) else "eyes"


def is_views(batch: Batch) -> TypeIs[ViewBatch]:
    """Whether these are posed views, rather than eyes."""
    return "images" in batch
