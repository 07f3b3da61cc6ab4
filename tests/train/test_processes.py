"""Several processes train together: they share every batch, and stop and go on as one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.test_mixed_run import NETWORK
from tests.train.test_resume import assert_same, weights
from zoo.config import TrainConfig
from zoo.data.batches import Split
from zoo.data.mixture import Mixture
from zoo.errors import ZooError
from zoo.train.data import training_batches


def test_the_shares_of_the_processes_are_the_batch(config: Callable[..., TrainConfig]) -> None:
    data = training_batches(config(), torch.device("cpu"))
    assert not isinstance(data, Mixture)
    whole = data[3]
    data.split = Split(0, 2)
    first = data[3]
    data.split = Split(1, 2)
    second = data[3]
    for name in ("image", "segmentation", "pupil_px" if "pupil_px" in whole else "pupil_ellipse"):
        joined = torch.cat([first[name], second[name]])  # type: ignore[literal-required]
        assert torch.equal(joined, whole[name]), name  # type: ignore[literal-required]
    assert np.array_equal(Split(1, 4).numbers(2, 8), [18, 19])


def test_a_batch_must_be_divisible(config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match=r"batch_size=8: trainer\.devices=3 must divide it"):
        config("trainer.devices=3")
    with pytest.raises(ZooError, match="the gradient of a single task needs one process"):
        config("trainer.devices=2", "balance=upgrad")


@pytest.mark.slow
def test_two_processes_go_on_as_if_they_had_not_stopped(
    world: Path, overrides: list[str], tmp_path: Path
) -> None:
    """A mixture of two sources, two workers each, gloo: two slices give the weights of one piece."""
    (tmp_path / "conf" / "network").mkdir(parents=True)
    (tmp_path / "conf" / "network" / "both.yaml").write_text(NETWORK.replace("  depth: {", "  #depth: {"))
    pool = f"{{type: pool, path: {world / 'train'}}}"
    own = ("network=", "data", "run_dir", "batch_size", "trainer.workers")
    usual = [override for override in overrides if not override.startswith(own)]
    some = f"{{data: {pool}, schedule: [[0, 0.2], [96, 0.9]], max_samples: 20}}"
    options = [
        *usual,
        "network=both",
        "data=mixture",
        f"data.eyes={{a: {{data: {pool}}}, b: {some}}}",
        "data.batch.eyes=8",
        "trainer.workers=2",
        "trainer.devices=2",
        "samples=64",
    ]

    def run(folder: Path, *more: str) -> str:
        command = [sys.executable, "-m", "zoo", "train", *options, f"run_dir={folder}", *more]
        done = subprocess.run(
            [*command, "--config-dir", str(tmp_path / "conf")], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(whole).count("finished: 64 samples") == 1  # one process speaks
    assert "saved at" in run(parts, "stop_after_minutes=1e-6")
    assert weights(parts)["global_step"] < 8
    run(parts)
    assert_same(weights(parts)["state_dict"], weights(whole)["state_dict"])
    assert (parts / "seen.json").read_text() == (whole / "seen.json").read_text()
