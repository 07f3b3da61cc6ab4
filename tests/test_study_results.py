"""The cells of the study, aggregated, in tables and drawn."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import study_chart
import tables_mixing
from study_results import Results


def cell(regime: str, images: int | None, fold: str | None, seed: int, **iou: float) -> dict[str, Any]:
    """One whose people have this IoU and everything else to match."""
    people = {
        person[1:]: {"within_2px": value, "p95_px": 10 - value, "iou": value, "blink_ap": value}
        for person, value in iou.items()
    }
    return {"regime": regime, "images": images, "fold": fold, "seed": seed, "people": people}


def results(*cells: dict[str, Any]) -> Any:
    return Results({"folds": {"a": {}, "b": {}}, "all": {"a": 1000, "b": 3000}, "cells": list(cells)})


def test_a_point_is_the_mean_over_people_and_its_bar_goes_over_pairs_of_seeds() -> None:
    found = results(
        cell("real", 10, "a", 0, p1=0.2, p2=0.4),
        cell("real", 10, "a", 1, p1=0.4, p2=0.6),
        cell("real", 10, "b", 0, p3=0.9),
        cell("real", 10, "b", 1, p3=0.6),
    )
    value = found.value("real", 10, "iou")
    assert value == pytest.approx((1.55 / 3, 1.2 / 3, 1.9 / 3))
    assert found.seeds("real", 10) == 2
    assert found.by_person("real", 10, "iou") == pytest.approx({"1": 0.3, "2": 0.5, "3": 0.75})
    assert found.value("real", 30, "iou") is None


def test_a_person_without_a_metric_does_not_count() -> None:
    one = cell("real", 10, "a", 0, p1=0.2, p2=0.4)
    del one["people"]["2"]["blink_ap"]
    found = results(one, cell("real", 10, "b", 0, p3=0.5))
    assert found.value("real", 10, "blink_ap").mean == pytest.approx(0.35)
    assert found.value("real", 10, "iou").mean == pytest.approx(1.1 / 3)


def test_worth_is_read_off_the_curve_of_real_images() -> None:
    curve = [(10, 0.4), (100, 0.6), (1000, 0.5), (None, 0.8)]
    cells = [cell("real", n, fold, 0, **{f"p{fold}": v}) for n, v in curve for fold in "ab"]
    for n, value in ((10, 0.5), (100, 0.3), (1000, 0.7), (None, 0.9)):
        cells += [cell("finetuned", n, fold, 0, **{f"p{fold}": value}) for fold in "ab"]
    found = results(*cells)
    for metric in ("iou", "p95_px"):  # of which one is better high, the other low
        assert found.worth("finetuned", 10, metric) == pytest.approx(math.sqrt(10 * 100))
        assert found.worth("finetuned", 100, metric) == 10
        # Between 1000 and all, from the best before: 0.6, which 1000 images did not reach.
        assert found.worth("finetuned", 1000, metric) == pytest.approx(math.sqrt(1000 * 2000))
        assert found.worth("finetuned", None, metric) == math.inf
    assert [line.split("|")[4].strip() for line in tables_mixing.worth(found)[2:]] == [
        "32",
        "10 or fewer",
        "1,400",
    ]
    row = tables_mixing.target(found)[-2]
    assert row.startswith("| 100, fine-tuned") and "0.300 (0 of 2)" in row
    assert ET.fromstring(study_chart.draw(found)).tag.endswith("svg")


def test_the_picture_is_that_of_the_metrics_file() -> None:
    assert study_chart.PICTURE.read_text(encoding="utf-8") == study_chart.draw(Results.read())
