"""Pictures that hardly agree along the stated poses are told, and the usual mistakes named."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tests.data import captured
from zoo.data.captures.poses import OPENGL_TO_OPENCV, inverse
from zoo.data.views import ViewSample
from zoo.predict.rooms import run
from zoo.predict.rooms.predictor import FittedDepth, RoomPredictor


class Sceptic(RoomPredictor):
    """In place of a trained network: sure where the anchor's pose is a true one, as matches then agree."""

    def __init__(self, true: Sequence[np.ndarray]) -> None:
        canvas = SimpleNamespace(height=24, width=32)
        self.metadata: Any = SimpleNamespace(network=SimpleNamespace(canvas=lambda kind: canvas))
        self._session = None
        self._true = true
        self.asked = 0

    def predict(self, samples: Sequence[ViewSample]) -> list[FittedDepth]:
        self.asked += len(samples)
        return [self._one(sample["cam_to_world"][0].numpy()) for sample in samples]

    def _one(self, pose: np.ndarray) -> FittedDepth:
        right = any(np.allclose(pose, true, atol=1e-4) for true in self._true)
        depth = np.full((24, 32), 2, np.float32)
        none = np.zeros(0, np.float32)
        return FittedDepth(depth, depth * (0.01 if right else 0.2), none.reshape(0, 2), none, none)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: p, ""),
        (inverse, "world-to-camera: invert them to camera-to-world (then 100% of it is sure)"),
        (lambda p: p @ OPENGL_TO_OPENCV, "OpenGL's camera axes"),
        (lambda p: p @ np.diag([-1.0, -1.0, 1.0, 1.0]), "whether the intrinsics are those of these pictures"),
    ],
)
def test_poses_that_the_pictures_contradict(
    change: Callable[[np.ndarray], np.ndarray], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = captured.room(count=6)
    captured.hololens(tmp_path / "walk", scene._replace(poses=[change(pose) for pose in scene.poses]))
    for path in (tmp_path / "walk" / "depth").iterdir():
        path.unlink()  # with depth the capture's own consistency tells it, before anything runs
    (tmp_path / "walk" / "depth").rmdir()
    sceptic = Sceptic(scene.poses)
    monkeypatch.setattr(run, "load", lambda *_: sceptic)
    console = Console(file=io.StringIO(), record=True, width=400)
    run.predict_rooms("fake", [str(tmp_path / "walk")], tmp_path / "out", mesh=False, console=console)
    text = console.export_text()
    assert (told in text) if told else ("hardly agree" not in text)
    assert ("hardly agree along the stated poses" in text) == bool(told)
    assert sceptic.asked == (14 if told else 6)  # nothing more is asked where all is well
