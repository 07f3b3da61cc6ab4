"""One curve a slice: what a logger shows of a validation beyond the metrics over all samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from zoo.evaluate.summary import SLICES, summarise_by

SLICED_BY: Final = ("eye_side", *SLICES)
"""Columns whose values, or bins, get curves of their own."""
_DETAIL: Final = ("_median", "_p95", "_within_2px", "_accuracy", "_image", "@visible30")
"""Endings of metrics that say in other words what a kept one says: they get no curves per slice."""


def slice_curves(table: pl.DataFrame, columns: Iterable[str] = SLICED_BY) -> dict[str, float]:
    """One value for each metric and slice: ``by_<column>/<head>/<metric>/<slice>``.

    Args:
        table: of `rows`.
        columns: to slice by; those that the table lacks, or that are the same everywhere, are left out.
    """
    curves: dict[str, float] = {}
    for column in columns:
        if column not in table.columns or table[column].n_unique() < 2:
            continue
        for part in summarise_by(table, column).to_dicts():
            name = str(part.pop(column)).replace(" ", "_")
            kept = ((key, value) for key, value in part.items() if value is not None and _headline(key))
            curves |= {f"by_{column}/{key}/{name}": float(value) for key, value in kept}
    return curves


def higher_is_better(metric: str) -> bool | None:
    """Of a metric of `summarise`, from its name; None where the name does not tell."""
    name = metric.rpartition("/")[2].removesuffix("@visible30")
    if name.startswith(("iou_", "miou")) or name.endswith(
        ("_ap", "_accuracy", "_within_2px", "_precision", "_recall")
    ):
        return True
    errors = ("_px", "_mm", "_deg")
    distances = tuple(f"{unit}_{kind}" for unit in errors for kind in ("mean", "median", "p95"))
    return False if name.endswith((*distances, "_mae", "_ratio", "_m")) else None


def _headline(metric: str) -> bool:
    name = metric.rpartition("/")[2]
    return "/" in metric and not name.endswith(_DETAIL) and not name.startswith("iou_image_")
