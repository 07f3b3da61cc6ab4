"""The table, the CSV file and the picture of a sweep."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from zoo.sweep.plot import draw_trials, save_plot
from zoo.sweep.result import Row, ranked, result_table, write_trials
from zoo.sweep.space import parse_space

SPACE = parse_space(["optimizer.lr=log(1e-4,1e-2)", "network.neck.width=choice(16,32)"])
KEYS = [dimension.key for dimension in SPACE]


def row(number: int, value: float | None, state: str = "complete", width: str = "16") -> Row:
    params = {"optimizer.lr": 1e-3 * (1 + number), "network.neck.width": width}
    return Row(number, state, value, params, 96, f"trials/{number:03d}", "boom" if state == "failed" else "")


ROWS = [row(0, 2.0), row(1, None, "failed"), row(2, 1.0, width="32"), row(3, 0.5, "pruned")]


def test_the_best_complete_trial_is_first() -> None:
    assert [r.number for r in ranked(ROWS, "minimize")] == [2, 0, 1, 3]
    assert [r.number for r in ranked(ROWS, "maximize")] == [0, 2, 1, 3]
    console = Console(width=160, record=True)
    console.print(result_table(ROWS, KEYS, "validation/keypoints/pupil_px_mean", "minimize"))
    lines = [line for line in console.export_text().splitlines() if "trials/" in line]
    assert "trials/002" in lines[0] and "failed: boom" in lines[2]


def test_csv_leaves_the_unknown_empty(tmp_path: Path) -> None:
    write_trials(tmp_path, ROWS, KEYS, "validation/x")
    with (tmp_path / "trials.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["validation/x"] for line in lines] == ["2.0", "", "1.0", "0.5"]
    assert float(lines[2]["optimizer.lr"]) == ROWS[2].params["optimizer.lr"]
    assert lines[1]["note"] == "boom"


def coloured(picture: object, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(picture) == colour).all(axis=2).sum())


def test_the_picture_marks_the_best_trial_once_a_panel() -> None:
    orange, blue = (222, 110, 40), (54, 112, 190)
    picture = draw_trials(ROWS, SPACE, "validation/x", "minimize")
    assert picture.width == 1500
    one = draw_trials([ROWS[2]], SPACE, "validation/x", "minimize")
    assert coloured(one, blue) == 0 and coloured(one, orange) > 200
    assert coloured(picture, blue) > 0


@pytest.mark.parametrize("values", [[], [None], [1.0, 1.0], [0.0], [1e-6, 1e6], [-1.0, 5e3]])
def test_any_values_can_be_drawn(tmp_path: Path, values: list[float | None]) -> None:
    rows = [row(i, value, "complete" if value is not None else "failed") for i, value in enumerate(values)]
    save_plot(tmp_path, rows, SPACE, "validation/x", "maximize")
    assert (tmp_path / "trials.png").stat().st_size > 1000
