"""Sweeps: trials are runs, and one that was stopped, killed or failed ends like one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zoo.train.run as training
from zoo.errors import ZooError
from zoo.sweep.plan import Sweep
from zoo.sweep.result import Row
from zoo.sweep.study import sweep
from zoo.train import callbacks

METRIC = "validation/keypoints/pupil_px_mean"
SPACE = ("optimizer.lr=log(1e-4,1e-2)", "network.neck.width=choice(8,16)")


@pytest.fixture
def plan(world: Path, overrides: list[str], tmp_path: Path) -> Callable[..., Sweep]:
    """A sweep of three runs of four steps."""
    short = [line for line in overrides if not line.startswith(("run_dir", "samples", "validation.every"))]
    short += ["samples=32", "validation.every_samples=16", "validation.count=8"]

    def made(**changes: Any) -> Sweep:
        standard: dict[str, Any] = {
            "folder": tmp_path / "widths",
            "overrides": tuple(short),
            "space": SPACE,
            "metric": METRIC,
            "direction": "minimize",
            "trials": 3,
            "config_dir": world / "conf",
        }
        return Sweep(**(standard | changes))

    return made


def run(plan: Sweep) -> list[Row]:
    return sweep(plan, lambda line: None)


class Killed(BaseException):
    """As little is caught of it as of SIGKILL."""


def kill_in(trial: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end in a trial, after its first checkpoint, once."""
    save = callbacks.save_checkpoint
    state = {"left": 1}

    def saved(trainer: Any, path: Path) -> None:
        save(trainer, path)
        if path.parent.name == f"{trial:03d}" and state["left"]:
            state["left"] = 0
            raise Killed

    monkeypatch.setattr(callbacks, "save_checkpoint", saved)


def test_a_killed_sweep_ends_like_a_whole_one(
    plan: Callable[..., Sweep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(plan(folder=tmp_path / "whole"))
    assert [row.state for row in whole] == ["complete"] * 3
    kill_in(1, monkeypatch)
    with pytest.raises(Killed):
        run(plan())
    rows = run(plan())
    assert rows == whole
    assert (tmp_path / "widths" / "trials.csv").read_text() == (tmp_path / "whole" / "trials.csv").read_text()
    starts = json.loads((tmp_path / "widths" / "trials" / "001" / "provenance.json").read_text())["starts"]
    assert [start["resumed"] for start in starts] == [False, True]
    assert (tmp_path / "widths" / "trials.png").is_file()
    for row in rows:
        last = (tmp_path / "widths" / row.folder / "metrics.jsonl").read_text().splitlines()[-1]
        assert json.loads(last)["keypoints/pupil_px_mean"] == row.value
    assert run(plan(trials=2)) == rows  # nothing is left to do
    with pytest.raises(ZooError, match=r"holds another sweep:\n  metric: .*pupil_px_mean then"):
        run(plan(metric="validation/segmentation/miou"))


def test_failures_are_noted_and_do_not_end_a_sweep(
    plan: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(config: Any, watch: Any) -> None:
        config.run_dir.mkdir(parents=True)
        if config.run_dir.name == "001":
            raise ZooError("the loss exploded at step 3")
        watch(config.steps * config.step_samples, {"keypoints/pupil_px_mean": 1.0})
        line = {"samples": config.steps * config.step_samples, "keypoints/pupil_px_mean": 1.0}
        (config.run_dir / "metrics.jsonl").write_text(json.dumps(line) + "\n")

    monkeypatch.setattr(training, "train", train)
    rows = run(plan())
    assert [row.state for row in rows] == ["complete", "failed", "complete"]
    assert rows[1].note == "the loss exploded at step 3" and rows[1].value is None


def test_worse_runs_are_pruned(plan: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    def train(config: Any, watch: Any) -> None:
        number = int(config.run_dir.name)
        config.run_dir.mkdir(parents=True)
        for seen in (16, 32):
            value = float(number)
            if watch(seen, {"keypoints/pupil_px_mean": value}):
                return
        line = {"samples": 32, "keypoints/pupil_px_mean": value}
        (config.run_dir / "metrics.jsonl").write_text(json.dumps(line) + "\n")

    monkeypatch.setattr(training, "train", train)
    rows = run(plan(trials=6, prune=True))
    assert [row.state for row in rows] == ["complete"] * 4 + ["pruned"] * 2
    assert (rows[5].value, rows[5].samples) == (5.0, 16)


def test_a_stopped_sweep_says_so_and_a_dying_trial_is_given_up(
    plan: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "train", lambda config, watch: None)  # Ctrl-C: the run is not finished
    (row,) = run(plan(trials=1))
    assert row.state == "running"

    def train(config: Any, watch: Any) -> None:
        raise Killed

    monkeypatch.setattr(training, "train", train)
    for _ in range(3):
        with pytest.raises(Killed):
            run(plan(trials=1))
    (row,) = run(plan(trials=1))
    assert row.state == "failed" and "was killed 3 times" in row.note


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": ("optimizer.lrr=log(1e-4,1e-2)",)}, "there is no key 'optimizer.lrr'; did you mean"),
        ({"space": ("optimizer.lr=uniform(-1,1)",)}, r"optimizer\.lr=-1"),
        ({"space": ("optimizer.type=choice(adamw,sdg)",)}, "optimizer.type=sdg"),
        ({"metric": "validation/keypoint/pupil_px_mean"}, "no validation measures it; valid: .*keypoints"),
        ({"direction": "minimise"}, "did you mean 'minimize'"),
        ({"overrides": ("name=mine",)}, "names its runs itself"),
        ({"space": ("trainer.devices=choice(2,1)",)}, "one process each"),
    ],
)
def test_mistakes_are_told_before_anything_starts(
    plan: Callable[..., Sweep], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ZooError, match=message):
        run(plan(**changes))
    assert not plan().folder.exists()


def test_an_unknown_metric_is_told_at_the_first_validation(plan: Callable[..., Sweep]) -> None:
    with pytest.raises(ZooError, match=r"no such metric; did you mean 'keypoints/pupil_px_mean'"):
        run(plan(metric="validation/keypoints/pupil_px_maen"))
    assert not (plan().folder / "sweep.json").exists()
