from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.versions.tables import table
from zoo.errors import ZooError
from zoo.versions.compare import Comparison, Row, compare
from zoo.versions.paired import pair
from zoo.versions.simultaneous import bounds


def compared(a: pl.DataFrame, b: pl.DataFrame, *metrics: str, by: tuple[str, ...] = ()) -> Comparison:
    paired = pair(a, b, metrics, dict.fromkeys(by), draws=400, min_samples=50, min_groups=8)
    return compare(paired, 0.95)


def row(comparison: Comparison, metric: str, by: str = "", value: str = "") -> Row:
    (found,) = (r for r in comparison.rows if (r.metric, r.by, r.value) == (metric, by, value))
    return found


def test_the_interval_of_a_mean_is_the_analytic_one_over_people() -> None:
    a, b = table(0, 1), table(0, 2)
    each = (b["gaze/optical_deg"] - a["gaze/optical_deg"]).to_numpy().reshape(-1, 3).mean(1)
    error = each.std() / np.sqrt(len(each))
    found = row(compared(a, b, "gaze/optical_deg_mean"), "gaze/optical_deg_mean")
    assert (found.low + found.high) / 2 == pytest.approx(each.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.12)


def test_frames_of_a_person_do_not_count_as_people() -> None:
    a, b = table(0, 1), table(0, 2)
    once = row(compared(a, b, "gaze/optical_deg_mean"), "gaze/optical_deg_mean")
    often = compared(pl.concat([a] * 5), pl.concat([b] * 5), "gaze/optical_deg_mean")
    again = row(often, "gaze/optical_deg_mean")
    assert again.samples == 5 * once.samples
    assert again.groups == once.groups == 400
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_verdicts_follow_the_direction_of_the_metric() -> None:
    a = table(0)
    worse_px = a.with_columns(
        pl.col("keypoints/pupil_px") * 1.2, pl.col("segmentation/pupil_intersection") * 1.02
    )
    found = compared(
        a, worse_px, "keypoints/pupil_px_typical", "segmentation/iou_pupil", "gaze/optical_deg_mean"
    )
    assert row(found, "keypoints/pupil_px_typical").verdict == "worse"
    assert row(found, "segmentation/iou_pupil").verdict == "better"
    assert row(found, "gaze/optical_deg_mean").verdict == "equal"
    px = row(found, "keypoints/pupil_px_typical")
    known = a["keypoints/pupil_px"].drop_nulls().to_numpy()
    assert px.good_to_bad == pytest.approx(((known <= 2) & (1.2 * known > 2)).mean())
    assert px.bad_to_good == 0
    assert (px.samples, px.task) == (len(known), "keypoints")


def test_a_harm_shows_on_its_slice() -> None:
    a, b = table(0, 1), table(0, 2)
    on = pl.col("spectacles")
    b = b.with_columns(
        pl.when(on).then(1.2).otherwise(1.0).mul(pl.col("gaze/optical_deg")).alias("gaze/optical_deg")
    )
    found = compared(a, b, "gaze/optical_deg_typical", by=("spectacles", "skin_tone", "subject"))
    assert row(found, "gaze/optical_deg_typical", "spectacles", "True").verdict == "worse"
    assert row(found, "gaze/optical_deg_typical", "spectacles", "False").verdict == "unsure"
    assert not [r for r in found.rows if r.by == "subject"]  # three frames tell nothing of a person
    assert found.factor > 2.2  # wider than 1.96: seven rows hold at once


def test_a_person_with_many_frames_is_a_slice() -> None:
    a = table(0, 1, people=2, frames=300)
    b = a.with_columns(
        pl.when(pl.col("subject") == 1)
        .then(1.3)
        .otherwise(1.0)
        .mul(pl.col("gaze/optical_deg"))
        .alias("gaze/optical_deg")
    )
    found = compared(a, b, "gaze/optical_deg_mean", by=("subject",))
    assert row(found, "gaze/optical_deg_mean", "subject", "1").verdict == "worse"
    assert row(found, "gaze/optical_deg_mean", "subject", "0").verdict == "equal"


def test_intervals_hold_together() -> None:
    """The factor of many independent rows is the quantile of their largest deviation."""
    drawn = np.random.default_rng(0).normal(size=(20_000, 50)) * np.linspace(1, 5, 50)
    error, factor = bounds(np.zeros(50), drawn, 0.95)
    assert error == pytest.approx(np.linspace(1, 5, 50), rel=0.03)
    assert factor == pytest.approx(3.28, abs=0.05)  # of 50 independent normals: (1 + 0.95 ** (1 / 50)) / 2
    assert bounds(np.zeros(50), drawn, 0.95, one_sided=True).factor == pytest.approx(3.08, abs=0.05)


def test_tables_of_other_samples_are_refused() -> None:
    a = table(0)
    with pytest.raises(ZooError, match="not of the same samples"):
        compared(a, a[1:], "gaze/optical_deg_mean")
    with pytest.raises(ZooError, match="not of the same samples"):
        compared(a, a.reverse(), "gaze/optical_deg_mean")
    with pytest.raises(ZooError, match="by=lashes: the samples have subject, spectacles"):
        compared(a, a, "gaze/optical_deg_mean", by=("lashes",))
