"""A run that is stopped, in whatever way, goes on to the weights of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.config import TrainConfig
from zoo.errors import ZooError
from zoo.train.run import train

LONG = ("samples=640", "trainer.workers=2", "validation.every_samples=320", "checkpoint.every_samples=64")

SCRIPT = """
import sys
from pathlib import Path
from zoo.config import compose
from zoo.train.run import train
train(compose("train", sys.argv[2:], Path(sys.argv[1])))
"""


@contextmanager
def training(world: Path, overrides: list[str], run: Path) -> Iterator[subprocess.Popen[str]]:
    """A training process that has saved at least once."""
    command = [sys.executable, "-c", SCRIPT, str(world / "conf"), *overrides]
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(1200):
            if (run / "last.ckpt").exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        assert process.poll() is None, "the run ended before it could be stopped"
        try:
            yield process
        finally:
            process.kill()


def weights(run: Path) -> dict[str, Any]:
    checkpoint = torch.load(run / "last.ckpt", weights_only=True)
    return {
        key: checkpoint[key] for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step")
    }


def assert_same(one: Any, other: Any, where: str = "") -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list):
        for position, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, where=f"{where}/{position}")
    else:
        assert one == other, where


@pytest.mark.slow
def test_kill_9_then_resume_gives_the_weights_of_an_uninterrupted_run(
    config: Callable[..., TrainConfig], overrides: list[str], world: Path, tmp_path: Path
) -> None:
    whole = train(config(*LONG, f"run_dir={tmp_path / 'whole'}"))
    run = tmp_path / "run"
    with training(world, [*overrides, *LONG], run) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 0 < weights(run)["global_step"] < 80
    train(config(*LONG))
    assert_same(weights(run), weights(whole))
    # A slice that was killed after a validation does not leave that line twice.
    for folder in (run, whole):
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["samples"] for line in lines] == [320, 640]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(
    number: signal.Signals, overrides: list[str], world: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with training(world, [*overrides, *LONG], run) as process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    step = weights(run)["global_step"]
    assert (
        f"stopped by {number.name}: saved at {8 * step:,} of 640 samples. The same command goes on" in output
    )


def test_slices_of_a_run_give_the_weights_of_one_piece(
    config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    whole = train(config(f"run_dir={tmp_path / 'whole'}"))
    for _ in range(12):
        run = train(config("stop_after_minutes=1e-6"))  # one step
    assert_same(weights(run), weights(whole))
    assert weights(run)["global_step"] == 12


def test_a_finished_run_is_left_alone(
    config: Callable[..., TrainConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(config())
    before = (run / "last.ckpt").stat().st_mtime_ns
    train(config())
    assert (run / "last.ckpt").stat().st_mtime_ns == before
    assert "is finished (96 samples)" in capsys.readouterr().out


def test_another_config_does_not_continue_a_run(config: Callable[..., TrainConfig]) -> None:
    train(config("stop_after_minutes=1e-6"))
    with pytest.raises(
        ZooError, match=r"(?s)run with other settings.*optimizer\.clip: 5\.0 then, 2\.5 now.*name="
    ):
        train(config("optimizer.clip=2.5"))


def test_resume_never_refuses_a_used_folder(config: Callable[..., TrainConfig]) -> None:
    train(config("stop_after_minutes=1e-6"))
    with pytest.raises(ZooError, match=r"resume=never, but .* holds a run: choose another name="):
        train(config("resume=never"))


def test_resume_from_a_path(config: Callable[..., TrainConfig], tmp_path: Path) -> None:
    first = train(config("stop_after_minutes=1e-6"))
    copy = f"run_dir={tmp_path / 'copy'}"
    second = train(config(copy, f"resume={first / 'last.ckpt'}"))
    assert weights(second)["global_step"] == 12
    with pytest.raises(
        ZooError, match=r"resume=nowhere\.ckpt: no such file; valid: auto, never, or the path"
    ):
        train(config("resume=nowhere.ckpt"))
    with pytest.raises(ZooError, match="already holds a run: to go on from"):
        train(config(copy, f"resume={first / 'last.ckpt'}"))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_damaged_checkpoint_is_named(content: bytes, config: Callable[..., TrainConfig]) -> None:
    run = train(config("stop_after_minutes=1e-6"))
    (run / "last.ckpt").write_bytes(content)
    with pytest.raises(ZooError, match=r"last\.ckpt is not a readable checkpoint of a run"):
        train(config())
