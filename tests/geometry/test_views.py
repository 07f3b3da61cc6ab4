from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.geometry.posed import pose, room_depth
from zoo.geometry.cameras import default_camera, pixel_grid
from zoo.geometry.rotations import rotation_from_axis_angle
from zoo.geometry.views import (
    back_project,
    baseline,
    co_visible,
    invert_pose,
    is_rigid,
    nearest_rigid,
    relative_pose,
    reproject,
    sample,
    transfer,
    transform_points,
    turn,
    warp,
)

CAMERA = default_camera(64, 48, 60.0, dtype=torch.float64)
A, B = pose((0.1, -0.2, 0.05), (0.1, 0.0, -0.2)), pose((-0.1, 0.15, 0.02), (0.3, 0.05, 0.1))


def test_relative_pose_maps_the_anchors_points_to_the_sources() -> None:
    world = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    in_a, in_b = transform_points(invert_pose(A), world), transform_points(invert_pose(B), world)
    torch.testing.assert_close(transform_points(relative_pose(A, B), in_a), in_b)
    torch.testing.assert_close(invert_pose(A), torch.linalg.inv(A))


def test_baseline_and_turn_are_the_same_both_ways() -> None:
    there, back = relative_pose(A, B), relative_pose(B, A)
    assert baseline(there) == pytest.approx(float((A[:3, 3] - B[:3, 3]).norm()))
    assert baseline(back) == pytest.approx(float(baseline(there)))
    assert turn(back) == pytest.approx(float(turn(there)))


@pytest.mark.parametrize("angle", [0.0, 1e-5, 0.4, math.pi - 1e-5])
def test_turn_is_accurate_at_both_ends(angle: float) -> None:
    moved = pose((0.0, 0.0, angle), (1.0, 2.0, 3.0)).float()
    assert turn(moved) == pytest.approx(angle, abs=2e-6)


def bad_poses() -> dict[str, Tensor]:
    mirrored, scaled, sheared, lost = A.clone(), A.clone(), A.clone(), A.clone()
    mirrored[:3, 0] *= -1
    scaled[:3, :3] *= 1.1
    sheared[0, 1] += 0.2
    lost[:] = -math.inf
    unfinished = A.clone()
    unfinished[1, 3] = math.nan
    transposed = A.mT.clone()
    return {
        "mirrored": mirrored,
        "scaled": scaled,
        "sheared": sheared,
        "lost": lost,
        "nan": unfinished,
        "transposed": transposed,
        "zero": torch.zeros_like(A),
    }


@pytest.mark.parametrize("name", bad_poses())
def test_what_is_no_pose_is_seen(name: str) -> None:
    assert is_rigid(A)
    assert is_rigid((A * 1000).round() / 1000)
    assert not is_rigid(bad_poses()[name])


def test_nearest_rigid_pose() -> None:
    rounded = (A * 100).round() / 100
    mended = nearest_rigid(rounded)
    assert is_rigid(mended, 1e-9)
    assert (mended - A).abs().max() < 0.01


def test_transfer_there_and_back() -> None:
    pixels = torch.tensor([[10.0, 20.0], [40.0, 5.0]], dtype=torch.float64)
    depth = torch.tensor([2.0, 3.0], dtype=torch.float64)
    there, z = transfer(pixels, depth, CAMERA, 2 * CAMERA, relative_pose(A, B))
    back, again = transfer(there, z, 2 * CAMERA, CAMERA, relative_pose(B, A))
    torch.testing.assert_close(back, pixels)
    torch.testing.assert_close(again, depth)


def test_back_projection_is_at_its_depth_and_pixel() -> None:
    depth = room_depth(CAMERA, A, 48, 64)
    points = back_project(depth, CAMERA)
    torch.testing.assert_close(points[..., 2], depth)
    identity = torch.eye(4, dtype=torch.float64)
    where = reproject(depth, CAMERA, CAMERA, identity)
    torch.testing.assert_close(where.pixels[1:-1, 1:-1], pixel_grid(48, 64, dtype=torch.float64)[1:-1, 1:-1])


def test_nothing_unknown_behind_or_outside_is_inside() -> None:
    depth = torch.full((48, 64), 2.0, dtype=torch.float64)
    depth[:, :10] = 0
    turned = relative_pose(torch.eye(4, dtype=torch.float64), pose((0.0, math.pi, 0.0), (0.0, 0.0, 0.0)))
    assert not reproject(depth, CAMERA, CAMERA, turned).inside.any()
    side = relative_pose(torch.eye(4, dtype=torch.float64), pose((0.0, 0.0, 0.0), (0.5, 0.0, 0.0)))
    where = reproject(depth, CAMERA, CAMERA, side)
    assert not where.inside[:, :10].any()
    assert where.inside[:, 20:].all()
    assert where.depth[~where.inside].abs().max() == 0
    behind = pose((0.0, 0.0, 0.0), (0.0, 0.0, 2.0))  # the source stands on the surface: depth 0 there
    assert all(value.isfinite().all() for value in reproject(depth, CAMERA, CAMERA, invert_pose(behind)))


def test_sampling_hits_pixel_centres_and_never_mixes_by_nearest() -> None:
    image = torch.arange(12.0).reshape(1, 3, 4)
    centres = pixel_grid(3, 4).reshape(-1, 2)
    torch.testing.assert_close(sample(image, centres)[0], image.flatten())
    assert sample(image, torch.tensor([[0.4, 0.0]]), nearest=True).item() == 0.0
    assert sample(image, torch.tensor([[0.5, 1.0]])).item() == pytest.approx(4.5)
    assert sample(image, torch.tensor([[-3.0, 9.0]])).item() == 8.0


def test_warping_by_the_true_depth_and_pose_restores_the_anchor() -> None:
    def painted(depth: Tensor, camera_to_world: Tensor) -> Tensor:
        world = transform_points(camera_to_world, back_project(depth, CAMERA))
        return torch.stack([torch.sin(3 * world[..., i]) for i in range(3)])

    depths = [room_depth(CAMERA, each, 48, 64) for each in (A, B)]
    anchor, source = painted(depths[0], A), painted(depths[1], B)
    warped, visible = warp(source, depths[0], CAMERA, CAMERA, relative_pose(A, B))
    wrong, _ = warp(source, depths[0], CAMERA, CAMERA, relative_pose(B, A))
    error = (warped - anchor).abs().mean(0)[visible].mean()
    assert visible.double().mean() > 0.3
    assert error < 0.01
    assert (wrong - anchor).abs().mean(0)[visible].mean() > 10 * error
    seen, comparable = co_visible(*depths, CAMERA, CAMERA, relative_pose(A, B))
    assert seen[comparable].double().mean() > 0.95
    seen, comparable = co_visible(*depths, CAMERA, CAMERA, relative_pose(B, A))
    assert seen[comparable].double().mean() < 0.6


def test_batches_of_warps() -> None:
    depth = torch.stack([room_depth(CAMERA, A, 48, 64), room_depth(CAMERA, B, 48, 64)])
    images = torch.rand(2, 3, 30, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    small = default_camera(40, 30, 60.0, dtype=torch.float64)
    poses = torch.stack([relative_pose(A, B), relative_pose(B, A)])
    warped, visible = warp(images, depth, CAMERA, small, poses)
    for i in range(2):
        one, seen = warp(images[i], depth[i], CAMERA, small, poses[i])
        torch.testing.assert_close(warped[i], one)
        assert torch.equal(visible[i], seen)


def test_rotation_of_poses_is_right_handed() -> None:
    assert torch.linalg.det(rotation_from_axis_angle(torch.tensor([0.3, 0.2, 0.1]))) == pytest.approx(
        1, abs=1e-6
    )
