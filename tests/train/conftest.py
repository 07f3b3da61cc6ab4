"""A tiny world to train on: bright discs on noise, with exact labels, in a pool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoo.config import TrainConfig, compose
from zoo.conventions import BACKGROUND, IRIS, PUPIL
from zoo.data.pool import PoolWriter
from zoo.data.sample import EyeBatch, check_eye_batch, empty_eye_batch
from zoo.draws import Draws

HEIGHT, WIDTH = 48, 64

NETWORK = """
input: {height: 48, width: 64}
backbone: {type: byob, stem: [8, 8], widths: [8, 16], depths: [1, 1]}
neck: {width: 8}
heads:
  blink: {type: blink}
  segmentation: {type: segmentation}
  keypoints: {type: keypoints}
"""


def discs(index: Tensor) -> EyeBatch:
    """Dark pupils in bright irises; every fourth sample is a blink without either."""
    draws = Draws(5, index)
    count = len(index)
    batch = empty_eye_batch(count, HEIGHT, WIDTH)
    u = draws.uniform("u", 20.0, WIDTH - 20.0)
    v = draws.uniform("v", 16.0, HEIGHT - 16.0)
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    distance = torch.hypot(columns - u[:, None, None], rows - v[:, None, None])
    is_open = index % 4 != 0
    iris = (distance < 12) & is_open[:, None, None]
    pupil = (distance < 5) & is_open[:, None, None]
    classes = torch.where(pupil, PUPIL, torch.where(iris, IRIS, BACKGROUND))
    light = torch.tensor([0.4, 0.0, 0.9, 0.1])[classes] + draws.uniform("noise", -0.05, 0.05, HEIGHT, WIDTH)
    batch["image"] = light[:, None].clamp(0, 1)
    batch["segmentation"] = classes.to(torch.uint8)
    batch["openness"] = is_open.float()
    batch["blink"] = 1 - is_open.float()
    batch["pupil_present"] = batch["pupil_visible"] = is_open.float()
    size = torch.full_like(u, 10.0)
    batch["pupil_ellipse"] = torch.stack([u, v, size, size, torch.zeros_like(u)], dim=1)
    batch["pupil_mask_px"] = torch.stack([u, v], dim=1)
    batch["domain"] = torch.ones(count, dtype=torch.int64)
    known = ("segmentation", "openness", "blink", "pupil_present", "pupil_visible", "glints")
    for name in known:
        batch[f"{name}_valid"] = torch.ones(count, dtype=torch.bool)  # type: ignore[literal-required]
    for name in ("pupil_ellipse", "pupil_centre", "pupil_mask_px"):
        batch[f"{name}_valid"] = is_open  # type: ignore[literal-required]
    check_eye_batch(batch, "discs")
    return batch


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pools `train` and `held_out`, and `conf/network/tiny.yaml`."""
    folder = tmp_path_factory.mktemp("world")
    for name, first, count in (("train", 0, 96), ("held_out", 1000, 16)):
        writer = PoolWriter(folder / name, {"discs": first}, count, HEIGHT, WIDTH)
        writer.write(0, discs(torch.arange(first, first + count)))
    (folder / "conf" / "network").mkdir(parents=True)
    (folder / "conf" / "network" / "tiny.yaml").write_text(NETWORK)
    return folder


@pytest.fixture
def overrides(world: Path, tmp_path: Path) -> list[str]:
    """A run of 12 steps on the discs."""
    return [
        "network=tiny",
        "data=pool",
        f"data.path={world / 'train'}",
        "validation=pool",
        f"validation.data.path={world / 'held_out'}",
        "validation.count=16",
        "validation.every_samples=48",
        "logger=none",
        "trainer=cpu",
        "trainer.workers=0",
        "samples=96",
        "batch_size=8",
        "schedule.warmup_samples=16",
        "ema.half_life_samples=32",
        f"run_dir={tmp_path / 'run'}",
    ]


@pytest.fixture
def config(world: Path, overrides: list[str]) -> Callable[..., TrainConfig]:
    """Composes the tiny run with further overrides."""
    return lambda *more: compose("train", [*overrides, *more], world / "conf")
