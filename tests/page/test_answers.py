"""The page's functions, without gradio."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.data import captured
from tests.hub import tiny
from tests.predict.rooms.test_predict_rooms import ROOMS, Truthful
from zoo.errors import ZooError
from zoo.hub import checkpoint
from zoo.model.network import Network
from zoo.page import rooms
from zoo.page.camera import CameraFields
from zoo.page.eyes import predict_picture, predict_pixels, predict_video
from zoo.page.models import offered
from zoo.page.parts import box, table, told
from zoo.page.workspace import KEPT, Workspace
from zoo.predict.rooms import run as rooms_run
from zoo.predict.video import VideoWriter


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint without 3D, made in milliseconds."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    checkpoint.save(folder, Network(tiny.TINY), tiny.described("tiny"))
    return str(folder)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "eye <b>.png"
    noise = np.random.default_rng(0).integers(0, 65535, (60, 80), dtype=np.uint16)
    assert cv2.imwrite(str(path), noise)
    return path


def test_an_image_gives_overlay_numbers_and_a_model(image: Path, tmp_path: Path) -> None:
    answer = predict_picture("eyenet_nano", image, CameraFields("90,90,40,30", None, "left"), tmp_path)
    assert answer.picture.shape[1] == 480 and len(answer.numbers) >= 3
    if answer.model is not None:
        assert answer.model.read_bytes()[:4] == b"glTF"
    assert "relative" not in answer.remark


def test_a_checkpoint_without_3d_gives_no_model(small: str, image: Path, tmp_path: Path) -> None:
    answer = predict_picture(small, image, CameraFields(), tmp_path)
    assert answer.model is None and answer.remark in (
        "",
        "No pupil is visible, so there is neither its place nor a gaze.",
    )


def test_what_is_no_image_is_named_without_its_folder(small: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    path.write_text("no image")
    with pytest.raises(ZooError, match=r"^bad\.png: not an image"):
        predict_picture(small, path, CameraFields(), tmp_path)
    with pytest.raises(ZooError, match="too small"):
        predict_pixels(small, np.zeros((4, 4), dtype=np.uint8), CameraFields())


def test_a_video_gives_a_video_a_table_and_progress(small: str, tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    writer = VideoWriter(video, None, 48, 64)
    for i in range(5):
        writer.write(np.full((48, 64, 3), 40 * i, dtype=np.uint8))
    writer.close()
    seen: list[tuple[int, int | None]] = []
    answer = predict_video(
        small, video, CameraFields("90,90,32,24"), tmp_path / "out", lambda done, of: seen.append((done, of))
    )
    with answer.table.open() as file:
        assert len(list(csv.DictReader(file))) == 5
    assert cv2.VideoCapture(str(answer.video)).get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert "openness" in answer.curves and answer.curves.startswith("<svg")
    assert seen[0] == (0, 5) and seen[-1] == (5, 5)
    (tmp_path / "none.mp4").write_text("no video")
    with pytest.raises(ZooError, match=r"^none\.mp4: not a video"):
        predict_video(small, tmp_path / "none.mp4", CameraFields(), tmp_path / "none")


def test_a_zipped_capture_gives_a_mesh_and_previews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms_run, "load", lambda *_: Truthful())
    captured.hololens(tmp_path / "kitchen", captured.room())
    with zipfile.ZipFile(tmp_path / "kitchen.zip", "w") as file:
        for path in (tmp_path / "kitchen").rglob("*.*"):
            file.write(path, path.relative_to(tmp_path))
    answer = rooms.predict_capture("fake", tmp_path / "kitchen.zip", tmp_path / "answer", voxel_m=0.05)
    assert answer.model is not None and answer.model.read_bytes()[:4] == b"glTF"
    assert len(answer.previews) == 4 and answer.numbers[0][:2] == ("frames", "4")
    assert {path.name for path in answer.files} >= {"mesh.glb", "predictions.csv"}
    assert str(tmp_path / "answer") not in answer.remark


def test_what_is_no_capture_is_told_without_where_it_was_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        file.writestr("photos/readme.txt", "no capture")
    with pytest.raises(ZooError, match="layout of this capture is not recognised") as caught:
        rooms.predict_capture("deltas_s", tmp_path / "photos.zip", tmp_path / "answer")
    assert str(tmp_path / "answer") not in str(caught.value)
    with pytest.raises(ZooError, match="no such folder or zip"):
        rooms.predict_capture("deltas_s", tmp_path / "nowhere", tmp_path / "answer2")
    assert ROOMS.heads  # the tiny network of rooms that the test of prediction uses


def test_checkpoints_are_offered_by_what_they_look_at(small: str) -> None:
    offer = offered()
    assert "eyenet_s" in offer.eyes and "deltas_s" in offer.rooms and "deltas_s" not in offer.eyes
    assert offer.chosen == "eyenet_s" and not offer.opens_rooms
    assert offered("deltas_s").opens_rooms
    assert offered(small).eyes[0] == small
    with pytest.raises(ZooError, match="no checkpoint"):
        offered("nothing_like_it")


def test_mistakes_become_messages_and_faults_tell_nothing_of_the_inside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @told(["picture", "message"])
    def mistaken() -> list[object]:
        raise ZooError("a <b>bad</b> file")

    @told(["picture", "message"])
    def broken() -> list[object]:
        raise RuntimeError("secret")

    assert mistaken() == [None, box("a <b>bad</b> file", "error")]
    assert "<b>" not in mistaken()[1]  # type: ignore[operator]
    picture, message = broken()
    assert picture is None and "fault of the zoo" in message and "secret" not in message  # type: ignore[operator]
    assert "secret" in capsys.readouterr().err
    assert table([("<i>", "1", "px", "")]).count("&lt;i&gt;") == 1


def test_the_workspace_keeps_the_newest_answers_and_goes_at_the_end() -> None:
    workspace = Workspace()
    folders = [workspace.folder() for _ in range(KEPT + 3)]
    assert [folder.exists() for folder in folders] == [False] * 3 + [True] * KEPT
    workspace.close()
    assert not folders[-1].parent.exists()
