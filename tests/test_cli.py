from __future__ import annotations

import csv
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from tests.hub.tiny import TINY, described, listed
from zoo.cli import app
from zoo.config.rendering import load_rig
from zoo.hub import checkpoint, index
from zoo.model.network import Network
from zoo.predict import run
from zoo.predict.video import VideoWriter


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    checkpoint.save(root / "tiny", Network(TINY), described("tiny"))
    listed(root / "tiny")
    return root


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 255, (40, 60), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), noise)
    return folder


def zoo(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert "Traceback" not in result.output
    return result


def test_predict_ends_with_0_and_says_where_the_results_are(
    released: Path, frames: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = zoo(
        "predict", released / "tiny", frames, "-o", out, "--masks", "--batch-size", "2", "--device", "cpu"
    )
    assert result.exit_code == 0, result.output
    assert f"3 frames -> {out / 'predictions.csv'}; 0 skipped" in result.output
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in rows] == ["0.png", "1.png", "2.png"]
    assert all(0 <= float(row["openness"]) <= 1 for row in rows)
    assert len(list((out / "overlays").iterdir())) == len(list((out / "masks").iterdir())) == 3


def test_predict_ends_with_1_where_something_was_skipped(
    released: Path, frames: Path, tmp_path: Path
) -> None:
    (frames / "bad.png").write_text("no image")
    result = zoo("predict", released / "tiny", frames, "-o", tmp_path / "out", "--no-overlays")
    assert result.exit_code == 1
    assert f"skipped: {frames / 'bad.png'}: not an image" in result.output
    assert "1 skipped (named above)" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "{tiny}", "nowhere.png", "-o", "out"], "nowhere.png: no such file"),
        (["predict", "nothing_like_it", "{frames}", "-o", "out"], "no checkpoint 'nothing_like_it'"),
        (
            ["predict", "{tiny}", "{frames}", "-o", "out", "--device", "tpu"],
            "no device 'tpu' here; valid: auto, cpu",
        ),
        (["predict", "{tiny}", "{frames}", "-o", "out", "--camera", "1,2"], "neither four numbers"),
        (["predict", "{tiny}", "{frames}"], "--output"),
        (["predict", "{tiny}", "{frames}", "-o", "out", "--batch-size", "0"], "batch-size"),
        (["info", "nothing_like_it"], "no checkpoint 'nothing_like_it'"),
        (["train", "nonsense"], "expected key=value"),
        (["render", "eyes"], "-o FOLDER for a pool or --sheet"),
        (["render", "eyes", "--sheet", "a.png", "--size", "12"], "--size 12: WxH"),
        (["render", "eyes", "--sheet", "a.png", "--domain", "nope"], "no domain 'nope'"),
        (["render", "eyes", "-o", "pool", "--labels"], "--labels draws on the picture of --sheet"),
        (["render", "rooms"], "-o FOLDER for a pool or --sheet"),
        (["render", "rooms", "--sheet", "a.png", "--size", "12"], "--size 12: WxH"),
        (["render", "rooms", "--sheet", "a.png", "--domain", "unsen"], "did you mean 'unseen'"),
        (["render", "rooms", "--sheet", "a.png", "--views", "1"], "views"),
    ],
)
def test_mistakes_end_with_2_and_a_message(
    released: Path,
    frames: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"tiny": released / "tiny", "frames": frames}
    result = zoo(*[argument.format(**places) for argument in arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_list_info_and_verify(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_find_root", lambda: released)
    monkeypatch.setenv("COLUMNS", "200")
    listed_names = zoo("list").output
    assert "tiny" in listed_names and "blink, keypoints, segmentation" in listed_names
    assert " 0.5 " in listed_names or " 0.5\n" in listed_names  # its mIoU
    shown = zoo("info", "tiny").output
    assert shown.startswith("tiny.noise@1, released ") and "is tiny" in shown
    assert shown.endswith((released / "tiny" / "README.md").read_text() + "\n")
    assert zoo("info", released / "tiny").output == (released / "tiny" / "README.md").read_text() + "\n"
    assert zoo("verify").exit_code == 0
    assert "tiny: ok" in zoo("verify", "tiny").output
    result = zoo("verify", "tiny", "other")
    assert (
        result.exit_code == 1
        and "did you mean" not in result.output
        and "other: no checkpoint" in result.output
    )


@pytest.mark.parametrize("width", [80, 50])
def test_a_list_in_a_narrow_terminal_keeps_names_whole(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    shown = zoo("list", "--all").output
    lines = shown.splitlines()
    assert max(map(len, lines)) <= width
    for name in ("eyenet_nano", "eyenet_s_headset", "eyenet_nano.rendered@2", "eyenet_s.rendered@4"):
        assert any(line.startswith((f"{name} ", f"{name}, ")) or line == name for line in lines), name
    assert "0.27 M" in shown and ("absrel" in shown) == (width == 80 or "no room here for" in shown)


def test_info_of_a_checkpoint_whose_weights_are_elsewhere(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.json").write_text((released / "index.json").read_text())
    monkeypatch.setattr(index, "_find_root", lambda: tmp_path)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    result = zoo("info", "tiny")
    assert result.exit_code == 0
    assert "weights not in this installation" in result.output and "input: 48x32" in result.output
    monkeypatch.setenv("COLUMNS", "200")
    assert "(weights not in this installation)" in zoo("list").output
    result = zoo("predict", "tiny", "x.png", "-o", "out")
    assert result.exit_code == 2 and "are not in this installation" in result.output
    result = zoo("predict", "tiny", "x.png", "-o", "out", "--index", released)  # a mirror that has them
    assert result.exit_code == 2 and "x.png: no such file" in result.output


def test_a_sheet_of_renders(tmp_path: Path) -> None:
    result = zoo(
        "render", "eyes", "-n", "3", "--sheet", tmp_path / "sheet.png", "--size", "64x48", "--labels"
    )
    assert result.exit_code == 0, result.output
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * (384 + 22 + 2), 2 * (512 + 2), 3)


def test_a_rig_of_one_led_is_rendered_and_said_to_locate_no_cornea(tmp_path: Path) -> None:
    rig = load_rig("headset").model_dump(mode="json", exclude={"distortion"})
    (tmp_path / "one.yaml").write_text(str(rig | {"leds_mm": rig["leds_mm"][:1]}))
    sheet = tmp_path / "sheet.png"
    result = zoo(
        "render", "eyes", "-n", "1", "--size", "32x32", "--sheet", sheet, "--rig", tmp_path / "one.yaml"
    )
    assert result.exit_code == 0 and sheet.is_file()
    assert "one.yaml: leds_mm holds 1 of the two or more LEDs that tell where a cornea is" in result.output


def test_ctrl_c_ends_with_130_one_line_and_the_table(released: Path, tmp_path: Path) -> None:
    video, out = tmp_path / "long.mp4", tmp_path / "out"
    writer = VideoWriter(video, None, 32, 32)
    for _ in range(2000):
        writer.write(np.zeros((32, 32, 3), dtype=np.uint8))
    writer.close()
    code = "from zoo.cli import main; main()"
    arguments = ["predict", str(released / "tiny"), str(video), "-o", str(out), "--batch-size", "1"]
    environment = {**os.environ, "PYTHONPATH": str(Path(run.__file__).resolve().parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    part = out / "predictions.csv.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size > 2000):
        time.sleep(0.02)  # however slow the machine is
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 130, output
    assert "interrupted: " in output and "Traceback" not in output
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert 0 < len(rows) < 2000 and [int(row["frame"]) for row in rows] == list(range(len(rows)))
    assert f"interrupted: {len(rows)} frames" in output
    assert sorted(path.name for path in out.iterdir()) == ["overlays", "predictions.csv"]


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "sheet.png")

    monkeypatch.setattr("zoo.draw.save_picture", full)
    result = CliRunner().invoke(app, ["draw", "conventions", "-o", "sheet.png"])
    assert result.exit_code == 2
    assert result.output.strip().endswith("sheet.png: No space left on device; what was written before stays")
