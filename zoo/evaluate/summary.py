"""The table of `rows` to metrics.

What a column means, and so how it is aggregated, is told by the ending of its name:

=====================================  ==================================================================
``<x>_intersection``, ``<x>_union``    ``iou_<x>`` over the data set, their mean ``miou``, and ``miou_image``
``<x>_px``                             ``<x>_px_median``, ``_mean``, ``_p95`` and ``_within_2px`` (a share)
``<x>_mm``, ``<x>_deg``                the same without the last
``<x>_share``, ``_ratio``, ``_m``,     its mean, by the same name
``_count``
``<x>_error``                          ``<x>_mae``: its mean
``<x>_score``, ``<x>_label``           ``<x>_ap`` (average precision) and ``<x>_accuracy`` at 0.5
``<x>_matched``, ``_predicted``,       ``<x>_precision`` and ``<x>_recall`` over the data set
``_labelled``
=====================================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
import torch
from torchmetrics.functional.classification import binary_average_precision

from zoo.conventions import CLASSES

VISIBLE: Final = 0.3
"""Frames that show at least this share of the pupil are reported apart, under names ending in @visible30."""
WITHIN_PX: Final = 2.0

SLICES: Final[dict[str, tuple[float, ...]]] = {
    "openness": (0.1, 0.3, 0.6, 0.8),
    "pupil_visible": (0.05, 0.3, 0.6, 0.9),
    "gaze_eccentricity_deg": (10.0, 20.0, 30.0, 45.0),
    "focal_over_width": (1.0, 1.5, 2.0, 3.0),
    "skin_tone": (0.3, 0.5, 0.7),
    "mean_depth_m": (1.5, 2.5, 4.0),
    "baseline_m": (0.15, 0.2),
    "texture": (2.0, 3.0, 4.0),
}
"""Edges of the bins of the columns that hold numbers."""


def summarise(table: pl.DataFrame) -> dict[str, float]:
    """Every metric over all frames and, as ``<metric>@visible30``, over those with 30 % of the pupil visible.

    A metric that no row can tell is left out. ``frames`` is the number of rows.
    """
    metrics = _metrics(table)
    seen = table.filter(pl.col("pupil_visible") >= VISIBLE) if "pupil_visible" in table.columns else table[:0]
    return metrics | {f"{name}@visible30": value for name, value in _metrics(seen).items() if len(seen)}


def summarise_by(table: pl.DataFrame, by: str, edges: Sequence[float] | None = None) -> pl.DataFrame:
    """`summarise` for each value of the column `by`: one row per value, in order, unknown last.

    Args:
        edges: bins of a column of numbers; None takes those of `SLICES`, else every value by itself.

    Raises:
        ValueError: the table has no such column.
    """
    result = []
    for name, rows in slices(table, by, edges).items():
        result.append({by: name, **summarise(table.filter(rows))})
    return pl.DataFrame(result, infer_schema_length=None)


def slices(table: pl.DataFrame, by: str, edges: Sequence[float] | None = None) -> dict[str, pl.Series]:
    """The rows (a mask) of each value of the column `by`, in order, ``unknown`` last; as `summarise_by`."""
    if by not in table.columns:
        raise ValueError(f"the table has no column {by!r} to slice by: it has {', '.join(table.columns)}")
    edges = SLICES.get(by) if edges is None else edges
    values = table[by].to_list()
    if edges is None:
        kinds = sorted({v for v in values if v is not None})
        order = {value: i for i, value in enumerate(kinds)}
        names = [str(kind) for kind in kinds]
        index = np.array([len(kinds) if v is None else order[v] for v in values])
    else:
        names = _bin_names(edges)
        index = np.array(
            [len(names) if v is None else int(np.searchsorted(edges, v, side="right")) for v in values]
        )
    return {[*names, "unknown"][i]: pl.Series(index == i) for i in np.unique(index)}


def _bin_names(edges: Sequence[float]) -> list[str]:
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *inner, f"{edges[-1]:g} and more"]


def _metrics(table: pl.DataFrame) -> dict[str, float]:
    metrics: dict[str, float] = {"frames": float(len(table))}
    for column in table.columns:
        head, _, name = column.rpartition("/")
        if not head or head == "label":
            continue
        stem, _, kind = name.rpartition("_")
        prefix = f"{head}/{stem}"
        if kind in ("px", "mm", "deg"):
            metrics |= _distances(f"{prefix}_{kind}", table[column])
        elif kind in ("error", "share", "ratio", "m", "count"):
            metrics |= _mean(f"{prefix}_{'mae' if kind == 'error' else kind}", table[column])
        elif kind == "score":
            metrics |= _detection(prefix, table, column)
        elif kind == "matched":
            matched, predicted, labelled = (
                float(table[f"{prefix}_{count}"].sum()) for count in ("matched", "predicted", "labelled")
            )
            metrics |= {f"{prefix}_precision": matched / predicted} if predicted else {}
            metrics |= {f"{prefix}_recall": matched / labelled} if labelled else {}
    for head in dict.fromkeys(c.rpartition("/")[0] for c in table.columns if c.endswith("_intersection")):
        metrics |= _overlap(head, table)
    return metrics


def _mean(name: str, values: pl.Series) -> dict[str, float]:
    known = values.drop_nulls().to_numpy()
    return {name: float(known.mean())} if len(known) else {}


def _distances(name: str, values: pl.Series) -> dict[str, float]:
    known = values.drop_nulls().to_numpy()
    if not len(known):
        return {}
    metrics = {
        f"{name}_median": float(np.median(known)),
        f"{name}_mean": float(known.mean()),
        f"{name}_p95": float(np.quantile(known, 0.95)),
    }
    within = {f"{name}_within_2px": float((known <= WITHIN_PX).mean())}
    return metrics | within if name.endswith("_px") else metrics


def _detection(prefix: str, table: pl.DataFrame, column: str) -> dict[str, float]:
    known = table.select(score=column, label=f"{prefix}_label").drop_nulls()
    if not len(known):
        return {}
    score, label = known["score"].to_numpy(), known["label"].to_numpy()
    metrics = {f"{prefix}_accuracy": float(((score > 0.5) == label).mean())}
    if label.any():  # without a positive there is no recall
        ap = binary_average_precision(torch.tensor(score), torch.tensor(label, dtype=torch.long))
        metrics[f"{prefix}_ap"] = float(ap)
    return metrics


def _overlap(head: str, table: pl.DataFrame) -> dict[str, float]:
    """IoU over the data set per class; the means over classes only where every class is labelled."""
    metrics: dict[str, float] = {}
    per_image = []
    for name in (c for c in CLASSES if f"{head}/{c}_union" in table.columns):
        counts = table.select(i=f"{head}/{name}_intersection", u=f"{head}/{name}_union").drop_nulls()
        if union := float(counts["u"].sum()):
            metrics[f"{head}/iou_{name}"] = float(counts["i"].sum()) / union
            image = counts.filter(pl.col("u") > 0)
            metrics[f"{head}/iou_image_{name}"] = float((image["i"] / image["u"]).to_numpy().mean())
        per_image.append(
            table.select((pl.col(f"{head}/{name}_intersection") / pl.col(f"{head}/{name}_union")).alias(name))
        )
    classes = [f"{head}/iou_{name}" for name in CLASSES]
    if all(c in metrics for c in classes):
        metrics[f"{head}/miou"] = float(np.mean([metrics[c] for c in classes]))
        # A class that is neither in the image nor predicted is 0 / 0 and does not count.
        images = pl.concat(per_image, how="horizontal").fill_nan(None).mean_horizontal().drop_nulls()
        metrics[f"{head}/miou_image"] = float(images.to_numpy().mean())
    return metrics
