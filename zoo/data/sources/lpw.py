"""Labelled Pupils in the Wild (LPW): infrared videos of a head-mounted tracker. Untested on genuine files.

Tonsen et al., "Labelled pupils in the wild", ETRA 2016. Read from ``<person 1..22>/<video>.avi`` with a
``.txt`` of the same name beside it: a line a frame, ``x y`` in pixels from the top left.

What the labels mean: the pupil's centre, where the point lies on the frame (elsewhere nothing is known);
nothing is said of the pupil's outline or of blinks. People are the folders. Which eye it is and the camera
are unknown.

Reading frames out of order decodes the video from its start each time: pack the data set first
(``scripts/prepare.py``), or evaluate in order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from zoo.data.sources.frame import EyeFrame, Labelled, read_lines
from zoo.data.sources.people import People
from zoo.data.sources.video import VideoSource
from zoo.errors import ZooError


class Lpw(VideoSource):
    """The frames of all videos, by number.

    Args:
        root: the folder ``LPW``, which holds a folder a person.
        height, width: size of the canvas that frames are letterboxed to.
        people: of whom, by the names of the folders.
        every: of so many frames of a video the first is used.

    Raises:
        ZooError: the folder is not in this layout, or a label file is not readable.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        people: People = People(),  # noqa: B008 (immutable)
        every: int = 1,
    ) -> None:
        root = Path(root)
        videos = sorted(root.glob("*/*.avi"))
        if not videos:
            raise ZooError(f"{root}: holds no <person>/<video>.avi")
        chosen = people.numbered([video.parent.name for video in videos], str(root))
        self._subjects = [subject for _, subject in chosen]
        self._points = [_read_points(videos[i].with_suffix(".txt")) for i, _ in chosen]
        labelled = [(videos[i], len(points)) for (i, _), points in zip(chosen, self._points, strict=True)]
        super().__init__(root, height, width, labelled, every)

    def name(self, row: int) -> str:
        video, frame = self.place(row)
        return f"{self.videos[video]}, frame {frame}"

    def read(self, row: int) -> Labelled:
        video, number = self.place(row)
        image = self.image(row)
        u, v = self._points[video][number].tolist()
        inside = 0 <= u <= image.shape[1] - 1 and 0 <= v <= image.shape[0] - 1
        return Labelled(image, EyeFrame(subject=self._subjects[video], pupil_px=(u, v) if inside else None))


def _read_points(path: Path) -> Float[np.ndarray, "N 2"]:
    lines = read_lines(path)
    points = np.zeros((len(lines), 2))
    for i, line in enumerate(lines):
        try:
            u, v = line.split()
            points[i] = float(u), float(v)
        except ValueError:
            points[i] = np.nan
        if not np.isfinite(points[i]).all():
            raise ZooError(f"{path}, line {i + 1}: {line!r} is not x y in pixels")
    if not len(points):
        raise ZooError(f"{path}: has no lines")
    return points
