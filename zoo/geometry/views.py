"""Posed views of a room: relative poses, what one view's depth says about another, and warping.

A pose is ``cam_to_world``, (4, 4), which maps homogeneous points of the camera frame (OpenCV: x right, y
down, z forward) to the world, in metres. ``source_from_anchor`` maps points of the anchor's camera frame to
the source's. Depth is z, not the length of the ray; 0 means unknown.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from zoo.geometry.cameras import pixel_grid, project, rays
from zoo.geometry.vectors import dot, norm, transform

RIGID_TOLERANCE = 1e-2
"""Largest entry of ``R^T R - I`` of a rotation: poses are often written with three digits."""


def invert_pose(pose: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b 4 4"]:
    """The inverse of rigid poses, without solving: the rotation transposed, the translation turned back."""
    rotation, translation = pose[..., :3, :3].mT, pose[..., :3, 3]
    top = torch.cat((rotation, -transform(rotation, translation)[..., None]), dim=-1)
    return torch.cat((top, pose[..., 3:, :]), dim=-2)


def relative_pose(
    anchor_to_world: Float[Tensor, "*#b 4 4"], source_to_world: Float[Tensor, "*#b 4 4"]
) -> Float[Tensor, "*b 4 4"]:
    """``source_from_anchor`` of two cameras in one world."""
    return invert_pose(source_to_world) @ anchor_to_world


def is_rigid(pose: Float[Tensor, "*b 4 4"], tolerance: float = RIGID_TOLERANCE) -> Bool[Tensor, "*b"]:
    """Whether a pose is finite, a rotation (no scale, shear or mirror) and a translation."""
    rotation = pose[..., :3, :3]
    identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
    off = (rotation.mT @ rotation - identity).abs().amax((-2, -1))  # not below the tolerance where it is NaN
    last = (pose[..., 3, :] - pose.new_tensor((0.0, 0.0, 0.0, 1.0))).abs().amax(-1)
    finite = pose.isfinite().all(-1).all(-1)
    x, y, z = rotation.unbind(-2)
    right_handed = dot(torch.linalg.cross(x, y), z) > 0
    return finite & (off < tolerance) & (last < tolerance) & right_handed


def nearest_rigid(pose: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b 4 4"]:
    """The pose with its rotation replaced by the nearest true one (in the sum of squares)."""
    left, _, right = torch.linalg.svd(pose[..., :3, :3])
    sign = torch.ones_like(pose[..., :3, 3])
    sign[..., 2] = torch.linalg.det(left @ right)
    top = torch.cat((left @ (sign[..., None] * right), pose[..., :3, 3:]), dim=-1)
    last = pose.new_tensor((0.0, 0.0, 0.0, 1.0)).expand(*pose.shape[:-2], 1, 4)
    return torch.cat((top, last), dim=-2)


def baseline(relative: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b"]:
    """Distance of two camera centres, from the pose of one in the other."""
    return norm(relative[..., :3, 3])


def turn(relative: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b"]:
    """Angle in [0, pi] by which one camera is turned against the other; accurate near both ends."""
    r = relative[..., :3, :3]
    axis = torch.stack(
        (
            r[..., 2, 1] - r[..., 1, 2],
            r[..., 0, 2] - r[..., 2, 0],
            r[..., 1, 0] - r[..., 0, 1],
        ),
        dim=-1,
    )
    return torch.atan2(norm(axis), r[..., 0, 0] + r[..., 1, 1] + r[..., 2, 2] - 1)


def transform_points(pose: Float[Tensor, "*#b 4 4"], points: Float[Tensor, "*#b 3"]) -> Float[Tensor, "*b 3"]:
    """Points (*b, 3) moved by a rigid pose."""
    return transform(pose[..., :3, :3], points) + pose[..., :3, 3]


def back_project(
    depth: Float[Tensor, "*#b H W"], camera: Float[Tensor, "*#b 3 3"]
) -> Float[Tensor, "*b H W 3"]:
    """The point, in the camera frame, that every pixel of a depth image shows; the origin where it is 0."""
    grid = pixel_grid(*depth.shape[-2:], dtype=depth.dtype, device=depth.device)
    return rays(grid, camera[..., None, None, :, :]) * depth[..., None]


def transfer(
    pixels: Float[Tensor, "*#b 2"],
    depth: Float[Tensor, "*#b"],
    anchor_camera: Float[Tensor, "*#b 3 3"],
    source_camera: Float[Tensor, "*#b 3 3"],
    source_from_anchor: Float[Tensor, "*#b 4 4"],
) -> tuple[Float[Tensor, "*b 2"], Float[Tensor, "*b"]]:
    """Where the source sees what the anchor sees at `pixels` and `depth`: pixels and depth there.

    Where the depth there is not positive, the point lies behind the source and the pixels mean nothing; they
    are finite unless that depth is 0.
    """
    points = transform_points(source_from_anchor, rays(pixels, anchor_camera) * depth[..., None])
    return project(points, source_camera), points[..., 2]


class Reprojection(NamedTuple):
    """Where a source sees every pixel of the anchor."""

    pixels: Tensor  # (*b, H, W, 2) in the source; (0, 0) where not inside
    depth: Tensor  # (*b, H, W) in the source; 0 where not inside
    inside: Tensor  # (*b, H, W) bool: depth known, in front of the source, within its image


def reproject(
    depth: Float[Tensor, "*#b H W"],
    anchor_camera: Float[Tensor, "*#b 3 3"],
    source_camera: Float[Tensor, "*#b 3 3"],
    source_from_anchor: Float[Tensor, "*#b 4 4"],
    size: tuple[int, int] | None = None,
) -> Reprojection:
    """`transfer` of a whole depth image into a source of `size` (height, width); the anchor's own if None."""
    height, width = size or (depth.shape[-2], depth.shape[-1])
    points = transform_points(source_from_anchor[..., None, None, :, :], back_project(depth, anchor_camera))
    ahead = (points[..., 2] > 0) & (depth > 0)
    safe = torch.where(ahead[..., None], points, points.new_tensor((0.0, 0.0, 1.0)))
    pixels = project(safe, source_camera[..., None, None, :, :])
    u, v = pixels.unbind(-1)
    inside = ahead & (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    zero = torch.zeros_like(u)
    return Reprojection(
        torch.where(inside[..., None], pixels, 0.0), torch.where(inside, points[..., 2], zero), inside
    )


def sample(
    image: Float[Tensor, "*b C H W"],
    pixels: Float[Tensor, "*b N 2"],
    size: tuple[int, int] | None = None,
    *,
    nearest: bool = False,
) -> Float[Tensor, "*b C N"]:
    """Values of an image at pixels, bilinear or nearest; beyond the border its nearest pixel.

    Args:
        size: height and width of the image that the pixels are of, where `image` is a map of another stride.
        nearest: for depth, whose unknown pixels must not be mixed with known ones.
    """
    height, width = size or image.shape[-2:]
    scale = pixels.new_tensor((2 / width, 2 / height))
    grid = (pixels + 0.5) * scale - 1
    sampled = F.grid_sample(
        image.reshape(-1, *image.shape[-3:]),
        grid.reshape(-1, 1, *grid.shape[-2:]),
        mode="nearest" if nearest else "bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return sampled.reshape(*image.shape[:-2], pixels.shape[-2])


def warp(
    source: Float[Tensor, "*b C h w"],
    depth: Float[Tensor, "*b H W"],
    anchor_camera: Float[Tensor, "*#b 3 3"],
    source_camera: Float[Tensor, "*#b 3 3"],
    source_from_anchor: Float[Tensor, "*#b 4 4"],
) -> tuple[Float[Tensor, "*b C H W"], Bool[Tensor, "*b H W"]]:
    """The source's image as the anchor would see it, by the anchor's depth, and where that is known.

    Occlusion is not found: a pixel that something else hides in the source shows that something.
    """
    where = reproject(
        depth, anchor_camera, source_camera, source_from_anchor, (source.shape[-2], source.shape[-1])
    )
    warped = sample(source, where.pixels.flatten(-3, -2)).unflatten(-1, depth.shape[-2:])
    return warped * where.inside[..., None, :, :], where.inside


def co_visible(
    anchor_depth: Float[Tensor, "*b H W"],
    source_depth: Float[Tensor, "*b h w"],
    anchor_camera: Float[Tensor, "*#b 3 3"],
    source_camera: Float[Tensor, "*#b 3 3"],
    source_from_anchor: Float[Tensor, "*#b 4 4"],
    tolerance: float = 0.05,
) -> tuple[Bool[Tensor, "*b H W"], Bool[Tensor, "*b H W"]]:
    """Anchor pixels that the source sees unhidden, and those where both depths are known to compare.

    Args:
        anchor_depth, source_depth: z in metres, 0 unknown.
        anchor_camera, source_camera: intrinsics of the two images.
        source_from_anchor: relative pose.
        tolerance: largest relative difference between the transferred and the source's own depth.
    """
    size = (source_depth.shape[-2], source_depth.shape[-1])
    where = reproject(anchor_depth, anchor_camera, source_camera, source_from_anchor, size)
    flat = sample(source_depth[..., None, :, :], where.pixels.flatten(-3, -2), nearest=True)
    there = flat[..., 0, :].unflatten(-1, anchor_depth.shape[-2:])
    comparable = where.inside & (there > 0)
    return comparable & ((where.depth - there).abs() <= tolerance * where.depth), comparable


def count_seen(
    anchor_depth: Float[Tensor, "B H W"],
    source_depth: Float[Tensor, "B S H W"],
    cameras: Float[Tensor, "B V 3 3"],
    cam_to_world: Float[Tensor, "B V 4 4"],
    usable: Bool[Tensor, "B S"],
) -> UInt8[Tensor, "B H W"]:
    """How many of the usable sources see what the anchor's pixel shows, proven by both depths (`co_visible`).

    A pixel whose depth is unknown, in the anchor or where the source would see it, counts as not seen.

    Args:
        anchor_depth, source_depth: z in metres, 0 unknown; S = V - 1.
        cameras, cam_to_world: intrinsics and poses; view 0 is the anchor.
        usable: sources that are there.
    """
    relative = relative_pose(cam_to_world[:, :1], cam_to_world[:, 1:])
    every = anchor_depth[:, None].expand_as(source_depth)
    seen, _ = co_visible(every, source_depth, cameras[:, :1], cameras[:, 1:], relative)
    return (seen & usable[..., None, None]).sum(1).to(torch.uint8)
