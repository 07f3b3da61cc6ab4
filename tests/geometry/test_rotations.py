"""Angles and rotations."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.geometry.angles import angle_between, angles_to_vector, vector_to_angles
from zoo.geometry.rotations import (
    listing,
    rotation_about,
    rotation_from_axis_angle,
    skew,
    turn_by_listing,
)
from zoo.geometry.vectors import transform, unit

PRIMARY = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
DIRECTIONS = unit(torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))


@pytest.mark.parametrize(
    ("vector", "degrees"),
    [
        ((0.0, 0.0, -1.0), (0.0, 0.0)),  # into the camera
        ((0.0, -1.0, -1.0), (45.0, 0.0)),  # up
        ((-1.0, 0.0, -1.0), (0.0, 45.0)),  # towards image left
        ((0.0, 0.0, 2.0), (0.0, -180.0)),  # away from the camera
    ],
)
def test_angles_follow_the_convention(vector: tuple[float, ...], degrees: tuple[float, float]) -> None:
    angles = torch.rad2deg(vector_to_angles(torch.tensor(vector, dtype=torch.float64)))
    assert angles.tolist() == pytest.approx(degrees)


@given(st.floats(-1.55, 1.55), st.floats(-3.14, 3.14))
def test_angles_round_trip(pitch: float, yaw: float) -> None:
    angles = torch.tensor([pitch, yaw], dtype=torch.float64)
    vector = angles_to_vector(angles)
    assert vector.norm().item() == pytest.approx(1.0)
    torch.testing.assert_close(vector_to_angles(2.5 * vector), angles, rtol=0, atol=1e-10)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 1.0, 2.0, math.pi - 1e-4, math.pi - 1e-9, math.pi])
def test_angle_between_is_accurate_at_both_ends(angle: float) -> None:
    a = torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    b = torch.tensor([math.cos(angle), 0.0, math.sin(angle)], dtype=torch.float64)
    assert angle_between(a, b).item() == pytest.approx(angle, abs=1e-15)


def test_angle_between_equal_and_opposite_vectors_has_a_finite_gradient() -> None:
    a = DIRECTIONS[:1].clone().requires_grad_()
    total = angle_between(a, DIRECTIONS[:1]) + angle_between(a, -DIRECTIONS[:1])
    (gradient,) = torch.autograd.grad(total.sum(), a)
    assert torch.isfinite(gradient).all()


def test_axis_angle_is_the_matrix_exponential() -> None:
    vectors = torch.cat(
        (DIRECTIONS * torch.linspace(0, 3, 200, dtype=torch.float64)[:, None], 1e-9 * DIRECTIONS)
    )
    torch.testing.assert_close(rotation_from_axis_angle(vectors), torch.linalg.matrix_exp(skew(vectors)))


def test_rotation_about_an_axis_is_right_handed() -> None:
    quarter = torch.tensor(math.pi / 2, dtype=torch.float64)
    x, y, z = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(transform(rotation_about("x", quarter), y), z)
    torch.testing.assert_close(transform(rotation_about("y", quarter), z), x)
    torch.testing.assert_close(transform(rotation_about("z", quarter), x), y)


@pytest.mark.parametrize("primary", [None, unit(torch.tensor([0.3, -0.2, -0.9], dtype=torch.float64))])
def test_listing_turns_the_primary_direction_without_torsion(primary: torch.Tensor | None) -> None:
    rotation = listing(DIRECTIONS, primary)
    start = PRIMARY if primary is None else primary
    torch.testing.assert_close(transform(rotation, start), DIRECTIONS)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64).expand(200, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(200, dtype=torch.float64))
    # No torsion: the axis (the antisymmetric part) is perpendicular to the primary direction.
    twice = rotation - rotation.mT
    axis = torch.stack((twice[:, 2, 1], twice[:, 0, 2], twice[:, 1, 0]), -1)
    assert (axis @ start).abs().max() < 1e-12


def test_listing_at_the_primary_direction_is_the_identity_and_smooth() -> None:
    direction = PRIMARY.clone().requires_grad_()
    rotation = listing(direction)
    torch.testing.assert_close(rotation, torch.eye(3, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(rotation[0, 2], direction)
    assert gradient.tolist() == [-1.0, 0.0, 0.0]


def test_turning_by_listing_is_its_matrix_applied() -> None:
    vectors = DIRECTIONS.flip(0) * torch.linspace(0, 3, 200, dtype=torch.float64)[:, None]
    torch.testing.assert_close(turn_by_listing(DIRECTIONS, vectors), transform(listing(DIRECTIONS), vectors))
    torch.testing.assert_close(turn_by_listing(PRIMARY, vectors), vectors)
