"""The commands of the pages under docs/ do what the pages say, on fewer samples."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import cv2
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from zoo.cli import app
from zoo.config.choices import config_folder
from zoo.config.rendering import load_domain, load_rig
from zoo.geometry.angles import vector_to_angles
from zoo.synth.eyes.renderer import EyeRenderer

DOCS = Path(__file__).resolve().parents[1] / "docs"
SMALLER = {"20000": "96", "36": "4", "count=2000": "count=32"}
TINY_RUN = [
    *("samples=64", "batch_size=16", "schedule.warmup_samples=8", "logger=none"),
    *("validation.count=16", "validation.overlays=0", "trainer.threads=2", "trainer.workers=0"),
]
FRAMES = 12


def commands(page: str) -> list[list[str]]:
    """The lines of the shell blocks of a page, as arguments of `zoo`."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert all(line[0] == "zoo" for line in lines)
    small = [[SMALLER.get(word, word) for word in line[1:]] for line in lines]
    return [line + TINY_RUN if line[0] == "train" else line for line in small]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a rig file, frames of one person and what they looked at."""
    monkeypatch.chdir(tmp_path)
    text = (config_folder() / "rig" / "headset.yaml").read_text(encoding="utf-8")
    Path("my_headset.yaml").write_text(text.replace("eye_side: both", "eye_side: left"), encoding="utf-8")
    rig = load_rig("my_headset.yaml")
    renderer = EyeRenderer(load_domain("unseen"), 5, rig, 240, 320)
    batch = renderer.render(torch.arange(40), torch.zeros(40, dtype=torch.long))
    open_eyes = [i for i in range(40) if batch["pupil_visible"][i] > 0.6][:FRAMES]
    angles = torch.rad2deg(vector_to_angles(batch["visual"]))
    Path("frames").mkdir()
    with Path("samples.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "target_pitch_deg", "target_yaw_deg"])
        for i in open_eyes:
            image = (batch["image"][i, 0].numpy() * 255).round().astype("uint8")
            cv2.imwrite(f"frames/{i:02d}.png", image)
            writer.writerow([f"frames/{i:02d}.png", *(f"{a:.3f}" for a in angles[i].tolist())])
    return tmp_path


def test_your_own_headset(desk: Path) -> None:
    for line in commands("headset.md"):
        result = CliRunner().invoke(app, line)
        assert result.exit_code == 0, f"zoo {' '.join(line)}\n{result.output}"
    for folder in ("out", "out_me", "out_recording"):
        table = pl.read_csv(desk / folder / "predictions.csv")
        assert len(table) == FRAMES
        assert table["camera_known"].to_list() == [1] * FRAMES
        assert table["gaze_sigma_deg"].drop_nulls().len() > FRAMES / 2
