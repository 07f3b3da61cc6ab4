"""Which frames are predicted from which sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from zoo.data.captures.capture import Capture, Frame
from zoo.data.select_views import Choice, overlap, read_views, select_views

ZERO_BASELINE_M: Final = 0.01
"""Cameras that are nearer to one another see no depth."""
NO_OVERLAP: Final = 0.02
_TOLD_CUT: Final = 0.01  # of a frame; rounding of sizes cuts less


class Job(NamedTuple):
    """One frame to predict."""

    frame: Frame
    sources: tuple[Frame, ...]
    remarks: tuple[str, ...]

    @property
    def single(self) -> bool:
        """Nothing tells the scale: no source and no measurement."""
        return not self.sources and self.frame.sparse_depth is None

    @property
    def baseline_m(self) -> float | None:
        """Distance of the farthest source."""
        return max((_distance(self.frame, source) for source in self.sources), default=None)


def plan(capture: Capture, count: int, views_csv: Path | None = None) -> tuple[list[Job], list[Choice]]:
    """The frames to predict, in the capture's order, and the choice of views behind them.

    Args:
        capture: metric.
        count: how many sources are chosen, 1 to 7.
        views_csv: the frames and their sources instead (`zoo.data.select_views.read_views`).

    Raises:
        ZooError: the csv is not of this capture.
    """
    given = views_csv is not None
    choices = read_views(views_csv, capture) if views_csv is not None else select_views(capture, count)
    known = {choice.anchor for choice in choices}
    jobs = [_job(capture, choice) for choice in choices]
    if not given:
        alone = [i for i in range(len(capture.frames)) if i not in known]
        jobs += [_job(capture, Choice(i, (), 0, "none")) for i in alone]
        order = {frame.name: i for i, frame in enumerate(capture.frames)}
        jobs.sort(key=lambda job: order[job.frame.name])
    return jobs, choices


def network_size(frame: tuple[int, int], trained: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the network's input: the frame's aspect, and about as many pixels as in training.

    Args:
        frame: width and height.
        trained: height and width that the network was trained with.
    """
    aspect = frame[0] / frame[1]
    height = 8 * max(1, round(np.sqrt(trained[0] * trained[1] / aspect) / 8))
    return height, max(8, round(height * aspect))


def input_size(
    frames: Sequence[tuple[int, int]], trained: tuple[int, int], only: tuple[int, int] | None
) -> tuple[tuple[int, int], str]:
    """Height and width of the network's input, and what is to be told of it.

    Args:
        frames: width and height of each; the input has the aspect of most.
        trained: as of `network_size`.
        only: height and width that an exported file takes. Frames of another aspect are cut to the input.
    """
    sizes = Counter(frames)
    height, width = only or network_size(sizes.most_common(1)[0][0], trained)
    lost = {size: _lost(size, height, width) for size in sizes}
    worst = max(lost, key=lambda size: lost[size])
    if lost[worst] <= _TOLD_CUT:
        return (height, width), ""
    where = "left and right" if worst[0] * height > worst[1] * width else "at the top and below"
    cut = f"{lost[worst]:.0%} of a frame, {where}, is cut and has no depth"
    if only is not None:
        return only, f"the file takes {width}x{height}: {cut}"
    count = sum(number for size, number in sizes.items() if lost[size] > _TOLD_CUT)
    return (height, width), (
        f"{count} of {len(frames)} frames have another aspect than most: up to {cut} ({worst[0]}x{worst[1]} "
        "pixels); give frames of one aspect at a time to keep all"
    )


def _lost(frame: tuple[int, int], height: int, width: int) -> float:
    """Share of a frame that is outside the network's input."""
    ratio = (frame[0] * height) / (frame[1] * width)
    return 1 - min(ratio, 1 / ratio)


def _job(capture: Capture, choice: Choice) -> Job:
    frame = capture.frames[choice.anchor]
    kept, remarks = [], []
    for source in (capture.frames[i] for i in choice.sources):
        if _distance(frame, source) < ZERO_BASELINE_M:
            remarks.append(f"source {source.name} was taken from the same place: not used")
        elif choice.quality == "given" and overlap(frame, source) < NO_OVERLAP:
            remarks.append(f"source {source.name} does not overlap: not used")
        else:
            kept.append(source)
    job = Job(frame, tuple(kept), tuple(remarks))
    return job._replace(remarks=(*remarks, SINGLE)) if job.single else job


SINGLE: Final = "single image: no usable second view, its scale is a guess"


def _distance(one: Frame, other: Frame) -> float:
    if one.cam_to_world is None or other.cam_to_world is None:
        return 0.0
    return float(np.linalg.norm(one.cam_to_world[:3, 3] - other.cam_to_world[:3, 3]))
