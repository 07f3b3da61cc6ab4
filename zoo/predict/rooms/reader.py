"""Files of a job as a sample of the network, a bounded number of frames kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from zoo.data.captures.capture import Frame
from zoo.data.captures.files import BadFileError
from zoo.data.fit_views import FittedView, fit_image, fit_points
from zoo.data.views import ViewSample, view_sample
from zoo.predict.rooms.plan import SINGLE, Job
from zoo.predict.rooms.sources import check_aspect

_KEPT: Final = 32  # fitted frames: a frame is a source of its neighbours


class Loaded(NamedTuple):
    """A job with what it needs, at the network's size."""

    job: Job
    view: FittedView
    sample: ViewSample


class Trouble(NamedTuple):
    """A file that could not be used."""

    file: Path
    text: str
    skipped: bool
    """Whether it counts as left out; a source that fails is counted where it is a frame itself."""


class Reader:
    """Reads jobs at height x width; call it once, in the order of the jobs."""

    def __init__(self, height: int, width: int) -> None:
        self._size = (height, width)
        self._views: OrderedDict[Path, FittedView] = OrderedDict()

    def read(self, jobs: Iterable[Job]) -> Generator[Loaded | Trouble, None, None]:
        """What could be read, with what could not in its place."""
        for job in jobs:
            yield from self._read(job)

    def _read(self, job: Job) -> Generator[Loaded | Trouble, None, None]:
        frame = job.frame
        try:
            view = self._view(frame)
        except BadFileError as error:
            yield Trouble(frame.image, str(error), skipped=True)
            return
        sources, views, remarks = [], [view], [*job.remarks]
        for source in job.sources:
            try:
                views.append(self._view(source))
                sources.append(source)
            except BadFileError:
                remarks.append(f"source {source.name} cannot be read: not used")
        points = None
        if frame.sparse_depth is not None:
            file = frame.sparse_depth
            try:
                check_aspect(frame, file)
                points = fit_points(frame, file, *self._size)
            except BadFileError as error:
                yield Trouble(file.path, str(error), skipped=True)
                remarks.append("sparse depth cannot be read: not used")
                frame = _without_points(frame)
            else:
                if not points.any():
                    remarks.append("sparse depth has no known pixel")
                    points, frame = None, _without_points(frame)
        done = Job(frame, tuple(sources), tuple(remarks))
        if done.single and SINGLE not in remarks:
            done = done._replace(remarks=(*remarks, SINGLE))
        poses = [np.eye(4) if f.cam_to_world is None else f.cam_to_world for f in (frame, *sources)]
        sample = view_sample(
            [each.image for each in views],
            [each.camera for each in views],
            poses,
            sparse_depth=points,
            views=2,  # the network wants a source, if only one that is not valid
        )
        yield Loaded(done, view, sample)

    def _view(self, frame: Frame) -> FittedView:
        if frame.image not in self._views:
            self._views[frame.image] = fit_image(frame, *self._size)
            if len(self._views) > _KEPT:
                self._views.popitem(last=False)
        self._views.move_to_end(frame.image)
        return self._views[frame.image]


def _without_points(frame: Frame) -> Frame:
    return replace(frame, sparse_depth=None)
