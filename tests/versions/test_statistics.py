from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.versions.tables import table
from zoo.evaluate import summarise
from zoo.versions.resample import Resampling, blocks, groups_of
from zoo.versions.statistics import metric, metrics_of

KNOWN = (
    "keypoints/pupil_px_mean",
    "keypoints/pupil_px_median",
    "keypoints/pupil_px_p95",
    "keypoints/glint_recall",
    "keypoints/glint_precision",
    "blink/openness_mae",
    "blink/blink_accuracy",
    "blink/blink_ap",
    "segmentation/iou_iris",
    "segmentation/miou",
)


@pytest.mark.parametrize("name", KNOWN)
def test_a_resampled_metric_is_that_of_the_repeated_rows(name: str) -> None:
    one = table(0, people=12)
    counts = np.random.default_rng(1).integers(0, 3, (3, len(one)))
    found = metric(one, name)
    assert found is not None
    for row, value in zip(counts, found.statistic.resampled(counts), strict=True):
        repeated = one[np.repeat(np.arange(len(one)), row)]
        assert value == pytest.approx(summarise(repeated)[name])


def test_the_typical_error_grows_with_all_errors_and_hardly_with_one() -> None:
    one = table(0, people=30)

    def typical(of: pl.DataFrame) -> float:
        found = metric(of, "gaze/optical_deg_typical")
        assert found is not None
        return float(found.statistic.resampled(np.ones((1, len(of)), int))[0])

    error = one["gaze/optical_deg"].to_numpy()
    assert typical(one) == pytest.approx(np.exp(np.log(error + 0.5).mean()) - 0.5)
    wild = error.copy()
    wild[0] *= 100
    assert typical(one.with_columns(pl.Series("gaze/optical_deg", wild))) < 1.1 * typical(one)
    assert typical(one.with_columns(pl.col("gaze/optical_deg") * 1.1)) > 1.07 * typical(one)


def test_what_is_neither_good_nor_bad_is_no_metric() -> None:
    one = pl.DataFrame({"gaze/sigma_share": [0.7], "depth/point_count": [3.0], "label/x_px": [1.0]})
    assert metrics_of(one) == []
    assert metric(one, "gaze/optical_deg_typical") is None


def test_all_statistics_of_a_draw_are_of_the_same_people() -> None:
    """Sums over people, row by row and any statistic agree on what a draw holds."""
    one = table(0, people=20)
    resampling = Resampling(groups_of(one), 50, seed=3)
    rows = resampling.counts[:, resampling.groups]
    assert (rows.reshape(50, 20, 3) == rows.reshape(50, 20, 3)[:, :, :1]).all()
    mask = one["spectacles"].to_numpy()
    found = [metric(one, name) for name in ("segmentation/miou", "gaze/optical_deg_median", "blink/blink_ap")]
    values, drawn = resampling.of([(m.statistic, mask) for m in found if m is not None])
    part = one.filter(pl.Series(mask))
    for k, name in enumerate(("segmentation/miou", "gaze/optical_deg_median", "blink/blink_ap")):
        again = metric(part, name)
        assert again is not None
        assert values[k] == pytest.approx(summarise(part)[name])
        assert drawn[:, k] == pytest.approx(again.statistic.resampled(rows[:, mask]), nan_ok=True)


def test_runs_of_one_person_are_consecutive() -> None:
    mask = np.array([True] * 6 + [False] * 3 + [True] * 4)
    assert blocks(mask, 5)[mask].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
