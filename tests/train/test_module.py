"""The reduction of losses, the groups of parameters, and what happens when a loss explodes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.config import TrainConfig
from zoo.errors import ZooError
from zoo.model.heads.base import Masked
from zoo.model.heads.blink import BlinkHead
from zoo.train.module import masked_mean
from zoo.train.run import train


def test_masked_mean_takes_the_valid_samples_alone() -> None:
    masked = Masked(torch.tensor([1.0, 100.0, 3.0]), torch.tensor([True, False, True]))
    assert masked_mean(masked) == 2.0
    assert masked_mean(masked, torch.tensor([True, True, False])) == 1.0


def test_a_batch_without_a_label_costs_nothing_and_moves_nothing() -> None:
    value = torch.tensor([5.0, 7.0], requires_grad=True)
    loss = masked_mean(Masked(value, torch.tensor([False, False])))
    loss.backward()
    assert loss.item() == 0.0
    assert value.grad is not None
    assert value.grad.tolist() == [0.0, 0.0]


def test_frozen_parts_keep_weights_and_statistics(config: Callable[..., TrainConfig], tmp_path: Path) -> None:
    from zoo.hub.checkpoint import load

    first = train(config("samples=8", "schedule.warmup_samples=8"))
    old = load(first)[0].state_dict()
    again = config(f"init={first}", "freeze=[backbone,neck,blink]", f"run_dir={tmp_path / 'second'}")
    new = load(train(again))[0].state_dict()
    moved = {name for name in old if not torch.equal(old[name], new[name])}
    assert moved
    assert all(name.startswith(("heads.segmentation.", "heads.keypoints.")) for name in moved)


def test_an_exploding_loss_stops_the_run_and_keeps_the_last_checkpoint(
    config: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(config("stop_after_minutes=1e-6", "balance.weights={blink: 2}"))
    good = (run / "last.ckpt").read_bytes()
    right = BlinkHead.loss

    def spoilt(self: Any, prediction: Any, batch: Any) -> Masked:
        value, valid = right(self, prediction, batch)
        return Masked(value * float("nan"), valid)

    monkeypatch.setattr(BlinkHead, "loss", spoilt)
    with pytest.raises(ZooError, match="exploded at step 1 ") as caught:
        train(config("balance.weights={blink: 2}"))
    rows = json.loads(str(caught.value).split("Samples: ")[1].split("]")[0] + "]")
    assert len(rows) == 8
    assert all(0 <= row < 96 for row in rows)
    assert "last good checkpoint" in str(caught.value)
    assert (run / "last.ckpt").read_bytes() == good
    assert json.loads((run / "exploded.json").read_text())["samples"] == rows

    monkeypatch.setattr(BlinkHead, "loss", right)
    again = config("balance.weights={blink: 2}", "optimizer.lr=1e-6", "stop_after_minutes=1e-6")
    assert train(again) == run
    saved = torch.load(run / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 2
    assert max(group["lr"] for group in saved["optimizer_states"][0]["param_groups"]) <= 1e-6


def test_training_lowers_the_loss_and_every_head_learns(config: Callable[..., TrainConfig]) -> None:
    run = train(config("samples=960", "logger=csv", "validation.every_samples=480", "augment=off"))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["samples"] for line in lines] == [480, 960]
    with next(run.glob("csv/*/metrics.csv")).open() as file:
        table = [row for row in csv.DictReader(file) if row["loss"]]
    for name in ("loss", "loss/blink", "loss/segmentation", "loss/keypoints/synthetic"):
        assert float(table[-1][name]) < 0.9 * float(table[0][name]), name
    assert "loss/blink/real" not in table[0]  # there is no such sample


def test_only_the_named_heads_are_trained_and_exported(config: Callable[..., TrainConfig]) -> None:
    from zoo.hub.checkpoint import load

    run = train(config("heads=[blink]", "stop_after_minutes=1e-6"))
    network, metadata = load(run)
    assert list(network.heads) == ["blink"]
    assert metadata.training.samples_seen == 8
