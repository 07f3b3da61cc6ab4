from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.geometry.cameras import (
    default_camera,
    flip_camera,
    intrinsics,
    pixel_grid,
    project,
    rays,
    resize_camera,
    unit_rays,
)

SKEWED = torch.tensor([[200.0, 3.0, 81.0], [0.0, 190.0, 55.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
POINTS = torch.randn(
    50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64
) * 5 + torch.tensor([0.0, 0.0, 40.0], dtype=torch.float64)


def test_projection_is_the_camera_matrix() -> None:
    homogeneous = POINTS @ SKEWED.mT
    torch.testing.assert_close(project(POINTS, SKEWED), homogeneous[:, :2] / homogeneous[:, 2:])


def test_rays_invert_projection() -> None:
    pixels = project(POINTS, SKEWED)
    torch.testing.assert_close(rays(pixels, SKEWED), POINTS / POINTS[:, 2:])
    torch.testing.assert_close(unit_rays(pixels, SKEWED), POINTS / POINTS.norm(dim=-1, keepdim=True))


def test_pixel_grid_is_indexed_by_row_and_holds_u_first() -> None:
    grid = pixel_grid(3, 5, dtype=torch.float64)
    assert grid.shape == (3, 5, 2)
    assert grid[2, 4].tolist() == [4.0, 2.0]
    assert grid[0, 0].tolist() == [0.0, 0.0]


def test_intrinsics_broadcast() -> None:
    camera = intrinsics(
        torch.tensor([10.0, 20.0]), torch.tensor(30.0), torch.tensor(1.0), torch.tensor([2.0, 3.0])
    )
    assert camera.tolist() == [
        [[10.0, 0.0, 1.0], [0.0, 30.0, 2.0], [0.0, 0.0, 1.0]],
        [[20.0, 0.0, 1.0], [0.0, 30.0, 3.0], [0.0, 0.0, 1.0]],
    ]


def test_default_camera_spans_its_field_of_view_from_edge_to_edge() -> None:
    camera = default_camera(160, 120, 40.0, dtype=torch.float64)
    edges = torch.tensor([[-0.5, 59.5], [159.5, 59.5]], dtype=torch.float64)
    left, right = rays(edges, camera)
    assert math.degrees(math.atan(right[0]) - math.atan(left[0])) == pytest.approx(40.0)
    assert left[1] == right[1] == 0


@given(st.floats(0.1, 8.0), st.floats(-50.0, 50.0), st.floats(-50.0, 50.0))
def test_resized_camera_sees_points_where_the_pixels_went(scale: float, left: float, top: float) -> None:
    offset = torch.tensor([left, top], dtype=torch.float64)
    expected = scale * (project(POINTS, SKEWED) + 0.5) - 0.5 + offset
    torch.testing.assert_close(project(POINTS, resize_camera(SKEWED, scale, (left, top))), expected)
    batched = resize_camera(SKEWED, torch.full((2,), scale, dtype=torch.float64), offset)
    torch.testing.assert_close(project(POINTS[:, None], batched), expected[:, None].expand(-1, 2, -1))


def test_flipped_camera_sees_mirrored_points_at_mirrored_pixels() -> None:
    mirrored = POINTS * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    pixels = project(POINTS, SKEWED)
    expected = torch.stack((159 - pixels[:, 0], pixels[:, 1]), -1)
    torch.testing.assert_close(project(mirrored, flip_camera(SKEWED, 160)), expected)
    torch.testing.assert_close(flip_camera(flip_camera(SKEWED, 160), 160), SKEWED)
