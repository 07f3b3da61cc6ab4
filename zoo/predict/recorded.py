"""All images of folders, answered as recordings, where only some of the answers are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.conventions import EyeSide
from zoo.predict.cameras import Cameras
from zoo.predict.frames import Frame, Problem
from zoo.predict.predictor import Predictor
from zoo.predict.recording.recordings import Recordings
from zoo.predict.result import EyeResult
from zoo.predict.rig import Leds
from zoo.predict.run import predicted
from zoo.predict.sources import find_sources


def answers_of_folders(
    predictor: Predictor,
    folders: Sequence[Path],
    cameras: Cameras,
    leds: Leds | None,
    eye_side: EyeSide | None,
    batch_size: int,
) -> dict[Path, EyeResult]:
    """What `zoo predict --recording` answers to the images of folders, by their resolved paths.

    Args:
        leds: of a known rig, whose glints refine the answers.
        eye_side: of frames for which `cameras` knows none.

    Raises:
        ZooError: the checkpoint lacks a head, or the camera of an image is not known.
    """
    found = find_sources(sorted({str(folder) for folder in folders}))
    stills = [source for source in found if source.kind == "image"]
    recordings = Recordings(predictor.metadata, stills, cameras)
    frames: list[Frame] = []
    results: list[EyeResult] = []
    with closing(predicted(predictor, stills, cameras, leds, eye_side, batch_size)) as batches:
        for item in batches:
            if not isinstance(item, Problem):
                recordings.learn(*item)
                frames += [replace(frame, image=np.zeros((0, 0))) for frame in item[0]]  # memory
                results += item[1]
    recordings.learnt()
    answers = recordings.apply(frames, results)
    return {frame.source.path.resolve(): answer for frame, answer in zip(frames, answers, strict=True)}
