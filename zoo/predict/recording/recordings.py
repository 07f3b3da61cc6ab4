"""The recordings of a run of `zoo predict`: one fit for each folder of images, each video and each camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from zoo.errors import ZooError
from zoo.geometry.lens import Distortion
from zoo.hub.metadata import ModelMetadata
from zoo.predict.cameras import Cameras
from zoo.predict.frames import Frame
from zoo.predict.recording.answer import answer_all
from zoo.predict.recording.constants import Constants
from zoo.predict.recording.fit import LEAST_FRAMES
from zoo.predict.recording.online import OnlineFit
from zoo.predict.result import EyeResult
from zoo.predict.sources import Source

NEEDS: Final = ("eye3d", "gaze", "keypoints")
"""Types of the heads whose answers are fitted."""

_Key = tuple[str, str | None, bytes | None, Distortion | None]


@dataclass
class _Recording:
    name: str
    fit: OnlineFit = field(default_factory=OnlineFit)
    answered: int = 0  # images, of those that were learnt from


class Recordings:
    """Answers frames with what is constant in their recording.

    The images of a folder are one recording, in the order of their names; so are a video and a camera. Eyes
    of the two sides and frames of different intrinsics are recordings of their own. Images are predicted
    twice: all are learnt from (`learn`), then each is answered with what all of them told (`apply`). Videos
    and cameras are answered as they come, with what is known by then. Memory is bounded either way.

    Raises:
        ZooError: the checkpoint lacks a head, or the camera of a source is not known.
    """

    def __init__(self, metadata: ModelMetadata, sources: Sequence[Source], cameras: Cameras) -> None:
        types = {head.type for head in metadata.network.heads.values()}
        missing = [name for name in NEEDS if name not in types]
        if missing:
            raise ZooError(
                f"--recording: {metadata.name} has no head {' and no '.join(missing)}; it fits what "
                f"the heads {', '.join(NEEDS)} answer"
            )
        for source in sources:
            if cameras.of(source.file) is None:
                raise ZooError(
                    f"--recording: the camera of {source.file} is not known, so 3D would be relative; "
                    "give --camera FX,FY,CX,CY or a csv that has all files"
                )
        self._recordings: dict[_Key, _Recording] = {}

    def learn(self, frames: Sequence[Frame], results: Sequence[EyeResult]) -> None:
        """Take in images, before any of them is answered."""
        for frame, result in zip(frames, results, strict=True):
            self._of(frame, result).fit.learn(result)

    def learnt(self) -> None:
        """All images were taken in."""
        for recording in self._recordings.values():
            recording.fit.refit()

    def apply(self, frames: Sequence[Frame], results: Sequence[EyeResult]) -> list[EyeResult]:
        """The results with their recordings' constants; images come again in the order of `learn`."""
        answered = list(results)
        together: dict[Constants, list[int]] = {}
        for row, (frame, result) in enumerate(zip(frames, results, strict=True)):
            recording = self._of(frame, result)
            if frame.source.kind != "image":
                answered[row] = recording.fit.update(result)
                continue
            constants = recording.fit.at(recording.answered)
            recording.answered += 1
            if constants is not None:
                together.setdefault(constants, []).append(row)
        for constants, rows in together.items():
            for row, result in zip(rows, answer_all([results[row] for row in rows], constants), strict=True):
                answered[row] = result
        return answered

    def notes(self) -> list[str]:
        """What to tell the user of each recording."""
        return [_note(recording) for recording in self._recordings.values()]

    def _of(self, frame: Frame, result: EyeResult) -> _Recording:
        source = frame.source
        place = str(source.path.parent) if source.kind == "image" else source.file
        camera = None if result.camera is None else result.camera.tobytes()
        key = (place, result.eye_side, camera, result.distortion)
        return self._recordings.setdefault(key, _Recording(place))


def _note(recording: _Recording) -> str:
    fit = recording.fit
    slips = f"; the headset slipped at frame {', '.join(map(str, fit.slips))}" if fit.slips else ""
    found = fit.constants
    if found is None:
        return (
            f"{recording.name}: fewer than {LEAST_FRAMES} frames with an open eye to fit: these are the "
            f"network's own answers{slips}"
        )
    x, y, z = found.centre_mm
    return (
        f"{recording.name}: one eye fitted to {found.frames} frames, its centre at ({x:.1f}, {y:.1f}, "
        f"{z:.1f}) mm{slips}"
    )
