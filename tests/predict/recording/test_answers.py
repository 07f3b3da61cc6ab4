"""Frames are answered with one eye, in batch and online."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.predict.recording.made import CAMERA, Noise, errors, fitted, record, triple
from zoo.geometry.angles import angle_between
from zoo.geometry.distortion import distort_pixels
from zoo.geometry.lens import Distortion
from zoo.geometry.vectors import unit
from zoo.predict.recording.answer import answer, answer_all
from zoo.predict.recording.observe import observe
from zoo.predict.recording.online import OnlineFit


def test_an_answer_is_one_eye_and_blinks_stay_empty() -> None:
    made = record(blinks=0.2)
    found = fitted(made.results)
    blinks = 0
    for before, after in zip(made.results, answer_all(made.results, found), strict=True):
        if before.optical is None:
            assert after is before and after.visual is None
            blinks += 1
            continue
        optical, centre = torch.tensor(after.optical), torch.tensor(found.centre_mm)
        cornea, pupil = torch.tensor(after.cornea_mm), torch.tensor(after.pupil_mm)
        torch.testing.assert_close(cornea, centre + found.cornea_distance_mm * optical)
        torch.testing.assert_close(pupil, cornea + found.pupil_distance_mm * optical)
        kappa = [
            float(angle_between(torch.tensor(result.visual), torch.tensor(result.optical)))
            for result in (before, after)
        ]
        assert kappa[0] == pytest.approx(kappa[1], abs=1e-5)
        assert (after.pupil_px, after.roll_deg) == (before.pupil_px, before.roll_deg)
    assert blinks > 2


def test_a_wrong_pupil_leaves_the_network_s_answer_in_doubt() -> None:
    made = record(noise=Noise(axis_deg=2.0))
    result = made.results[7]
    assert result.pupil_px is not None
    u, v = result.pupil_px
    doubted = answer(replace(result, pupil_px=(u + 45, v)), fitted(made.results))
    assert doubted.optical == result.optical and doubted.cornea_mm == result.cornea_mm
    assert doubted.gaze_sigma_deg is not None and doubted.gaze_sigma_deg > 15


def test_a_lens_is_taken_off() -> None:
    made = record()
    lens = Distortion(model="radtan", coefficients=(-0.3, 0.05, 0.001, -0.002))
    straight = observe(made.results).pupil_px
    bent = distort_pixels(straight, CAMERA, lens)
    assert (bent - straight).norm(dim=1).max() > 0.3
    results = [
        replace(result, pupil_px=(u, v), distortion=lens)
        for result, (u, v) in zip(made.results, bent.tolist(), strict=True)
    ]
    torch.testing.assert_close(observe(results).pupil_px, straight, atol=1e-4, rtol=0)


def test_online_comes_to_the_batch() -> None:
    made = record(1)
    online = OnlineFit()
    answered = [online.update(result) for result in made.results]
    late = np.arange(40) >= 25
    batch = answer_all(made.results, fitted(made.results))
    assert answered[0] is made.results[0] and not online.slips
    assert errors(answered, made, late).mean() < errors(made.results, made, late).mean() / 2
    pairs = [(a.optical, b.optical) for a, b in zip(answered[25:], batch[25:], strict=True)]
    apart = [float(torch.rad2deg(angle_between(torch.tensor(a), torch.tensor(b)))) for a, b in pairs]
    assert max(apart) < 1.5


def test_a_slip_is_noticed_and_the_centre_refitted() -> None:
    made = record(2, frames=50, slip_mm=(2.0, 0.0, 0.0))
    online = OnlineFit()
    answered = [online.update(result) for result in made.results]
    assert len(online.slips) == 1 and abs(online.slips[0] - 25) <= 2
    cut = online.slips[0]
    before, after = online.at(cut - 1), online.at(cut)
    assert before is not None and after is not None
    np.testing.assert_allclose(np.subtract(after.centre_mm, before.centre_mm)[:2], (2, 0), atol=0.6)
    assert abs(after.cornea_distance_mm - before.cornea_distance_mm) < 0.5  # the anatomy stays
    late = np.arange(50) >= 42
    assert errors(answered, made, late).mean() < errors(made.results, made, late).mean() / 1.5


def test_a_resting_gaze_is_neither_a_slip_nor_much_evidence() -> None:
    """While it rests the network errs alike: a fixation that lasts, with one large error."""
    made = record(4, frames=20)
    rng = np.random.default_rng(0)
    online = OnlineFit()
    for result in made.results[:-1]:
        online.learn(result)
    rest = replace(made.results[-1], optical=triple(unit(made.eye.optical[-1] + torch.tensor([0.15, 0, 0]))))
    assert rest.pupil_px is not None
    for _ in range(30):
        u, v = rest.pupil_px
        online.learn(replace(rest, pupil_px=(u + rng.normal(0, 0.2), v + rng.normal(0, 0.2))))
    online.refit()
    assert online.slips == () and online.constants is not None
    assert online.constants.frames < 30  # and memory is bounded
