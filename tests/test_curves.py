"""What a logger shows of a validation beyond its metrics, and which samples are worst."""

from __future__ import annotations

import math

import polars as pl
import pytest

from zoo.evaluate import summarise
from zoo.evaluate.curves import higher_is_better, slice_curves
from zoo.evaluate.worst import worst_rows, wrongness

TABLE = pl.DataFrame(
    {
        "domain": ["real", "synthetic", "synthetic"],
        "eye_side": ["left", "left", "left"],
        "openness": [0.05, 0.9, None],
        "keypoints/pupil_px": [4.0, 1.0, None],
        "keypoints/pupil_present_score": [0.9, 0.8, 0.6],
        "keypoints/pupil_present_label": [True, True, False],
        "segmentation/pupil_intersection": [5.0, 0.0, 0.0],
        "segmentation/pupil_union": [10.0, 0.0, 4.0],
    }
)


def test_a_curve_a_slice_of_what_differs() -> None:
    curves = slice_curves(TABLE, ["domain", "eye_side", "openness", "spectacles"])
    assert curves["by_domain/keypoints/pupil_px_mean/real"] == 4.0
    assert curves["by_domain/keypoints/pupil_px_mean/synthetic"] == 1.0
    assert curves["by_openness/keypoints/pupil_px_mean/below_0.1"] == 4.0
    assert curves["by_openness/keypoints/pupil_px_mean/0.8_and_more"] == 1.0
    assert not [name for name in curves if name.startswith("by_eye_side")]  # the same everywhere
    assert not [name for name in curves if "median" in name or "@" in name]


def test_the_worst_samples_of_each_kind_of_task() -> None:
    points = wrongness(TABLE, "keypoints")
    assert points is not None and points.name == "pupil_px"
    assert worst_rows(points.values, 5) == [0, 1]  # what is not labelled is not wrong
    masks = wrongness(TABLE, "segmentation")
    assert masks is not None and masks.name == "1 - IoU"
    assert worst_rows(masks.values, 2) == [2, 0]  # a class that is neither there nor predicted does not count
    seen = wrongness(TABLE.drop("keypoints/pupil_px"), "keypoints")
    assert seen is not None and worst_rows(seen.values, 1) == [2]
    assert wrongness(TABLE, "gaze") is None


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        ("keypoints/pupil_px_mean", False),
        ("validation/keypoints/pupil_px_within_2px@visible30", True),
        ("segmentation/miou", True),
        ("blink/blink_ap", True),
        ("blink/openness_mae", False),
        ("gaze/optical_deg_p95", False),
        ("depth/absrel_ratio", False),
        ("gaze/sigma_share", None),
    ],
)
def test_whether_more_is_better(metric: str, better: bool | None) -> None:
    assert higher_is_better(metric) is better


def test_names_of_metrics_keep_their_meaning() -> None:
    metrics = summarise(TABLE)
    assert all(math.isfinite(value) for value in metrics.values())
    assert {name for name in metrics if higher_is_better(name) is None} == {"frames"}
