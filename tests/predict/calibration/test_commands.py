"""`zoo calibrate` and `zoo predict --calibration`."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.hub.tiny import described
from tests.predict.calibration.made import GRID, SHA, angles, result
from zoo.cli import app
from zoo.config.rendering import load_rig
from zoo.conventions import EYE_SIDES
from zoo.errors import ZooError
from zoo.hub.metadata import Weights
from zoo.model.config import Eye3dConfig, GazeConfig, KeypointsConfig
from zoo.predict import run as predict_run
from zoo.predict.calibration import run as calibrate_run
from zoo.predict.calibration.calibration import Calibration
from zoo.predict.calibration.file import read
from zoo.predict.calibration.run import calibrate
from zoo.predict.predictor import Predictor
from zoo.predict.result import EyeResult
from zoo.predict.run import predict_sources


@pytest.fixture(autouse=True)
def eyes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints of these tests have no file that would say what they look at."""
    monkeypatch.setattr("zoo.predict.dispatch.for_rooms", lambda *_: False)


class Fake(Predictor):
    """Predicts, of a frame of grey 10 n, the n-th of `results`, with the side that it is told."""

    def __init__(self, results: Sequence[EyeResult], sha256: str = SHA) -> None:
        self.results = results
        base = described("fake")
        heads = {"gaze": GazeConfig(), "eye3d": Eye3dConfig(), "keypoints": KeypointsConfig()}
        network = base.network.model_copy(update={"heads": heads})
        weights = Weights(sha256=sha256, size_bytes=1, parameters=1)
        self.metadata = base.model_copy(update={"network": network, "weights": weights})

    def predict(
        self,
        images: Sequence[Any],
        cameras: Sequence[Any],
        eye_sides: Sequence[Any],
        segmentation: bool = True,
        distortions: Sequence[Any] = (),
        leds_mm: Any = None,
    ) -> list[EyeResult]:
        self.leds_mm = leds_mm
        return [
            replace(self.results[int(image[0, 0]) // 10], eye_side=side, camera_known=camera is not None)
            for image, camera, side in zip(images, cameras, eye_sides, strict=True)
        ]


SHUT = 9


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake([*(result(*seen, cornea_mm=(0.0, 0.0, 40.0)) for seen in GRID), EyeResult(120, 160)])
    monkeypatch.setattr(calibrate_run, "load", lambda *_: made)
    monkeypatch.setattr(predict_run, "load", lambda *_: made)
    return made


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Nine frames, a shut eye and a file that is no image; targets are 2 up and 4 right of predictions."""
    for number in range(10):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 60), 10 * number, dtype=np.uint8))
    (tmp_path / "bad.png").write_text("no image")
    lines = [f"{n}.png,{p + 2},{y - 4}" for n, (p, y) in enumerate(GRID)] + ["9.png,0,0", "bad.png,0,0"]
    (tmp_path / "samples.csv").write_text("\n".join(["file,target_pitch_deg,target_yaw_deg", *lines]))
    return tmp_path / "samples.csv"


def calibrated(table: Path, **options: Any) -> tuple[Calibration, str]:
    console = Console(file=io.StringIO(), record=True, width=300)
    made = calibrate("fake", table, table.parent / "me.json", console=console, **options)
    return made, console.export_text()


def test_calibrate_and_predict_from_the_command_line(fake: Fake, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "me.json"
    options = ["--model", "offset", "--camera", "100,100,30,20", "--eye-side", "left", "--device", "cpu"]
    ended = CliRunner().invoke(app, ["calibrate", "fake", str(table), "-o", str(out), *options])
    assert ended.exit_code == 0, ended.output
    assert (
        "skipped: 9.png: no gaze is predicted" in ended.output
        and "skipped: bad.png: not an im" in ended.output
    )
    assert "offset: pitch +2.00, yaw -4.00 degrees; left eye, 9 samples used, 2 left out" in ended.output
    content = json.loads(out.read_text())
    assert content["checkpoint"] == {"name": "fake", "sha256": SHA} and len(content["date"]) == 10
    assert (content["used"], content["left_out"], content["skipped"]) == (9, 2, ["bad.png", "9.png"])
    assert content["leave_one_out_error_deg"] < 1e-4 and content["raw_error_deg"] > 3

    arguments = [
        "predict",
        "fake",
        str(tmp_path / "4.png"),
        str(tmp_path / "9.png"),
        "-o",
        str(tmp_path / "out"),
    ]
    ended = CliRunner().invoke(app, [*arguments, "--no-overlays", "--calibration", str(out)])
    assert ended.exit_code == 0, ended.output
    assert "are taken for the left eye" in ended.output and "was made with --camera" in ended.output
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        row, shut = csv.DictReader(file)
    assert angles([float(row[f"visual_{axis}"]) for axis in "xyz"]) == pytest.approx((2, -4), abs=0.01)
    assert float(row["optical_pitch_deg"]) == 0 and shut["visual_x"] == ""


def test_calibrate_tells_mistakes_without_a_stack_trace(fake: Fake, table: Path) -> None:
    for arguments, message in (
        (["--model", "ofset"], "--model 'ofset' is not valid; did you mean 'offset'?"),
        (["--eye-side", "L"], "--eye-side 'L' is not valid; valid: left, right"),
        (["--model", "kappa"], "needs the eye's side"),
        (["--camera", "1,2"], "neither four numbers"),
    ):
        ended = CliRunner().invoke(
            app, ["calibrate", "fake", str(table), "-o", str(table.parent / "x"), *arguments]
        )
        assert ended.exit_code == 2 and message in ended.output and "Traceback" not in ended.output
    assert not (table.parent / "x").exists()


def test_a_calibration_of_other_weights_is_refused(fake: Fake, table: Path, monkeypatch: Any) -> None:
    calibrated(table)
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(fake.results, sha256="b" * 64))
    frame, out = str(table.parent / "4.png"), table.parent / "out"
    with pytest.raises(
        ZooError, match="SHA-256 aaaaaaaaaaaa, not for fake with bbbbbbbbbbbb; calibrate again"
    ):
        predict_sources("fake", [frame], out, calibration=table.parent / "me.json")
    assert not out.exists()


def test_a_calibration_of_the_other_eye_is_refused_before_anything_is_written(
    fake: Fake, table: Path
) -> None:
    calibrated(table, eye_side="right")
    cameras, out = table.parent / "cameras.csv", table.parent / "out"
    cameras.write_text("file,fx,fy,cx,cy,eye_side\n4.png,100,100,30,20,left\n")
    with pytest.raises(ZooError, match=r"4\.png shows the left eye"):
        predict_sources(
            "fake",
            [str(table.parent / "4.png")],
            out,
            camera=str(cameras),
            calibration=table.parent / "me.json",
        )
    assert not out.exists()


def test_of_a_table_of_both_eyes_one_is_taken(fake: Fake, table: Path) -> None:
    lines = [f"{n}.png,{p + 2},{y - 4},{EYE_SIDES[n % 2]}" for n, (p, y) in enumerate(GRID)]
    table.write_text("\n".join(["file,target_pitch_deg,target_yaw_deg,eye_side", *lines]))
    with pytest.raises(ZooError, match="different eye_side"):
        calibrated(table)
    made, shown = calibrated(table, eye_side="left", model="kappa")
    assert (made.used, made.eye_side) == (5, "left") and "4 samples of the other eye are not used" in shown


def test_names_that_are_not_utf8(fake: Fake, table: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    cv2.imwrite(str(table.parent / "0.png"), np.zeros((40, 60), dtype=np.uint8))
    (table.parent / "0.png").rename(table.parent / name)
    table.write_bytes(b"file,target_pitch_deg,target_yaw_deg\n\xff.png,-10,-19\n")
    made, _ = calibrated(table)
    assert [row.name for row in made.samples] == ["\ufffd.png"] and read(table.parent / "me.json") == made


def test_table_and_camera_must_agree_on_the_side(fake: Fake, table: Path) -> None:
    cameras = table.parent / "cameras.csv"
    cameras.write_text("file,fx,fy,cx,cy,eye_side\n0.png,100,100,30,20,left\n")
    table.write_text("file,target_pitch_deg,target_yaw_deg,eye_side\n0.png,0,0,right\n")
    with pytest.raises(ZooError, match=r"0\.png: is the right eye in the table and the left one of --camera"):
        calibrated(table, camera=str(cameras))


def test_a_calibration_on_a_known_rig_says_so_where_it_is_used_without(fake: Fake, table: Path) -> None:
    rig = table.parent / "rig.yaml"
    headset = load_rig("headset").model_dump(mode="json") | {"width": 60, "height": 40}
    rig.write_text(json.dumps(headset))
    made, _ = calibrated(table, rig=str(rig))
    assert made.leds_known and made.camera_known and len(fake.leds_mm) == 6
    for options, told in (({"rig": str(rig)}, False), ({"camera": str(rig)}, True)):
        console = Console(file=io.StringIO(), record=True, width=300)
        sources = [str(table.parent / "0.png")]
        predict_sources(
            "fake",
            sources,
            table.parent / "out",
            calibration=table.parent / "me.json",
            console=console,
            **options,  # type: ignore[arg-type]
        )
        assert ("was made with --rig" in console.export_text()) == told


def test_a_checkpoint_without_gaze_is_refused(fake: Fake, table: Path) -> None:
    fake.metadata = described("fake").model_copy(update={"weights": fake.metadata.weights})
    with pytest.raises(ZooError, match="predicts no gaze"):
        calibrated(table)


def test_only_shut_eyes_are_too_few(fake: Fake, table: Path) -> None:
    table.write_text(f"file,target_pitch_deg,target_yaw_deg\n{SHUT}.png,0,0\n")
    with pytest.raises(ZooError, match="0 usable samples"):
        calibrated(table)
    assert not (table.parent / "me.json").exists()
