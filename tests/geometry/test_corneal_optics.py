"""Reflection and refraction against slow, independent bisections in 3D."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tests.geometry.random_eyes import random_eyes, uniform
from zoo.geometry.eye import on_cap
from zoo.geometry.reflection import glint, glint_on_cap
from zoo.geometry.refraction import refract_point, refract_ray, refracted_rim
from zoo.geometry.vectors import unit


def sine(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.cross(unit(a), unit(b)).norm(dim=-1)


def angle(a: Tensor, b: Tensor) -> Tensor:
    return torch.atan2(sine(a, b), (unit(a) * unit(b)).sum(-1))


def bisect(
    residual: Callable[[Tensor, Tensor], Tensor],
    cornea: Tensor,
    radius: Tensor,
    towards: Tensor,
    high: Tensor,
) -> Tensor:
    """Root over the angle from the camera's direction to that of `towards`; residual(normal, point) rises."""
    first = unit(-cornea).expand_as(towards)
    second = unit(unit(towards) - (unit(towards) * first).sum(-1, keepdim=True) * first)

    def place(angle: Tensor) -> tuple[Tensor, Tensor]:
        normal = angle.cos()[..., None] * first + angle.sin()[..., None] * second
        return normal, cornea + radius[..., None] * normal

    low = torch.zeros_like(high)
    for _ in range(55):
        middle = (low + high) / 2
        below = residual(*place(middle)) < 0
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return place((low + high) / 2)[1]


def test_glint_agrees_with_bisection_and_obeys_the_law_of_reflection() -> None:
    eyes = random_eyes(500)
    generator = torch.Generator().manual_seed(1)
    light = eyes.cornea[:, None] + 60 * torch.randn(500, 4, 3, generator=generator, dtype=torch.float64)
    outside = (light - eyes.cornea[:, None]).norm(dim=-1) > eyes.cornea_radius[:, None] + 2
    each = eyes.per_point()
    found = glint(each.cornea, each.cornea_radius, light)

    def residual(normal: Tensor, point: Tensor) -> Tensor:
        return angle(normal, -point) - angle(normal, light - point)

    towards = light - each.cornea
    expected = bisect(residual, each.cornea, each.cornea_radius, towards, angle(-each.cornea, towards))
    assert (found - expected).norm(dim=-1)[outside].max() < 1e-9

    normal = (found - each.cornea) / each.cornea_radius[..., None]
    bisector = unit(unit(-found) + unit(light - found))
    facing = outside & ((bisector * normal).sum(-1) > 0.1)
    torch.testing.assert_close(bisector[facing], normal[facing], rtol=0, atol=1e-9)


def test_glint_of_a_light_at_the_camera_is_on_the_line_to_the_cornea() -> None:
    cornea = torch.tensor([3.0, -2.0, 40.0], dtype=torch.float64, requires_grad=True)
    found = glint(cornea, 7.8, torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(found, cornea * (1 - 7.8 / cornea.norm()))
    (gradient,) = torch.autograd.grad(found.sum(), cornea)
    assert torch.isfinite(gradient).all()


def test_glint_seen_by_another_camera_moves_with_the_frame() -> None:
    shift = torch.tensor([30.0, -12.0, 5.0], dtype=torch.float64)
    cornea = torch.tensor([1.0, 2.0, 35.0], dtype=torch.float64)
    light = torch.tensor([12.0, 3.0, 1.0], dtype=torch.float64)
    moved = glint(cornea + shift, 7.8, light + shift, observer=shift)
    torch.testing.assert_close(moved, glint(cornea, 7.8, light) + shift)


def test_glint_on_cap_ends_at_the_limbus_plane_and_at_the_horizon() -> None:
    eye = random_eyes(1, max_angle_deg=0.0).per_point()
    light = eye.cornea - torch.tensor([[5.0, 0.0, 30.0], [100.0, 0.0, 0.0], [60.0, 0.0, -200.0]]).double()
    visible = glint_on_cap(glint(eye.cornea, eye.cornea_radius, light), eye)
    assert visible.tolist() == [[True, True, False]]  # in front, from the side, from behind the eye


def test_refraction_agrees_with_bisection_over_the_range_of_eyes_and_cameras() -> None:
    eyes = random_eyes(1500).per_point()
    turn = torch.linspace(0, 2 * torch.pi, 9, dtype=torch.float64)[:-1]
    rim = eyes.pupil + eyes.pupil_radius[..., None] * (
        turn.cos()[:, None] * eyes.rotation[..., 0] + turn.sin()[:, None] * eyes.rotation[..., 1]
    )
    found = refract_point(rim, eyes.cornea, eyes.cornea_radius, eyes.refractive_index)

    def residual(normal: Tensor, point: Tensor) -> Tensor:
        return sine(normal, -point) - eyes.refractive_index * sine(normal, point - rim)

    towards = rim - eyes.cornea
    horizon = torch.acos(eyes.cornea_radius / eyes.cornea.norm(dim=-1))
    high = torch.minimum(angle(-eyes.cornea, towards), horizon)
    expected = bisect(residual, eyes.cornea, eyes.cornea_radius, towards, high)
    assert (found - expected).norm(dim=-1).max() < 1e-9

    hidden = residual(unit(found - eyes.cornea), found) < -1e-6
    assert 0 < hidden.double().mean() < 0.01  # the range does reach total internal reflection
    towards_camera = (unit(found - eyes.cornea) * unit(-found)).sum(-1)
    assert towards_camera[hidden].abs().max() < 1e-9
    assert on_cap(found, eyes).double().mean() > 0.99


def test_refraction_in_float32_is_good_to_a_ten_thousandth_of_a_millimetre() -> None:
    eyes = random_eyes(300, max_angle_deg=50.0)
    narrow = type(eyes)(*(field.float() for field in eyes))
    coarse = refracted_rim(narrow, 8)
    assert coarse.dtype == torch.float32
    # The positions themselves are rounded: compare relative to the cornea, near cameras only.
    near = eyes.cornea.norm(dim=-1) < 100
    apart = (coarse.double() - refracted_rim(eyes, 8)).norm(dim=-1)
    assert apart[near].max() < 1e-4


def test_snells_law_in_vector_form() -> None:
    generator = torch.Generator().manual_seed(3)
    normal = unit(torch.randn(200, 3, generator=generator, dtype=torch.float64))
    direction = unit(torch.randn(200, 3, generator=generator, dtype=torch.float64))
    direction = torch.where(((direction * normal).sum(-1) < 0)[:, None], direction, -direction)
    ratio = uniform(generator, 200, 0.7, 1.5)
    bent, passes = refract_ray(direction, normal, ratio)

    torch.testing.assert_close(bent.norm(dim=-1), torch.ones(200, dtype=torch.float64))
    torch.testing.assert_close(sine(bent, normal)[passes], (ratio * sine(direction, normal))[passes])
    assert torch.linalg.det(torch.stack((bent, direction, normal), -2)).abs().max() < 1e-9
    assert ((bent * direction).sum(-1)[passes] > 0).all()

    assert torch.equal(passes, ratio * sine(direction, normal) < 1)
    assert 0 < (~passes).sum() < 100
    assert (bent * normal).sum(-1)[~passes].abs().max() < 1e-12  # the limit: along the surface
