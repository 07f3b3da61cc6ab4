"""`--recording` in the commands and in the exam."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from tests.hub.tiny import described
from tests.predict.recording.made import Noise, errors, fitted, record
from zoo.cli import app
from zoo.errors import ZooError
from zoo.exam import recording as exam
from zoo.exam.recording import score
from zoo.geometry.angles import angle_between, vector_to_angles
from zoo.geometry.eye import apply_kappa
from zoo.geometry.rotations import listing
from zoo.hub.metadata import Weights
from zoo.model.config import Eye3dConfig, GazeConfig, KeypointsConfig
from zoo.model.heads.gaze import MEAN_KAPPA
from zoo.predict import run as predict_run
from zoo.predict.calibration import run as calibrate_run
from zoo.predict.calibration.calibration import Calibration
from zoo.predict.calibration.corrections import Kappa
from zoo.predict.predictor import Predictor
from zoo.predict.recording.answer import answer_all
from zoo.predict.recording.fit import LEAST_FRAMES
from zoo.predict.result import EyeResult
from zoo.predict.run import predict_sources


@pytest.fixture(autouse=True)
def eyes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints of these tests have no file that would say what they look at."""
    monkeypatch.setattr("zoo.predict.dispatch.for_rooms", lambda *_: False)


class Fake(Predictor):
    """Predicts, of a frame of grey n, the n-th of `results`."""

    def __init__(self, results: Sequence[EyeResult], heads: dict[str, Any]) -> None:
        self.results = results
        base = described("fake")
        network = base.network.model_copy(update={"heads": heads})
        weights = Weights(sha256="a" * 64, size_bytes=1, parameters=1)
        self.metadata = base.model_copy(update={"network": network, "weights": weights})

    def predict(self, images: Sequence[Any], *_: Any, **__: Any) -> list[EyeResult]:
        return [self.results[round(float(image[0, 0]))] for image in images]


HEADS = {"eye3d": Eye3dConfig(), "gaze": GazeConfig(), "keypoints": KeypointsConfig()}


def frames_in(folder: Path, numbers: range) -> Path:
    folder.mkdir()
    for number in numbers:
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.full((40, 60), number, dtype=np.uint8))
    return folder


def test_predict_fits_each_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = record(0, frames=20), record(1, frames=20)
    shown = [*first.results, *second.results, *record(2, frames=3).results]
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(shown, HEADS))
    folders = [
        frames_in(tmp_path / name, rows)
        for name, rows in (("a", range(20)), ("b", range(20, 40)), ("c", range(40, 43)))
    ]
    (tmp_path / "a" / "000a.png").write_text("no image")
    console = Console(file=io.StringIO(), record=True, width=300)
    summary = predict_sources(
        "fake",
        [str(folder) for folder in folders],
        tmp_path / "out",
        overlays=False,
        camera="300,300,160,120",
        recording=True,
        console=console,
    )
    told = console.export_text()
    assert (summary.frames, summary.skipped) == (43, 1) and told.count("000a.png") == 1
    assert f"{folders[0]}: one eye fitted to 20 frames" in told
    assert f"{folders[2]}: fewer than {LEAST_FRAMES} frames with an open eye" in told
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    written = torch.tensor([[float(row[f"optical_{axis}"]) for axis in "xyz"] for row in rows])
    for start, made in ((0, first), (20, second)):
        axes = written[start : start + 20].double()
        after = torch.rad2deg(angle_between(axes, made.eye.optical)).mean()
        assert after < errors(made.results, made).mean() / 1.7
    own = torch.tensor([result.optical for result in shown[40:]])
    torch.testing.assert_close(written[40:], own, atol=1e-6, rtol=0)


def test_a_calibration_holds_after_the_recording() -> None:
    """The kappa that it states is laid on the axis that the recording found."""
    made = record(5, frames=12)
    person = Calibration(
        eye_side="right",
        camera_known=True,
        correction=Kappa(alpha_deg=7.0, beta_deg=0.0),
        used=9,
        left_out=0,
        raw_error_deg=1,
        fitted_error_deg=1,
        leave_one_out_error_deg=1,
        samples=(),
    )
    for result in answer_all(made.results, fitted(made.results)):
        visual = person.apply(result).visual
        angle = float(torch.rad2deg(angle_between(torch.tensor(visual), torch.tensor(result.optical))))
        assert angle == pytest.approx(7, abs=0.01)


def test_calibrated_with_the_recording_the_shared_error_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record(6, frames=24, noise=Noise(axis_deg=3.0, shared_deg=4.0))
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(made.results, HEADS))
    monkeypatch.setattr(calibrate_run, "load", lambda *_: Fake(made.results, HEADS))
    folder = frames_in(tmp_path / "a", range(24))
    kappa = torch.tensor(math.radians(7.0)), torch.tensor(0.0)
    visual = apply_kappa(listing(made.eye.optical), *kappa, torch.tensor(1))
    targets = torch.rad2deg(vector_to_angles(visual)).tolist()
    rows = [f"a/{n:03d}.png,{targets[n][0]},{targets[n][1]}" for n in range(9)]
    (tmp_path / "samples.csv").write_text("\n".join(["file,target_pitch_deg,target_yaw_deg", *rows]))
    options = ["--camera", "300,300,160,120", "--recording"]
    me, out = str(tmp_path / "me.json"), tmp_path / "out"
    arguments = ["calibrate", "fake", str(tmp_path / "samples.csv"), "-o", me, "--eye-side", "right"]
    ended = CliRunner().invoke(app, [*arguments, "--model", "kappa", *options])
    assert ended.exit_code == 0, ended.output
    arguments = ["predict", "fake", str(folder), "-o", str(out), "--no-overlays", "--calibration", me]
    ended = CliRunner().invoke(app, [*arguments, *options])
    assert ended.exit_code == 0 and "--recording" not in ended.output, ended.output
    with (out / "predictions.csv").open(newline="") as file:
        found = [[float(row[f"visual_{axis}"]) for axis in "xyz"] for row in csv.DictReader(file)]
    off = torch.rad2deg(angle_between(torch.tensor(found, dtype=torch.float64), visual))
    assert off[9:].mean() < 1.5 < errors(made.results, made).mean()
    ended = CliRunner().invoke(app, [*arguments, "--camera", options[1]])
    assert ended.exit_code == 0 and "was made with --recording" in " ".join(ended.output.split())


def test_the_exam_measures_frames_that_did_not_calibrate() -> None:
    made = record(7, frames=16)
    eye, seen = made.eye, torch.ones(16)
    visual = apply_kappa(eye.rotation, *MEAN_KAPPA, torch.tensor(1))
    table = score(exam.Recording(made.results, eye.optical, visual, eye.cornea, seen, seen > 0), samples=9)
    np.testing.assert_allclose(table["raw/optical_deg"], errors(made.results, made))
    means = {name: table[name].mean() for name in table.columns}
    assert means["recording/optical_deg"] < means["raw/optical_deg"] / 1.7
    assert means["recording/visual_kappa_deg"] < means["raw/visual_kappa_deg"]
    assert table["raw/visual_kappa_deg"].null_count() == table["recording/visual_deg"].null_count() == 9


def test_predict_says_what_a_recording_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = frames_in(tmp_path / "a", range(3))
    arguments = ["predict", "fake", str(folder), "-o", str(tmp_path / "out"), "--recording"]
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(record(frames=3).results, HEADS))
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 2 and "the camera of" in ended.output and "give --camera" in ended.output
    without = {name: head for name, head in HEADS.items() if name != "eye3d"}
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(record(frames=3).results, without))
    with pytest.raises(ZooError, match="has no head eye3d"):
        predict_sources("fake", [str(folder)], tmp_path / "out", camera="3,3,1,1", recording=True)
    assert not (tmp_path / "out").exists()
