"""Which frames of an evaluation failed worst, task by task."""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from zoo.conventions import CLASSES


class Ranking(NamedTuple):
    """How the frames of a task are ordered."""

    task: str
    error: str
    """What is measured, in words."""
    unit: str
    column: str
    """Of `zoo.evaluate.rows`; `_OVERLAP` is made of several."""
    high_is_bad: bool = True


class Worst(NamedTuple):
    """The worst frames of a task, the worst first."""

    ranking: Ranking
    rows: list[int]
    """Places in the table."""
    values: list[float]
    frames: int
    """How many were ranked: those with a label of the task."""


_OVERLAP: Final = "segmentation/miou"
RANKINGS: Final = (
    Ranking("segmentation", "mean IoU of the classes in the frame", "", _OVERLAP, high_is_bad=False),
    Ranking("keypoints", "distance of the pupil's centre", "px of the network's input", "keypoints/pupil_px"),
    Ranking("blink", "error of the openness", "", "blink/openness_error"),
    Ranking("eye3d", "distance of the cornea's centre", "mm", "eye3d/cornea_mm"),
    Ranking("gaze", "angle between predicted and true optical axis", "°", "gaze/optical_deg"),
    Ranking("depth", "absolute relative error of the depth (AbsRel)", "", "depth/absrel_ratio"),
)


def worst(table: pl.DataFrame, count: int) -> list[Worst]:
    """The `count` worst frames of every task that the table of `zoo.evaluate.rows` has."""
    table = _with_overlap(table).with_row_index("place")
    found = []
    for ranking in RANKINGS:
        if ranking.column not in table.columns:
            continue
        known = table.select("place", value=ranking.column).drop_nulls().filter(pl.col("value").is_not_nan())
        # By place where values are equal: another run shows the same frames.
        first = known.sort("value", "place", descending=[ranking.high_is_bad, False]).head(count)
        if len(first):
            found.append(Worst(ranking, first["place"].to_list(), first["value"].to_list(), len(known)))
    return found


def _with_overlap(table: pl.DataFrame) -> pl.DataFrame:
    """A class that is neither in the image nor predicted is 0 / 0 and does not count."""
    names = [f"segmentation/{name}" for name in CLASSES]
    if not all(f"{name}_union" in table.columns for name in names):
        return table
    shares = table.select(
        (pl.col(f"{name}_intersection") / pl.col(f"{name}_union")).fill_nan(None) for name in names
    )
    return table.with_columns(shares.mean_horizontal().alias(_OVERLAP))
