"""Tables of errors as two checkpoints could get them, made in milliseconds."""

from __future__ import annotations

import numpy as np
import polars as pl

PEOPLE = 400


def table(seed: int, noise: int = 0, people: int = PEOPLE, frames: int = 3) -> pl.DataFrame:
    """Errors of a checkpoint; `seed` makes people and frames, `noise` what is the checkpoint's own."""
    shared, own = np.random.default_rng(seed), np.random.default_rng((seed, noise))
    count = people * frames
    hard = np.exp(np.repeat(shared.normal(0, 0.3, people), frames) + shared.normal(0, 0.4, count))

    def errors(scale: float) -> np.ndarray:
        return scale * hard * np.exp(own.normal(0, 0.25, count))

    blink = shared.random(count) < 0.3
    union = np.full(count, 400.0)
    columns = {
        "subject": np.repeat(np.arange(people), frames),
        "spectacles": shared.random(count) < 0.4,
        "skin_tone": np.repeat(shared.random(people), frames),
        "keypoints/pupil_px": errors(1.5),
        "keypoints/glint_px": errors(0.5),
        "keypoints/glint_matched": own.integers(2, 5, count).astype(float),
        "keypoints/glint_predicted": np.full(count, 5.0),
        "keypoints/glint_labelled": np.full(count, 6.0),
        "gaze/optical_deg": errors(3.0),
        "blink/openness_error": errors(0.08),
        "blink/blink_score": np.clip(0.5 + (blink - 0.5) * own.normal(0.6, 0.4, count), 0, 1).round(2),
        "blink/blink_label": blink,
    }
    for name in ("background", "sclera", "iris", "pupil"):
        columns[f"segmentation/{name}_union"] = union
        columns[f"segmentation/{name}_intersection"] = union * np.clip(1 - errors(0.15), 0, 1)
    made = pl.DataFrame(columns)
    unknown = pl.Series(shared.random(count) < 0.1)
    return made.with_columns(
        pl.when(unknown).then(None).otherwise(pl.col(c)).alias(c)
        for c in ("keypoints/pupil_px", "blink/blink_label", "segmentation/iris_union")
    )
