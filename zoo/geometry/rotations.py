"""Rotations as (3, 3) matrices that act on column vectors."""

from __future__ import annotations

from typing import Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.vectors import broadcast, dot, matrix, norm

_FORWARD: Final = (0.0, 0.0, -1.0)
"""The optical axis in the eye's own frame."""


def skew(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The matrix whose product with ``w`` is the cross product ``vector x w``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return matrix([[zero, -z, y], [z, zero, -x], [-y, x, zero]])


def rotation_from_axis_angle(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation about `vector` by its length in radians, right-handed (Rodrigues). Smooth at zero."""
    angle = norm(vector)[..., None, None] / torch.pi  # torch.sinc(x) is sin(pi x) / (pi x)
    cross = skew(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + torch.sinc(angle) * cross + 0.5 * torch.sinc(angle / 2) ** 2 * (cross @ cross)


def rotation_about(axis: Literal["x", "y", "z"], angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b 3 3"]:
    """Right-handed rotation about a coordinate axis by `angle` in radians."""
    zero = torch.zeros_like(angle)
    components = [angle if name == axis else zero for name in "xyz"]
    return rotation_from_axis_angle(torch.stack(components, dim=-1))


def listing(
    direction: Float[Tensor, "*#b 3"], primary: Float[Tensor, "*#b 3"] | None = None
) -> Float[Tensor, "*b 3 3"]:
    """The rotation without torsion that turns the primary direction into `direction` (Listing's law).

    Its axis lies in the plane perpendicular to the primary direction. Listing's law holds in the head: where
    the head does not face the camera squarely, compose ``camera_from_head @ listing(direction_in_head)``.

    Args:
        direction: unit vectors, not opposite to `primary` (where the axis is undefined).
        primary: unit vectors; (0, 0, -1), the optical axis in the eye's own frame, unless given.
    """
    if primary is None:
        primary = direction.new_tensor(_FORWARD)
    direction, primary = broadcast(direction, primary)
    cross = skew(torch.linalg.cross(primary, direction))
    identity = torch.eye(3, dtype=direction.dtype, device=direction.device)
    return identity + cross + cross @ cross / (1 + dot(primary, direction))[..., None, None]


def turn_by_listing(
    direction: Float[Tensor, "*#b 3"], vector: Float[Tensor, "*#b 3"]
) -> Float[Tensor, "*b 3"]:
    """``listing(direction) @ vector`` without the matrix, in a third of the operations.

    From p to d it is ``R = I - s s^T / (1 + p . d) + 2 d p^T`` with s = p + d: p goes to d, what is
    perpendicular to both stays.

    Args:
        direction: unit vectors d, not (0, 0, 1).
        vector: in the eye's own frame, whose optical axis is p = (0, 0, -1).
    """
    between = direction + direction.new_tensor(_FORWARD)
    share = dot(between, vector) / (1 - direction[..., 2])
    return vector - share[..., None] * between - 2 * vector[..., 2:] * direction
