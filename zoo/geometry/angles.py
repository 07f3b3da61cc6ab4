"""Angles of gaze vectors: only for the edges of the program (reports, tables, limits of a draw)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.vectors import broadcast, dot, norm


def vector_to_angles(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 2"]:
    """(pitch, yaw) of a direction of any length: ``pitch = asin(-y)``, ``yaw = atan2(-x, -z)``.

    Pitch is positive upwards, yaw towards image left; an eye that looks into the camera has (0, 0).
    Straight up and down yaw is undefined, and so are the gradients.
    """
    x, y, z = vector.unbind(-1)
    return torch.stack((torch.atan2(-y, torch.hypot(x, z)), torch.atan2(-x, -z)), dim=-1)


def angles_to_vector(angles: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 3"]:
    """Unit vector of (pitch, yaw); the inverse of `vector_to_angles`."""
    pitch, yaw = angles.unbind(-1)
    level = torch.cos(pitch)
    return torch.stack((-level * torch.sin(yaw), -torch.sin(pitch), -level * torch.cos(yaw)), dim=-1)


def angle_between(a: Float[Tensor, "*#b 3"], b: Float[Tensor, "*#b 3"]) -> Float[Tensor, "*b"]:
    """Angle in [0, pi] between directions of any length, accurate near both ends.

    The gradient where the directions coincide or oppose is 0 (acos would give infinity).
    """
    a, b = broadcast(a, b)
    return torch.atan2(norm(torch.linalg.cross(a, b)), dot(a, b))
