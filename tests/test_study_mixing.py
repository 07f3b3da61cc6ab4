"""The study's grid: who is tested on whom, what is left after a stop, what its runs are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import study_mixing as script
import torch

from tests.data.drawn import drawn_eyes
from tests.data.test_meye import root as root  # a fixture: MEYE's layout
from zoo.config import MixtureData, compose
from zoo.conventions import PUPIL
from zoo.data.pool import Pool, PoolWriter
from zoo.data.sources.meye import Meye
from zoo.errors import ZooError
from zoo.hub.checkpoint import load


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """A pool of 80 frames, 160x120."""
    writer = PoolWriter(tmp_path / "rendered", {}, 80, 120, 160)
    writer.write(0, drawn_eyes(80, 120, 160))
    return tmp_path / "rendered"


def test_everybody_is_tested_once_by_networks_that_never_saw_them() -> None:
    cells = script.cells(script.Grid())
    assert len({cell.name for cell in cells}) == len(cells) == 1 + 3 + 4 * 36 + 2
    assert cells[0].regime == "parent"  # the others start from it
    everybody = sorted(p for people in script.FOLDS.values() for p in people)
    tested: dict[tuple[object, ...], list[int]] = {}
    for cell in cells:
        assert not set(cell.tested) & set(script.FOLDS.get(cell.fold, ()))
        tested.setdefault((cell.regime, cell.images, cell.seed), []).extend(cell.tested)
    assert all(sorted(people) == everybody for people in tested.values())


def test_a_stopped_study_goes_on_with_what_is_left(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "trained", lambda config: config.run_dir)
    monkeypatch.setattr(script, "_measure", lambda folder, frames: {"42": {"iou": 0.123456}})
    grid = script.SMOKE._replace(images=(None,))
    study = script.Study(tmp_path / "study", root, tmp_path, grid)
    parent = study._folder(script.Cell("parent", 0, None, 0))
    monkeypatch.setattr(script, "compose", lambda name, lines: compose(name, _without_init(lines, parent)))
    for cell in study.left()[:3]:
        study.run(cell)
    again = script.Study(tmp_path / "study", root, tmp_path, grid)
    assert again.left() == script.cells(grid)[3:]
    for cell in script.until(again.left(), None):
        again.run(cell)
    assert not again.left() and not list(script.until(again.left(), None))
    found = again.finished()
    assert [c["regime"] for c in found] == [c.regime for c in script.cells(grid)]
    text = script.compact({"cells": found, "steps": 2})
    assert json.loads(text) == {"cells": found, "steps": 2}
    assert found[0]["people"] == {"42": {"iou": 0.1235}}
    assert len(text.splitlines()) == len(found) + 5
    with pytest.raises(ZooError, match="holds a study of another grid"):
        script.Study(tmp_path / "study", root, tmp_path, script.Grid())
    assert list(script.until(script.cells(script.SMOKE), -1.0)) == []


def _without_init(lines: list[str], parent: Path) -> list[str]:
    return ["network=eyenet_nano" if line == f"init={parent}" else line for line in lines]


def test_runs_differ_in_their_data_and_their_start_alone(tmp_path: Path) -> None:
    study = script.Study(tmp_path, tmp_path, tmp_path, script.Grid())
    configs = {
        regime: compose("train", study.overrides(script.Cell(regime, images, fold, 1)))
        for regime, images, fold in (("real", 30, "a"), ("mixed", 30, "a"), ("rendered", 0, None))
    }
    for config in configs.values():
        assert isinstance(config.data, MixtureData)
        others = {"data", "run_dir"}
        assert config.model_dump(exclude=others) == configs["real"].model_dump(exclude=others)
    eyes = {regime: config.data.eyes for regime, config in configs.items()}
    assert {regime: list(sources) for regime, sources in eyes.items()} == {
        "real": ["real"],
        "mixed": ["real", "rendered"],
        "rendered": ["rendered"],
    }
    assert eyes["mixed"]["real"] == eyes["real"]["real"]  # the same images
    assert (eyes["real"]["real"].max_samples, eyes["real"]["real"].subset_seed) == (30, 1)
    long = compose("train", study.overrides(script.Cell("real_long", None, "a", 1)))
    assert long.samples == configs["real"].samples + script.Grid().parent


def test_real_frames_are_labelled_where_meye_is(root: Path, tmp_path: Path) -> None:
    script.pack_real(Meye(root), tmp_path / "pool", [44])
    batch = Pool(tmp_path / "pool").batch(np.arange(3))
    assert batch["subject"].tolist() == [44, 44, 44]
    assert batch["segmentation_valid"].tolist() == [False, True, False]
    assert batch["blink_valid"].tolist() == [False, True, True]
    assert batch["segmentation"][1].unique().tolist() == [0, PUPIL]
    native = Meye(root).labels.pupil_px[3]
    assert batch["pupil_mask_px"][1].numpy() == pytest.approx((native + 0.5) / 2 - 0.5, abs=0.3)
    frames = script.Frames(Meye(root)).of([44])
    assert frames.labels.subjects.tolist() == [44] * 3 and len(frames) == 3
    assert torch.equal(frames.masks(np.array([1])), Meye(root).masks(np.array([3])))


def test_rendered_frames_keep_their_pupil_and_lose_the_lids_of_eyes_cut_off(
    rendered: Path, tmp_path: Path
) -> None:
    before = Pool(rendered).batch(np.arange(80))
    script.pack_rendered(rendered, tmp_path / "pool", 0, 80)
    after = Pool(tmp_path / "pool").batch(np.arange(80))
    assert set(after["segmentation"].unique().tolist()) == {0, PUPIL}
    whole = (before["pupil_mask_px"][:, 0] - 80).abs() < 40  # far from the cut
    expected = (before["pupil_mask_px"] - torch.tensor([20.0, 0.0]) + 0.5) * 64 / 120 - 0.5
    chosen = whole & after["pupil_mask_px_valid"]
    assert chosen.sum() > 20
    assert (after["pupil_mask_px"] - expected)[chosen].abs().max() < 0.5
    outside = before["pupil_mask_px_valid"] & ((before["pupil_mask_px"][:, 0] - 80).abs() > 61)
    assert not after["blink_valid"][outside].any()
    assert torch.equal(after["blink"], before["blink"])
    with pytest.raises(ZooError, match="80 frames of 160x120; needed: 81"):
        script.pack_rendered(rendered, tmp_path / "more", 0, 81)


def test_cells_train_and_are_measured(
    root: Path,
    rendered: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(script, "HELD_OUT", 16)
    monkeypatch.setattr(sys, "argv", ["study_mixing.py"])
    study = script.Study(tmp_path / "study", root, rendered, script.SMOKE._replace(images=(2,)))
    study.prepare()
    study.run(script.Cell("parent", 0, None, 0))
    cell = script.Cell("mixed", 2, "a", 0)
    people = study.run(cell)["people"]
    assert set(people) == {"42"}
    assert set(people["42"]) == set(script.METRICS)
    tuned = study.run(script.Cell("finetuned", 2, "a", 0))
    assert tuned["regime"] == "finetuned"
    seen = {source.name: source for source in load(study._folder(cell))[1].training.sources}
    assert (seen["real"].samples, seen["real"].distinct, seen["rendered"].samples) == (32, 2, 32)
    assert load(study._folder(script.Cell("finetuned", 2, "a", 0)))[1].parent is not None
    assert len(script.report(study)["cells"]) == 3
