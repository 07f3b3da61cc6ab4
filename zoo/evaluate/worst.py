"""The samples on which a task does worst."""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from zoo.conventions import CLASSES

_ERRORS: Final = ("_px", "_mm", "_deg", "_error", "_ratio")
"""Endings of columns that are larger the more wrong a sample is."""


class Wrongness(NamedTuple):
    """How wrong each sample is for one task: the name of the measure, a value a row, null where unknown."""

    name: str
    values: pl.Series


def wrongness(table: pl.DataFrame, head: str) -> Wrongness | None:
    """The first measure of these that the table knows for any row; None where it knows none.

    1 - the mean IoU of the classes in the image; an error of the head, in the order of its columns; the
    distance of a detection's score from its label.
    """
    own = [c for c in table.columns if c.startswith(f"{head}/")]
    found = [Wrongness(c.removeprefix(f"{head}/"), table[c]) for c in own if c.endswith(_ERRORS)]
    classes = [c for c in CLASSES if f"{head}/{c}_union" in own]
    if classes:
        overlap = [
            (pl.col(f"{head}/{c}_intersection") / pl.col(f"{head}/{c}_union")).fill_nan(None) for c in classes
        ]
        found.insert(0, Wrongness("1 - IoU", table.select(x=1 - pl.mean_horizontal(overlap))["x"]))
    for column in (c for c in own if c.endswith("_score")):
        label = pl.col(f"{column.removesuffix('_score')}_label").cast(pl.Float64)
        distance = table.select(x=(pl.col(column) - label).abs())["x"]
        found.append(Wrongness(f"{column.removeprefix(f'{head}/')} to label", distance))
    return next((measure for measure in found if measure.values.count()), None)


def worst_rows(values: pl.Series, count: int) -> list[int]:
    """Numbers of the `count` rows with the largest known values, the largest first."""
    ranked = values.to_frame("value").with_row_index("row").filter(pl.col("value").is_not_null())
    chosen: list[int] = (
        ranked.sort("value", descending=True, maintain_order=True)["row"].head(count).to_list()
    )
    return chosen
