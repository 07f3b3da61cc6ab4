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
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from zoo.data.sample import EyeBatch
from zoo.data.sources.frame import EyeFrame, eye_batch
from zoo.data.sources.people import People, subject_numbers
from zoo.data.sources.video import VideoReader, first_frames, frame_count
from zoo.errors import ZooError


class Lpw:
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
        self.root = Path(root)
        self._size = (height, width)
        videos = sorted(self.root.glob("*/*.avi"))
        if not videos:
            raise ZooError(f"{self.root}: holds no <person>/<video>.avi")
        names = [video.parent.name for video in videos]
        numbers = subject_numbers(names)
        self._videos: list[Path] = []
        self._subjects: list[int] = []
        self._points: list[Float[np.ndarray, "N 2"]] = []
        places = []
        for i in people.rows(names, str(self.root)):
            points = _read_points(videos[i].with_suffix(".txt"))
            frames = np.arange(0, min(len(points), frame_count(videos[i], len(points))), every)
            places.append(np.stack([np.full(len(frames), len(self._videos)), frames], 1))
            self._videos.append(videos[i])
            self._subjects.append(numbers[i])
            self._points.append(points)
        self._places = np.concatenate(places)
        self._open: VideoReader | None = None

    def __len__(self) -> int:
        return len(self._places)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}  # a worker process opens the videos itself

    def cheap_rows(self, count: int) -> Int[np.ndarray, "n"]:
        """Rows of the first frames of videos from all over the data set, which are read fast."""
        return first_frames(self._places[:, 0], count)

    def name(self, row: int) -> str:
        """Where the sample is from, for messages."""
        video, frame = self._places[row].tolist()
        return f"{self._videos[video]}, frame {frame}"

    def batch(self, rows: Int[np.ndarray, "B"]) -> EyeBatch:
        """The frames at `rows`, letterboxed, with the pupil's centre."""
        images: list[UInt8[np.ndarray, "_ _"]] = [np.zeros((1, 1), np.uint8)] * len(rows)
        # In the order of the videos, which are decoded once.
        for place in np.argsort(rows, kind="stable"):
            video, frame = self._places[rows[place]].tolist()
            images[place] = self._frame(self._videos[video], frame)
        frames = []
        for row, image in zip(rows, images, strict=True):
            video, frame = self._places[row].tolist()
            u, v = self._points[video][frame].tolist()
            inside = 0 <= u <= image.shape[1] - 1 and 0 <= v <= image.shape[0] - 1
            frames.append(EyeFrame(subject=self._subjects[video], pupil_px=(u, v) if inside else None))
        return eye_batch(images, [None] * len(rows), frames, *self._size, "real", str(self.root))

    def _frame(self, video: Path, number: int) -> UInt8[np.ndarray, "h w"]:
        if self._open is None or self._open.path != video or self._open.position > number:
            self._open = VideoReader(video)
        return self._open.read(number)


def _read_points(path: Path) -> Float[np.ndarray, "N 2"]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: not readable ({error})") from None
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
