"""Frames of labelled videos by their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import Int, UInt8

from zoo.data.sources.frame_source import FrameSource
from zoo.errors import ZooError


class VideoReader:
    """Decodes a video from its start: frame i belongs to line i, which time stamps would blur.

    Args:
        path: of the video; frames behind `position` need a new reader.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        """The number of the last frame that was decoded, which may be read again."""
        self._next = 0
        self._image: UInt8[np.ndarray, "h w"] | None = None
        self._frames = self._decode()

    def read(self, number: int) -> UInt8[np.ndarray, "h w"]:
        """Frame `number` as 8-bit grey; ZooError where the video ends before it or is damaged."""
        while self._next <= number:
            frame = next(self._frames, None)
            if frame is None:
                raise ZooError(f"{self.path}: ends after {self._next} frames, but frame {number} is labelled")
            self.position, self._next = self._next, self._next + 1
            if self.position == number:
                self._image = frame.to_ndarray(format="gray")
        assert self._image is not None
        return self._image

    def _decode(self) -> Any:
        try:
            with av.open(str(self.path)) as container:
                yield from container.decode(video=0)
        except (OSError, av.FFmpegError, IndexError) as error:
            raise ZooError(f"{self.path}: not a readable video ({error})") from None


class VideoSource(FrameSource):
    """A data set of labelled videos. Frames out of order are slow, because decoding begins at the start.

    Args:
        videos: each with how many of its frames have labels.
        every: of so many frames of a video the first is used.
    """

    def __init__(
        self, root: Path | str, height: int, width: int, videos: Sequence[tuple[Path, int]], every: int
    ) -> None:
        super().__init__(root, height, width)
        self.videos = [path for path, _ in videos]
        lengths = [min(labelled, frame_count(path, labelled)) for path, labelled in videos]
        frames = [np.arange(0, length, every) for length in lengths]
        self._places = np.stack(
            [np.repeat(np.arange(len(frames)), [len(f) for f in frames]), np.concatenate(frames)], axis=1
        )
        self._reader: VideoReader | None = None

    def __len__(self) -> int:
        return len(self._places)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reader": None}  # a worker process opens the videos itself

    def cheap_rows(self, count: int) -> Int[np.ndarray, "n"]:
        """Rows of the first frames of videos from all over the data set, which are read fast."""
        return first_frames(self._places[:, 0], count)

    def place(self, row: int) -> tuple[int, int]:
        """Which of `videos`, and which of its frames, from 0."""
        video, frame = self._places[row].tolist()
        return video, frame

    def image(self, row: int) -> UInt8[np.ndarray, "h w"]:
        """The frame as 8-bit grey; ZooError where its video ends before it or is damaged."""
        video, number = self.place(row)
        path = self.videos[video]
        if self._reader is None or self._reader.path != path or self._reader.position > number:
            self._reader = VideoReader(path)
        return self._reader.read(number)


def frame_count(path: Path, otherwise: int) -> int:
    """How many frames the video's header says that it has; labels may go on after its end."""
    try:
        with av.open(str(path)) as container:
            return container.streams.video[0].frames or otherwise
    except (OSError, av.FFmpegError, IndexError) as error:
        raise ZooError(f"{path}: not a readable video ({error})") from None


def first_frames(videos: Int[np.ndarray, "N"], count: int) -> Int[np.ndarray, "n"]:
    """About `count` rows: the first few of each video, or of some videos where there are more.

    Args:
        videos: the video of each row, in the order of the rows.
        count: how many rows are wanted.
    """
    starts = np.unique(videos, return_index=True)[1]
    chosen = starts[np.unique(np.linspace(0, len(starts) - 1, min(count, len(starts))).round().astype(int))]
    each = -(-count // len(chosen))
    rows = [np.arange(start, start + each) for start in chosen.tolist()]
    here = [row[(row < len(videos))] for row in rows]
    return np.concatenate([row[videos[row] == videos[row[0]]] for row in here])[:count]
