"""Fine-tuning that keeps what the parent could."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.config import MixtureData, TrainConfig
from zoo.config.retain import with_replay
from zoo.errors import ZooError
from zoo.hub.checkpoint import load
from zoo.model.interpolate import interpolate
from zoo.train.distil import distance
from zoo.train.run import train

ONE_STEP = "stop_after_minutes=1e-6"


@pytest.fixture
def parent(config: Callable[..., TrainConfig], tmp_path: Path) -> Path:
    """A run of six steps."""
    return train(config("samples=48", f"run_dir={tmp_path / 'parent'}"))


def test_replay_is_a_share_of_what_is_seen(
    config: Callable[..., TrainConfig], parent: Path, world: Path
) -> None:
    run = config(
        f"init={parent}",
        f"retain.replay={{share: 0.25, eyes: {{type: pool, path: {world / 'held_out'}}}}}",
    )
    assert isinstance(run.data, MixtureData)
    assert run.step_samples == 8
    assert TrainConfig.model_validate(run.model_dump(mode="json")) == run  # mixed in once, however often read
    seen = json.loads((train(run) / "seen.json").read_text())["sources"]
    assert {source["name"]: source["samples"] for source in seen} == {"own": 72, "replay": 24}


def test_replay_is_rendered_where_nothing_is_said(config: Callable[..., TrainConfig], parent: Path) -> None:
    run = config(f"init={parent}", "retain=replay")
    assert isinstance(run.data, MixtureData)
    assert run.data.eyes["replay"].data.type == "render"


def test_replay_joins_a_mixture() -> None:
    pool = {"type": "pool", "path": "here"}
    data = {"type": "mixture", "eyes": {"a": {"data": pool, "share": 2.0}, "b": {"data": pool}}}
    mixed = with_replay({"data": data, "retain": {"replay": {"share": 0.5, "eyes": pool}}})["data"]
    assert {name: source.get("share") for name, source in mixed["eyes"].items()} == {
        "a": 2.0,
        "b": None,
        "replay": 3.0,
    }


def test_the_distance_counts_unlabelled_samples_in_spreads_of_the_parent() -> None:
    goal = {"x": torch.tensor([[0.0], [4.0]]), "other": torch.zeros(2, 3)}  # a spread of 2
    answer = {"x": torch.tensor([[1.0], [4.5]], requires_grad=True), "other": torch.zeros(2, 4)}
    found = distance(answer, goal, torch.tensor([True, False]))
    assert found.value.tolist() == pytest.approx([0.5 * 0.5**2, 0.0])
    assert found.valid.tolist() == [True, False]
    found.value.sum().backward()
    gradient = answer["x"].grad
    assert gradient is not None
    assert gradient[1] == 0


def test_distillation_holds_the_heads_that_have_no_labels(
    config: Callable[..., TrainConfig], parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On samples without a segmentation, the head moves less with the parent's answers than without."""
    from zoo.model.heads.base import Masked
    from zoo.model.heads.segmentation import SegmentationHead

    right = SegmentationHead.loss

    def unlabelled(self: Any, prediction: Any, batch: Any) -> Masked:
        value, valid = right(self, prediction, batch)
        return Masked(value * 0, valid & False)

    monkeypatch.setattr(SegmentationHead, "loss", unlabelled)
    old = load(parent)[0]
    image = torch.rand(4, 1, 48, 64, generator=torch.Generator().manual_seed(0))
    moved = []
    for name, more in (("free", ()), ("kept", ("retain=distil", "retain.distil=10"))):
        run = train(config(f"init={parent}", "optimizer.lr=1e-2", f"run_dir={tmp_path / name}", *more))
        new = load(run)[0]
        with torch.no_grad():
            both = [net.eval()(image, heads=["segmentation"])["segmentation"]["logits"] for net in (old, new)]
        moved.append(float((both[0] - both[1]).abs().mean()))
    assert moved[1] < 0.7 * moved[0]


def test_interpolated_weights_lie_between_and_are_the_ones_measured(
    config: Callable[..., TrainConfig], parent: Path, tmp_path: Path
) -> None:
    options = (f"init={parent}", f"run_dir={tmp_path / 'child'}")
    run = train(config(*options, "retain=interpolate", "retain.interpolate=0.25"))
    state = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
    old = load(parent)[0].state_dict()
    for name, value in load(run)[0].state_dict().items():
        child = state[f"ema.average.{name}"]
        expected = 0.75 * child + 0.25 * old[name] if value.is_floating_point() else child
        assert torch.allclose(value, expected, atol=1e-6), name
    table = json.loads((run / "before_after.json").read_text())
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert table["after"]["segmentation/miou"] == pytest.approx(last["segmentation/miou"])
    first = json.loads((parent / "metrics.jsonl").read_text().splitlines()[-1])
    assert table["before"]["segmentation/miou"] == pytest.approx(first["segmentation/miou"])


def test_interpolation_ends_at_its_ends(parent: Path) -> None:
    one = load(parent)[0]
    two = load(parent)[0]
    with torch.no_grad():
        for value in two.state_dict().values():
            if value.is_floating_point():
                value.add_(1.0)
    for share, end in ((0.0, one), (1.0, two)):
        made = interpolate(one, two, share).state_dict()
        assert all(torch.allclose(made[name], value) for name, value in end.state_dict().items())


def test_a_distilled_run_goes_on_as_if_it_had_not_stopped(
    config: Callable[..., TrainConfig], parent: Path, tmp_path: Path, world: Path
) -> None:
    replay = f"retain.replay={{eyes: {{type: pool, path: {world / 'held_out'}}}}}"
    options = (f"init={parent}", replay, "retain.distil=1", "retain.interpolate=0.5")
    whole = train(config(*options, f"run_dir={tmp_path / 'whole'}"))
    train(config(*options, ONE_STEP))
    stopped = train(config(*options))
    one, two = (load(run)[0].state_dict() for run in (whole, stopped))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_without_a_parent_there_is_nothing_to_retain(config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match="there is no parent to keep to"):
        config("retain=distil")
