"""What a run leaves behind, and what it may start from."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from zoo.config import TrainConfig
from zoo.errors import ZooError
from zoo.hub.checkpoint import load
from zoo.model.network import Network
from zoo.train import callbacks
from zoo.train.callbacks import crossed, duration
from zoo.train.data import batches_of
from zoo.train.overlays import overlays
from zoo.train.run import train
from zoo.train.weights import load_matching, report

ONE_STEP = "stop_after_minutes=1e-6"


def test_the_run_folder_reproduces_the_run(config: Callable[..., TrainConfig]) -> None:
    settings = config("seed=7")
    run = train(settings)
    raw = OmegaConf.to_container(OmegaConf.load(run / "config.yaml"))
    assert TrainConfig.model_validate(raw) == settings
    record = json.loads((run / "provenance.json").read_text())
    assert record["seed"] == 7
    (start,) = record["starts"]
    assert start["git"].keys() == {"commit", "dirty"}
    assert start["libraries"]["torch"] == torch.__version__.split("+")[0]
    assert start["command"]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["samples"] for line in lines] == [48, 96]
    assert 0 < lines[0]["seconds"] <= lines[1]["seconds"]
    network, metadata = load(run)
    assert isinstance(network, Network)
    assert (metadata.training.seed, metadata.training.samples_seen) == (7, 96)
    measured = {name: value for name, value in lines[-1].items() if name not in ("samples", "seconds")}
    assert metadata.metrics == {"validation": measured}


def test_the_exported_weights_are_the_average(config: Callable[..., TrainConfig]) -> None:
    run = train(config())
    state = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
    for name, value in load(run)[0].state_dict().items():
        assert torch.equal(value, state[f"ema.average.{name}"])
    weights = [name for name in state if name.startswith("network.") and name.endswith("weight")]
    assert not any(torch.equal(state[n], state[n.replace("network.", "ema.average.", 1)]) for n in weights)


def test_fine_tuning_starts_from_what_fits(config: Callable[..., TrainConfig], tmp_path: Path) -> None:
    old = train(config(ONE_STEP))
    settings = config(f"init={old}", "heads=[blink]", f"run_dir={tmp_path / 'tuned'}", ONE_STEP)
    network = Network(settings.used_network)
    result = load_matching(network, str(old))
    assert result.new == []
    assert {name.split(".")[1] for name in result.skipped} == {"segmentation", "keypoints"}
    assert "0 new" in report("old", result)
    assert "skipped (heads.keypoints, heads.segmentation)" in report("old", result)
    assert load(train(settings))[1].parent == str(old)


def test_a_checkpoint_of_another_backbone_is_refused(config: Callable[..., TrainConfig]) -> None:
    old = train(config(ONE_STEP))
    other = config(
        "network.backbone.stem=[16,16]", "network.backbone.widths=[24,24]", "network.backbone.depths=[1,1]"
    )
    with pytest.raises(ZooError, match="its backbone is not that of this run's network"):
        load_matching(Network(other.network), str(old))
    deeper = config("network.backbone.depths=[1,2]")
    with pytest.raises(ZooError, match="such as backbone"):  # most of it would fit
        load_matching(Network(deeper.network), str(old))


def test_a_pool_of_another_size_is_named(config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match=r"images are 64x48, the network takes 96x64 \(network\.input\)"):
        train(config("network.input={height: 64, width: 96}"))


def test_too_few_held_out_samples(config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match=r"17 samples wanted, pool in .* has 16: .*validation\.count"):
        train(config("validation.count=17"))


def test_a_full_disk_keeps_the_last_checkpoint(
    config: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(config(ONE_STEP))
    before = (run / "last.ckpt").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(callbacks, "save_checkpoint", full)
    monkeypatch.setattr("zoo.train.run.finish", full)  # a logger that closes its files fails then, too
    with pytest.raises(ZooError, match=r"the disk is full\. .*last\.ckpt is what it was"):
        train(config())
    assert (run / "last.ckpt").read_bytes() == before


def test_overlays_show_rendered_frames_alone(config: Callable[..., TrainConfig], world: Path) -> None:
    settings = config()
    cpu = torch.device("cpu")
    (batch,) = batches_of(settings.validation.data, 0, 4, 4, settings.network.input, cpu)
    batch["domain"] = torch.tensor([1, 0, 1, 0])
    pictures = list(overlays(Network(settings.network), [batch], cpu, real_images=False))
    assert len(pictures) == 2


@pytest.mark.parametrize(
    ("seen", "every", "expected"),
    [(96, 100, False), (104, 100, True), (200, 100, True), (208, 100, False), (8, None, False), (8, 3, True)],
)
def test_crossed(seen: int, every: int | None, expected: bool) -> None:
    assert crossed(seen, 8, every) is expected


@pytest.mark.parametrize(
    ("seconds", "text"), [(40.0, "40 s"), (600.0, "10 min"), (11100.0, "3 h 05 min"), (3599.0, "1 h 00 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
