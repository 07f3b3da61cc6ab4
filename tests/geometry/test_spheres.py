from __future__ import annotations

import torch

from tests.geometry.random_eyes import random_eyes
from zoo.geometry.cameras import default_camera, project
from zoo.geometry.eye import Eye
from zoo.geometry.refraction import pupil_centre_px
from zoo.geometry.spheres import back_project_to_sphere, pupil_on_sphere, ray_sphere

CAMERA = default_camera(160, 120, 40.0, dtype=torch.float64)


def test_ray_enters_and_leaves_at_the_radius() -> None:
    generator = torch.Generator().manual_seed(0)
    origin, direction, centre = torch.randn(3, 500, 3, generator=generator, dtype=torch.float64)
    near, far, hit = ray_sphere(origin, 3 * direction, centre, 1.5)
    assert hit.any() and (~hit).any()
    for distance in (near, far):
        apart = (origin + 3 * distance[:, None] * direction - centre).norm(dim=-1)
        torch.testing.assert_close(apart[hit], torch.full_like(apart[hit], 1.5))
        assert (apart[~hit] >= 1.5).all()
    assert (near[hit] < far[hit]).all()
    closest = ((centre - origin) * direction).sum(-1) / (3 * direction.square().sum(-1))
    torch.testing.assert_close(near[~hit], closest[~hit])
    assert torch.equal(near[~hit], far[~hit])


def test_gradients_of_a_miss_and_of_a_graze_are_finite() -> None:
    direction = torch.tensor([[0.0, 0, 1], [0, 0.3, 1], [0, 0, 1]], dtype=torch.float64, requires_grad=True)
    centre = torch.tensor([[0.0, 0, 9], [0, -5, 9], [1, 0, 9]], dtype=torch.float64, requires_grad=True)
    near, far, hit = ray_sphere(torch.zeros(3, dtype=torch.float64), direction, centre, 1.0)
    assert hit.tolist() == [True, False, False]
    for gradient in torch.autograd.grad((near + 2 * far).sum(), (direction, centre)):
        assert torch.isfinite(gradient).all()


def test_back_projection_inverts_projection() -> None:
    eyes = random_eyes(200)
    seen = eyes.cornea * (1 - 0.9 * eyes.cornea_radius / eyes.cornea.norm(dim=-1))[:, None]
    pixel = project(seen, CAMERA)
    point, hit = back_project_to_sphere(pixel, CAMERA, eyes.cornea, eyes.cornea_radius)
    assert hit.all()
    torch.testing.assert_close(project(point, CAMERA), pixel)
    torch.testing.assert_close((point - eyes.cornea).norm(dim=-1), eyes.cornea_radius)
    assert (point.norm(dim=-1) < eyes.cornea.norm(dim=-1)).all()


def recover(eyes: Eye) -> torch.Tensor:
    found, seen = pupil_on_sphere(
        pupil_centre_px(eyes, CAMERA),
        CAMERA,
        eyes.cornea,
        eyes.cornea_radius,
        eyes.pupil_distance,
        eyes.refractive_index,
    )
    assert seen.all()
    return found


def test_the_pupil_is_recovered_from_its_refracted_image() -> None:
    eyes = random_eyes(1000)
    assert (recover(eyes) - eyes.pupil).norm(dim=-1).max() < 1e-8


def test_a_pixel_beside_the_cornea_shows_no_pupil() -> None:
    cornea = torch.tensor([0.0, 0.0, 40.0], dtype=torch.float64)
    pixel = torch.tensor([[79.5, 59.5], [0.0, 0.0]], dtype=torch.float64)
    point, seen = pupil_on_sphere(pixel, CAMERA, cornea, 7.8, 4.2, 1.3375)
    assert seen.tolist() == [True, False]
    assert torch.isfinite(point).all()
