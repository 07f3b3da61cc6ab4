"""The commands of the pages under docs/ do what the pages say, on fewer samples."""

from __future__ import annotations

import csv
import re
import shlex
from itertools import pairwise
from pathlib import Path

import cv2
import polars as pl
import pytest
import torch
import yaml
from typer.testing import CliRunner

from zoo.cli import app
from zoo.config.choices import config_folder
from zoo.config.rendering import load_domain, load_rig
from zoo.conventions import EYE_SIDES
from zoo.data.sources.folder import Folder
from zoo.geometry.angles import vector_to_angles
from zoo.hub.metadata import read_metadata
from zoo.hub.schema import read_index
from zoo.synth.eyes.renderer import EyeRenderer

DOCS = Path(__file__).resolve().parents[1] / "docs"
SMALLER = {"count=2000": "count=32"}
MOST = 96  # frames that are rendered
TINY_RUN = [
    *("samples=64", "batch_size=16", "schedule.warmup_samples=8"),
    *("validation.count=16", "validation.overlays=0", "trainer.threads=1", "trainer.workers=0"),
]
FRAMES = 12


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [block for tag, block in found if tag == language]


def commands(page: str) -> list[list[str]]:
    """The lines of the shell blocks of a page, as arguments of `zoo`."""
    joined = [block.replace("\\\n", "") for block in blocks(page, "sh")]
    lines = [shlex.split(line) for block in joined for line in block.splitlines()]
    assert all(line[0] == "zoo" for line in lines)
    return [[_smaller(before, word) for before, word in pairwise(line)] for line in lines]


def _smaller(before: str, word: str) -> str:
    return str(min(int(word), MOST)) if before == "-n" else SMALLER.get(word, word)


def run(line: list[str]) -> str:
    """What `zoo` prints."""
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, f"zoo {' '.join(line)}\n{result.output}{result.exception or ''}"
    return result.output


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


@pytest.mark.slow
def test_your_own_headset(desk: Path) -> None:
    for line in commands("headset.md"):
        run([*line, *TINY_RUN, "logger=none"] if line[0] == "train" else line)
    for folder in ("out", "out_me", "out_recording"):
        table = pl.read_csv(desk / folder / "predictions.csv")
        assert len(table) == FRAMES
        assert table["camera_known"].to_list() == [1] * FRAMES
        assert table["gaze_sigma_deg"].drop_nulls().len() > FRAMES / 2


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk with `mine/`: 8 frames of each of 6 people, half of them to train on. Nobody is logged in."""
    for name in ("API_KEY", "MODE", "DIR", "DATA_DIR", "CACHE_DIR", "CONFIG_DIR", "ARTIFACT_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", "")  # so that what the run sets is undone
        monkeypatch.delenv(f"WANDB_{name}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    index = torch.arange(48)
    batch = EyeRenderer(load_domain("unseen"), 11, None, 120, 160).render(index, index // 8)
    for folder in ("mine/images", "mine/masks", "frames", "home"):
        Path(folder).mkdir(parents=True)
    with Path("mine/labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(blocks("own_labels.md", "csv")[0].splitlines()[0].split(","))
        for i in range(len(index)):
            image = (batch["image"][i, 0] * 255).round().byte().numpy()
            names = f"images/{i:04d}.png", f"masks/{i:04d}.png"
            cv2.imwrite(f"mine/{names[0]}", image)
            cv2.imwrite(f"mine/{names[1]}", batch["segmentation"][i].numpy())
            if i < FRAMES:
                cv2.imwrite(f"frames/{i:04d}.png", image)
            pupil = [f"{x:.2f}" for x in batch["pupil_ellipse"][i, :2].tolist()]
            writer.writerow(
                [
                    names[0],
                    f"p{i // 8}",
                    ("train", "test")[i // 8 % 2],
                    EYE_SIDES[batch["eye_side"][i]],
                    f"{batch['openness'][i]:.3f}",
                    *(pupil if batch["pupil_present"][i] else ("", "")),
                    names[1],
                ]
            )
    page, usual = blocks("own_labels.md", "yaml")[0], (config_folder() / "gate.yaml").read_text("utf-8")
    for name, text in (("my_gate.yaml", page), ("small_gate.yaml", usual)):
        gate = yaml.safe_load(text) | {"min_samples": 8, "min_people": 3, "draws": 100}
        Path(name).write_text(yaml.safe_dump(gate), encoding="utf-8")
    return tmp_path


def small(line: list[str]) -> list[str]:
    """A command of the page on eyenet_nano and a few samples."""
    line = [word.replace("eyenet_s", "eyenet_nano") for word in line]
    if line[0] == "train":
        return [*line, *TINY_RUN]
    if line[0] == "compare":
        few = ["--draws", "100", "--min-samples", "8", "--min-people", "3"]
        return [*line, *few, *(["--gate-file", "small_gate.yaml", "count=24"] if "--gate" in line else [])]
    return [*line, "--no-report"] if line[0] == "export" else line


@pytest.mark.slow
def test_your_own_labels(labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {" ".join(line[:2]): run(small(line)) for line in commands("own_labels.md")}
    assert "learnt by keypoints" in said["check data=folder"]
    first, second = "eyenet_nano.mine@1", "eyenet_nano.mine@2"
    index = read_index(Path("my_zoo/index.json"))
    assert [entry.name for entry in index.checkpoints] == [first, second]
    parent = read_metadata(Path("runs/mine/checkpoint")).parent
    assert parent is not None and parent == index.checkpoints[1].parent
    assert [(move.action, move.from_, move.to, move.forced) for move in index.history] == [
        ("release", None, first, False),
        ("promote", first, second, False),
        ("rollback", second, first, False),
    ]
    assert index.history[1].reason.startswith("the gate held")
    assert {"config.yaml", "metrics.jsonl"} <= {path.name for path in Path("runs/mine").iterdir()}
    assert len(list(Path("runs/mine").glob("wandb/offline-run-*/run-*.wandb"))) == 1
    assert not list(Path("home").rglob("*.wandb"))
    assert Path("compared/comparison.md").is_file()

    promoted, exported = (pl.read_csv(f"{folder}/predictions.csv") for folder in ("out", "out_exported"))
    assert len(promoted) == FRAMES and promoted["pupil_u_px"].null_count() < FRAMES
    for column in ("pupil_present", "pupil_u_px", "pupil_v_px", "openness"):
        assert promoted[column].to_list() == pytest.approx(exported[column].to_list(), abs=0.01)

    few = ["compare", first, second, "--index", "my_zoo", "data=folder", "data.root=mine", "data.split=test"]
    refused = CliRunner().invoke(app, few)
    assert refused.exit_code == 2 and "a row needs 50 of 8 people" in refused.output

    monkeypatch.chdir("mine")
    run(["predict", "eyenet_nano", "images/0000.png", "-o", "out"])
    Path("labels.csv").write_bytes(Path("out/predictions.csv").read_bytes())
    assert Folder(".").name(0) == "images/0000.png"
