from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from zoo.geometry.cameras import intrinsics, pixel_grid, project
from zoo.geometry.distortion import distort, distort_pixels, undistort, undistort_pixels
from zoo.geometry.lens import Distortion

WIDTH, HEIGHT = 160, 120
LENSES = [
    Distortion(model="radtan", coefficients=(-0.32, 0.11, 0.0012, -0.0023, -0.015)),
    Distortion(model="radtan", coefficients=(0.25, 0.1, -0.02, 0.01)),
    Distortion(model="fisheye", coefficients=(-0.05, 0.02, -0.01, 0.002)),
    Distortion(model="fisheye", coefficients=(0.2, 0.05, 0.0, 0.0)),
]
every_lens = pytest.mark.parametrize(
    "lens", LENSES, ids=lambda lens: f"{lens.model}{lens.coefficients[0]:+g}"
)


def camera_of(focal: float = 110.0) -> torch.Tensor:
    entries = torch.tensor([focal, 1.05 * focal, 76.0, 61.5], dtype=torch.float64)
    return intrinsics(*entries)


GRID = pixel_grid(HEIGHT, WIDTH, dtype=torch.float64)[::4, ::4].reshape(-1, 2)
CAMERA = camera_of()


def check(lens: Distortion, focal: float) -> None:
    lens.check(focal, 1.05 * focal, 76.0, 61.5, WIDTH, HEIGHT)


@every_lens
def test_points_are_imaged_where_opencv_images_them(lens: Distortion) -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(200, 3, generator=generator, dtype=torch.float64) * 5 + torch.tensor([0, 0, 30.0])
    coefficients, zero = np.array(lens.coefficients), np.zeros(3)
    opencv = cv2.projectPoints if lens.model == "radtan" else cv2.fisheye.projectPoints
    expected, _ = opencv(points[None].numpy(), zero, zero, CAMERA.numpy(), coefficients)
    found = distort_pixels(project(points, CAMERA), CAMERA, lens)
    torch.testing.assert_close(found, torch.from_numpy(expected).reshape(-1, 2), rtol=0, atol=1e-9)


@every_lens
def test_pixels_go_back_to_where_opencv_takes_them(lens: Distortion) -> None:
    coefficients, camera = np.array(lens.coefficients), CAMERA.numpy()
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-14)
    pixels = GRID[:, None].numpy()
    if lens.model == "radtan":
        expected = cv2.undistortPoints(pixels, camera, coefficients, None, None, None, criteria)
    else:
        expected = cv2.fisheye.undistortPoints(pixels, camera, coefficients, None, None, None, criteria)
    found = (undistort_pixels(GRID, CAMERA, lens) - CAMERA[:2, 2]) / CAMERA.diagonal()[:2]
    torch.testing.assert_close(found, torch.from_numpy(expected).reshape(-1, 2), rtol=0, atol=1e-6)


@every_lens
@pytest.mark.parametrize("focal", [110.0, 400.0])
def test_the_way_there_and_back_over_the_whole_image(lens: Distortion, focal: float) -> None:
    check(lens, focal)
    camera = camera_of(focal)
    for there, back in ((distort_pixels, undistort_pixels), (undistort_pixels, distort_pixels)):
        torch.testing.assert_close(back(there(GRID, camera, lens), camera, lens), GRID, rtol=0, atol=1e-9)
    single = undistort_pixels(distort_pixels(GRID.float(), camera.float(), lens), camera.float(), lens)
    assert (single - GRID).abs().max() < 1e-3


@every_lens
def test_the_axis_stays_with_finite_gradients(lens: Distortion) -> None:
    centre = torch.zeros(2, dtype=torch.float64)
    for function in (distort, undistort):
        jacobian = torch.autograd.functional.jacobian(lambda x, f=function: f(x, lens), centre)
        torch.testing.assert_close(jacobian, torch.eye(2, dtype=torch.float64))
        assert function(centre, lens).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("model", "coefficients", "turn"),
    [
        ("radtan", (-0.4, 0.0, 0.0, 0.0), math.sqrt(1 / 1.2)),
        ("radtan", (0.5, -0.6, 0.0, 0.0), None),
        ("radtan", (-0.3, 0.05, 0.03, 0.02), None),
        ("fisheye", (-0.3, 0.0, 0.0, 0.0), math.tan(math.sqrt(1 / 0.9))),
    ],
)
def test_a_lens_holds_up_to_where_it_turns_back(
    model: str, coefficients: tuple[float, ...], turn: float | None
) -> None:
    """Shorter focal lengths see more: what is accepted can be inverted, and far beyond it nothing can."""
    lens = Distortion.model_validate({"model": model, "coefficients": coefficients})
    accepted = []
    for focal in (20.0, 40.0, 60.0, 80.0, 100.0, 130.0, 170.0, 220.0, 300.0):
        try:
            check(lens, focal)
        except ValueError as error:
            assert "cannot be inverted beyond" in str(error) and "160x120" in str(error)
            continue
        accepted.append(focal)
        camera = camera_of(focal)
        back = distort_pixels(undistort_pixels(GRID, camera, lens), camera, lens)
        torch.testing.assert_close(back, GRID, rtol=0, atol=1e-8)
        undistorted = (undistort_pixels(GRID, camera, lens) - camera[:2, 2]) / camera.diagonal()[:2]
        assert turn is None or undistorted.norm(dim=-1).max() < turn
    assert accepted and min(accepted) > 20 and accepted == sorted(accepted)
    assert 300.0 in accepted


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "radtan", "coefficients": [0.1, 0.2]}, "radtan has 4 or 5 coefficients .*, not 2"),
        ({"model": "fisheye", "coefficients": [0.1] * 5}, r"fisheye has 4 coefficients \(k1, .*, not 5"),
        ({"model": "brown", "coefficients": [0.1] * 5}, "'radtan' or 'fisheye'"),
        ({"model": "radtan", "coefficients": [math.nan] * 5}, "finite"),
    ],
)
def test_what_is_no_lens_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Distortion.model_validate(given)
