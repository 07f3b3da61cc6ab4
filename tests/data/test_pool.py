from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.data.drawn import drawn_eyes
from zoo.data import column
from zoo.data.pool import Pool, PoolWriter
from zoo.data.sample import EyeBatch, check_eye_batch
from zoo.errors import ZooError

SPEC: dict[str, Any] = {"seed": 3, "domain": {"skin": [0.1, 0.9], "rig": "random"}}


def part(eyes: EyeBatch, start: int, end: int) -> EyeBatch:
    return {key: value[start:end] for key, value in eyes.items()}  # type: ignore[return-value, index]


def write(path: Path, eyes: EyeBatch, upto: int, count: int = 10) -> PoolWriter:
    writer = PoolWriter(path, SPEC, count, 24, 30)
    while writer.done < upto:
        writer.write(writer.done, part(eyes, writer.done, min(writer.done + 4, upto)))
    return writer


@pytest.fixture
def eyes() -> EyeBatch:
    """30 columns: not a whole number of bytes of packed bits."""
    eyes = drawn_eyes(10, 24, 30)
    eyes["content"][:, :, 20:] = False
    eyes["image"] *= eyes["content"][:, None]
    return eyes


def assert_same(found: EyeBatch, expected: EyeBatch) -> None:
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=1e-6, msg=lambda m, k=key: f"{k}: {m}")  # type: ignore[literal-required]


def test_rows_come_back_in_any_order(tmp_path: Path, eyes: EyeBatch) -> None:
    write(tmp_path / "pool", eyes, 10)
    pool = Pool(tmp_path / "pool")
    rows = np.array([7, 0, 7, 9, 3])
    batch = pool.batch(rows)
    check_eye_batch(batch, "pool")
    assert_same(batch, {key: value[torch.from_numpy(rows)] for key, value in eyes.items()})  # type: ignore[arg-type]
    assert (len(pool), pool.spec, pool.height, pool.width) == (10, SPEC, 24, 30)
    batch["image"].zero_()  # a copy: the file is not written through it
    assert pool.batch(rows)["image"].any()


def test_rows_outside_are_refused(tmp_path: Path, eyes: EyeBatch) -> None:
    write(tmp_path, eyes, 8)
    for row in (-1, 8):
        with pytest.raises(IndexError, match="pool of 8"):
            Pool(tmp_path).batch(np.array([row]))


def test_unfinished_pool_is_readable_and_resumes(tmp_path: Path, eyes: EyeBatch) -> None:
    write(tmp_path, eyes, 5)
    assert len(Pool(tmp_path)) == 5
    writer = write(tmp_path, eyes, 10)
    assert writer.done == 10
    assert_same(Pool(tmp_path).batch(np.arange(10)), eyes)
    assert write(tmp_path, eyes, 10).done == 10  # nothing left to do


def test_interrupt_within_a_write_loses_only_that_write(
    tmp_path: Path, eyes: EyeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = write(tmp_path, eyes, 4)
    calls = []

    def interrupted(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(column.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.write(4, part(eyes, 4, 8))
    assert_same(Pool(tmp_path).batch(np.arange(4)), part(eyes, 0, 4))
    write(tmp_path, eyes, 10)
    assert_same(Pool(tmp_path).batch(np.arange(10)), eyes)


def test_full_disk_says_what_is_safe(tmp_path: Path, eyes: EyeBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = write(tmp_path, eyes, 4)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(column.os, "fsync", full)
        with pytest.raises(ZooError, match=r"disk is full. 4 of 10 samples are written and readable"):
            writer.write(4, part(eyes, 4, 8))
    assert len(Pool(tmp_path)) == 4
    assert write(tmp_path, eyes, 10).done == 10


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"needs .* GB, but the disk has"):
        PoolWriter(tmp_path / "pool", SPEC, 10**12, 120, 160)
    assert not (tmp_path / "pool").exists()


def test_another_recipe_is_refused_by_key(tmp_path: Path, eyes: EyeBatch) -> None:
    write(tmp_path, eyes, 4)
    other = {"seed": 3, "domain": {"skin": [0.1, 0.8], "rig": "random"}, "extra": 1}
    with pytest.raises(ZooError) as error:
        PoolWriter(tmp_path, other, 12, 24, 30)
    for hint in (
        "count: 10 there, 12 asked for",
        "spec.domain.skin: [0.1, 0.9] there",
        "spec.extra: nothing there",
    ):
        assert hint in str(error.value)
    assert "seed" not in str(error.value)


def test_wrong_start_and_size_are_misuse(tmp_path: Path, eyes: EyeBatch) -> None:
    writer = write(tmp_path, eyes, 4)
    for start, end in ((0, 4), (5, 9)):
        with pytest.raises(ValueError, match="do not follow the 4 of 10"):
            writer.write(start, part(eyes, start, end))
    with pytest.raises(ValueError, match="image is"):
        writer.write(4, drawn_eyes(2, 32, 30))
    assert len(Pool(tmp_path)) == 4


def test_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(ZooError, match="not a pool"):
        PoolWriter(tmp_path, SPEC, 10, 24, 30)
    with pytest.raises(ZooError, match="not a pool"):
        Pool(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "dear"


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _other_shape(path: Path) -> None:
    np.save(path, np.zeros((10, 2), np.float32))


def _pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}] * 10, dtype=object), allow_pickle=True)


def _garbage(path: Path) -> None:
    path.write_bytes(b"not an array")


@pytest.mark.parametrize("damage", [_cut, _other_shape, _pickled, _garbage, Path.unlink])
def test_damaged_array_is_named(tmp_path: Path, eyes: EyeBatch, damage: Any) -> None:
    write(tmp_path, eyes, 4)
    damage(tmp_path / "openness.npy")
    with pytest.raises(ZooError, match=r"openness\.npy"):
        Pool(tmp_path)
    with pytest.raises(ZooError, match=r"openness\.npy"):
        PoolWriter(tmp_path, SPEC, 10, 24, 30)


@pytest.mark.parametrize(
    "change", [{"format": "else"}, {"version": 99}, {"done": 11}, {"done": "4"}, {"height": None}, None]
)
def test_damaged_description_is_named(tmp_path: Path, eyes: EyeBatch, change: dict[str, Any] | None) -> None:
    write(tmp_path, eyes, 4)
    path = tmp_path / "pool.json"
    path.write_text("{" if change is None else json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ZooError, match=r"pool\.json"):
        Pool(tmp_path)


def test_an_older_pool_does_not_know_skin_and_spectacles(tmp_path: Path, eyes: EyeBatch) -> None:
    write(tmp_path, eyes, 4)
    for name in ("skin_tone", "skin_tone_valid", "spectacles", "spectacles_valid"):
        (tmp_path / f"{name}.npy").unlink()
    batch = Pool(tmp_path).batch(np.array([2, 0]))
    check_eye_batch(batch, "pool")
    assert not batch["skin_tone_valid"].any() and not batch["spectacles_valid"].any()


def test_empty_pool_is_an_error_of_its_own(tmp_path: Path) -> None:
    PoolWriter(tmp_path, SPEC, 10, 24, 30)
    with pytest.raises(ZooError, match="no samples yet"):
        Pool(tmp_path)


def test_pickles_as_a_path(tmp_path: Path, eyes: EyeBatch) -> None:
    write(tmp_path, eyes, 10)
    data = pickle.dumps(Pool(tmp_path))
    assert len(data) < 1000
    assert_same(pickle.loads(data).batch(np.arange(10)), eyes)
