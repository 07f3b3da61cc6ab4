"""The pinhole camera: intrinsics, projection, rays, and what resizing and mirroring do to them.

A camera is a (3, 3) matrix ``[[fx, skew, cx], [0, fy, cy], [0, 0, 1]]`` in pixels, the centre of the first
pixel being (0, 0). The camera frame is OpenCV's: x right, y down, z forward.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.vectors import matrix, unit


def intrinsics(
    fx: Float[Tensor, "*#b"], fy: Float[Tensor, "*#b"], cx: Float[Tensor, "*#b"], cy: Float[Tensor, "*#b"]
) -> Float[Tensor, "*b 3 3"]:
    """Camera matrix without skew from focal lengths and principal point in pixels."""
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    return matrix([[fx, zero, cx], [zero, fy, cy], [zero, zero, one]])


def default_camera(
    width: int,
    height: int,
    horizontal_fov_deg: float,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, "3 3"]:
    """Camera with square pixels and a centred principal point, for images whose camera is unknown."""
    focal = 0.5 * width / math.tan(math.radians(horizontal_fov_deg) / 2)
    rows = [[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]]
    return torch.tensor(rows, dtype=dtype, device=device)


def project(points: Float[Tensor, "*#b 3"], camera: Float[Tensor, "*#b 3 3"]) -> Float[Tensor, "*b 2"]:
    """Pixels (u, v) of points in the camera frame. Points with z <= 0 have no image: mask them."""
    x, y, z = points.unbind(-1)
    u = (camera[..., 0, 0] * x + camera[..., 0, 1] * y) / z + camera[..., 0, 2]
    v = camera[..., 1, 1] * y / z + camera[..., 1, 2]
    return torch.stack((u, v), dim=-1)


def rays(pixels: Float[Tensor, "*#b 2"], camera: Float[Tensor, "*#b 3 3"]) -> Float[Tensor, "*b 3"]:
    """Directions with z = 1 of the rays from the camera centre through pixels (u, v)."""
    u, v = pixels.unbind(-1)
    fx, skew, cx, _, fy, cy, *_ = camera.flatten(-2).unbind(-1)
    y = (v - cy) / fy
    x = (u - cx - skew * y) / fx
    return torch.stack((x, y, torch.ones_like(x)), dim=-1)


def unit_rays(pixels: Float[Tensor, "*#b 2"], camera: Float[Tensor, "*#b 3 3"]) -> Float[Tensor, "*b 3"]:
    """As `rays`, with directions of length 1."""
    return unit(rays(pixels, camera))


def pixel_grid(
    height: int, width: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Float[Tensor, "{height} {width} 2"]:
    """The centre (u, v) of every pixel of an image."""
    v, u = torch.meshgrid(
        torch.arange(height, dtype=dtype, device=device),
        torch.arange(width, dtype=dtype, device=device),
        indexing="ij",
    )
    return torch.stack((u, v), dim=-1)


def resize_camera(
    camera: Float[Tensor, "*#b 3 3"],
    scale: Float[Tensor, "*#b"] | float,
    offset: Float[Tensor, "*#b 2"] | tuple[float, float] = (0.0, 0.0),
) -> Float[Tensor, "*b 3 3"]:
    """Camera of an image scaled by s and then shifted: pixel c goes to ``s (c + 0.5) - 0.5 + offset``."""
    shift_u, shift_v = offset.unbind(-1) if isinstance(offset, Tensor) else offset
    (fx, skew, cx), (_, fy, cy), (_, zero, one) = (row.unbind(-1) for row in camera.unbind(-2))
    centring = (scale - 1) / 2
    u = scale * cx + centring + shift_u
    v = scale * cy + centring + shift_v
    return matrix([[scale * fx, scale * skew, u], [zero, scale * fy, v], [zero, zero, one]])


def flip_camera(camera: Float[Tensor, "*b 3 3"], width: int) -> Float[Tensor, "*b 3 3"]:
    """Camera of the image mirrored left to right (u to width - 1 - u), for a scene with x negated."""
    flipped = camera.clone()
    flipped[..., 0, 1] = -camera[..., 0, 1]
    flipped[..., 0, 2] = (width - 1) - camera[..., 0, 2]
    return flipped
