"""Do the pictures agree along the stated poses? Asked after a run whose frames are hardly sure of anything.

Wrong poses and intrinsics leave no trace in a capture without depth but this one: descriptors match nowhere
along the epipolar lines, and the network says so in its uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from zoo.data.captures.capture import Capture
from zoo.data.captures.consistency import POSE_MISTAKES
from zoo.predict.rooms.plan import plan
from zoo.predict.rooms.predictor import FittedDepth, RoomPredictor
from zoo.predict.rooms.reader import Loaded, Reader
from zoo.predict.rooms.writer import CONFIDENT

DOUBTFUL: Final = 0.2
"""Share of sure pixels in the median frame below which poses are doubted. Genuine frames have 0.8 in the
median and 0.3 at worst; with a focal length that is wrong by a third it is 0.1."""
_CLEARLY: Final = 0.5  # ... and which the remedy of a mistake must reach to be named: chance alone gives 0.3
_LOOKED_AT: Final = 4  # frames that a remedy is tried on


def sure_share(predicted: FittedDepth) -> float:
    """Share of the pixels whose relative uncertainty is at most `CONFIDENT`."""
    return float((predicted.sigma <= CONFIDENT).mean())


def disagreement(
    predictor: RoomPredictor,
    capture: Capture,
    shares: Sequence[float],
    size: tuple[int, int],
    count: int,
    views_csv: Path | None = None,
) -> str | None:
    """What to tell of a capture whose pictures do not agree along its poses; None where they do.

    The usual mistakes of poses are undone on a few frames, and the one that makes them sure is named.

    Args:
        predictor: that made the predictions.
        capture: as it was predicted.
        shares: `sure_share` of the frames that had sources.
        size: height and width of the network's input.
        count: sources that are chosen for a frame.
        views_csv: the frames and their sources instead.
    """
    stated = float(np.median(shares)) if len(shares) else 1.0
    if stated >= DOUBTFUL:
        return None
    told = (
        f"only {stated:.1%} of the median frame is sure to {CONFIDENT:.0%}: its pictures hardly agree along "
        "the stated poses"
    )
    tried = []
    for change, text in POSE_MISTAKES:
        frames = [
            f if f.cam_to_world is None else replace(f, cam_to_world=change(f.cam_to_world))
            for f in capture.frames
        ]
        tried.append(
            (_tried(predictor, replace(capture, frames=tuple(frames)), size, count, views_csv), text)
        )
    best, text = max(tried)
    if best >= _CLEARLY:
        return f"{told}; {text} (then {best:.0%} of it is sure)"
    return (
        f"{told}. Look whether the poses are camera-to-world with OpenCV's axes, in metres and each beside "
        "its own picture, and whether the intrinsics are those of these pictures; dark, blurred and bare "
        "frames are as unsure"
    )


def _tried(
    predictor: RoomPredictor, capture: Capture, size: tuple[int, int], count: int, views_csv: Path | None
) -> float:
    """Median share of sure pixels of a few frames, spread over the capture; 0 where none has sources."""
    jobs = [job for job in plan(capture, count, views_csv)[0] if job.sources]
    some = jobs[:: max(1, len(jobs) // _LOOKED_AT)][:_LOOKED_AT]
    samples = [item.sample for item in Reader(*size).read(some) if isinstance(item, Loaded)]
    shares = [sure_share(result) for result in predictor.predict(samples)]
    return float(np.median(shares)) if shares else 0.0
