from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import polars as pl
import pytest

from tests.data.test_meye import root as meye  # noqa: F401  (a fixture)
from tests.hub import tiny
from zoo.config import compose
from zoo.errors import ZooError
from zoo.exam.run import evaluate
from zoo.exam.worst import worst
from zoo.hub import checkpoint
from zoo.model.network import Network


def test_the_worst_frames_come_first_and_ties_by_place() -> None:
    table = pl.DataFrame(
        {
            "keypoints/pupil_px": [1.0, None, 9.0, 3.0, 9.0],
            "blink/openness_error": [None] * 5,
        },
        schema={"keypoints/pupil_px": pl.Float64, "blink/openness_error": pl.Float64},
    )
    (found,) = worst(table, 3)
    assert found.ranking.task == "keypoints" and found.frames == 4
    assert found.rows == [2, 4, 3] and found.values == [9.0, 9.0, 3.0]


def test_overlap_is_the_mean_over_classes_that_are_there() -> None:
    shares = {"background": (8, 8), "sclera": (1, 4), "iris": (2, 4), "pupil": (0, 0)}
    columns = {}
    for name, (i, u) in shares.items():
        columns[f"segmentation/{name}_intersection"] = [float(u), float(i)]
        columns[f"segmentation/{name}_union"] = [float(u), float(u)]
    (found,) = worst(pl.DataFrame(columns), 1)
    assert found.rows == [1] and found.values == pytest.approx([(1 + 0.25 + 0.5) / 3])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    checkpoint.save(folder, Network(tiny.TINY), tiny.described("tiny"))
    return folder


def evaluated(small: Path, out: Path, *overrides: str) -> dict[str, Any]:
    wanted = [
        f"checkpoint='{small}'",
        "count=12",
        "batch_size=8",
        "device=cpu",
        f"output='{out}'",
        *overrides,
    ]
    evaluate(compose("eval", wanted))
    listed: dict[str, Any] = json.loads((out / "pictures.json").read_text())
    return listed


def test_an_evaluation_draws_its_failures_and_the_first_frames(small: Path, tmp_path: Path) -> None:
    listed = evaluated(small, tmp_path / "out", "data=render", "data.domain=unseen", "pictures=2")
    groups = {group["task"]: group for group in listed["groups"]}
    assert list(groups) == ["segmentation", "keypoints", "blink", "first"]
    assert [shot["row"] for shot in groups["first"]["pictures"]] == [0, 1]
    table = pl.read_parquet(tmp_path / "out" / "samples.parquet")
    shots = groups["keypoints"]["pictures"]
    assert shots[0]["value"] == table["keypoints/pupil_px"].max() >= shots[1]["value"]
    assert table["keypoints/pupil_px"][shots[0]["row"]] == shots[0]["value"]
    for group in groups.values():
        for shot in group["pictures"]:
            assert cv2.imread(str(tmp_path / "out" / shot["file"])).shape[1] <= 720


def test_real_people_are_drawn_only_when_asked(small: Path, meye: Path, tmp_path: Path) -> None:  # noqa: F811
    real = ["data=meye", f"data.root='{meye}'", "count=null", "pictures=2"]
    hidden = evaluated(small, tmp_path / "a", *real)
    assert hidden["real_frames_left_out"] and not list((tmp_path / "a").glob("pictures/*"))
    shown = evaluated(small, tmp_path / "b", *real, "pictures_of_people=true")
    assert not shown["real_frames_left_out"] and len(list((tmp_path / "b").glob("pictures/*"))) >= 2


def test_pictures_need_a_folder(small: Path) -> None:
    with pytest.raises(ZooError, match="output=FOLDER"):
        compose("eval", [f"checkpoint='{small}'", "data=render", "count=4", "pictures=2"])
    with pytest.raises(ZooError, match=r"leave out data\.perturb"):
        compose(
            "eval",
            ["checkpoint=x", "data=meye", "data.root=x", "data.perturb=shift", "pictures=2", "output=x"],
        )
