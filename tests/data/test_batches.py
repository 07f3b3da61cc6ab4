from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.drawn import drawn_eyes
from zoo.data.batches import Batches, loader, rows
from zoo.data.config import AugmentConfig
from zoo.data.pool import Pool, PoolWriter
from zoo.data.sample import EyeBatch


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    writer = PoolWriter(tmp_path, {}, 10, 24, 32)
    writer.write(0, drawn_eyes(10, 24, 32))
    return Pool(tmp_path)


def assert_same(found: list[EyeBatch], expected: list[EyeBatch]) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        for key in b:
            assert torch.equal(a[key], b[key]), key  # type: ignore[literal-required]


def test_resume_and_workers_change_nothing(pool: Pool) -> None:
    dataset = Batches(pool, 4, seed=5, augmentation=AugmentConfig())
    whole = list(loader(dataset, 0, 8, workers=0))
    assert_same(list(loader(dataset, 3, 8, workers=2)), whole[3:])
    again = Batches(Pool(pool.path), 4, seed=5, augmentation=AugmentConfig())
    assert_same(list(loader(again, 0, 8, workers=1)), whole)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_every_epoch_shows_every_row_once(size: int) -> None:
    order = rows(3, np.arange(4 * size), size).reshape(4, size)
    assert (np.sort(order, 1) == np.arange(size)).all()
    if size > 7:
        assert (order[0] != order[1]).any()
        assert (rows(4, np.arange(size), size) != order[0]).any()
    pieces = [rows(3, np.arange(start, min(start + 5, 4 * size)), size) for start in range(0, 4 * size, 5)]
    assert (np.concatenate(pieces) == order.ravel()).all()


def test_order_is_as_it_was() -> None:
    """Runs that were started with an older version must be resumed in their order."""
    assert rows(0, np.arange(12), 10).tolist() == [8, 0, 3, 7, 6, 4, 1, 5, 2, 9, 1, 5]


def test_a_row_looks_different_in_every_epoch(pool: Pool) -> None:
    dataset = Batches(pool, 10, seed=0, augmentation=AugmentConfig())
    first, second = (
        {int(s): i for s, i in zip(b["subject"], b["image"], strict=True)} for b in (dataset[0], dataset[1])
    )
    assert first.keys() == second.keys() == set(range(10))
    assert all(not torch.equal(first[row], second[row]) for row in first)


def test_without_augmentation_rows_are_as_they_are(pool: Pool) -> None:
    dataset = Batches(pool, 3, seed=1)
    expected = pool.batch(rows(1, np.arange(6, 9), 10))
    assert_same([dataset[2]], [expected])
