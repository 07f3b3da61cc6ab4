"""Reading and rewriting W&B's offline files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wandb.proto.wandb_internal_pb2 import Record

from zoo.errors import ZooError
from zoo.tracking.transactions import records, relocate, write


@given(st.lists(st.integers(0, 70_000), max_size=6))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, lengths: list[int]) -> None:
    path = tmp_path_factory.mktemp("log") / "run-a.wandb"
    messages = [bytes([i + 1]) * length for i, length in enumerate(lengths)]
    write(path, messages)
    assert list(records(path)) == messages


@pytest.mark.parametrize("left", [0, 1, 6, 7, 8])
def test_messages_that_end_near_a_block_border(tmp_path: Path, left: int) -> None:
    messages = [b"x" * (32768 - 7 - 7 - left), b"y" * 20]
    write(tmp_path / "log", messages)
    assert list(records(tmp_path / "log")) == messages


def test_a_killed_run_is_read_up_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write(path, [b"one", b"two" * 100])
    path.write_bytes(path.read_bytes()[:-5])
    assert list(records(path)) == [b"one"]


def test_damage_and_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write(path, [b"one"])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ZooError, match="damaged at byte 7"):
        list(records(path))
    path.write_bytes(b"something else")
    with pytest.raises(ZooError, match="not a file of W&B"):
        list(records(path))


def test_artifacts_of_a_moved_run_are_found(tmp_path: Path) -> None:
    staging = tmp_path / "moved" / "staging"
    staging.mkdir(parents=True)
    (staging / "tmp1").write_text("x")
    record = Record()
    for name in ("tmp1", "tmp2"):
        record.artifact.manifest.contents.add(path=name, local_path=f"/elsewhere/staging/{name}")
    path = tmp_path / "log"
    write(path, [Record(num=1).SerializeToString(), record.SerializeToString()])
    assert relocate(path, staging) == 1
    first, second = (Record.FromString(message) for message in records(path))
    assert first.num == 1
    paths = [entry.local_path for entry in second.artifact.manifest.contents]
    assert paths == [str(staging / "tmp1"), "/elsewhere/staging/tmp2"]
    before = path.read_bytes()
    assert relocate(path, staging) == 0
    assert path.read_bytes() == before
