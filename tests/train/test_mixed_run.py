"""One network trained on two pools of eyes and a pool of rooms at once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.data.test_room_views import wall
from tests.train.conftest import HEIGHT, WIDTH, discs
from tests.train.test_resume import assert_same, weights
from zoo.config import TrainConfig, compose
from zoo.data.batches import loader
from zoo.data.mixture import Mixture
from zoo.data.pool import PoolWriter
from zoo.data.room_pool import room_pool_writer
from zoo.errors import ZooError
from zoo.hub.checkpoint import load
from zoo.model.network import Network
from zoo.train.data import training_batches
from zoo.train.module import ZooModule
from zoo.train.run import train

NETWORK = """
input: {height: 48, width: 64}
backbone: {type: byob, stem: [8, 8], widths: [8, 16], depths: [1, 1]}
neck: {width: 8, detail: 8}
heads:
  blink: {type: blink}
  segmentation: {type: segmentation}
  depth: {type: depth, matching: {descriptor: 8, hypotheses: 8, context: 8}, widths: [8, 8, 8]}
"""


@pytest.fixture
def mixed(tmp_path: Path, world: Path) -> Callable[..., TrainConfig]:
    """Composes a run of six steps on 6 eyes and 2 rooms each."""
    (tmp_path / "conf" / "network").mkdir(parents=True)
    (tmp_path / "conf" / "network" / "both.yaml").write_text(NETWORK)
    writer = PoolWriter(tmp_path / "others", {}, 16, HEIGHT, WIDTH)
    writer.write(0, discs(torch.arange(500, 516)))
    rooms = room_pool_writer(tmp_path / "rooms", {}, 4, 3, 24, 32)
    rooms.write(0, wall())

    def composed(*more: str) -> TrainConfig:
        overrides = [
            "network=both",
            "data=mixture",
            f"data.eyes.many={{data: {{type: pool, path: {world / 'train'}}}}}",
            "data.eyes.many.schedule=[[0, 1], [48, 0.5]]",
            f"data.eyes.few={{data: {{type: pool, path: {tmp_path / 'others'}}}, domain: real}}",
            "data.eyes.few.max_samples=5",
            f"data.views.rooms={{data: {{type: room_pool, path: {tmp_path / 'rooms'}, reduce: 2}}}}",
            "data.batch={eyes: 6, views: 2}",
            "validation=pool",
            f"validation.data.path={world / 'held_out'}",
            "validation.count=16",
            "samples=48",
            "schedule.warmup_samples=8",
            "logger=none",
            "trainer=cpu",
            "trainer.workers=0",
            f"run_dir={tmp_path / 'run'}",
        ]
        return compose("train", [*overrides, *more], tmp_path / "conf")

    return composed


def test_a_run_trains_every_head_and_says_what_it_saw(mixed: Callable[..., TrainConfig]) -> None:
    run = train(mixed("logger=csv"))
    seen = json.loads((run / "seen.json").read_text())
    assert seen["samples"] == 48
    counts = {(s["kind"], s["name"]): (s["samples"], s["distinct"], s["of"]) for s in seen["sources"]}
    many, few = counts["eyes", "many"][0], counts["eyes", "few"][0]
    assert many + few == 36 and 18 < few < 24  # from a half to two thirds
    assert counts["eyes", "few"][1:] == (5, 5)
    assert counts["views", "rooms"] == (12, 12, 12)
    metadata = load(run)[1]
    assert [s.model_dump() for s in metadata.training.sources] == seen["sources"]
    assert metadata.training.data == "Rendered near-eye images, from a pool. Rendered rooms, from a pool."
    assert "| views | rooms | room_pool | 12 | 12 of 12 |" in (run / "checkpoint" / "README.md").read_text()
    with next(run.glob("csv/*/metrics.csv")).open() as file:
        first = next(row for row in csv.DictReader(file) if row["loss"])
    sliced = {name for name in first if name.startswith("loss/segmentation/")}
    assert sliced == {f"loss/segmentation/{s}" for s in ("real", "synthetic", "source/many", "source/few")}
    assert float(first["loss/depth/source/rooms"]) == float(first["loss/depth"]) > 0


def test_both_kinds_pull_at_the_trunk(
    mixed: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = mixed()
    network = Network(config.network)
    data = training_batches(config, torch.device("cpu"))
    module = ZooModule(network, config, lambda first, last, split: [], data.ids)
    monkeypatch.setattr(ZooModule, "trainer", type("Still", (), {"global_step": 1}))
    batch = data[0]

    def pulled(part: object) -> set[str]:
        network.zero_grad()
        module.training_step(part, 0).backward()  # type: ignore[arg-type]
        moved = (n for n, p in network.named_parameters() if p.grad is not None and bool(p.grad.any()))
        return {".".join(name.split(".")[: 2 if name.startswith("heads") else 1]) for name in moved}

    trunk = {"backbone", "neck"}
    eyes = pulled({"eyes": batch["eyes"]})  # type: ignore[typeddict-item]
    views = pulled({"views": batch["views"]})  # type: ignore[typeddict-item]
    assert eyes == trunk | {"heads.blink", "heads.segmentation"}
    assert views == trunk | {"heads.depth"}
    assert pulled(batch) == eyes | views


def test_slices_of_a_run_give_the_weights_of_one_piece(
    mixed: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    whole = train(mixed("samples=24", f"run_dir={tmp_path / 'whole'}"))
    for _ in range(3):
        run = train(mixed("samples=24", "stop_after_minutes=1e-6"))  # one step
    assert_same(weights(run), weights(whole))
    assert weights(run)["global_step"] == 3
    assert (run / "seen.json").read_text() == (whole / "seen.json").read_text()


def test_more_samples_than_a_source_has(mixed: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match=r"data\.eyes\.few\.max_samples=17: the source has 16 samples"):
        train(mixed("data.eyes.few.max_samples=17"))


def test_eyes_rendered_on_the_fly_can_be_a_part(mixed: Callable[..., TrainConfig]) -> None:
    config = mixed("data.eyes.new={data: {type: render, domain: train}}", "data.batch.eyes=9")
    data = training_batches(config, torch.device("cpu"))
    eyes = data[1]["eyes"]  # type: ignore[typeddict-item]
    again = next(iter(loader(data, 1, 2, workers=1)))["eyes"]  # type: ignore[arg-type, typeddict-item]
    assert torch.equal(eyes["image"], again["image"])
    assert 3 <= int((eyes["source"] == 2).sum()) <= 4
    assert isinstance(data, Mixture)
    seen = data.seen(2)["eyes"]["new"]
    assert seen.distinct == seen.samples and seen.of is None
