from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.geometry.random_eyes import random_eyes, uniform
from zoo.geometry.cameras import default_camera
from zoo.geometry.ellipse import (
    conic_to_ellipse,
    ellipse_area,
    ellipse_from_shape,
    ellipse_points,
    ellipse_shape,
    ellipse_to_conic,
    fit_ellipse,
    transform_ellipse,
)
from zoo.geometry.refraction import pupil_contour
from zoo.geometry.vectors import transform


def random_ellipses(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    ranges = ((0.0, 160.0), (0.0, 120.0), (20.0, 40.0), (5.0, 19.0), (0.0, math.pi))
    return torch.stack([uniform(generator, count, low, high) for low, high in ranges], -1)


def assert_same(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    assert (actual[..., :4] - expected[..., :4]).abs().max() < tolerance
    turn = (actual[..., 4] - expected[..., 4]).remainder(math.pi)
    assert torch.minimum(turn, math.pi - turn).max() < tolerance
    assert ((actual[..., 4] >= 0) & (actual[..., 4] < math.pi)).all()


def halir_flusser(points: NDArray[np.float64]) -> Tensor:
    """The published algorithm with its eigensolver, on centred and scaled points."""
    mean, scale = points.mean(0), points.std()
    x, y = ((points - mean) / scale).T
    quadratic, linear = np.stack((x * x, x * y, y * y), 1), np.stack((x, y, np.ones_like(x)), 1)
    to_linear = -np.linalg.solve(linear.T @ linear, (quadratic.T @ linear).T)
    reduced = quadratic.T @ quadratic + quadratic.T @ linear @ to_linear
    _, vectors = np.linalg.eig(np.array([reduced[2] / 2, -reduced[1], reduced[0] / 2]))
    vectors = vectors.real
    a, b, c = vectors[:, 4 * vectors[0] * vectors[2] - vectors[1] ** 2 > 0][:, 0]
    d, e, f = to_linear @ np.array([a, b, c])
    conic = np.array([[a, b / 2, d / 2], [b / 2, c, e / 2], [d / 2, e / 2, f]])
    back = np.array([[1 / scale, 0, -mean[0] / scale], [0, 1 / scale, -mean[1] / scale], [0, 0, 1]])
    return conic_to_ellipse(torch.from_numpy(back.T @ conic @ back))


def test_points_lie_on_the_ellipse_and_start_at_the_end_of_its_major_axis() -> None:
    ellipse = torch.tensor([10.0, 20.0, 6.0, 2.0, math.pi / 2], dtype=torch.float64)
    points = ellipse_points(ellipse, 4)
    expected = torch.tensor([[10.0, 23], [9, 20], [10, 17], [11, 20]], dtype=torch.float64)
    torch.testing.assert_close(points, expected)
    homogeneous = torch.cat((points, torch.ones(4, 1, dtype=torch.float64)), -1)
    assert ((homogeneous @ ellipse_to_conic(ellipse)) * homogeneous).sum(-1).abs().max() < 1e-12


def test_area_is_that_of_the_polygon_through_many_points() -> None:
    ellipses = random_ellipses(20)
    x, y = ellipse_points(ellipses, 2000).unbind(-1)
    polygon = 0.5 * (x * y.roll(-1, -1) - x.roll(-1, -1) * y).sum(-1)
    torch.testing.assert_close(ellipse_area(ellipses), polygon, rtol=1e-5, atol=0)


def test_shape_and_conic_conversions_round_trip() -> None:
    ellipses = random_ellipses(200)
    assert_same(ellipse_from_shape(ellipses[:, :2], ellipse_shape(ellipses)), ellipses, 1e-10)
    assert_same(conic_to_ellipse(-3 * ellipse_to_conic(ellipses)), ellipses, 1e-8)


def test_transformed_ellipse_passes_through_transformed_points() -> None:
    ellipses = random_ellipses(50)
    generator = torch.Generator().manual_seed(4)
    affine = torch.randn(50, 2, 3, generator=generator, dtype=torch.float64)
    moved = transform(affine[:, None, :, :2], ellipse_points(ellipses, 12)) + affine[:, None, :, 2]
    homogeneous = torch.cat((moved, torch.ones(50, 12, 1, dtype=torch.float64)), -1)
    conic = ellipse_to_conic(transform_ellipse(ellipses, affine))
    assert ((homogeneous @ conic) * homogeneous).sum(-1).abs().max() < 1e-6


def test_a_circle_has_angle_zero_and_finite_gradients() -> None:
    circle = torch.tensor([3.0, 4.0, 10.0, 10.0, 1.0], dtype=torch.float64, requires_grad=True)
    shift = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    round_ = ellipse_from_shape(circle[:2], torch.diag(circle[2:4] / 2).square())
    assert round_.tolist() == [3.0, 4.0, 10.0, 10.0, 0.0]
    for result in (round_, transform_ellipse(circle, shift)):
        (gradient,) = torch.autograd.grad(result.sum(), circle)
        assert torch.isfinite(gradient).all()


def test_angles_stay_below_pi() -> None:
    tilt = torch.tensor([[4.0, -1e-30], [-1e-30, 1.0]], dtype=torch.float64)
    assert ellipse_from_shape(torch.zeros(2, dtype=torch.float64), tilt)[4] < math.pi


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_fit_recovers_exact_ellipses_from_full_and_partial_outlines(share: float) -> None:
    ellipses = random_ellipses(300)
    points = ellipse_points(ellipses, 100)[:, : int(100 * share)]
    assert_same(fit_ellipse(points), ellipses, 1e-9)


@pytest.mark.parametrize("noise", [0.05, 0.5])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_fit_of_noisy_points_is_that_of_halir_and_flusser(noise: float, share: float) -> None:
    points = ellipse_points(random_ellipses(100), 60)[:, : int(60 * share)]
    generator = torch.Generator().manual_seed(5)
    points = points + noise * torch.randn(points.shape, generator=generator, dtype=torch.float64)
    expected = torch.stack([halir_flusser(item) for item in points.numpy()])
    assert_same(fit_ellipse(points), expected, 1e-6)


def test_fit_follows_a_refracted_pupil_to_a_fraction_of_a_pixel() -> None:
    eyes = random_eyes(200, max_angle_deg=50.0, max_pupil=3.0)
    contour = pupil_contour(eyes, default_camera(160, 120, 40.0, dtype=torch.float64), 24)
    ellipse = fit_ellipse(contour)
    homogeneous = torch.cat((contour, torch.ones_like(contour[..., :1])), -1)
    level = ((homogeneous @ ellipse_to_conic(ellipse)) * homogeneous).sum(-1)  # 2 * distance / semi-axis
    assert (level.abs() * ellipse[:, None, 2] / 4).max() < 0.5


def test_fit_in_float32_is_good_to_a_hundredth_of_a_pixel() -> None:
    ellipses = random_ellipses(100)
    found = fit_ellipse(ellipse_points(ellipses, 32).float())
    assert found.dtype == torch.float32
    assert_same(found.double(), ellipses, 1e-2)


def test_fit_asks_for_five_points() -> None:
    with pytest.raises(ValueError, match="at least 5 points, got 4"):
        fit_ellipse(torch.zeros(2, 4, 2))
