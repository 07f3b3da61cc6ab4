"""Poses, and the depth of a box-shaped room seen from them, for the tests of views."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.geometry.cameras import pixel_grid, rays
from zoo.geometry.rotations import rotation_from_axis_angle
from zoo.geometry.vectors import transform


def pose(axis_angle: tuple[float, float, float], centre: tuple[float, float, float]) -> Tensor:
    """cam_to_world (4, 4), float64."""
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] = rotation_from_axis_angle(torch.tensor(axis_angle, dtype=torch.float64))
    matrix[:3, 3] = torch.tensor(centre, dtype=torch.float64)
    return matrix


def room_depth(camera: Tensor, cam_to_world: Tensor, height: int, width: int) -> Tensor:
    """z of the walls of the room |x| < 2, |y| < 1.5, |z| < 3 seen from inside; (H, W) float64."""
    directions = rays(pixel_grid(height, width, dtype=torch.float64), camera.double())
    world = transform(cam_to_world[:3, :3], directions)
    walls = torch.tensor((2.0, 1.5, 3.0), dtype=torch.float64)
    return ((walls * world.sign() - cam_to_world[:3, 3]) / world).nan_to_num(torch.inf).amin(-1)
