"""Frames out of videos and cameras, and overlays into a video. Imports no torch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from zoo.errors import ZooError
from zoo.predict.images import BadImageError, check_size

TimedFrame = tuple[int, float | None, NDArray[np.uint8]]
"""Number of the frame from 0, seconds since the first one, HxW grey."""

_DEFAULT_RATE: Final = Fraction(30)
_CAMERA_FAILURES: Final = 30
_SHORT_FRAMES, _SHORT_SHARE = 2, 0.01  # what sound files lack of the number of frames that they declare


def read_video(path: Path) -> Iterator[TimedFrame | str]:
    """Decode a video frame by frame, in constant memory; a string says what was left out, and why.

    Packets that cannot be decoded are passed over, and their frames keep their numbers.
    """
    try:
        if path.stat().st_size == 0:
            yield "empty file"
            return
        container = av.open(str(path))
    except (OSError, av.error.FFmpegError, UnicodeError) as error:
        yield f"not a video that can be decoded ({_reason(error)})"
        return
    with container:
        if not container.streams.video:
            yield "has no video stream"
            return
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            check_size(stream.height, stream.width)
        except BadImageError as error:
            yield str(error)
            return
        yield from _decode(container, stream)


def _decode(container: Any, stream: Any) -> Iterator[TimedFrame | str]:
    index = lost = 0
    first: float | None = None
    stopped: str | None = None
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (OSError, av.error.FFmpegError) as error:
            stopped = _reason(error)
            break
        if packet is None:
            break
        try:
            frames = packet.decode()
        except (OSError, av.error.FFmpegError):
            lost, index = lost + 1, index + 1
            continue
        for frame in frames:
            if frame.is_corrupt or (frame.height, frame.width) != (stream.height, stream.width):
                lost += 1
            else:
                first = frame.time if first is None else first
                seconds = None if frame.time is None or first is None else frame.time - first
                yield index, seconds, _upright(frame.to_ndarray(format="gray"), frame.rotation)
            index += 1
    missing = stream.frames - index
    if lost:
        yield f"{lost} of {index} frames cannot be decoded"
    if stopped is not None or missing > max(_SHORT_FRAMES, _SHORT_SHARE * stream.frames):
        declared = f" of {stream.frames}" if stream.frames else ""
        reason = f" ({stopped})" if stopped else ""
        yield f"ends after frame {index}{declared}: truncated or damaged{reason}"
    elif index == 0:
        yield "has no frame that can be decoded"


def _upright(image: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """Turn as the file's display matrix says, which gives degrees anticlockwise, as players do."""
    return np.ascontiguousarray(np.rot90(image, round(rotation / 90))) if rotation % 360 else image


def probe(path: Path) -> tuple[int, Fraction | None]:
    """How many frames a video says it has, and how many a second; 0 and None where it does not say."""
    try:
        with av.open(str(path)) as container:
            if container.streams.video:
                return container.streams.video[0].frames, container.streams.video[0].average_rate
    except (OSError, av.error.FFmpegError, UnicodeError):
        pass  # reading it will say what is wrong
    return 0, None


def read_camera(device: int) -> Iterator[TimedFrame | str]:
    """Frames of a camera as they come, until it stops giving any.

    Raises:
        ZooError: it cannot be opened.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # else it lists every driver it tries
    capture = cv2.VideoCapture(device)
    try:
        if not capture.isOpened():
            raise ZooError(f"camera:{device} cannot be opened: is it connected, and free?")
        start = time.monotonic()
        index = failures = 0
        while failures < _CAMERA_FAILURES:
            ok, image = capture.read()
            if not ok:
                failures += 1
                continue
            failures = 0
            grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            yield index, time.monotonic() - start, np.asarray(grey, dtype=np.uint8)
            index += 1
        yield f"gives no more frames after frame {index}"
    finally:
        capture.release()


class VideoWriter:
    """Writes RGB frames into an mp4 that appears under its name when it is closed.

    H.264 where this build of FFmpeg has it, else MPEG-4 part 2. Frames of another size than the first are
    scaled to it.

    Args:
        path: where the video is to be.
        rate: frames per second; None: 30.
        height: of the frames, pixels.
        width: of the frames, pixels.
    """

    def __init__(self, path: Path, rate: Fraction | None, height: int, width: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.mp4")
        h264 = "libx264" in av.codecs_available
        rate = rate if rate is not None and 1 <= rate <= 1000 else _DEFAULT_RATE
        self._container: Any = av.open(str(self._temporary), "w")
        self._stream: Any = self._container.add_stream(
            "libx264" if h264 else "mpeg4",
            rate=rate.limit_denominator(1001 if h264 else 60),  # MPEG-4 part 2 counts time in 16 bits
            options={"preset": "superfast", "crf": "20"} if h264 else {"qscale": "3"},
        )
        self._stream.height, self._stream.width = height + height % 2, width + width % 2  # even, for 4:2:0
        self._stream.pix_fmt = "yuv420p"
        self._size = (height, width)

    def write(self, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append a frame."""
        height, width = self._size
        if image.shape[:2] != self._size:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        self._encode(av.VideoFrame.from_ndarray(image, format="rgb24"))

    def close(self) -> None:
        """Finish the file; what was written is whole, also when the run was interrupted."""
        try:
            self._encode(None)
            self._container.close()
            os.replace(self._temporary, self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except av.error.FFmpegError as error:  # a full disk, say
            raise OSError(error.errno, _reason(error), str(self._path)) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
