"""What is wrong with a capture is named, with its file and what to do, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data import captured
from tests.data.captured import HEIGHT, WIDTH, K, room
from zoo.data.captures.assemble import scale_camera
from zoo.data.captures.capture import Capture, DepthFile, Frame
from zoo.data.captures.consistency import check_consistency
from zoo.data.captures.detect import open_capture
from zoo.data.captures.files import BadFileError, read_depth, read_rgb
from zoo.data.captures.poses import OPENGL_TO_OPENCV, inverse
from zoo.errors import ZooError


def change_pose(root: Path, line: int, change: Callable[[np.ndarray], np.ndarray]) -> None:
    poses = np.loadtxt(root / "poses.txt").reshape(-1, 4, 4)
    poses[line] = change(poses[line])
    np.savetxt(root / "poses.txt", poses.reshape(-1, 16))


def scaled(pose: np.ndarray) -> np.ndarray:
    pose[:3, :3] *= 1.3
    return pose


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p * np.nan, "not finite"),
        (lambda p: np.full((4, 4), -np.inf), "tracking was lost"),
        (scaled, "scaled by 1.3"),
        (lambda p: p.T, "is transposed"),
        (lambda p: p @ np.diag([-1.0, 1, 1, 1]), "mirrors"),
        (lambda p: p + np.pad(np.eye(3)[::-1] * 0.2, ((0, 1), (0, 1))), "not rigid"),
    ],
)
def test_a_bad_pose_is_skipped_and_named(
    change: Callable[[np.ndarray], np.ndarray], message: str, tmp_path: Path
) -> None:
    captured.hololens(tmp_path, room())
    change_pose(tmp_path, 1, change)
    capture = open_capture(tmp_path)
    assert [frame.name for frame in capture.frames] == ["00003", "00007", "00009"]
    (line,) = capture.report()
    assert line.startswith("poses.txt, line 2: skipped: ")
    assert message in line


def test_rounded_rotations_are_made_exact(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    change_pose(tmp_path, 1, lambda p: p.round(3))
    pose = open_capture(tmp_path).frames[1].cam_to_world
    assert pose is not None
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)


def test_lost_and_missing_poses_of_scannet(tmp_path: Path) -> None:
    captured.scannet(tmp_path, room())
    (tmp_path / "pose" / "10.txt").unlink()
    np.savetxt(tmp_path / "pose" / "11.txt", np.full((4, 4), -np.inf))
    capture = open_capture(tmp_path)
    assert [frame.name for frame in capture.frames] == ["9", "12"]
    report = "\n".join(capture.report())
    assert "pose/10.txt: skipped: the pose is missing" in report
    assert "pose/11.txt: skipped: the pose has values that are not finite" in report


def test_images_without_a_pose_in_time(tmp_path: Path) -> None:
    captured.tum(tmp_path, room())
    path = tmp_path / "groundtruth.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    capture = open_capture(tmp_path)
    assert len(capture.frames) == 3
    assert any("no pose of groundtruth.txt within 0.02 s" in line for line in capture.report())


def test_the_report_counts_equal_reasons(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    for line in (0, 2):
        change_pose(tmp_path, line, lambda p: p * np.nan)
    (line_of_report,) = open_capture(tmp_path).report()
    assert line_of_report.startswith("poses.txt, line 1 (and 1 more): skipped: ")


def test_nothing_left_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    for line in range(4):
        change_pose(tmp_path, line, lambda p: p * np.nan)
    with pytest.raises(ZooError, match=r"no frame of this hololens capture can be used:\n.*not finite"):
        open_capture(tmp_path)


def test_poses_and_images_that_do_not_pair_up(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    (tmp_path / "images" / "00005.png").unlink()
    with pytest.raises(ZooError, match=r"poses.txt: has 4 poses, but .* has 3 images"):
        open_capture(tmp_path)


def test_names_beside_the_poses_let_the_rest_go_on(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    truth = [frame.cam_to_world for frame in open_capture(tmp_path).frames]
    (tmp_path / "frames.txt").write_text("00003.png\n00005.png\n00007.png\n00009.png\n")
    images = tmp_path / "images"
    (images / "00009.png").rename(images / "00001.png")  # sorted order no longer pairs them up
    (images / "00005.png").unlink()
    capture = open_capture(tmp_path)
    assert [frame.name for frame in capture.frames] == ["00003", "00007"]
    for frame, pose in zip(capture.frames, truth[::2], strict=True):
        assert frame.cam_to_world is not None and pose is not None
        np.testing.assert_array_equal(frame.cam_to_world, pose)
    report = "\n".join(capture.report())
    assert "images/00005.png (and 1 more): skipped: the image is missing" in report
    assert "images/00001.png: skipped: frames.txt does not name it" in report
    (tmp_path / "frames.txt").write_text("00003.png\n")
    with pytest.raises(ZooError, match=r"frames.txt: names 1 images, but poses.txt has 4 poses"):
        open_capture(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("frames", None, 'has no "frames"'),
        ("applied_scale", "big", "applied_scale is 'big', not a number"),
        ("applied_scale", 0, "applied_scale is 0; a positive number"),
        ("w", 0, "w is 0; a positive number"),
        ("w", float("inf"), "w is inf; a positive number"),
        ("h", None, "h is None, not a number"),
        ("fl_x", "abc", "fl_x is 'abc', not a number"),
        ("k1", None, "k1 is None, not a number"),
        ("camera_angle_x", 0, "camera_angle_x is 0; a field of view in radians"),
    ],
)
def test_wrong_values_of_transforms_are_named(key: str, value: object, message: str, tmp_path: Path) -> None:
    captured.transforms(tmp_path, room())
    path = tmp_path / "transforms.json"
    meta = json.loads(path.read_text()) | {key: value}
    if key == "camera_angle_x":
        del meta["fl_x"]
    path.write_text(json.dumps(meta))
    with pytest.raises(ZooError, match=message):
        open_capture(tmp_path)


def test_one_bad_frame_of_transforms_leaves_the_others(tmp_path: Path) -> None:
    captured.transforms(tmp_path, room())
    path = tmp_path / "transforms.json"
    meta = json.loads(path.read_text())
    meta["frames"][1]["transform_matrix"] = [[1, 2], [3]]
    meta["frames"][3]["file_path"] = meta["frames"][0]["file_path"]
    path.write_text("\ufeff" + json.dumps(meta))  # as editors on Windows write it
    capture = open_capture(tmp_path)
    assert [frame.name for frame in capture.frames] == ["train/r_0", "train/r_2"]
    report = "\n".join(capture.report())
    assert "train/r_1.png: skipped: transforms.json: transform_matrix is no table of 4x4 numbers" in report
    assert "train/r_0.png: skipped: listed more than once" in report


def test_backslashes_of_windows_are_folders(tmp_path: Path) -> None:
    captured.transforms(tmp_path, room())
    path = tmp_path / "transforms.json"
    path.write_text(path.read_text().replace("train/", "train\\\\"))
    assert [frame.image.name for frame in open_capture(tmp_path).frames] == [f"r_{i}.png" for i in range(4)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("cameras.txt", "7 PINHOLE", "cameras.txt: not a readable entry"),
        ("cameras.txt", "7 PINHOLE 0 0 55 54 32 23", "hold for is 0x0 pixels"),
        ("images.txt", "4 0.97 -0", "images.txt: not a readable entry .* '4 0.97 -0'"),
        ("images.txt", "", "it holds no images"),
    ],
)
def test_damaged_text_models_name_the_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=False)
    (tmp_path / "sparse" / "0" / name).write_text(text + "\n")
    with pytest.raises(ZooError, match=message):
        open_capture(tmp_path)


def test_a_count_beyond_the_file_is_a_damaged_model(tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=True)
    points = tmp_path / "sparse" / "0" / "points3D.bin"
    points.write_bytes(points.read_bytes()[:51] + b"\xff" * 8)  # the length of the first point's track
    capture = open_capture(tmp_path)
    assert len(capture.frames) == 4 and capture.scene_depth is None


def test_the_bad_file_of_tum_is_named(tmp_path: Path) -> None:
    captured.tum(tmp_path, room())
    (tmp_path / "K.txt").write_text("abc")
    with pytest.raises(ZooError, match=r"K\.txt: line 1 is not a row of numbers"):
        open_capture(tmp_path)


def test_depth_that_cannot_be_read_is_told_with_its_reason(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    for path in (tmp_path / "depth").iterdir():
        path.write_bytes(b"x")
    (line,) = check_consistency(open_capture(tmp_path))
    assert "00003.png: missing or not a readable depth image" in line


def resize(path: Path, width: int, height: int) -> None:
    with Image.open(path) as image:
        image.resize((width, height)).save(path)


def test_intrinsics_of_another_resolution_are_scaled_and_it_is_said(tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=True)
    for path in (tmp_path / "images" / "walk").iterdir():
        resize(path, WIDTH // 2, HEIGHT // 2)
    capture = open_capture(tmp_path)
    np.testing.assert_allclose(capture.frames[0].camera, scale_camera(K, 0.5, 0.5))
    told = "0.png and 3 more: 32x24 pixels, the intrinsics hold for 64x48: the intrinsics were scaled by 0.5"
    assert any(told in line for line in capture.report()), capture.report()


def test_another_aspect_is_refused(tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=True)
    resize(tmp_path / "images" / "walk" / "2.png", WIDTH, HEIGHT - 10)
    capture = open_capture(tmp_path)
    assert [frame.name for frame in capture.frames] == ["walk/0", "walk/1", "walk/3"]
    assert "images/walk/2.png: skipped: the intrinsics hold for 64x48" in "\n".join(capture.report())


def test_unstated_sizes_are_those_of_most_images(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    resize(tmp_path / "images" / "00005.png", WIDTH * 2, HEIGHT * 2)
    resize(tmp_path / "images" / "00007.png", WIDTH, 20)
    capture = open_capture(tmp_path)
    assert [frame.name for frame in capture.frames] == ["00003", "00005", "00009"]
    np.testing.assert_allclose(capture.frames[1].camera, scale_camera(K, 2.0, 2.0))
    told = "\n".join(capture.report())
    assert "00005.png: 128x96 pixels, most images have 64x48: the intrinsics were scaled by 2" in told
    assert "00007.png: skipped: most images have 64x48 pixels" in told


def test_intrinsics_of_another_resolution_without_a_stated_size(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    np.savetxt(tmp_path / "K.txt", scale_camera(K, 2.0, 2.0))
    with pytest.raises(ZooError, match="look like the intrinsics of another resolution"):
        open_capture(tmp_path)


@pytest.mark.parametrize("value", [-54.0, 0.0, np.nan])
def test_impossible_focal_lengths(value: float, tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    camera = K.copy()
    camera[1, 1] = value
    np.savetxt(tmp_path / "K.txt", camera)
    with pytest.raises(ZooError, match=r"not positive|not a 3x3 matrix of finite"):
        open_capture(tmp_path)


def test_missing_and_damaged_images(tmp_path: Path) -> None:
    captured.transforms(tmp_path, room())
    (tmp_path / "train" / "r_1.png").unlink()
    (tmp_path / "train" / "r_2.png").write_bytes(b"no image")
    (tmp_path / "depths" / "r_3.png").unlink()
    capture = open_capture(tmp_path)
    assert [frame.name for frame in capture.frames] == ["train/r_0", "train/r_3"]
    report = "\n".join(capture.report())
    assert "train/r_1.png: skipped: the image is missing" in report
    assert "train/r_2.png: skipped: not a readable image" in report
    assert "depths/r_3.png: skipped: missing; the frame is used without it" in report
    assert capture.frames[1].depth is None


def test_images_that_change_after_opening(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    capture = open_capture(tmp_path)
    resize(capture.frames[0].image, 20, 30)
    with pytest.raises(BadFileError, match="has 20x30 pixels"):
        read_rgb(capture.frames[0])


def test_a_preview_is_no_depth(tmp_path: Path) -> None:
    captured.write_image(tmp_path / "depth.png", np.zeros((4, 5, 3), dtype=np.uint8))
    with pytest.raises(BadFileError, match="colour-mapped preview"):
        read_depth(DepthFile(tmp_path / "depth.png", 0.001))


def with_unit(capture: Capture, metres_per_unit: float) -> Capture:
    frames = [
        replace(frame, depth=frame.depth and replace(frame.depth, metres_per_unit=metres_per_unit))
        for frame in capture.frames
    ]
    return replace(capture, frames=tuple(frames))


def with_poses(capture: Capture, change: Callable[[np.ndarray], np.ndarray]) -> Capture:
    def changed(frame: Frame) -> Frame:
        assert frame.cam_to_world is not None
        return replace(frame, cam_to_world=change(frame.cam_to_world))

    return replace(capture, frames=tuple(changed(frame) for frame in capture.frames))


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (0.005, "5 times too large"),
        (0.0002, "5 times too small"),
        (1.0, "1000 times too large"),
        (1e-6, "1000 times too small"),
    ],
)
def test_depth_of_the_wrong_unit(unit: float, message: str, tmp_path: Path) -> None:
    captured.hololens(tmp_path, room(count=6))
    capture = open_capture(tmp_path)
    assert check_consistency(capture) == []
    (warning,) = check_consistency(with_unit(capture, unit))
    assert message in warning
    assert str(tmp_path) in warning


@pytest.mark.parametrize(
    ("change", "message"),
    [(inverse, "world-to-camera"), (lambda pose: pose @ OPENGL_TO_OPENCV, "OpenGL's camera axes")],
)
def test_poses_of_another_convention(
    change: Callable[[np.ndarray], np.ndarray], message: str, tmp_path: Path
) -> None:
    captured.hololens(tmp_path, room(count=6))
    (warning,) = check_consistency(with_poses(open_capture(tmp_path), change))
    assert message in warning


def test_units_of_genuine_frames(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("depth/hololens")
    capture = open_capture(root)
    assert check_consistency(capture) == []
    for unit, message in ((0.0002, "5 times too small"), (0.005, "5 times too large"), (1.0, "1000")):
        (warning,) = check_consistency(with_unit(capture, unit))
        assert message in warning
    (warning,) = check_consistency(with_poses(capture, inverse))
    assert "world-to-camera" in warning
    few = replace(capture, frames=capture.frames[20:28])  # small steps, and far things hardly move
    assert check_consistency(few) == []
    (warning,) = check_consistency(with_unit(few, 0.005))
    assert "5 times too large" in warning
