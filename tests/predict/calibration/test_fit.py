"""Calibration finds what it should, leaves outliers out, and is put into results."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.predict.calibration.made import GRID, joined, kappa_target, result, shifted, vector
from zoo.conventions import EYE_SIDES, EyeSide
from zoo.errors import ZooError
from zoo.geometry.angles import angle_between
from zoo.model.heads.gaze import MEAN_KAPPA, visual_axis
from zoo.predict.calibration.corrections import MODELS, Affine, Kappa, Model, Offset
from zoo.predict.calibration.fit import fit
from zoo.predict.calibration.robust import robust_line
from zoo.predict.calibration.samples import Angles, Point
from zoo.predict.result import EyeResult


def test_offset_is_recovered() -> None:
    made = fit("offset", shifted())
    assert isinstance(made.correction, Offset)
    assert (made.correction.pitch_deg, made.correction.yaw_deg) == pytest.approx((2, -4), abs=1e-9)
    assert (made.used, made.left_out, made.warnings) == (9, 0, ())
    assert made.fitted_error_deg < 1e-6 and made.leave_one_out_error_deg == pytest.approx(0, abs=1e-6)
    assert 3.5 < made.raw_error_deg < 4.6


def test_affine_is_recovered() -> None:
    matrix = np.array([[1.1, -0.08], [0.05, 0.85]])
    targets = [Angles(*(matrix @ seen + (2, -4))) for seen in np.array(GRID)]
    made = fit("affine", joined([result(*seen) for seen in GRID], targets))
    assert isinstance(made.correction, Affine)
    np.testing.assert_allclose(made.correction.matrix, matrix, atol=1e-9)
    assert (made.correction.pitch_deg, made.correction.yaw_deg) == pytest.approx((2, -4), abs=1e-9)
    assert made.leave_one_out_error_deg == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("side", EYE_SIDES)
def test_kappa_is_recovered_for_both_eyes_whatever_their_roll(side: EyeSide) -> None:
    rolls = np.random.default_rng(0).uniform(-20, 20, len(GRID))
    results = [result(*seen, roll_deg=roll, eye_side=side) for seen, roll in zip(GRID, rolls, strict=True)]
    made = fit("kappa", joined(results, [kappa_target(seen, 6.5, -1.0, side) for seen in results]))
    assert isinstance(made.correction, Kappa)
    assert (made.correction.alpha_deg, made.correction.beta_deg) == pytest.approx((6.5, -1), abs=1e-9)
    assert made.eye_side == side and made.fitted_error_deg < 1e-6


def test_kappa_is_nasal_in_both_eyes() -> None:
    for side, sign in (("left", 1), ("right", -1)):  # nasal is image left, a positive yaw, for a left eye
        results = [result(*seen, eye_side=side) for seen in GRID]
        made = fit("kappa", joined(results, [Angles(p, y + 5 * sign) for p, y in GRID]))
        assert isinstance(made.correction, Kappa) and made.correction.alpha_deg == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("side", EYE_SIDES)
def test_mean_kappa_is_what_the_gaze_head_predicts(side: EyeSide) -> None:
    samples = shifted(eye_side=side)
    roll = torch.linspace(-0.3, 0.3, 9, dtype=torch.float64)
    alpha, beta = (math.degrees(angle) for angle in MEAN_KAPPA)
    ours = Kappa(alpha_deg=alpha, beta_deg=beta).visual(samples.optical, roll, side)
    sides = torch.full((9,), EYE_SIDES.index(side))
    torch.testing.assert_close(ours, visual_axis(samples.optical, roll, sides))


def test_points_are_seen_from_the_cornea() -> None:
    cornea = (5.0, -3.0, 40.0)
    results = [result(*seen, cornea_mm=cornea) for seen in GRID]
    points = []
    for pitch, yaw in GRID:
        direction = np.array(vector(pitch + 2, yaw - 4))
        points.append(Point(*(np.array(cornea) + 600 * direction).tolist()))
    made = fit("offset", joined(results, points))
    assert isinstance(made.correction, Offset)
    assert (made.correction.pitch_deg, made.correction.yaw_deg) == pytest.approx((2, -4), abs=1e-9)


def test_the_network_s_doubt_counts() -> None:
    """Of nine predictions four are a degree off to the other side, and say that they may be."""
    off = [1.0] * 5 + [-1.0] * 4
    targets = [Angles(p + error, y) for (p, y), error in zip(GRID, off, strict=True)]
    sure = [result(*angle, gaze_sigma_deg=0.5) for angle in GRID]
    doubting = [*sure[:5], *(replace(one, gaze_sigma_deg=4.0) for one in sure[5:])]
    pitches = []
    for seen in (sure, doubting):
        correction = fit("offset", joined(seen, targets)).correction
        assert isinstance(correction, Offset)
        pitches.append(correction.pitch_deg)
    assert pitches[0] < 0.75 and pitches[1] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("model", "limit"), [("offset", 0.6), ("kappa", 0.6), ("affine", 1.1)])
def test_nine_noisy_samples_are_enough(model: Model, limit: float) -> None:
    """A degree of noise in each angle: the correction itself is then off by a fraction of it."""
    clean = shifted([(p + 3, y - 5) for p, y in GRID], eye_side="right")
    off = []
    for seed in range(10):
        made = fit(model, shifted(noise=1.0, seed=seed, eye_side="right"))
        visual = made.correction.visual(clean.optical, clean.roll, "right")
        off.append(float(torch.rad2deg(angle_between(visual, clean.target)).mean()))
    assert np.mean(off) < limit


@pytest.mark.parametrize("model", MODELS)
def test_gross_errors_are_left_out_and_named(model: Model) -> None:
    samples = shifted(noise=0.5, eye_side="left")
    wrong = samples.target.clone()
    wrong[2], wrong[7] = (
        torch.tensor(vector(*angle), dtype=torch.float64) for angle in ((-30, 20), (25, -25))
    )
    made = fit(model, replace(samples, target=wrong))
    clean = fit(model, samples)
    assert [row.name for row in made.samples if row.outlier] == ["2.png", "7.png"]
    assert (made.used, made.left_out) == (7, 2)
    visual = made.correction.visual(samples.optical, samples.roll, "left")
    assert (
        float(torch.rad2deg(angle_between(visual, samples.target)).mean()) < 2 * clean.fitted_error_deg + 0.3
    )
    assert made.leave_one_out_error_deg is not None and made.leave_one_out_error_deg < 2


@pytest.mark.parametrize("model", MODELS)
def test_the_error_of_samples_left_out_is_larger_than_the_fitted_one(model: Model) -> None:
    for seed in range(5):
        made = fit(model, shifted(noise=1.0, seed=seed, eye_side="left"))
        assert made.leave_one_out_error_deg is not None
        assert made.leave_one_out_error_deg > made.fitted_error_deg


def test_each_sample_is_left_out_by_refitting_without_it() -> None:
    samples = shifted(noise=1.0)
    made = fit("affine", samples)
    for row in range(9):
        others = np.arange(9) != row
        correction = fit("affine", samples.take(others)).correction
        visual = correction.visual(samples.optical[row : row + 1], samples.roll[row : row + 1], None)
        expected = float(torch.rad2deg(angle_between(visual, samples.target[row]))[0])
        assert made.samples[row].left_out_deg == pytest.approx(expected)


def test_frames_of_one_target_are_left_out_together() -> None:
    """Nine frames of three targets: what is predicted of one is off by the same amount in all its frames."""
    seen = [angle for angle in GRID[:3] for _ in range(3)]
    targets = [Angles(p + n // 3, y) for n, (p, y) in enumerate(seen)]  # errors of 0, 1, 2 degrees
    made = fit("offset", joined([result(*angle) for angle in seen], targets))
    assert [row.left_out_deg for row in made.samples[::3]] == pytest.approx([1.5, 0, 1.5], abs=0.01)


def test_one_target_gives_an_offset_of_unknown_error() -> None:
    made = fit("offset", shifted([(3.0, 4.0)] * 5))
    assert made.leave_one_out_error_deg is None and made.fitted_error_deg < 1e-6
    assert any("close together" in text for text in made.warnings)


def test_few_samples_do_affine_no_harm() -> None:
    """Four noisy samples without any gain: the ridge keeps the matrix near the identity."""
    corners = [(-8.0, -8.0), (-8.0, 8.0), (8.0, -8.0), (8.0, 8.0)]
    for seed in range(10):
        correction = fit("affine", shifted(corners, noise=1.5, seed=seed)).correction
        assert isinstance(correction, Affine)
        assert np.abs(np.array(correction.matrix) - np.eye(2)).max() < 0.2


def test_the_fit_ends_where_all_samples_contradict_each_other() -> None:
    angle = np.random.default_rng(0).uniform(-1, 1, (2, 30, 2))
    line, kept = robust_line(angle[0], angle[1], np.ones(30), with_gain=True)
    assert np.isfinite(line.gain).all() and np.isfinite(line.shift).all() and kept.max() > 0


@pytest.mark.parametrize("model", MODELS)
def test_apply_replaces_the_visual_axis_alone(model: Model) -> None:
    made = fit(model, shifted(noise=0.3, eye_side="right"))
    frame = result(4, 40, eye_side="right", cornea_mm=(1.0, 2.0, 40.0), roll_deg=5.0)
    applied = made.apply(frame)
    assert applied.visual is not None and np.linalg.norm(applied.visual) == pytest.approx(1, abs=1e-12)
    assert replace(applied, visual=None).__dict__ == frame.__dict__
    optical = torch.tensor([frame.optical], dtype=torch.float64)
    roll = torch.tensor([math.radians(5)], dtype=torch.float64)
    np.testing.assert_allclose(applied.visual, made.correction.visual(optical, roll, "right")[0])


def test_a_shut_eye_stays_without_gaze() -> None:
    shut = EyeResult(120, 160, eye_side="left")
    assert fit("offset", shifted(eye_side="left")).apply(shut).visual is None


def test_the_other_eye_is_refused() -> None:
    made = fit("kappa", shifted(eye_side="left"))
    assert made.apply(result(0, 0)).visual is not None  # of unknown side: the calibration's
    with pytest.raises(ZooError, match="shows the right eye; the calibration was made with the left"):
        made.apply(result(0, 0, eye_side="right"))
