from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import ZooError
from zoo.predict.frames import Problem, read_frames
from zoo.predict.sources import find_sources


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ["b.png", "a.JPG", "clip.mp4", "notes.txt", ".hidden.png", "sub/b.png", "sub/c.png", "x[1].png"]
    for name in [*names, "out/overlays/b.png"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(*patterns: str, skip: Path | None = None) -> list[str]:
    return [source.file for source in find_sources(patterns, skip)]


def test_a_folder_gives_its_images_and_videos_in_order_without_earlier_results(tree: Path) -> None:
    expected = ["a.JPG", "b.png", "clip.mp4", "x[1].png", "sub/b.png", "sub/c.png"]
    assert files(".", skip=tree / "out") == expected
    assert [source.kind for source in find_sources(["."], tree / "out")][:3] == ["image", "image", "video"]


def test_globs_files_and_folders_mix_and_each_file_comes_once(tree: Path) -> None:
    assert files("*.png", "b.png", "sub", str(tree / "b.png")) == [
        "b.png",
        "x[1].png",
        "sub/b.png",
        "sub/c.png",
    ]
    assert files("**/c.png") == ["sub/c.png"]
    assert files("x[1].png") == ["x[1].png"]  # a name that looks like a glob


def test_a_folder_that_cannot_be_opened_is_an_input_that_cannot_be_read(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def closed(path: str) -> Any:
        if Path(path).name == "sub":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert files(".", skip=tree / "out") == ["a.JPG", "b.png", "clip.mp4", "x[1].png", "sub"]
    (problem,) = read_frames(find_sources(["sub"]))
    assert isinstance(problem, Problem) and problem.skipped


def test_an_explicit_file_may_have_any_name(tree: Path) -> None:
    assert files("notes.txt") == ["notes.txt"]


def test_inputs_of_one_stem_get_different_names(tree: Path) -> None:
    for name in ("b.jpg", "sub/clip.mp4", "deep/sub/b.png", "B.bmp"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    sources = find_sources(
        ["b.png", "b.jpg", "sub/b.png", "deep/sub/b.png", "B.bmp", "clip.mp4", "sub/clip.mp4"]
    )
    keys = [source.key for source in sources]
    assert keys[0] == "b" and keys[2:4] == ["sub_b", "sub_b_2"] and keys[5:] == ["clip", "sub_clip"]
    assert len({key.lower() for key in keys[:5]}) == 5  # also where file systems ignore case
    assert [source.renamed for source in sources] == [False, True, True, True, True, False, True]


@pytest.mark.parametrize("order", [("clip.mp4", "clip_000003.png"), ("clip_000003.png", "clip.mp4")])
def test_the_frames_of_a_video_do_not_meet_an_image(tree: Path, order: tuple[str, str]) -> None:
    (tree / "clip_000003.png").touch()
    first, second = find_sources(order)
    video, image = (first, second) if first.kind == "video" else (second, first)
    assert f"{video.key}_000003" != image.key


def test_numbered_images_keep_their_names(tree: Path) -> None:
    for number in range(3):
        (tree / f"frame_{number:06d}.png").touch()
    assert [source.key for source in find_sources(["frame_*.png"])] == [f"frame_{n:06d}" for n in range(3)]


def test_cameras_have_a_number(tree: Path) -> None:
    (camera,) = find_sources(["camera:2"])
    assert (camera.kind, camera.device, camera.key, camera.file) == ("camera", 2, "camera2", "camera:2")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("sub/bb.png", "did you mean 'sub/b.png'"),
        ("zzzzzz", "no such file$"),
        ("nowhere/a.png", "there is no folder nowhere"),
        ("*.bmp", "nothing matches"),
        ("empty", "no images or videos in this folder"),
    ],
)
def test_what_is_not_there_is_an_error_before_anything_starts(tree: Path, pattern: str, message: str) -> None:
    (tree / "empty").mkdir()
    with pytest.raises(ZooError, match=message):
        find_sources(["b.png", pattern])
