from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.data import captured
from tests.data.captured import HEIGHT, WIDTH, K, room
from tests.geometry.posed import room_depth
from zoo.config import CaptureData
from zoo.data.captures.capture import DepthFile, Frame
from zoo.data.captures.detect import open_capture
from zoo.data.fit_views import Fit, fit_depth, fit_image, fit_points
from zoo.data.sources.capture import CaptureViews
from zoo.data.views import check_view_batch
from zoo.errors import ZooError
from zoo.geometry.cameras import pixel_grid
from zoo.geometry.distortion import undistort_pixels
from zoo.geometry.lens import Distortion
from zoo.geometry.views import relative_pose, warp
from zoo.train.data import view_source

LENS = Distortion(model="radtan", coefficients=(-0.3, 0.08, 0.004, -0.003))


def test_fitting_maps_there_and_back_and_covers_the_frame() -> None:
    fit = Fit.cover((540, 360), 240, 320)
    pixels = np.array([[0.0, 0.0], [319.0, 239.0], [100.0, 50.0]])
    np.testing.assert_allclose(fit.to_fitted(fit.to_native(pixels)), pixels)
    corners = fit.to_native(np.array([[-0.5, -0.5], [319.5, 239.5]]))
    np.testing.assert_allclose(corners, [[29.5, -0.5], [509.5, 359.5]])


@pytest.mark.parametrize(("height", "width"), [(24, 32), (48, 48), (30, 50), (96, 128)])
def test_the_fitted_depth_is_that_of_the_fitted_camera(height: int, width: int, tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    frame = open_capture(tmp_path).frames[1]
    assert frame.depth is not None
    camera = fit_image(frame, height, width).camera
    pose = torch.from_numpy(np.asarray(frame.cam_to_world))
    expected = room_depth(torch.from_numpy(camera), pose, height, width).numpy()
    depth = fit_depth(frame, frame.depth, height, width)
    assert (depth > 0).all()
    assert np.abs(depth / expected - 1).max() < 0.05  # the nearest pixel's


def test_depth_is_never_interpolated(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    frame = open_capture(tmp_path).frames[0]
    stripes = np.where(np.arange(WIDTH) % 3 == 0, 0.0, np.where(np.arange(WIDTH) % 3 == 1, 1.0, 4.0))
    path = tmp_path / "stripes.png"
    captured.write_depth(path, np.tile(stripes, (HEIGHT, 1)), 1000)
    fitted = fit_depth(frame, DepthFile(path, 0.001), 31, 43)
    assert set(np.unique(fitted.round(6)).tolist()) == {0.0, 1.0, 4.0}


def test_depth_of_another_camera_lands_on_the_image(tmp_path: Path) -> None:
    captured.seven_scenes(tmp_path, room(captured.K))
    frame = replace(open_capture(tmp_path).frames[0], camera=K)
    assert frame.depth is not None
    own = np.array([[58.5, 0, 31.55], [0, 58.5, 23.55], [0, 0, 1]])
    depth = fit_depth(frame, replace(frame.depth, camera=own), HEIGHT, WIDTH)
    pose = torch.from_numpy(np.asarray(frame.cam_to_world))
    expected = room_depth(torch.from_numpy(K), pose, HEIGHT, WIDTH).numpy()
    known = depth > 0
    assert 0.5 < known.mean() < 1  # the depth camera sees less
    assert np.abs(depth / expected - 1)[known].max() < 0.06


def bend(image: np.ndarray, how: int) -> np.ndarray:
    """The image as the lens would have made it."""
    grid = pixel_grid(HEIGHT, WIDTH, dtype=torch.float64)
    u, v = undistort_pixels(grid, torch.from_numpy(K), LENS).float().movedim(-1, 0).contiguous().numpy()
    return cv2.remap(image, u, v, how, borderMode=cv2.BORDER_CONSTANT)


def test_images_and_depth_of_a_lens_are_straightened(tmp_path: Path) -> None:
    scene = room()
    bent = scene._replace(
        images=[bend(image, cv2.INTER_CUBIC) for image in scene.images],
        depths=[bend(depth.astype(np.float32), cv2.INTER_NEAREST) for depth in scene.depths],
    )
    captured.hololens(tmp_path, bent)
    frame = replace(open_capture(tmp_path).frames[0], distortion=LENS)
    assert frame.depth is not None
    straight = fit_image(frame, HEIGHT, WIDTH)
    np.testing.assert_allclose(straight.camera, K)
    inner = (slice(6, -6), slice(8, -8))  # what the lens saw
    wrong, right = (
        np.abs(np.asarray(image).astype(int) - scene.images[0])[inner].mean()
        for image in (bent.images[0], straight.image)
    )
    assert right < 0.4 * wrong
    depth = fit_depth(frame, frame.depth, HEIGHT, WIDTH)
    assert np.abs(depth / scene.depths[0] - 1)[inner].max() < 0.06


def test_every_sparse_measurement_lands_on_its_pixel(tmp_path: Path) -> None:
    captured.kitti_selection(tmp_path, room())
    frame = open_capture(tmp_path).frames[0]
    assert frame.sparse_depth is not None
    half = fit_points(frame, frame.sparse_depth, HEIGHT // 2, WIDTH // 2)
    assert (half > 0).sum() == (HEIGHT // 8) * (WIDTH // 8)  # a nearest look-up would miss three of four
    v, u = np.nonzero(half)
    expected = room().depths[0][2 * v, 2 * u]
    np.testing.assert_allclose(half[v, u], expected, atol=3e-3)


def test_samples_keep_the_contract_and_warp(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room(count=6))
    source = CaptureViews(tmp_path, height=36, width=48, views=3)
    batch = source.batch(np.arange(len(source)))
    check_view_batch(batch, "here")
    assert batch["images"].shape == (6, 3, 3, 36, 48)
    assert batch["views_valid"][:, :2].all()
    assert batch["depth_valid"].all()
    for i in range(len(source)):
        warped, seen = warp(
            batch["images"][i, 1],
            batch["depth"][i],
            batch["cameras"][i, 0],
            batch["cameras"][i, 1],
            relative_pose(batch["cam_to_world"][i, 0], batch["cam_to_world"][i, 1]),
        )
        assert (warped - batch["images"][i, 0]).abs().mean(0)[seen].mean() < 0.03


def test_depth_out_of_range_is_unknown(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    sample = CaptureViews(tmp_path, height=36, width=48, depth_range=(1.0, 3.0)).sample(0)
    assert sample["depth"].max() <= 3
    assert (sample["depth"] == 0).any()


def test_frames_without_poses_are_samples_of_one_view(tmp_path: Path) -> None:
    captured.kitti_selection(tmp_path, room())
    with pytest.raises(ZooError, match="min_kept=0 allows single images"):
        CaptureViews(tmp_path, height=24, width=32)
    source = CaptureViews(tmp_path, height=24, width=32, views=2, min_kept=0)
    batch = source.batch(np.array([0, 3]))
    assert batch["views_valid"].tolist() == [[True, False], [True, False]]
    assert (batch["sparse_confidence"] > 0).flatten(1).sum(1).tolist() == [48, 48]


def test_captures_of_unknown_scale_are_brought_to_a_rooms(tmp_path: Path) -> None:
    scene = room(count=4)
    for pose in scene.poses:
        pose[:3, 3] *= 40
    captured.colmap(tmp_path, scene, binary=True)
    (tmp_path / "sparse" / "0" / "points3D.bin").unlink()
    source = CaptureViews(tmp_path, height=24, width=32, views=2)
    assert len(source) == 4
    assert any("metres_per_unit sets it" in line for line in source.remarks)
    with pytest.raises(ZooError, match="not in metres"):
        CaptureViews(tmp_path, height=24, width=32, views=2, metres_per_unit=1.0)


def test_scenes_below_a_folder_are_numbered(tmp_path: Path) -> None:
    for name in ("a", "b"):
        captured.hololens(tmp_path / name, room())
    source = CaptureViews(tmp_path, height=24, width=32)
    assert source.batch(np.arange(len(source)))["scene"].tolist() == [0] * 4 + [1] * 4
    assert source.frames(5)[0].image.parts[-3] == "b"


def test_views_given_by_the_user(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    path = tmp_path / "views.csv"
    path.write_text("anchor,source_1\n00005,00009\n")
    source = CaptureViews(tmp_path, height=24, width=32, views_csv=path)
    assert [frame.name for frame in source.frames(0)] == ["00005", "00009"]
    assert source.batch(np.array([0]))["views_valid"].tolist() == [[True, True, False]]


def test_remarks_gather_what_was_wrong(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room(count=6), steps_per_metre=5000)
    np.savetxt(
        tmp_path / "poses.txt", np.vstack((np.loadtxt(tmp_path / "poses.txt")[:-1], np.full(16, np.nan)))
    )
    remarks = "\n".join(CaptureViews(tmp_path, height=24, width=32).remarks)
    assert "poses.txt, line 6: skipped" in remarks
    assert "5 times too large" in remarks


def test_a_file_that_is_damaged_later_is_named(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    source = CaptureViews(tmp_path, height=24, width=32)
    path = tmp_path / "depth" / "00003.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ZooError, match=r"depth/00003.png: missing or not a readable depth image"):
        source.batch(np.array([0]))


def test_the_config_describes_the_source(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    data = CaptureData(type="capture", root=tmp_path, views=2, min_kept=1)
    source = view_source(data, 24, 32)
    assert source.batch(np.array([0]))["images"].shape == (1, 2, 3, 24, 32)
    with pytest.raises(ValueError, match="fewer sources"):
        CaptureData(type="capture", root=tmp_path, views=2, min_kept=2)
    with pytest.raises(ValueError, match="the first must be the smaller"):
        CaptureData(type="capture", root=tmp_path, baseline_m=(0.3, 0.1))


def test_genuine_frames_warp_onto_each_other(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("depth/hololens")
    source = CaptureViews(root, height=240, width=320, views=3, min_kept=2)
    assert len(source) == pytest.approx(87, abs=4)
    assert all("odd baselines" in line for line in source.remarks)  # nothing skipped, no doubt of units
    batch = source.batch(np.arange(0, len(source), 8))
    better = 0
    for i in range(len(batch["images"])):
        poses, cameras = batch["cam_to_world"][i], batch["cameras"][i]
        errors = []
        for there, back in ((0, 1), (1, 0)):  # the right pose, and its inverse
            relative = relative_pose(poses[there], poses[back])
            warped, seen = warp(batch["images"][i, 1], batch["depth"][i], cameras[0], cameras[1], relative)
            errors.append(float((warped - batch["images"][i, 0]).abs().mean(0)[seen].mean()))
        better += errors[0] < 0.8 * errors[1]
    assert better >= 0.9 * len(batch["images"])
    assert batch["depth"][batch["depth"] > 0].median() == pytest.approx(2.3, abs=0.4)


def test_sizes_that_round_beyond_the_image_are_fitted(tmp_path: Path) -> None:
    captured.write_image(tmp_path / "a.png", np.full((320, 216, 3), 99, np.uint8))
    frame = Frame("a", tmp_path / "a.png", (216, 320), np.array([[200.0, 0, 107], [0, 200, 159], [0, 0, 1]]))
    height, width = 336, 227
    assert Fit.cover(frame.size, height, width).left < 0  # by rounding alone
    assert (fit_image(frame, height, width).image == 99).all()


def test_the_image_is_averaged_when_it_shrinks(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    frame = open_capture(tmp_path).frames[0]
    checks = np.indices((HEIGHT, WIDTH)).sum(0) % 2 * 255
    Image.fromarray(np.repeat(checks[..., None], 3, -1).astype(np.uint8)).save(frame.image)
    small = fit_image(frame, HEIGHT // 4, WIDTH // 4).image
    assert np.abs(small.astype(int) - 127).max() < 8
