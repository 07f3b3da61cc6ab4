"""What a mixture may say, and what is told of one that makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.config import MixtureData, TrainConfig, choices, compose
from zoo.errors import ZooError

NETWORK = """
input: {height: 48, width: 64}
neck: {detail: 8}
heads:
  blink: {type: blink}
  depth: {type: depth}
"""
EYES = "data.eyes.a={data: {type: pool, path: p}}"
VIEWS = "data.views.r={data: {type: room_pool, path: r}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "network").mkdir()
    (tmp_path / "network" / "both.yaml").write_text(NETWORK)
    return tmp_path


def composed(folder: Path, *overrides: str) -> TrainConfig:
    return compose("train", ["network=both", "data=mixture", *overrides], folder)


def error_of(folder: Path, *overrides: str) -> str:
    with pytest.raises(ZooError) as caught:
        composed(folder, *overrides)
    return str(caught.value)


def test_a_mixture_is_written_in_overrides(folder: Path) -> None:
    config = composed(
        folder,
        "data.eyes.a={data: {type: pool, path: p}, schedule: [[0, 1], [1000, 0.2]], max_samples: 10}",
        "data.eyes.b={data: {type: meye, root: m}, domain: real}",
        "data.batch.eyes=24",
        "samples=3200",
        "schedule.warmup_samples=0",
    )
    data = config.data
    assert isinstance(data, MixtureData)
    assert data.eyes["a"].knots == [(0.0, 1.0), (1000.0, 0.2)]
    assert data.eyes["b"].knots == [(0.0, 1.0)]
    assert list(config.sources) == ["data.eyes.a.data", "data.eyes.b.data"]
    assert (config.step_samples, config.steps) == (24, 134)  # a kind without sources takes nothing
    assert composed(folder, EYES, VIEWS).step_samples == 40
    assert TrainConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("name", choices("mixture"))
def test_every_mixture_composes(name: str, folder: Path) -> None:
    more = ["data.eyes.real.data.root=somewhere"] if name == "eyes_mixed" else []
    config = compose("train", ["network=both", f"mixture={name}", *more], folder)
    assert config.data.type == "mixture"


def test_sources_of_a_mixture_are_left_out_and_added(folder: Path) -> None:
    (folder / "mixture").mkdir()
    mine = "# @package _global_\ndefaults:\n  - eyes_mixed\ndata: {eyes: {rendered: {max_samples: 7}}}\n"
    (folder / "mixture" / "mine.yaml").write_text(mine)
    config = compose("train", ["network=both", "mixture=mine", "~data.eyes.real", VIEWS], folder)
    assert list(config.sources) == ["data.eyes.rendered.data", "data.views.r.data"]
    assert isinstance(config.data, MixtureData)
    assert config.data.eyes["rendered"].max_samples == 7


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "data.type=mixture: it has no source: give some as data.eyes.<name>.data=..."),
        (
            [EYES, "data.eyes.a.share=0", VIEWS],
            "data.eyes=a: all their shares are 0; one must be above 0",
        ),
        (
            [EYES, "data.eyes.a.schedule=[[0, 1], [500, 0], [900, 1]]"],
            "data.eyes=a: all their shares are 0 after 500 samples; one must be above 0",
        ),
        ([EYES, "data.eyes.a.share=-1"], "data.eyes.a.share=-1: must be greater than or equal to 0"),
        (
            [EYES, "data.eyes.a.share=1", "data.eyes.a.schedule=[[0, 1]]"],
            "data.eyes.a.share=1.0: a source has a share or a schedule; share=null leaves it out",
        ),
        (
            [EYES, "data.eyes.a.schedule=[[500, 1], [500, 0]]"],
            "data.eyes.a.schedule=[(500, 1.0), (500, 0.0)]: the numbers of samples must rise",
        ),
        (
            ["data.eyes.a={data: {type: pol, path: p}}"],
            "data.eyes.a.data.type=pol: valid: pool, render, meye, folder, ",
        ),
        (
            ["data.eyes.a={data: {type: pool, paht: p}}"],
            "data.eyes.a.data.paht=p: there is no key 'data.eyes.a.data.paht'; "
            "did you mean 'data.eyes.a.data.path'?",
        ),
        (
            [EYES, "data.eyes.a.max_sample=3"],
            "data.eyes.a.max_sample=3: there is no key 'data.eyes.a.max_sample'; "
            "did you mean 'data.eyes.a.max_samples'?",
        ),
        (
            ["data.eyes.r={data: {type: room_pool, path: r}}"],
            "data.eyes.r.data.type=room_pool: these are views: name them as data.views.r",
        ),
        (
            [EYES, VIEWS, "heads=[blink]"],
            "data.views.r.data.type=room_pool: the network has no head that reads rooms: depth",
        ),
        (
            [EYES, VIEWS, "freeze=[depth]"],
            "data.views.r.data.type=room_pool: all that reads it is frozen: depth",
        ),
        (
            [VIEWS, "data.views.s={data: {type: room_pool, path: r, reduce: 2}}"],
            "data.views={'r': 1, 's': 2}: images of one size are needed: give the same data.reduce to all",
        ),
        (
            ["data.eyes.a={data: {type: render, domain: train, people: validation}}"],
            "validation.data.people=validation: these are the people of the training data: "
            "name another stream of identities",
        ),
    ],
)
def test_mistakes(overrides: list[str], message: str, folder: Path) -> None:
    assert any(line.startswith(message) for line in error_of(folder, *overrides).splitlines())
