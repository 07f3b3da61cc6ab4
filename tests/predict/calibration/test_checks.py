"""Samples that cannot calibrate are refused, doubtful ones are warned of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.predict.calibration.made import GRID, joined, result, shifted
from zoo.conventions import EYE_SIDES
from zoo.errors import ZooError
from zoo.predict.calibration.corrections import MODELS, Model
from zoo.predict.calibration.fit import fit
from zoo.predict.calibration.samples import Angles, Point, Samples, gather
from zoo.predict.result import EyeResult


def test_samples_without_a_prediction_are_named() -> None:
    shut = EyeResult(120, 160, camera_known=True)
    open_ = result(0, 0)
    samples, skipped = gather(
        ["a", "b", "c"], [shut, open_, open_], [Angles(0, 0), Angles(1, 2), Point(0, 0, 0)]
    )
    assert samples.names == ("b",)
    assert [name for name, _ in skipped] == ["a", "c"]
    assert "shut" in skipped[0].reason and "position of the eye" in skipped[1].reason


@pytest.mark.parametrize(
    ("model", "samples", "message"),
    [
        ("offset", shifted([]), "0 usable samples: offset needs at least 1"),
        ("affine", shifted(GRID[:2]), "2 usable samples: affine needs at least 3; use --model offset"),
        ("affine", shifted([(p / 20, y / 20) for p, y in GRID]), "too close together.*use --model offset"),
        ("affine", shifted([(y, y) for _, y in GRID]), "on one line.*use --model offset"),
        ("kappa", shifted(), "needs the eye's side: give --eye-side"),
    ],
)
def test_samples_that_do_not_determine_the_model_are_refused(
    model: Model, samples: Samples, message: str
) -> None:
    with pytest.raises(ZooError, match=message):
        fit(model, samples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, y: (p, -y), "is yaw mirrored.*towards image left"),
        (lambda p, y: (-p, y), "is pitch mirrored.*upwards"),
        (lambda p, y: (y, p), "are pitch and yaw swapped"),
        (lambda p, y: (-y, p), "are pitch and yaw swapped"),
        (lambda p, y: (math.radians(p), math.radians(y)), "are they in radians"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_targets_in_other_conventions_are_refused(model: Model, change: Any, message: str) -> None:
    """Also where the predictions are noisy and one is quite wrong."""
    drawn = np.random.default_rng(0).normal(0, 1.5, (9, 2))
    drawn[3] = (15, -20)
    seen = [result(p + a, y + b, eye_side="left") for (p, y), (a, b) in zip(GRID, drawn, strict=True)]
    with pytest.raises(ZooError, match=message):
        fit(model, joined(seen, [Angles(*change(p, y)) for p, y in GRID]))


def test_noise_is_not_taken_for_wrong_conventions() -> None:
    for seed in range(20):
        drawn = np.random.default_rng(seed).normal(0, 3, (9, 2))
        seen = [result(p + a, y + b) for (p, y), (a, b) in zip(GRID, drawn, strict=True)]
        fit("offset", joined(seen, [Angles(*angle) for angle in GRID]))
        fit("offset", joined(seen[3:6], [Angles(*angle) for angle in GRID[3:6]]))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Point(0, 0, 600), "behind the eye, which is at z = 40"),
        (Point(5000, 0, 0), "a yaw of -89.* is outside the field: at most 75"),
        (Angles(80, 0), "a pitch of 80.0 degrees is outside the field"),
    ],
)
def test_targets_where_no_eye_looks_are_refused(target: Any, message: str) -> None:
    with pytest.raises(ZooError, match=message):
        gather(["a"], [result(0, 0, cornea_mm=(0.0, 0.0, 40.0))], [target])


def test_two_eyes_are_refused() -> None:
    with pytest.raises(ZooError, match=r"different eye_side \(left, right\)"):
        joined([result(0, 0, eye_side=side) for side in EYE_SIDES], [Angles(0, 0)] * 2)


@pytest.mark.parametrize(("model", "count"), [("offset", 2), ("kappa", 2), ("affine", 5)])
def test_few_samples_are_warned_of(model: Model, count: int) -> None:
    seen = [GRID[n] for n in (0, 2, 4, 6, 8)][:count]
    made = fit(model, shifted(seen, eye_side="left"))
    assert any(f"only {count} samples" in text for text in made.warnings)


def test_doubtful_corrections_are_warned_of() -> None:
    far = fit("kappa", shifted(shift=(0, -20), eye_side="left"))
    assert any("alpha of -" in text and "no eye's" in text for text in far.warnings)
    other = fit("offset", shifted(shift=(-28, 0)))
    assert any("an offset of 28.0 degrees" in text and "(0, 0) looks" in text for text in other.warnings)
    shrunk = [Angles(pitch / 4, yaw / 4) for pitch, yaw in GRID]
    nearer = fit("offset", joined([result(*seen, gaze_sigma_deg=2.0) for seen in GRID], shrunk))
    assert any("is left where the predictions state 2.2" in text for text in nearer.warnings)
    assert not fit("offset", shifted(shift=(2, -5), noise=1.0)).warnings
    noise = fit("offset", shifted(shift=(0, 0), noise=2.0))
    assert any("it does no good" in text for text in noise.warnings)
