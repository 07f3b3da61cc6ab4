"""The two kinds of input: eyes and views."""

from __future__ import annotations

from typing import TypeAlias, TypeGuard

from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch

Batch: TypeAlias = EyeBatch | ViewBatch


def is_views(batch: Batch) -> TypeGuard[ViewBatch]:
    """Whether these are posed views, rather than eyes."""
    return "images" in batch
