from __future__ import annotations

import numpy as np
import pytest

from zoo.conventions import BACKGROUND, IRIS, PUPIL
from zoo.predict.pupil import Ellipse, Pupil, measure_pupil


def scores(u: float, v: float, major: float, minor: float, angle_deg: float, lid: float = -1e9) -> np.ndarray:
    """Scores of a pupil in an iris that fills 120x160 pixels, under a lid that ends at row `lid`."""
    rows, columns = np.mgrid[0:120, 0:160].astype(np.float64)
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    along, across = cosine * (columns - u) + sine * (rows - v), cosine * (rows - v) - sine * (columns - u)
    a, b = major / 2, minor / 2
    level = np.sqrt((along / a) ** 2 + (across / b) ** 2)
    slope = np.sqrt((along / a**2) ** 2 + (across / b**2) ** 2) / np.maximum(level, 1e-6)
    inside = (1 - level) / np.maximum(slope, 1e-6)  # about the distance to the edge in pixels
    logits = np.zeros((4, 120, 160), dtype=np.float32)
    logits[1] = -8
    logits[IRIS] = 2
    logits[PUPIL] = 2 + 2 * np.clip(inside, -4, 4)
    logits[BACKGROUND] = 4 * np.clip(lid - rows, -4, 4) + 2
    return logits


def measured(logits: np.ndarray, centre: tuple[float, float] | None = None) -> tuple[Pupil, Ellipse]:
    pupil = measure_pupil(logits, centre)
    assert pupil is not None and pupil.ellipse is not None
    return pupil, pupil.ellipse


def test_a_whole_pupil_is_measured_below_a_tenth_of_a_pixel() -> None:
    pupil, ellipse = measured(scores(70.3, 55.8, 40, 30, 25))
    assert pupil.centroid == pytest.approx((70.3, 55.8), abs=0.05)
    assert ellipse[:2] == pytest.approx((40, 30), abs=0.2)
    assert ellipse.angle_deg == pytest.approx(25, abs=0.5)
    assert pupil.area == pytest.approx(np.pi / 4 * 40 * 30, rel=0.01)


@pytest.mark.parametrize("covered", [0.15, 0.3, 0.5, 0.7])
def test_a_lid_does_not_shrink_the_ellipse_when_the_centre_is_known(covered: float) -> None:
    pupil, ellipse = measured(scores(80, 60, 40, 34, 10, lid=60 - 17 + covered * 34), (80.0, 60.0))
    assert ellipse[:2] == pytest.approx((40, 34), abs=0.6)
    assert pupil.area < np.pi / 4 * 40 * 34 * (1 - 0.4 * covered)
    assert pupil.centroid[1] > 60 + 6 * covered


def test_a_lid_hardly_shrinks_the_ellipse_when_the_centre_is_unknown() -> None:
    _, ellipse = measured(scores(80, 60, 40, 34, 10, lid=60 - 17 + 0.3 * 34))
    assert ellipse[:2] == pytest.approx((40, 34), abs=1.5)


def test_a_wrong_centre_does_not_spoil_a_visible_edge_and_is_not_believed_elsewhere() -> None:
    _, ellipse = measured(scores(80, 60, 40, 34, 10, lid=48), (10.0, 110.0))
    assert ellipse[:2] == pytest.approx((40, 34), abs=1)
    pupil = measure_pupil(scores(80, 60, 40, 34, 10, lid=65), (10.0, 110.0))
    assert pupil is not None and pupil.ellipse is None


def test_there_is_no_ellipse_where_the_edge_is_hidden() -> None:
    pupil = measure_pupil(scores(80, 60, 40, 34, 10, lid=72))
    assert pupil is not None and pupil.area > 50 and pupil.ellipse is None


def test_the_frame_cuts_the_pupil_and_not_its_ellipse() -> None:
    pupil, ellipse = measured(scores(6, 60, 36, 36, 0), (6.0, 60.0))
    assert ellipse[:2] == pytest.approx((36, 36), abs=1)
    assert pupil.centroid[0] > 8


@pytest.mark.parametrize("diameter", [1.5, 2.5, 4.0, 7.0])
def test_tiny_pupils_have_a_size(diameter: float) -> None:
    pupil, ellipse = measured(scores(50.2, 40.4, diameter, diameter, 0))
    assert pupil.centroid == pytest.approx((50.2, 40.4), abs=0.2)
    assert ellipse.major == pytest.approx(diameter, abs=0.6)


def test_a_sliver_of_one_pixel_is_measured_and_nothing_is_none() -> None:
    logits = scores(50, 40, 20, 20, 0)
    logits[PUPIL] = -5
    assert measure_pupil(logits) is None
    logits[PUPIL, 40, 20:60] = 5
    _, ellipse = measured(logits)
    assert ellipse.major > 30 and ellipse.minor < 3


def test_any_region_gives_finite_axes_that_hold_it() -> None:
    draws = np.random.default_rng(0)
    ellipses = 0
    for _ in range(60):
        logits = draws.normal(size=(4, 24, 32)).astype(np.float32)
        logits[PUPIL] -= 1
        logits[IRIS] += 2
        logits[PUPIL, 8:16, 10:20] += draws.normal() + 4
        pupil = measure_pupil(logits, tuple(draws.uniform(-10, 40, 2)) if draws.random() < 0.5 else None)
        if pupil is None:
            continue
        assert np.isfinite([pupil.area, *pupil.centroid]).all()
        if pupil.ellipse is not None:
            ellipses += 1
            assert np.isfinite(pupil.ellipse).all()
            assert pupil.ellipse.major >= pupil.ellipse.minor > 0 and 0 <= pupil.ellipse.angle_deg < 180
    assert ellipses > 10
