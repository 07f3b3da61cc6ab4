"""Which frames are predicted from which sources."""

from __future__ import annotations

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
    frame: tuple[int, int], trained: tuple[int, int], only: tuple[int, int] | None
) -> tuple[tuple[int, int], str]:
    """Height and width of the network's input, and what is to be told of it.

    Args:
        frame, trained: as of `network_size`.
        only: height and width that an exported file takes; frames of another aspect are cut to it.
    """
    if only is None:
        return network_size(frame, trained), ""
    height, width = only
    ratio = (frame[0] * height) / (frame[1] * width)
    lost = 1 - min(ratio, 1 / ratio)
    where = "left and right" if ratio > 1 else "at the top and below"
    told = f"the file takes {width}x{height}: {lost:.0%} of a frame, {where}, is cut and has no depth"
    return only, told if lost > _TOLD_CUT else ""


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
