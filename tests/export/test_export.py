"""One export of the smallest released checkpoint, looked at from all sides."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

import zoo
from zoo.cli import app
from zoo.errors import ZooError
from zoo.export import measure, run
from zoo.export.run import Exported, export
from zoo.predict import predictor

NAME = "eyenet_nano"
FRAMES = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "CALIBRATION_FRAMES", FRAMES)
        patch.setitem(measure._ROUNDS, "eyes", 3)
        patch.setattr(measure, "_PARITY_FRAMES", 9)
        output = tmp_path_factory.mktemp("export") / "nano.onnx"
        return export(NAME, output, int8=True, frames=FRAMES, console=Console(quiet=True))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered frames as files, of another size and aspect than the canvas."""
    folder = tmp_path_factory.mktemp("frames")
    (batch,) = measure.rendered_eyes(measure.EXAM, 3, 150, 180)
    for number, image in enumerate(batch["image"][:, 0].numpy()):
        cv2.imwrite(str(folder / f"{number}.png"), (255 * image).round().astype(np.uint8))
    return folder


def command(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output
    return result


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_fp32_is_pytorch_at_two_batch_sizes_and_two_resolutions(made: Exported) -> None:
    assert made.report is not None and made.report_path is not None
    assert json.loads(made.report_path.read_text()) == made.report
    compared = [item for item in made.report["parity"] if item["precision"] == "fp32"]
    assert {(item["batch"], *item["size"]) for item in compared} == {
        (batch, *size) for batch in (1, 8) for size in ((160, 120), (240, 180))
    }
    worst = made.report["worst"]["fp32"]
    assert worst["deg"] < 0.01 and worst["px"] < 0.01 and worst["share"] < 0.001
    heads = {name.partition(".")[0] for item in compared for name in item["errors"]}
    assert heads == {"blink", "segmentation", "keypoints", "eye3d", "gaze"}


def test_predictions_of_the_file_are_those_of_the_checkpoint(
    made: Exported, frames: Path, tmp_path: Path
) -> None:
    (tmp_path / "cameras.csv").write_text(
        "file,fx,fy,cx,cy,eye_side\n"
        + "".join(f"{n}.png,260,260,90,75,{('left', 'right')[n % 2]}\n" for n in range(3))
    )
    tables = []
    for name in (NAME, made.files["fp32"].path):
        out = tmp_path / Path(name).stem
        result = command(
            "predict", name, frames, "-o", out, "--camera", tmp_path / "cameras.csv", "--device", "cpu"
        )
        assert result.exit_code == 0, result.output
        tables.append(table(out))
    ours, theirs = tables
    assert len(ours) == len(theirs) == 3
    for expected, found in zip(ours, theirs, strict=True):
        assert expected.keys() == found.keys() and expected["file"] == found["file"]
        for column, value in expected.items():
            if value and column != "file":
                assert float(found[column]) == pytest.approx(float(value), abs=5e-3), column
            else:
                assert found[column] == value
    assert any(row["visual_x"] for row in ours)


def test_int8_is_int8_smaller_and_near(made: Exported) -> None:
    small, full = made.files["int8"], made.files["fp32"]
    assert small.precision == "int8" and len(small.blob) < 0.7 * len(full.blob)
    graph = onnx.load_from_string(small.blob).graph
    assert sum(node.op_type == "QuantizeLinear" for node in graph.node) > 10
    assert made.report is not None
    costs = made.report["int8"]["metrics"]
    assert set(costs["segmentation/miou"]) == {"pytorch", "fp32", "int8"}
    for metric, values in costs.items():
        assert values["fp32"] == pytest.approx(values["pytorch"], rel=1e-3, abs=1e-3), metric
    assert costs["segmentation/miou"]["int8"] > 0.8 * costs["segmentation/miou"]["pytorch"]


def test_the_library_loads_the_file_as_it_does_a_checkpoint(made: Exported) -> None:
    model = zoo.load(made.files["fp32"].path)
    image = np.full((90, 70), 0.5, dtype=np.float32)
    image[30:60, 20:50] = 0.1
    ours, theirs = (
        zoo.load(NAME, "cpu")([image, image[:, ::-1].copy()]),
        model([image, image[:, ::-1].copy()]),
    )
    assert [result.openness for result in theirs] == pytest.approx(
        [result.openness for result in ours], abs=1e-4
    )
    with pytest.raises(ZooError, match="on the CPU here, not on cuda"):
        predictor.load(made.files["fp32"].path, "cuda")


def test_canvases_that_the_graph_was_not_made_for_are_named(made: Exported) -> None:
    session = measure.sessions({"fp32": made.files["fp32"]})["fp32"]
    with pytest.raises(ZooError, match=r"cannot run on image \[1, 3, 120, 160\]"):
        session(
            torch.zeros(1, 3, 120, 160),
            torch.ones(1, 120, 160, dtype=torch.bool),
            torch.eye(3)[None],
            torch.zeros(1, dtype=torch.long),
        )


def test_a_tampered_file_is_refused_by_predict(made: Exported, frames: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    blob = bytearray(made.files["fp32"].blob)
    blob[len(blob) // 2] ^= 16  # one bit of a weight
    bad.write_bytes(blob)
    result = command("predict", bad, frames, "-o", tmp_path / "out")
    assert result.exit_code == 2 and "altered or damaged, so refused" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "x.onnx", "--format", "onx"], "did you mean 'onnx'?"),
        (["-o", "x.pt"], "ends in .onnx"),
        (["-o", "x.onnx", "--kind", "views"], "looks at eyes"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], text: str) -> None:
    result = command("export", NAME, *arguments)
    assert result.exit_code == 2 and text in " ".join(result.output.split())


def test_int8_of_depth_is_refused(tmp_path: Path) -> None:
    result = command("export", "deltas_s", "-o", tmp_path / "d.onnx", "--int8")
    assert result.exit_code == 2 and "--int8 is for networks of eyes" in " ".join(result.output.split())


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ZooError, match=r"needs onnxruntime.*eye-room-zoo\[export\]"):
        export(NAME, tmp_path / "x.onnx", console=Console(quiet=True))
