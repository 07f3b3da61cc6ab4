from __future__ import annotations

import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.data.drawn import drawn_eyes
from zoo.config import FolderData, compose
from zoo.data.pool import Pool, PoolWriter
from zoo.data.sources.folder import Folder
from zoo.errors import ZooError
from zoo.train.eye_sources import eye_source

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "prepare.py"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments, "--height", "24", "--width", "32"])
    runpy.run_path(str(SCRIPT), run_name="__main__")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    eyes = drawn_eyes(70, 24, 32)
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = ["file,pupil_u_px,pupil_v_px"]
    for i, image in enumerate(eyes["image"][:, 0]):
        cv2.imwrite(str(folder / f"{i}.png"), (image * 255).round().byte().numpy())
        u, v = eyes["pupil_ellipse"][i, :2].tolist()
        lines.append(f"{i}.png,{u},{v}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def test_packs_all_but_damaged_samples_and_goes_on(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "5.png").write_bytes((root / "5.png").read_bytes()[:20])
    pool = tmp_path / "pool"
    whole = PoolWriter.write

    def interrupted(self: PoolWriter, start: int, batch: dict[str, torch.Tensor]) -> None:
        if start:
            raise KeyboardInterrupt
        whole(self, start, batch)

    monkeypatch.setattr(PoolWriter, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, "folder", str(root), str(pool))
    assert len(Pool(pool)) == 64
    monkeypatch.setattr(PoolWriter, "write", whole)
    run(monkeypatch, "folder", str(root), str(pool))
    assert "69 samples, 1 skipped (see" in capsys.readouterr().out
    assert "5.png: not a readable image" in (tmp_path / "pool.skipped.csv").read_text()
    packed, read = Pool(pool).batch(np.array([4, 5, 68])), Folder(root, 24, 32).batch(np.array([4, 6, 69]))
    for key, value in read.items():
        torch.testing.assert_close(packed[key], value)  # type: ignore[literal-required]


def test_the_command_line_reaches_the_source(root: Path) -> None:
    data = ["data=folder", f"data.root={root}", "data.without_subjects=[7]", "checkpoint=x"]
    config = compose("eval", data).data
    assert isinstance(config, FolderData) and config.without_subjects == ["7"]
    with pytest.raises(ZooError, match="without_subjects names '7'"):
        eye_source(config, 24, 32)
    whole = eye_source(config.model_copy(update={"without_subjects": []}), 24, 32)
    assert len(whole) == 70


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["foldr"], "no data set 'foldr'; did you mean 'folder'"),
        (["render"], "render holds no eyes in files"),
        (["folder", "data.splt=train"], "folder has no such key; did you mean 'split'"),
        (["folder", "split=training"], "split: Input should be 'train', 'val' or 'test'"),
    ],
)
def test_what_is_wrong_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match=message):
        run(monkeypatch, arguments[0], str(root), str(tmp_path / "pool"), *arguments[1:])


def test_pools_from_before_the_masks_were_apart(tmp_path: Path) -> None:
    eyes = drawn_eyes(2, 24, 32)
    eyes["eye3d_valid"][1] = eyes["pupil_ellipse_valid"][0] = False
    PoolWriter(tmp_path / "pool", {}, 2, 24, 32).write(0, eyes)
    for key in ("optical_valid", "visual_valid", "pupil_centre_valid"):
        (tmp_path / "pool" / f"{key}.npy").unlink()
    batch = Pool(tmp_path / "pool").batch(np.arange(2))
    assert batch["optical_valid"].tolist() == batch["visual_valid"].tolist() == [True, False]
    assert batch["pupil_centre_valid"].tolist() == [False, True]
