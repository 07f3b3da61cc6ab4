"""What all functions promise: batches item by item, broadcasting, the float type kept, exact gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from tests.geometry.random_eyes import random_eyes
from zoo.geometry import (
    angles,
    cameras,
    distortion,
    ellipse,
    epipolar,
    eye,
    reflection,
    refraction,
    rotations,
    spheres,
    triangulation,
    views,
)
from zoo.geometry.eye import Eye
from zoo.geometry.lens import Distortion
from zoo.geometry.vectors import unit

Outputs = Tensor | Sequence[Tensor]
ITEMS = 3


def noise(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(ITEMS, *shape, generator=generator, dtype=torch.float64)


EYES = random_eyes(ITEMS, seed=7, max_angle_deg=45.0)
CAMERAS = cameras.default_camera(160, 120, 40.0, dtype=torch.float64) + 0.5 * torch.triu(
    noise(1, 3, 3)
).index_fill(-2, torch.tensor([2]), 0.0)
DIRECTIONS = unit(noise(2, 3) - torch.tensor([0.0, 0.0, 2.0]))
LIGHTS = 15 * noise(3, 3)
PIXELS = refraction.pupil_centre_px(EYES, CAMERAS)
OUTLINES = refraction.pupil_contour(EYES, CAMERAS, 8) + 0.1 * noise(4, 8, 2)
ELLIPSES = ellipse.fit_ellipse(OUTLINES)
SURFACES = EYES.cornea + EYES.cornea_radius[:, None] * EYES.optical
CONICS = ellipse.ellipse_to_conic(torch.tensor([[0.3, -0.2, 3.0, 2.0, 0.5]] * ITEMS).double()) + 0.02 * noise(
    9, 3, 3
)
SIDE = torch.tensor(1)
RADTAN = Distortion(model="radtan", coefficients=(-0.3, 0.08, 0.002, -0.003, 0.01))
FISHEYE = Distortion(model="fisheye", coefficients=(0.03, -0.01, 0.004, -0.001))
POSES = torch.eye(4, dtype=torch.float64).expand(ITEMS, 4, 4).clone()
POSES[:, :3, :3] = rotations.rotation_from_axis_angle(0.1 * noise(10, 3))
POSES[:, :3, 3] = 0.2 * noise(11, 3)
SOURCES = POSES[:, None].expand(ITEMS, 2, 4, 4)


def of_eye(function: Callable[..., Outputs]) -> Callable[..., Outputs]:
    """The fields of an eye come first."""
    return lambda *args: function(Eye(*args[:8]), *args[8:])


CASES: dict[str, tuple[Callable[..., Outputs], tuple[Tensor, ...]]] = {
    "project": (cameras.project, (EYES.eyeball, CAMERAS)),
    "rays": (cameras.rays, (PIXELS, CAMERAS)),
    "unit_rays": (cameras.unit_rays, (PIXELS, CAMERAS)),
    "intrinsics": (cameras.intrinsics, (noise(5), noise(6), noise(7), noise(8))),
    "resize_camera": (cameras.resize_camera, (CAMERAS, noise(5), noise(6, 2))),
    "flip_camera": (lambda camera: cameras.flip_camera(camera, 160), (CAMERAS,)),
    "distort": (lambda points: distortion.distort(points, RADTAN), (0.3 * noise(5, 2),)),
    "undistort": (lambda points: distortion.undistort(points, RADTAN), (0.3 * noise(5, 2),)),
    "distort_pixels": (lambda *args: distortion.distort_pixels(*args, FISHEYE), (PIXELS, CAMERAS)),
    "undistort_pixels": (lambda *args: distortion.undistort_pixels(*args, FISHEYE), (PIXELS, CAMERAS)),
    "vector_to_angles": (angles.vector_to_angles, (noise(5, 3),)),
    "angles_to_vector": (angles.angles_to_vector, (noise(5, 2),)),
    "angle_between": (angles.angle_between, (noise(5, 3), noise(6, 3))),
    "rotation_from_axis_angle": (rotations.rotation_from_axis_angle, (noise(5, 3),)),
    "rotation_about": (lambda angle: rotations.rotation_about("y", angle), (noise(5),)),
    "listing": (rotations.listing, (DIRECTIONS, unit(EYES.optical))),
    "turn_by_listing": (rotations.turn_by_listing, (DIRECTIONS, noise(5, 3))),
    "rolled_visual": (lambda roll: eye.rolled_visual(roll, 0.09, 0.03, SIDE), (noise(5),)),
    "apply_kappa": (lambda *args: eye.apply_kappa(*args, SIDE), (EYES.rotation, noise(5), noise(6))),
    "limbus": (of_eye(eye.limbus), tuple(EYES)),
    "glint": (reflection.glint, (EYES.cornea, EYES.cornea_radius, LIGHTS, noise(5, 3))),
    "refract_ray": (refraction.refract_ray, (unit(EYES.cornea), EYES.optical, 0.7 + 0.02 * noise(5))),
    "refract_point": (
        refraction.refract_point,
        (EYES.pupil, EYES.cornea, EYES.cornea_radius, EYES.refractive_index, noise(5, 3)),
    ),
    "pupil_contour": (of_eye(lambda eyes, k: refraction.pupil_contour(eyes, k, 6)), (*EYES, CAMERAS)),
    "pupil_centre_px": (of_eye(refraction.pupil_centre_px), (*EYES, CAMERAS)),
    "ray_sphere": (spheres.ray_sphere, (noise(5, 3), SURFACES, EYES.cornea, EYES.cornea_radius)),
    "back_project_to_sphere": (
        spheres.back_project_to_sphere,
        (PIXELS, CAMERAS, EYES.cornea, EYES.cornea_radius),
    ),
    "pupil_on_sphere": (
        spheres.pupil_on_sphere,
        (PIXELS, CAMERAS, EYES.cornea, EYES.cornea_radius, EYES.pupil_distance, EYES.refractive_index),
    ),
    "pupil_along": (
        spheres.pupil_along,
        (
            cameras.unit_rays(PIXELS, CAMERAS),
            EYES.cornea,
            EYES.cornea_radius,
            EYES.pupil_distance,
            EYES.refractive_index,
        ),
    ),
    "invert_pose": (views.invert_pose, (POSES,)),
    "relative_pose": (views.relative_pose, (POSES, POSES.flip(0))),
    "nearest_rigid": (views.nearest_rigid, (POSES + 0.05 * noise(12, 4, 4),)),
    "baseline": (views.baseline, (POSES,)),
    "turn": (views.turn, (POSES,)),
    "transform_points": (views.transform_points, (POSES, noise(5, 3))),
    "transfer": (views.transfer, (PIXELS, 2 + noise(5) ** 2, CAMERAS, CAMERAS.flip(0), POSES)),
    "epipolar_segment": (
        lambda *args: epipolar.epipolar_segment(*args, (0.5, 8.0), (120, 160)),
        (PIXELS, CAMERAS, CAMERAS.flip(0), POSES),
    ),
    "triangulate": (
        lambda pixels, there, k, poses: triangulation.triangulate(
            pixels, there, torch.tensor([1.0, 0.5]).to(there), k, k[..., None, :, :], poses
        ),
        (PIXELS, PIXELS[:, None] + 3 * noise(5, 2, 2), CAMERAS, SOURCES),
    ),
    "ellipse_area": (ellipse.ellipse_area, (ELLIPSES,)),
    "ellipse_points": (lambda e: ellipse.ellipse_points(e, 5), (ELLIPSES,)),
    "ellipse_to_conic": (ellipse.ellipse_to_conic, (ELLIPSES,)),
    "conic_to_ellipse": (ellipse.conic_to_ellipse, (CONICS,)),
    "transform_ellipse": (ellipse.transform_ellipse, (ELLIPSES, noise(5, 2, 3))),
    "fit_ellipse": (ellipse.fit_ellipse, (OUTLINES,)),
}
every_function = pytest.mark.parametrize(("function", "args"), CASES.values(), ids=CASES.keys())


def floats(outputs: Outputs) -> list[Tensor]:
    """The results but for masks."""
    outputs = [outputs] if isinstance(outputs, Tensor) else outputs
    return [output for output in outputs if output.is_floating_point()]


@every_function
def test_gradients(function: Callable[..., Outputs], args: tuple[Tensor, ...]) -> None:
    inputs = [arg.clone().requires_grad_() for arg in args]
    assert torch.autograd.gradcheck(lambda *a: tuple(floats(function(*a))), inputs, atol=1e-5, rtol=1e-4)


@every_function
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_float_type_is_kept(
    function: Callable[..., Outputs], args: tuple[Tensor, ...], dtype: torch.dtype
) -> None:
    assert all(output.dtype == dtype for output in floats(function(*(arg.to(dtype) for arg in args))))


@every_function
def test_a_batch_is_its_items(function: Callable[..., Outputs], args: tuple[Tensor, ...]) -> None:
    whole = floats(function(*args))
    for i in range(ITEMS):
        for batched, alone in zip(whole, floats(function(*(arg[i] for arg in args))), strict=True):
            torch.testing.assert_close(batched[i], alone)


@every_function
def test_leading_dimensions_broadcast(function: Callable[..., Outputs], args: tuple[Tensor, ...]) -> None:
    crossed = floats(function(args[0][:, None], *args[1:]))
    for output, plain in zip(crossed, floats(function(*args)), strict=True):
        if output.ndim == plain.ndim:  # does not depend on the first argument
            own = output
        else:
            own = output.diagonal().movedim(-1, 0) if len(args) > 1 else output[:, 0]
        torch.testing.assert_close(own, plain)
