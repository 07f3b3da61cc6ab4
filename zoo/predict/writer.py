"""Where predictions go: the table, masks and overlays under one output folder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from jaxtyping import Shaped

from zoo.draw import overlay
from zoo.errors import ZooError
from zoo.files import replacing
from zoo.predict.frames import Frame
from zoo.predict.result import EyeResult
from zoo.predict.sources import Source
from zoo.predict.table import Table
from zoo.predict.video import VideoWriter, probe


class Writer:
    """Writes `predictions.csv`, `masks/<stem>[_<frame>].png` and `overlays/<stem>.png` or `.mp4`.

    Leaving the context finishes the table and the open video, whatever ended the run.

    Raises:
        ZooError: the folder cannot be written to, or the disk is full.
    """

    def __init__(self, folder: Path, overlays: bool, masks: bool) -> None:
        self._folder = folder
        self._overlays = overlays
        self._masks = masks
        self._video: VideoWriter | None = None
        self._video_source: Source | None = None

    def __enter__(self) -> Writer:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._table = Table(self._folder / "predictions.csv")
        except OSError as error:
            raise _write_error(self._folder, error) from None
        return self

    def write(self, frames: list[Frame], results: list[EyeResult]) -> None:
        """Write a batch; a frame's row comes last, so that a row has all its files."""
        try:
            for frame, result in zip(frames, results, strict=True):
                if self._masks and result.segmentation is not None:
                    self._write_png(self._folder / "masks" / _mask_name(frame), result.segmentation)
                if self._overlays:
                    self._write_overlay(frame, result)
                self._table.write(frame.source.file, frame.index, frame.time_s, result)
            self._table.flush()
        except OSError as error:
            raise _write_error(self._folder, error) from None

    def _write_overlay(self, frame: Frame, result: EyeResult) -> None:
        picture = overlay(frame.image, result)
        path = self._folder / "overlays" / frame.source.key
        if frame.source.kind == "image":
            self._write_png(path.with_name(path.name + ".png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            return
        if self._video is None or frame.source != self._video_source:
            self._close_video()
            rate = probe(frame.source.path)[1] if frame.source.kind == "video" else Fraction(30)
            self._video_source = frame.source
            self._video = VideoWriter(path.with_name(path.name + ".mp4"), rate, *picture.shape[:2])
        self._video.write(picture)

    @staticmethod
    def _write_png(path: Path, image: Shaped[np.ndarray, "..."]) -> None:
        done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        assert done, "OpenCV encodes every 8-bit image as PNG"
        with replacing(path) as temporary:
            temporary.write_bytes(data.tobytes())

    def _close_video(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                self._close_video()
            finally:
                self._table.close()
        except OSError as failed:
            if kind is None:
                raise _write_error(self._folder, failed) from None


def _mask_name(frame: Frame) -> str:
    still = frame.source.kind == "image"
    return f"{frame.source.key}.png" if still else f"{frame.source.key}_{frame.index:06d}.png"


def _write_error(folder: Path, error: OSError) -> ZooError:
    where = error.filename or folder
    return ZooError(f"cannot write {where}: {error.strerror or error}; what was done stays")
