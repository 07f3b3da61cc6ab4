"""Scores on real frames as users get them, and the report of `zoo eval`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.predict.fakes import disc, predictor
from zoo.cli import app
from zoo.config import compose
from zoo.data.perturb import Kind
from zoo.data.sources.meye import SIZE, Meye
from zoo.exam.real import over_people, score_meye
from zoo.exam.run import evaluate

# Person, blink, is there a pupil in the picture, and is it labelled.
FRAMES = [
    (42, 0, True, True),
    (42, 1, False, False),
    (44, 0, True, True),
    (44, 0, False, True),
    (44, 1, True, False),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Discs in MEYE's layout; the fourth frame's label has no pupil under it."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    lines = ["filename,sub,blink,pupil_area_px,cx,cy,group"]
    for i, (person, blink, drawn, labelled) in enumerate(FRAMES):
        u, v, radius = 50.0 + 5 * i, 60.0, 12.0
        rows, columns = np.indices((SIZE, SIZE))
        mask = (np.hypot(columns - u, rows - v) <= radius) & labelled
        image = disc(SIZE, SIZE, u, v, radius) if drawn else np.full((SIZE, SIZE), 150, np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.jpg", quality=97)
        Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "masks" / f"{i}.png")
        centre = f"{u},{v}" if labelled else ","
        lines.append(f"{i}.jpg,{person},{blink},{mask.sum()},{centre},g{i}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def scored(root: Path, kind: Kind | None = None) -> pl.DataFrame:
    return pl.concat(score_meye(predictor(), Meye(root), 0, 2, kind))


def test_what_is_not_found_is_a_miss_and_blinks_count_for_no_pupil(root: Path) -> None:
    table = scored(root)
    distance = table["segmentation/pupil_mask_px"].to_list()
    assert distance[0] < 0.3 and distance[2] < 0.3
    assert distance[3] == SIZE  # labelled, not found
    assert distance[1] is None and distance[4] is None
    overlap = table["segmentation/pupil_intersection"] / table["segmentation/pupil_union"]
    assert overlap[0] > 0.9 and overlap[3] == 0


def test_means_are_over_people_and_the_worst_person_is_named_beside(root: Path) -> None:
    metrics, people = over_people(scored(root))
    within = "segmentation/pupil_mask_px_within_2px"
    assert set(people) == {"42", "44"}
    assert people["42"][within] == 1 and people["44"][within] == 0.5
    assert metrics[within] == pytest.approx(0.75) and metrics[f"{within}@worst"] == 0.5
    worst = "segmentation/pupil_mask_px_median@worst"
    assert metrics[worst] == people["44"]["segmentation/pupil_mask_px_median"]
    assert metrics["blink/blink_ap"] == pytest.approx(
        np.mean([people[p]["blink/blink_ap"] for p in ("42", "44")])
    )


@pytest.mark.parametrize("kind", ["turn", "exposure"])  # the others uncover black, which this network takes
def test_a_pupil_that_is_followed_stays_near_at_native_scale(root: Path, kind: Kind) -> None:
    distance = scored(root, kind)["segmentation/pupil_mask_px"].to_list()
    assert distance[0] is not None and distance[0] < 1.5
    assert distance[2] is not None and distance[2] < 1.5


def test_the_report_holds_metrics_baseline_and_slices(saved_run: Path, tmp_path: Path) -> None:
    overrides = [f"checkpoint={saved_run}", "exam=unseen", "count=6", "batch_size=4", "by=[openness]"]
    report = evaluate(compose("eval", [*overrides, f"output={tmp_path / 'out'}"]))
    assert report.metrics["frames"] == 6
    assert "segmentation/miou" in report.metrics and "segmentation/miou" in report.baseline
    assert report.data["domain"] == "unseen" and report.data["seed"] == 4201
    assert sum(part["frames"] for part in report.slices["openness"].values()) == 6
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["sha256"] == report.sha256
    assert len(pl.read_parquet(tmp_path / "out" / "samples.parquet")) == 6


def test_the_command_prints_the_metrics_and_names_a_wrong_exam(saved_run: Path) -> None:
    result = CliRunner().invoke(app, ["eval", str(saved_run), "exam=unseen", "count=4"])
    assert result.exit_code == 0, result.output
    assert "segmentation/miou" in result.output
    wrong = CliRunner().invoke(app, ["eval", str(saved_run), "exam=unsen"])
    assert wrong.exit_code == 2 and "unseen" in wrong.output


@pytest.fixture
def saved_run(tmp_path: Path) -> Path:
    """An untrained network at the size of the exams' frames."""
    from zoo.hub import checkpoint
    from zoo.hub.metadata import Licences, Training, describe
    from zoo.model.network import Network

    network = Network(compose("train", ["network=eyenet_nano"]).network).eval()
    training = Training(data="None.", samples_seen=0, command="none")
    licences = Licences(weights="Apache-2.0", training_data="none")
    checkpoint.save(tmp_path / "net", network, describe("untrained", network.config, training, licences))
    return tmp_path / "net"
