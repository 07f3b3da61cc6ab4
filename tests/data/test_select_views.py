from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data import captured
from tests.data.captured import room
from tests.geometry.posed import pose
from zoo.data.captures.capture import Capture, Frame
from zoo.data.captures.detect import open_capture
from zoo.data.select_views import ViewRule, overlap, read_views, select_views, selection_report
from zoo.errors import ZooError

K = np.array([[300.0, 0, 159.5], [0, 300.0, 119.5], [0, 0, 1]])


def walk(places: Sequence[tuple[float, float, float]], yaws: Sequence[float] | None = None) -> Capture:
    """Frames without depth or images at places, turned about the vertical."""
    frames = [
        Frame(f"f{i}", Path(f"f{i}.png"), (320, 240), K, cam_to_world=pose((0.0, yaw, 0.0), place).numpy())
        for i, (place, yaw) in enumerate(zip(places, yaws or [0.0] * len(places), strict=True))
    ]
    return Capture(Path("walk"), "hololens", tuple(frames))


def along(*x: float) -> Capture:
    return walk([(value, 0.0, 0.0) for value in x])


def test_baselines_in_the_middle_of_the_range_come_first() -> None:
    capture = along(0.0, 0.01, 0.12, 0.16, 0.24, 1.5)
    choice = select_views(capture, 3)[0]
    assert choice.sources[0] == 3
    assert set(choice.sources) == {2, 3, 4}
    assert (choice.quality, choice.kept) == ("rule", 3)


@pytest.mark.parametrize("count", range(1, 8))
def test_never_more_than_asked_nor_the_anchor_itself(count: int) -> None:
    for choice in select_views(along(*np.arange(20) * 0.05), count):
        assert len(choice.sources) == count
        assert choice.anchor not in choice.sources
        assert len(set(choice.sources)) == count


def test_sources_from_both_sides_are_better_than_two_neighbours() -> None:
    assert 3 in select_views(along(0.0, 0.15, 0.155, -0.19), 2)[0].sources


def test_frames_that_turned_away_are_no_sources() -> None:
    capture = walk([(0.0, 0.0, 0.0), (0.15, 0.0, 0.0), (0.15, 0.02, 0.0)], [0.0, 1.2, 0.0])
    assert select_views(capture, 2)[0].sources == (2,)
    assert overlap(capture.frames[0], capture.frames[1]) < 0.1 < overlap(capture.frames[0], capture.frames[2])


def test_where_nothing_keeps_the_rule_it_is_relaxed_and_said() -> None:
    capture = along(0.0, 0.05)
    choice = select_views(capture, 2)[0]
    assert (choice.sources, choice.kept, choice.quality) == ((1,), 0, "relaxed")
    report = "\n".join(selection_report(capture, select_views(capture, 2), 2))
    assert "only sources of odd baselines" in report
    assert "fewer than 2 usable sources" in report


def test_a_camera_that_stands_still_has_no_sources() -> None:
    capture = along(0.0, 0.0, 0.001)
    choices = select_views(capture, 2)
    assert [(choice.sources, choice.quality) for choice in choices] == [((), "none")] * 3
    assert "stand still" in selection_report(capture, choices, 2)[0]


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ((0.0,), "only one frame has a pose"),
        ((0.0, 150.0, 300.0), "150 m apart (0.1 to 0.25 m serve best); if the poses are not in metres"),
        ((0.0, 1.2, 2.4), "1.2 m apart (0.1 to 0.25 m serve best) and hardly overlap"),
    ],
)
def test_why_there_is_no_second_view_is_measured(places: tuple[float, ...], told: str) -> None:
    capture = along(*places)
    assert told in selection_report(capture, select_views(capture, 2), 2)[0]


def test_frames_without_a_pose_are_neither_anchor_nor_source() -> None:
    capture = along(0.0, 0.15, 0.3)
    frames = (capture.frames[0], replace(capture.frames[1], cam_to_world=None), capture.frames[2])
    choices = select_views(replace(capture, frames=frames), 2)
    assert [choice.anchor for choice in choices] == [0, 2]
    assert all(1 not in choice.sources for choice in choices)
    assert select_views(replace(capture, frames=frames[1:2]), 2) == []


def test_overlap_uses_the_depth_where_there_is_one(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    frames = open_capture(tmp_path).frames
    with_depth = overlap(frames[0], frames[3])
    near = ViewRule(nominal_depth=(0.2, 0.3))  # only used without depth
    assert overlap(frames[0], frames[3], near) == with_depth
    assert overlap(replace(frames[0], depth=None), frames[3], near) < with_depth


def test_overlap_of_a_view_with_itself_is_whole() -> None:
    frame = along(0.0).frames[0]
    assert overlap(frame, frame) == 1


def views_csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "views.csv"
    path.write_text(text)
    return path


def test_views_that_the_user_gives(tmp_path: Path) -> None:
    path = views_csv(tmp_path, "anchor,source_1,source_2\nf2,f0.png, f4\nf1,f3,\n")
    choices = read_views(path, along(*np.arange(5) * 0.1))
    assert [(c.anchor, c.sources, c.quality) for c in choices] == [(2, (0, 4), "given"), (1, (3,), "given")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anchor,source_1\nframe2,f0\n", r"line 2: the capture has no frame 'frame2'; did you mean 'f2'\?"),
        ("anchor,source_1\nf2,zzz\n", r"no frame 'zzz' \(such as 'f0'\)"),
        ("anchor,source_1\nf2,f2\n", "names 'f2' twice"),
        ("anchor,source_1\nf2,\n", "names no source for 'f2'"),
        ("anchor,source_1\nf2,f1\nf2.png,f3\n", "line 3: the anchor 'f2.png' is that of an earlier line"),
        (
            f"anchor,{','.join(f'source_{i}' for i in range(8))}\nf9,{','.join(f'f{i}' for i in range(8))}\n",
            "names 8 sources; at most 7",
        ),
        ("frame,with\nf2,f1\n", "needs the columns anchor,source_1"),
        ("anchor,source_1\n", "has no rows"),
    ],
)
def test_wrong_views_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=message):
        read_views(views_csv(tmp_path, text), along(*np.arange(10) * 0.1))


def test_genuine_frames(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("depth/hololens")
    capture = open_capture(root)
    choices = select_views(capture, 2)
    assert len(choices) == 112
    assert sum(choice.kept == 2 for choice in choices) == pytest.approx(87, abs=3)
    assert all(choice.sources for choice in choices)
