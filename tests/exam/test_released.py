"""The released weights still do what their cards say, on a small part of the exam."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import zoo
from zoo.config import compose
from zoo.data.sources.meye import Meye
from zoo.exam.run import evaluate
from zoo.hub.index import find, root

NAMES = ("eyenet_nano", "eyenet_s")


@pytest.mark.parametrize("name", NAMES)
def test_rendered_figures_are_near_those_of_the_card(name: str) -> None:
    part = evaluate(compose("eval", [f"checkpoint={name}", "exam=unseen", "count=192"])).metrics
    listed = find(name)
    assert listed is not None
    card = listed.entry.metrics["unseen"]
    # 192 of 4000 frames: about three standard errors of the sample.
    for metric, slack in (("segmentation/miou", 0.08), ("blink/blink_ap", 0.12)):
        assert part[metric] == pytest.approx(card[metric], abs=slack), metric
    median = card["keypoints/pupil_px_median"]
    assert median is not None and part["keypoints/pupil_px_median"] < 1.6 * median


@pytest.mark.parametrize("name", NAMES)
def test_pupils_of_real_eyes_are_found(name: str, shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("eyes/meye")
    source = Meye(folder)
    rows = np.nonzero(source.labels.pupil_valid)[0][::30]
    results = zoo.load(name, "cpu").predict(list(source.images(rows)[:, 0]))
    truth = source.labels.pupil_px[rows]
    found = [(128.0, 128.0) if r.pupil_mask_px is None else r.pupil_mask_px for r in results]
    assert (np.linalg.norm(np.array(found) - truth, axis=1) <= 2).mean() > 0.92


@pytest.mark.parametrize("name", NAMES)
def test_frames_without_an_eye_get_no_confident_pupil(name: str) -> None:
    ramp = torch.linspace(0, 1, 160).expand(120, 160)
    tiles = (torch.arange(120)[:, None] // 10 + torch.arange(160) // 10) % 2
    empty = [torch.zeros(120, 160), torch.full((120, 160), 0.5), ramp, tiles.float()]
    predictor = zoo.load(name, "cpu")
    for result in predictor.predict(empty):
        assert result.pupil_present is not None and result.pupil_present < 0.5
        assert result.pupil_px is None and result.pupil_area_px is None
    noise = torch.rand(4, 120, 160, generator=torch.Generator().manual_seed(0))
    for result in predictor.predict(list(noise)):
        assert result.pupil_present is not None and result.pupil_present < 0.8


def test_the_smallest_checkpoint_travels_in_the_wheel() -> None:
    assert (root() / "eyenet_nano" / "model.safetensors").stat().st_size < 2 << 20
