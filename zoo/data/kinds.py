"""The two kinds of input: eyes and views."""

from __future__ import annotations

from typing import TypeAlias, TypedDict, cast

from typing_extensions import TypeIs

from zoo.conventions import KINDS, Kind
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch

Batch: TypeAlias = EyeBatch | ViewBatch


class MixedBatch(TypedDict, total=False):
    """What a step of a mixture takes; either may be missing."""

    eyes: EyeBatch
    views: ViewBatch


def kind_of(batch: Batch) -> Kind:
    """What the samples of a batch are."""
    return "views" if is_views(batch) else "eyes"


def is_views(batch: Batch) -> TypeIs[ViewBatch]:
    """Whether these are posed views, rather than eyes."""
    return "images" in batch


def parts_of(batch: Batch | MixedBatch) -> list[Batch]:
    """The batch of each kind in what a step takes."""
    if "domain" in batch:
        return [cast(Batch, batch)]
    return [cast(MixedBatch, batch)[kind] for kind in KINDS if kind in batch]
