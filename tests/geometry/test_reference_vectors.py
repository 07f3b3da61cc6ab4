"""Glints and refracted pupils of known eyes, derived once by hand-written one-dimensional solves."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from zoo.geometry.cameras import project
from zoo.geometry.eye import Eye
from zoo.geometry.reflection import glint
from zoo.geometry.refraction import pupil_contour, refract_point
from zoo.geometry.rotations import listing

CORNEA = torch.tensor([0.0, 0.0, 40.0], dtype=torch.float64)
CAMERA = torch.eye(3, dtype=torch.float64)


def close(actual: Tensor | float, expected: list[float] | float, digit: float) -> None:
    """Equal to the printed digits: within half a unit of the last."""
    actual, reference = torch.as_tensor(actual), torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(actual, reference, rtol=0, atol=0.5001 * digit)


@pytest.mark.parametrize(
    ("light", "point", "image"),
    [
        ((10.0, 0.0, 0.0), [0.949627, 0.0, 32.258023], [0.0294385, 0.0]),
        ((15.0, -8.0, 5.0), [1.547806, -0.825497, 32.399812], [0.0477721, -0.0254784]),
    ],
)
def test_glint(light: tuple[float, float, float], point: list[float], image: list[float]) -> None:
    found = glint(CORNEA, 7.8, torch.tensor(light, dtype=torch.float64))
    close(found, point, 1e-6)
    close(project(found, CAMERA), image, 1e-7)


def test_refraction_point_on_axis() -> None:
    rim = torch.tensor([2.0, 0.0, 35.8], dtype=torch.float64)
    found = refract_point(rim, CORNEA, 7.8, 1.3375)
    close(found, [2.07407, 0.0, 32.48081], 1e-5)
    close(found[0] / found[2] * 35.8, 2.28601, 1e-5)


@pytest.mark.parametrize(
    ("n", "magnification", "digit"), [(1.3375, 1.143, 1e-3), (1.336, 1.1425, 1e-4), (1.376, 1.156, 1e-3)]
)
def test_magnification_on_axis(n: float, magnification: float, digit: float) -> None:
    rim = torch.tensor([2.0, 0.0, 35.8], dtype=torch.float64)
    found = refract_point(rim, CORNEA, 7.8, n)
    close(found[0] / found[2] * 35.8 / 2, magnification, digit)


def straight_contour(eye: Eye, count: int) -> Tensor:
    turn = torch.arange(count, dtype=torch.float64) * (2 * torch.pi / count)
    across = (
        turn.cos()[:, None] * eye.rotation[:, None, :, 0] + turn.sin()[:, None] * eye.rotation[:, None, :, 1]
    )
    return project(eye.pupil[:, None] + eye.pupil_radius[:, None, None] * across, CAMERA)


def test_contours_of_an_eye_that_turns_aside() -> None:
    angle = torch.deg2rad(torch.tensor([0.0, 15.0, 30.0, 45.0], dtype=torch.float64))
    optical = torch.stack((-angle.sin(), torch.zeros_like(angle), -angle.cos()), -1)
    one = torch.ones_like(angle)
    eyeball = torch.tensor([0.0, 0.0, 45.6], dtype=torch.float64).expand(4, 3)
    eye = Eye(eyeball, listing(optical), 12 * one, 5.6 * one, 7.8 * one, 4.2 * one, 2 * one)

    refracted, straight = pupil_contour(eye, CAMERA, 72), straight_contour(eye, 72)
    close(refracted.mean(-2)[:, 0], [0.0, -0.07534, -0.14287, -0.19651], 1e-5)
    close(straight.mean(-2)[:, 0], [0.0, -0.06982, -0.13145, -0.17865], 1e-5)

    size, straight_size = (c.amax(-2) - c.amin(-2) for c in (refracted, straight))
    close(size[:, 0] / size[:, 1], [1.0, 0.9586, 0.8430, 0.6741], 1e-4)
    close(straight_size[:, 0] / straight_size[:, 1], [1.0, 0.9480, 0.8006, 0.5812], 1e-4)
    ratio = size[:, 1] / straight_size[:, 1]
    close(ratio[0], 1.143, 1e-3)
    close(ratio[1:], [1.1487, 1.1661, 1.1966], 1e-4)
