from __future__ import annotations

import math

import torch

from tests.geometry.random_eyes import random_eyes, uniform
from zoo.conventions import EYE_SIDES
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import default_camera, flip_camera, project
from zoo.geometry.eye import Eye, apply_kappa, cornea_distance, limbus, on_cap, rolled_visual
from zoo.geometry.reflection import glint
from zoo.geometry.refraction import pupil_contour
from zoo.geometry.rotations import rotation_about
from zoo.geometry.vectors import transform

CAMERA = default_camera(160, 120, 40.0, dtype=torch.float64)
MIRROR = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
LEFT, RIGHT = torch.tensor(EYE_SIDES.index("left")), torch.tensor(EYE_SIDES.index("right"))
FACING = torch.eye(3, dtype=torch.float64)


def mirrored(eye: Eye) -> Eye:
    return eye._replace(eyeball=eye.eyeball @ MIRROR, rotation=MIRROR @ eye.rotation @ MIRROR)


def test_centres_lie_on_the_optical_axis() -> None:
    eye = random_eyes(100)
    for point, distance in (
        (eye.cornea, eye.cornea_distance),
        (eye.pupil, eye.cornea_distance + eye.pupil_distance),
    ):
        torch.testing.assert_close(point - eye.eyeball, distance[:, None] * eye.optical)


def test_limbus_lies_on_both_spheres() -> None:
    eye = random_eyes(100)
    edge = limbus(eye)
    rim = edge.centre + edge.radius[:, None] * eye.rotation[:, :, 0]
    torch.testing.assert_close((rim - eye.eyeball).norm(dim=-1), eye.eyeball_radius)
    torch.testing.assert_close((rim - eye.cornea).norm(dim=-1), eye.cornea_radius)
    torch.testing.assert_close(edge.height, ((rim - eye.cornea) * eye.optical).sum(-1))
    torch.testing.assert_close(
        cornea_distance(eye.eyeball_radius, eye.cornea_radius, edge.radius), eye.cornea_distance
    )


def test_the_cap_ends_at_the_limbus_though_the_sphere_goes_on_inside_the_iris_radius() -> None:
    eye = random_eyes(50)
    apex = eye.cornea + eye.cornea_radius[:, None] * eye.optical
    back = eye.cornea - eye.cornea_radius[:, None] * eye.optical  # as near to the axis as the apex
    assert on_cap(apex, eye).all()
    assert not on_cap(back, eye).any()


def test_per_point_broadcasts_against_points_of_each_eye() -> None:
    eye = random_eyes(5)
    points = torch.randn(5, 7, 3, dtype=torch.float64)
    torch.testing.assert_close(eye.per_point().pupil[:, 0], eye.pupil)
    assert on_cap(points, eye.per_point()).shape == (5, 7)


def test_the_visual_axis_is_nasal_of_the_optical_axis() -> None:
    # A camera that faces the subject sees the right eye on the image's left: its nose is to image right.
    alpha, beta = math.radians(5.0), math.radians(1.5)
    right, left = (apply_kappa(FACING, alpha, beta, side) for side in (RIGHT, LEFT))
    centre = torch.tensor([0.0, 0.0, 40.0], dtype=torch.float64)
    u, v = project(centre + 10 * right, CAMERA) - project(centre, CAMERA)
    assert u > 1  # towards the nose
    assert v < 0  # and upwards
    torch.testing.assert_close(left, transform(MIRROR, right))


def test_kappa_angles_have_their_size() -> None:
    optical = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    horizontal = apply_kappa(FACING, math.radians(5.0), 0.0, RIGHT)
    vertical = apply_kappa(FACING, 0.0, math.radians(1.5), RIGHT)
    torch.testing.assert_close(torch.rad2deg(angle_between(horizontal, optical)), torch.tensor(5.0).double())
    torch.testing.assert_close(torch.rad2deg(angle_between(vertical, optical)), torch.tensor(1.5).double())


def test_a_rolled_eye_keeps_its_kappa() -> None:
    eye = random_eyes(50)
    roll = torch.linspace(-1.5, 1.5, 50, dtype=torch.float64)
    side = torch.arange(50) % 2
    expected = apply_kappa(eye.rotation @ rotation_about("z", roll), 0.09, 0.03, side)
    torch.testing.assert_close(transform(eye.rotation, rolled_visual(roll, 0.09, 0.03, side)), expected)


def test_a_mirrored_eye_of_the_other_side_has_mirrored_labels() -> None:
    eye = random_eyes(100, max_angle_deg=50.0)
    twin = mirrored(eye)
    generator = torch.Generator().manual_seed(2)
    alpha, beta = uniform(generator, 100, 0.0, 0.15), uniform(generator, 100, -0.05, 0.05)
    side = torch.randint(2, (100,), generator=generator)

    visual, twin_visual = (
        apply_kappa(eye.rotation, alpha, beta, side),
        apply_kappa(twin.rotation, alpha, beta, 1 - side),
    )
    torch.testing.assert_close(twin_visual, visual @ MIRROR)
    torch.testing.assert_close(twin.pupil, eye.pupil @ MIRROR)

    light = torch.tensor([12.0, -5.0, 1.0], dtype=torch.float64)
    seen = project(glint(eye.cornea, eye.cornea_radius, light), CAMERA)
    twin_seen = project(glint(twin.cornea, twin.cornea_radius, light @ MIRROR), flip_camera(CAMERA, 160))
    torch.testing.assert_close(twin_seen, torch.stack((159 - seen[:, 0], seen[:, 1]), -1))

    contour, twin_contour = pupil_contour(eye, CAMERA, 8), pupil_contour(twin, flip_camera(CAMERA, 160), 8)
    other_way_round = [4, 3, 2, 1, 0, 7, 6, 5]  # the rim is numbered from +x towards +y
    expected = torch.stack((159 - contour[..., 0], contour[..., 1]), -1)[:, other_way_round]
    torch.testing.assert_close(twin_contour, expected)
