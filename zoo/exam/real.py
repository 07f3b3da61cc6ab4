"""Real frames, scored as a user gets them: through the predictor, in native pixels.

A frame whose pupil is labelled but not reported is as far off as the frame is wide, so it counts as a miss.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import torch
from torch import Tensor

from zoo.conventions import PUPIL
from zoo.data.perturb import Kind, perturb
from zoo.data.sources.meye import SIZE, Meye
from zoo.draws import Draws
from zoo.evaluate import summarise
from zoo.geometry.cameras import pixel_grid
from zoo.predict.predictor import Predictor
from zoo.predict.result import EyeResult

_KEPT = 0.4
"""Share of the pupil from which a changed frame still counts as showing it."""


def score_meye(
    predictor: Predictor, source: Meye, seed: int, batch_size: int, kind: Kind | None = None
) -> Iterator[pl.DataFrame]:
    """One row a frame: pupil against the mask, blink against the flag; nulls where a label does not count.

    Args:
        kind: a change to every frame (`zoo.data.perturb`), drawn from (seed, row). Distances are then brought
            back to the scale of the native frame.
    """
    for start in range(0, len(source), batch_size):
        rows = np.arange(start, min(start + batch_size, len(source)))
        images, masks = source.images(rows), source.masks(rows)
        scale, kept = torch.ones(len(rows)), torch.ones(len(rows))
        if kind is not None:
            changed = perturb(images, masks, kind, Draws(seed, torch.from_numpy(rows)))
            images, masks, kept = changed.images, changed.masks, changed.kept
            scale = changed.affine[:, :, :2].det().abs().sqrt()
        results = predictor.predict(list(images[:, 0]))
        labels = source.labels
        pupil_valid = torch.from_numpy(labels.pupil_valid[rows]) & (kept >= _KEPT)
        yield _table(results, masks, pupil_valid, scale).with_columns(
            pl.Series("subject", labels.subjects[rows]),
            pl.Series("group", labels.groups[rows].tolist()),
            _nullable("blink/blink_label", labels.blink[rows], labels.blink_valid[rows]),
        )


def _table(results: list[EyeResult], masks: Tensor, valid: Tensor, scale: Tensor) -> pl.DataFrame:
    grid = pixel_grid(SIZE, SIZE)
    area = masks.sum((1, 2)).clamp(min=1)
    centroid = torch.einsum("bhw,hwc->bc", masks.float(), grid) / area[:, None]
    distance, intersection, union = [], [], []
    for result, mask, truth in zip(results, masks, centroid, strict=True):
        found = result.pupil_mask_px
        distance.append(float(SIZE) if found is None else float((torch.tensor(found) - truth).norm()))
        assert result.segmentation is not None
        ours = torch.from_numpy(result.segmentation == PUPIL)
        intersection.append(float((ours & mask).sum()))
        union.append(float((ours | mask).sum()))
    known = valid.numpy()
    return pl.DataFrame(
        [
            _nullable("segmentation/pupil_mask_px", np.array(distance) / scale.numpy(), known),
            _nullable("segmentation/pupil_intersection", np.array(intersection), known),
            _nullable("segmentation/pupil_union", np.array(union), known),
            pl.Series("blink/blink_score", [result.blink for result in results], dtype=pl.Float64),
        ]
    )


def _nullable(name: str, values: np.ndarray, valid: np.ndarray) -> pl.Series:
    return pl.Series(name, [v if ok else None for v, ok in zip(values.tolist(), valid.tolist(), strict=True)])


def over_people(table: pl.DataFrame) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """(mean over people of every metric and its ``<metric>@worst``, the metrics of each person)."""
    people = {str(name): summarise(part) for (name,), part in sorted(table.group_by("subject"))}
    metrics: dict[str, float] = {}
    for metric in dict.fromkeys(key for person in people.values() for key in person):
        values = [person[metric] for person in people.values() if metric in person]
        metrics[metric] = float(np.mean(values))
        good_is_high = not metric.endswith(("px_mean", "px_median", "px_p95", "_mae"))
        metrics[f"{metric}@worst"] = min(values) if good_is_high else max(values)
    metrics["frames"] = float(len(table))
    metrics.pop("frames@worst", None)
    return metrics, people
