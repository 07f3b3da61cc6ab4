from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.versions.tables import table
from zoo.config.gate import GateConfig, load_gate
from zoo.errors import ZooError
from zoo.versions.gate import judge, reasons

GATE = GateConfig.model_validate(
    {
        "measure": {},
        "confidence": 0.95,
        "draws": 300,
        "min_samples": 200,
        "min_people": 20,
        "by": {"spectacles": None, "skin_tone": [0.5], "texture": [2.0]},
        "metrics": {
            "keypoints/pupil_px_typical": {"overall": 0.02, "slice": 0.04},
            "gaze/optical_deg_typical": {"overall": 0.02, "slice": 0.04},
            "segmentation/miou": {"overall": 0.02, "slice": 0.04},
            "blink/blink_accuracy": {"overall": 0.1, "slice": 0.1, "absolute": 0.01},
            "depth/absrel_ratio": {"overall": 0.02, "slice": 0.02},
        },
    }
)


def harm(table: pl.DataFrame, column: str, by: float) -> pl.DataFrame:
    return table.with_columns(
        pl.when(pl.col("spectacles")).then(pl.col(column) * (1 + by)).otherwise(pl.col(column)).alias(column)
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_harmless_version_passes_and_one_harmed_slice_is_caught(seed: int) -> None:
    promoted, other = table(seed, 1, people=800), table(seed, 2, people=800)
    passed = judge(promoted, other, GATE)
    assert passed.holds
    assert not passed.harms
    assert len(passed.judged) == 4 * 5  # what the tables do not have is not judged
    caught = judge(promoted, harm(other, "gaze/optical_deg", 0.15), GATE)
    assert not caught.holds
    first = caught.harms[0]
    assert (first.metric, first.where) == ("gaze/optical_deg_typical", "spectacles True")
    assert first.allowed < first.surely < first.b - first.a
    (line, *_) = reasons([caught])
    assert line.startswith("gaze/optical_deg_typical on spectacles True: error ")


def test_what_is_allowed_passes() -> None:
    promoted = table(0, 1)
    slightly = harm(promoted, "gaze/optical_deg", 0.03)
    assert judge(promoted, slightly, GATE).holds
    assert not judge(promoted, harm(promoted, "gaze/optical_deg", 0.08), GATE).holds


def test_a_score_is_judged_by_what_it_lacks_to_one() -> None:
    promoted = table(0, 1)
    columns = [f"segmentation/{c}_intersection" for c in ("background", "sclera", "iris", "pupil")]
    worse = promoted.with_columns(pl.col(columns) * 0.97)
    report = judge(promoted, worse, GATE)
    assert {row.metric for row in report.harms} == {"segmentation/miou"}
    overall = next(row for row in report.judged if row.metric == "segmentation/miou" and not row.by)
    assert overall.b - overall.a == pytest.approx(0.03 * (1 - overall.a), rel=1e-6)


def test_a_lost_task_fails() -> None:
    promoted = table(0, 1)
    report = judge(promoted, promoted.drop("gaze/optical_deg"), GATE)
    assert not report.holds
    assert reasons([report]) == ["gaze/optical_deg_typical: the new version lacks it"]
    assert judge(promoted.drop("gaze/optical_deg"), promoted, GATE).holds


def test_nothing_to_judge_is_no_pass() -> None:
    few = table(0, 1, people=10)
    with pytest.raises(ZooError, match=r"judges nothing here: .* at least 200 samples of 20 people"):
        judge(few, few, GATE)


def test_the_gate_of_the_repository_is_valid_and_names_metrics_that_exist() -> None:
    gate = load_gate()
    promoted = table(0, 1)
    judged = {row.metric for row in judge(promoted, promoted, gate).judged}
    assert {"segmentation/miou", "keypoints/pupil_px_typical", "blink/openness_mae"} <= judged


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("confidence: 2", "confidence=2"),
        ("confidnce: 0.9", "did you mean"),
        ("by: {skin_tone: [0.5, 0.2]}", "edges of bins rise"),
        ("metrics: {pupil_px: {overall: 0, slice: 0}}", "<head>/<metric>"),
        ("metrics: {a/b_px_mean: {overall: -1, slice: 0}}", "overall"),
        ("- 1", "a gate is a mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_wrong_gate_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    with pytest.raises(ZooError, match=message) as caught:
        load_gate(path)
    assert str(path) in str(caught.value)
