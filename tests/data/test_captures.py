"""Every layout gives back the cameras, poses and depths of the room that it was written from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.data import captured
from tests.data.captured import HEIGHT, WIDTH, K, Room, room
from zoo.data.captures.assemble import scale_camera
from zoo.data.captures.capture import Capture, frame_names
from zoo.data.captures.detect import LAYOUTS, detect, find_captures, open_capture
from zoo.data.captures.files import read_depth, read_rgb
from zoo.errors import ZooError
from zoo.geometry.cameras import pixel_grid
from zoo.geometry.distortion import distort_pixels
from zoo.geometry.views import relative_pose, warp

DEFAULT = np.array([[525.0, 0, 319.5], [0, 525.0, 239.5], [0, 0, 1]])
SMALL_DEFAULT = scale_camera(DEFAULT, 0.1, 0.1)
SQUARE = np.array([[55.0, 0, 31.5], [0, 55.0, 23.5], [0, 0, 1]])
CASES: dict[str, tuple[str, np.ndarray, Callable[[Path, Room], None]]] = {
    "hololens": ("hololens", K, captured.hololens),
    "colmap text": ("colmap", K, lambda root, scene: captured.colmap(root, scene, binary=False)),
    "colmap binary": ("colmap", K, lambda root, scene: captured.colmap(root, scene, binary=True)),
    "nerfstudio": ("transforms", K, captured.transforms),
    "each its intrinsics": ("transforms", K, lambda *args: captured.transforms(*args, per_frame=True)),
    "blender": ("transforms", SQUARE, lambda *args: captured.transforms(*args, blender=True)),
    "tum": ("tum", SMALL_DEFAULT, captured.tum),
    "scannet": ("scannet", K, captured.scannet),
    "7scenes": ("7scenes", SMALL_DEFAULT, captured.seven_scenes),
}
every_layout = pytest.mark.parametrize("case", CASES)


def opened(case: str, tmp_path: Path) -> tuple[Capture, Room]:
    _, camera, write = CASES[case]
    scene = room(camera)
    write(tmp_path, scene)
    return open_capture(tmp_path), scene


@every_layout
def test_what_was_written_is_read(case: str, tmp_path: Path) -> None:
    capture, scene = opened(case, tmp_path)
    assert capture.layout == CASES[case][0]
    assert len(capture.frames) == len(scene.images)
    assert not capture.skipped
    for frame, image, to_world in zip(capture.frames, scene.images, scene.poses, strict=True):
        assert frame.size == (WIDTH, HEIGHT)
        np.testing.assert_allclose(frame.camera, scene.camera, atol=1e-6)
        np.testing.assert_allclose(frame.cam_to_world, to_world, atol=1e-6)
        tolerance = 50 if frame.image.suffix == ".jpg" else 0
        assert np.abs(read_rgb(frame).astype(int) - image).max() <= tolerance


@every_layout
def test_depth_is_in_metres(case: str, tmp_path: Path) -> None:
    capture, scene = opened(case, tmp_path)
    for frame, depth in zip(capture.frames, scene.depths, strict=True):
        if frame.depth is None:
            assert case.startswith(("colmap", "blender"))
            continue
        stored = read_depth(frame.depth)
        known = stored > 0
        assert known.mean() > 0.9
        if frame.depth.camera is None:
            np.testing.assert_allclose(stored[known], depth[known], atol=2e-3)
        assert np.median(stored[known]) == pytest.approx(np.median(depth), rel=0.1)


@every_layout
def test_warping_tells_right_poses_from_wrong_ones(case: str, tmp_path: Path) -> None:
    capture, scene = opened(case, tmp_path)
    anchor, source = capture.frames[1], capture.frames[2]
    images = [torch.from_numpy(read_rgb(f) / 255).movedim(-1, 0) for f in (anchor, source)]
    k = torch.from_numpy(anchor.camera)
    depth = torch.from_numpy(scene.depths[1])
    poses = [torch.from_numpy(np.asarray(f.cam_to_world)) for f in (anchor, source)]

    def error(relative: torch.Tensor) -> float:
        warped, seen = warp(images[1], depth, k, k, relative)
        return float((warped - images[0]).abs().mean(0)[seen].mean())

    right = error(relative_pose(*poses))
    assert right < 0.03
    assert error(relative_pose(*poses[::-1])) > 3 * right
    assert error(torch.eye(4, dtype=torch.float64)) > 2 * right


def test_layouts_are_found_below_a_folder(tmp_path: Path) -> None:
    captured.seven_scenes(tmp_path / "chess" / "seq-01", room(SMALL_DEFAULT))
    captured.hololens(tmp_path / "flat", room())
    assert find_captures(tmp_path) == [tmp_path / "chess" / "seq-01", tmp_path / "flat"]
    assert find_captures(tmp_path, "hololens") == [tmp_path / "flat"]
    assert find_captures(tmp_path / "flat") == [tmp_path / "flat"]
    assert detect(tmp_path) is None


def test_names_never_lead_out_of_a_folder(tmp_path: Path) -> None:
    captured.transforms(tmp_path / "scene", room())
    path = tmp_path / "scene" / "transforms.json"
    (tmp_path / "other").mkdir()
    (tmp_path / "scene" / "train").rename(tmp_path / "other" / "train")
    path.write_text(path.read_text().replace('"train/', '"../other/train/'))
    assert [frame.name for frame in open_capture(path).frames] == ["r_0", "r_1", "r_2", "r_3"]


def test_equal_stems_keep_their_endings(tmp_path: Path) -> None:
    images = [tmp_path / name for name in ("a.png", "a.jpg", "b.png")]
    assert frame_names(images, tmp_path) == ["a.png", "a.jpg", "b"]


def test_unknown_layouts_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="no such folder"):
        open_capture(tmp_path / "nowhere")
    with pytest.raises(ZooError) as error:
        open_capture(tmp_path)
    assert all(f"{name}: {module.LOOKS_LIKE}" in str(error.value) for name, module in LAYOUTS.items())
    with pytest.raises(ZooError, match="did you mean 'colmap'"):
        open_capture(tmp_path, "colmaps")
    with pytest.raises(ZooError, match="is not of the layout tum"):
        open_capture(tmp_path, "tum")


@pytest.mark.parametrize(
    ("model", "further", "expected"),
    [
        ("SIMPLE_PINHOLE", (), None),
        ("SIMPLE_RADIAL", (-0.1,), ("radtan", (-0.1, 0, 0, 0, 0))),
        ("RADIAL", (-0.1, 0.02), ("radtan", (-0.1, 0.02, 0, 0, 0))),
        ("OPENCV", (-0.1, 0.02, 0.001, 0.002), ("radtan", (-0.1, 0.02, 0.001, 0.002, 0))),
        ("OPENCV_FISHEYE", (0.1, 0.02, 0.0, 0.0), ("fisheye", (0.1, 0.02, 0.0, 0.0))),
    ],
)
def test_colmaps_camera_models(
    model: str, further: tuple[float, ...], expected: object, tmp_path: Path
) -> None:
    camera = K if model.startswith("OPENCV") else SQUARE
    captured.colmap(tmp_path, room(camera), binary=True, model=model, further=further)
    frame = open_capture(tmp_path).frames[0]
    np.testing.assert_allclose(frame.camera, camera)
    lens = frame.distortion
    assert (lens and (lens.model, lens.coefficients)) == expected
    if lens is not None and lens.model == "fisheye":  # the same formula as OpenCV's
        points = np.array([[[3.0, 4.0]], [[60.0, 40.0]]])
        normalised = (points - camera[:2, 2]) / camera[[0, 1], [0, 1]]
        theirs = cv2.fisheye.distortPoints(normalised, camera, np.array(lens.coefficients))
        ours = distort_pixels(torch.from_numpy(points), torch.from_numpy(camera), lens)
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_colmap_is_not_metric_until_the_user_says_its_unit(tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=True)
    plain, scaled = open_capture(tmp_path), open_capture(tmp_path, metres_per_unit=2.0)
    assert not plain.metric
    assert any("arbitrary" in line for line in plain.report())
    assert scaled.metric
    assert scaled.report() == []
    for a, b in zip(plain.frames, scaled.frames, strict=True):
        assert a.cam_to_world is not None
        assert b.cam_to_world is not None
        np.testing.assert_allclose(2 * a.cam_to_world[:3, 3], b.cam_to_world[:3, 3])


@pytest.mark.parametrize("binary", [True, False])
def test_the_depth_of_colmaps_points_gives_the_scene_a_size(binary: bool, tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=binary)
    capture = open_capture(tmp_path)
    assert capture.scene_depth == pytest.approx(4.0)
    assert capture.nominal_metres_per_unit() == pytest.approx(2.3 / 4)
    for path in (tmp_path / "sparse" / "0").glob("points3D.*"):
        path.unlink()
    capture = open_capture(tmp_path)
    assert capture.scene_depth is None
    assert 0.15 / capture.nominal_metres_per_unit() == pytest.approx(0.164, abs=0.001)  # the room's steps


def test_a_camera_model_without_support_says_what_to_do(tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=False, model="FOV", further=(0.9,))
    with pytest.raises(ZooError, match="image_undistorter"):
        open_capture(tmp_path)


def test_damaged_colmap_files_are_named(tmp_path: Path) -> None:
    captured.colmap(tmp_path, room(), binary=True)
    path = tmp_path / "sparse" / "0" / "images.bin"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ZooError, match=r"sparse/0: not a readable COLMAP model"):
        open_capture(tmp_path)


def test_distortion_and_scale_of_transforms(tmp_path: Path) -> None:
    captured.transforms(tmp_path, room())
    path = tmp_path / "transforms.json"
    meta = json.loads(path.read_text())
    meta |= {"k1": -0.05, "k2": 0.01, "p1": 0.001, "p2": -0.001, "applied_scale": 0.5}
    path.write_text(json.dumps(meta))
    frame, true = open_capture(path).frames[3], room().poses[3]
    assert frame.distortion is not None
    assert frame.distortion.coefficients == (-0.05, 0.01, 0.001, -0.001, 0.0)
    assert frame.cam_to_world is not None
    np.testing.assert_allclose(frame.cam_to_world[:3, 3], 2 * true[:3, 3])
    meta["camera_model"] = "EQUIRECTANGULAR"
    path.write_text(json.dumps(meta))
    with pytest.raises(ZooError, match="camera_model EQUIRECTANGULAR is not supported"):
        open_capture(tmp_path)


def test_the_tum_camera_follows_the_folders_name(tmp_path: Path) -> None:
    captured.tum(tmp_path / "rgbd_dataset_freiburg1_desk", room())
    capture = open_capture(tmp_path / "rgbd_dataset_freiburg1_desk")
    np.testing.assert_allclose(capture.frames[0].camera[0, 0], 51.73)
    assert capture.frames[0].distortion is not None
    captured.tum(tmp_path / "mine", room())
    assert any("K.txt" in line for line in open_capture(tmp_path / "mine").report())
    captured.write_numbers(tmp_path / "mine" / "K.txt", K)
    own = open_capture(tmp_path / "mine")
    np.testing.assert_allclose(own.frames[0].camera, K)
    assert own.report() == []


@pytest.mark.parametrize("write", [captured.kitti_selection, captured.kitti_drive])
def test_kitti_has_sparse_and_true_depth_and_no_poses(
    write: Callable[[Path, Room], None], tmp_path: Path
) -> None:
    scene = room()
    root = tmp_path / "2011_09_26_drive_0002_sync"
    write(root, scene)
    capture = open_capture(root)
    assert capture.layout == "kitti"
    frame = capture.frames[1]
    np.testing.assert_allclose(frame.camera, scene.camera, atol=1e-4)
    assert frame.cam_to_world is None
    assert frame.depth is not None
    assert frame.sparse_depth is not None
    np.testing.assert_allclose(read_depth(frame.depth), scene.depths[1], atol=3e-3)
    assert read_depth(frame.sparse_depth)[8, 16] == pytest.approx(scene.depths[1][8, 16], abs=3e-3)


def test_nyu_in_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    scene = room(
        scale_camera(np.array([[518.85790, 0, 325.58245], [0, 519.46961, 253.73617], [0, 0, 1]]), 0.1, 0.1)
    )
    for i in range(2):
        (tmp_path / "val" / "official").mkdir(parents=True, exist_ok=True)
        with h5py.File(tmp_path / "val" / "official" / f"{i:05d}.h5", "w") as file:
            file["rgb"] = np.moveaxis(scene.images[i], -1, 0)
            file["depth"] = scene.depths[i].astype(np.float32)
    frame = open_capture(tmp_path).frames[1]
    assert frame.name == "val/official/00001"
    np.testing.assert_array_equal(read_rgb(frame), scene.images[1])
    assert frame.depth is not None
    np.testing.assert_allclose(read_depth(frame.depth), scene.depths[1], rtol=1e-6)
    np.testing.assert_allclose(frame.camera, scene.camera, atol=1e-6)


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "0.h5").write_bytes(b"")
    with pytest.raises(ZooError, match=r"pip install 'eye-room-zoo\[nyu\]'"):
        open_capture(tmp_path)


def test_genuine_frames(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("depth/hololens")
    capture = open_capture(root)
    assert (capture.layout, len(capture.frames), capture.report()) == ("hololens", 112, [])
    frame = capture.frames[0]
    assert frame.name == "00003"
    assert frame.depth is not None
    depth = read_depth(frame.depth)
    assert depth.shape == (360, 540)
    assert 0.7 < depth[depth > 0].min() < depth.max() < 7.5
    assert pixel_grid(360, 540).shape[:2] == depth.shape
