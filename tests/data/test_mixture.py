"""Batches of a mixture: who gives what, resumed and in workers, limited, and what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.data.drawn import drawn_eyes
from tests.data.test_room_views import HEIGHT, WIDTH, wall
from zoo.conventions import DOMAINS
from zoo.data.batches import loader
from zoo.data.config import AugmentConfig
from zoo.data.kinds import MixedBatch, kind_of, parts_of
from zoo.data.mixture import Mixed, Mixture, Part, Seen
from zoo.data.pool import Pool, PoolWriter
from zoo.data.room_pool import room_pool_writer
from zoo.data.sample import EyeBatch, check_eye_batch, empty_eye_batch
from zoo.data.sources.room_pool import RoomViews
from zoo.data.views import ViewBatch, check_view_batch
from zoo.errors import ZooError

BATCH, STEP = 8, 12  # eyes a step, samples of both kinds a step


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    writer = PoolWriter(tmp_path / "eyes", {}, 40, 24, 32)
    writer.write(0, drawn_eyes(40, 24, 32))
    return Pool(tmp_path / "eyes")


@pytest.fixture
def rooms(tmp_path: Path) -> RoomViews:
    writer = room_pool_writer(tmp_path / "rooms", {}, 4, 3, HEIGHT, WIDTH)
    writer.write(0, wall())
    return RoomViews(tmp_path / "rooms", HEIGHT, WIDTH)


def openings(rows: np.ndarray) -> EyeBatch:
    """A source that never ends and knows one label: its row, by 1000."""
    batch = empty_eye_batch(len(rows), 24, 32)
    batch["openness"] = torch.from_numpy(rows).float() / 1000
    batch["openness_valid"][:] = True
    return batch


def two_rooms(rooms: RoomViews) -> Any:
    """As `rooms`, with one source less in each sample."""

    def read(rows: np.ndarray) -> ViewBatch:
        batch = rooms.batch(rows)
        for key in ("images", "cameras", "cam_to_world", "views_valid"):
            batch[key] = batch[key][:, :2]
        return batch

    return read


@pytest.fixture
def mixture(pool: Pool, rooms: RoomViews) -> Mixture:
    eyes = [
        Part("rendered", pool.batch, len(pool), [(120.0, 3.0), (600.0, 1.0)]),
        Part("real", openings, None, [(0.0, 1.0)], domain="real"),
    ]
    views = [
        Part("three", rooms.batch, len(rooms), [(0.0, 1.0)]),
        Part("two", two_rooms(rooms), len(rooms), [(0.0, 1.0)], limit=5),
    ]
    kept = AugmentConfig()
    return Mixture(
        [Mixed("eyes", eyes, BATCH, STEP, 3, kept), Mixed("views", views, STEP - BATCH, STEP, 3, kept)]
    )


def assert_same(found: list[MixedBatch], expected: list[MixedBatch]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for a, b in zip(parts_of(one), parts_of(other), strict=True):
            for key, value in b.items():
                assert torch.equal(a[key], value), key  # type: ignore[literal-required, arg-type]


def test_a_step_holds_both_kinds_with_source_and_domain(mixture: Mixture) -> None:
    batch = mixture[0]
    assert [kind_of(part) for part in parts_of(batch)] == ["eyes", "views"]
    eyes, views = batch["eyes"], batch["views"]
    check_eye_batch(eyes, "mixture")
    check_view_batch(views, "mixture")
    assert (len(eyes["image"]), len(views["images"])) == (8, 4)
    assert torch.bincount(eyes["source"]).tolist() == [6, 2]
    assert torch.bincount(views["source"]).tolist() == [2, 2]
    real = eyes["source"] == 1
    assert (eyes["domain"][real] == DOMAINS.index("real")).all()
    # Each has its own labels: the others of this source stay unknown.
    assert eyes["openness_valid"][real].all() and not eyes["segmentation_valid"][real].any()
    assert eyes["segmentation_valid"][~real].all()
    # Samples of fewer views are filled up.
    assert views["images"].shape[1] == 3
    assert not views["views_valid"][views["source"] == 1, 2].any()


def test_resume_and_workers_change_nothing(mixture: Mixture) -> None:
    whole = list(loader(mixture, 0, 6, workers=0))
    assert_same(list(loader(mixture, 2, 6, workers=2)), whole[2:])
    assert_same([mixture[step] for step in (5, 1, 3)], [whole[step] for step in (5, 1, 3)])


def test_every_source_is_walked_epoch_by_epoch(pool: Pool) -> None:
    parts = [
        Part("a", pool.batch, 40, [(0.0, 3.0)]),
        Part("b", pool.batch, 40, [(0.0, 1.0)]),
        Part("c", openings, None, [(0.0, 1.0)]),
    ]
    mixed = Mixed("eyes", parts, BATCH, BATCH, 0)
    batches = [mixed.batch(step) for step in range(25)]
    joined = {k: torch.cat([b[k] for b in batches]) for k in ("source", "subject", "openness")}  # type: ignore[literal-required]
    assert torch.bincount(joined["source"]).tolist() == [120, 40, 40]
    first = joined["subject"][joined["source"] == 0].reshape(3, 40)
    assert (first.sort(1).values == torch.arange(40)).all()
    second = joined["subject"][joined["source"] == 1]
    assert sorted(second.tolist()) == list(range(40))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], second)
    endless = joined["openness"][joined["source"] == 2]
    torch.testing.assert_close(endless, torch.arange(40) / 1000)


def test_a_source_keeps_its_order_beside_others(pool: Pool) -> None:
    def shown(parts: list[Part]) -> Tensor:
        batches = [Mixed("eyes", parts, BATCH, BATCH, 0).batch(step) for step in range(8)]
        of_a = [b["subject"][b["source"] == 0] for b in batches]  # type: ignore[typeddict-item]
        return torch.cat(of_a)

    a = Part("a", pool.batch, 40, [(0.0, 1.0)])
    alone, beside = shown([a]), shown([a, Part("b", pool.batch, 40, [(0.0, 1.0)])])
    assert torch.equal(beside, alone[: len(beside)])


def test_limits_show_those_rows_alone_and_smaller_ones_some_of_them(pool: Pool) -> None:
    def shown(limit: int, seed: int, subset_seed: int = 0) -> set[int]:
        part = Part("a", pool.batch, 40, [(0.0, 1.0)], limit=limit, subset_seed=subset_seed)
        mixed = Mixed("eyes", [part], BATCH, BATCH, seed)
        return {int(s) for step in range(12) for s in mixed.batch(step)["subject"]}  # type: ignore[typeddict-item]

    ten = shown(10, seed=0)
    assert len(ten) == 10
    assert shown(10, seed=1) == ten
    assert shown(10, seed=0, subset_seed=1) != ten
    assert shown(5, seed=0) < ten < shown(30, seed=0)


def test_a_limited_source_that_never_ends_repeats(pool: Pool) -> None:
    mixed = Mixed("eyes", [Part("a", openings, None, [(0.0, 1.0)], limit=4)], BATCH, BATCH, 0)
    values = mixed.batch(0)["openness"]  # type: ignore[typeddict-item]
    assert (values * 1000).round().int().bincount().tolist() == [2, 2, 2, 2]


def test_a_limit_above_the_source_is_refused(pool: Pool) -> None:
    part = Part("real", pool.batch, 40, [(0.0, 1.0)], limit=41)
    with pytest.raises(ZooError, match=r"data\.eyes\.real\.max_samples=41: the source has 40 samples; valid"):
        Mixed("eyes", [part], BATCH, BATCH, 0)


def test_a_run_can_say_what_it_saw(mixture: Mixture) -> None:
    steps = 30
    sources = torch.cat([mixture[step]["eyes"]["source"] for step in range(steps)])
    seen = mixture.seen(steps)
    assert [seen["eyes"][name].samples for name in ("rendered", "real")] == torch.bincount(sources).tolist()
    # Shares of 3/4 up to 120 samples, then down towards 1/2: less than 180 of 240.
    assert 150 < seen["eyes"]["rendered"].samples < 180
    assert seen["eyes"]["rendered"][1:] == (40, 40)
    assert seen["eyes"]["real"].of is None
    assert seen["views"] == {"three": Seen(60, 12, 12), "two": Seen(60, 5, 5)}
    ids = mixture.ids(4)
    assert [name.split(":")[0] for name in ids["eyes"]] == [
        ("rendered", "real")[i] for i in mixture[4]["eyes"]["source"]
    ]
    rows = [int(name.split(":")[1]) for name in ids["eyes"] if name.startswith("rendered")]
    shown = mixture[4]["eyes"]
    assert shown["subject"][shown["source"] == 0].tolist() == rows
