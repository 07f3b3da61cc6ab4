"""Where in a source view the point of an anchor pixel can lie: a segment of its epipolar line.

A pixel's point at inverse depth s has the homogeneous image ``a + s b`` in the source, with ``a = K R r`` and
``b = K t`` for the ray r (z = 1) and the pose (R, t). To lie in front of the source and within its image are
therefore linear inequalities in s, and clipping is exact, wherever the ends of the depth range fall.
Hartley and Zisserman, *Multiple View Geometry*, 2nd edition, section 9.1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.geometry.cameras import rays
from zoo.geometry.vectors import Scalar, broadcast, norm, transform

MIN_DEPTH = 0.01
"""Smallest depth in the source, relative to that in the anchor: nearer, projection is unstable."""


class Segment(NamedTuple):
    """Part of an epipolar line: `start` is the far end, `end` the near one (inverse depth grows along it).

    Where `valid` is false nothing of the depth range is seen: all numbers are finite and mean nothing.
    """

    start: Tensor  # (*b, 2) pixels of the source
    end: Tensor  # (*b, 2) pixels of the source
    start_inverse_depth: Tensor  # (*b,) of the anchor, 1/m
    end_inverse_depth: Tensor  # (*b,) of the anchor, 1/m
    start_weight: Tensor  # (*b,) depth in the source over depth in the anchor, at the start
    end_weight: Tensor  # (*b,) ... and at the end
    valid: Tensor  # (*b,) bool

    @property
    def length(self) -> Float[Tensor, "*b"]:
        """In pixels: below one or two there is nothing to measure depth by."""
        return norm(self.end - self.start)

    def at_share(self, share: Float[Tensor, "*#b"]) -> tuple[Float[Tensor, "*b 2"], Float[Tensor, "*b"]]:
        """Pixel and inverse depth at a share in [0, 1] of the way in the image, from start to end."""
        near = share * self.start_weight
        far = (1 - share) * self.end_weight
        mixed = near / (near + far)
        inverse = self.start_inverse_depth + mixed * (self.end_inverse_depth - self.start_inverse_depth)
        return self.start + share[..., None] * (self.end - self.start), inverse

    def at_inverse_depth(self, inverse_depth: Float[Tensor, "*#b"]) -> Float[Tensor, "*b 2"]:
        """Pixel of a point at an inverse depth of the anchor; beyond the ends the line goes on.

        Of segments of no length (no baseline, or nothing valid) it is the start.
        """
        span = self.end_inverse_depth - self.start_inverse_depth
        some = span > 0
        mixed = torch.where(
            some, (inverse_depth - self.start_inverse_depth) / torch.where(some, span, 1.0), 0.0
        )
        near, far = mixed * self.end_weight, (1 - mixed) * self.start_weight
        share = near / (near + far)
        return self.start + share[..., None] * (self.end - self.start)


def epipolar_line(
    pixels: Float[Tensor, "*#b 2"],
    anchor_camera: Float[Tensor, "*#b 3 3"],
    source_camera: Float[Tensor, "*#b 3 3"],
    source_from_anchor: Float[Tensor, "*#b 4 4"],
) -> tuple[Float[Tensor, "*#b 3"], Float[Tensor, "*#b 3"]]:
    """(a, b): an anchor pixel at inverse depth s is seen at ``a + s b`` in the source, homogeneous pixels.

    Args:
        pixels: (u, v) in the anchor.
        anchor_camera, source_camera: intrinsics.
        source_from_anchor: relative pose, metres.
    """
    rotation, translation = source_from_anchor[..., :3, :3], source_from_anchor[..., :3, 3]
    a = transform(source_camera, transform(rotation, rays(pixels, anchor_camera)))
    return a, transform(source_camera, translation)


def epipolar_segment(
    pixels: Float[Tensor, "*#b 2"],
    anchor_camera: Float[Tensor, "*#b 3 3"],
    source_camera: Float[Tensor, "*#b 3 3"],
    source_from_anchor: Float[Tensor, "*#b 4 4"],
    depth_range: tuple[Scalar, Scalar],
    size: tuple[int, int],
) -> Segment:
    """The segment of the points of anchor pixels at depths in a range, clipped to what the source sees.

    Args:
        pixels: (u, v) in the anchor.
        anchor_camera, source_camera: intrinsics.
        source_from_anchor: relative pose.
        depth_range: nearest and farthest z in the anchor, metres, 0 < nearest < farthest; the farthest may be
            infinite.
        size: height and width of the source's image; it reaches from the centre of its first pixel to that of
            its last, where sampling needs nothing from beyond the border.
    """
    near, far = depth_range
    a, b = broadcast(*epipolar_line(pixels, anchor_camera, source_camera, source_from_anchor))
    low = torch.zeros_like(a[..., 0]) + 1 / far
    high = torch.zeros_like(low) + 1 / near
    height, width = size
    # Each row r of the bounds demands r . (a + s b) >= 0.
    bounds = a.new_tensor(((1, 0, 0), (-1, 0, width - 1), (0, 1, 0), (0, -1, height - 1), (0, 0, 1)))
    constant = a @ bounds.mT - a.new_tensor((0, 0, 0, 0, MIN_DEPTH))
    slope = b @ bounds.mT
    crossing = -constant / torch.where(slope == 0, 1.0, slope)
    low = torch.maximum(low, torch.where(slope > 0, crossing, low[..., None]).amax(-1))
    high = torch.minimum(high, torch.where(slope < 0, crossing, high[..., None]).amin(-1))
    valid = (low <= high) & ((slope != 0) | (constant >= 0)).all(-1)
    low, high = torch.where(valid, low, 0.0), torch.where(valid, high, 0.0)
    start, end = a + low[..., None] * b, a + high[..., None] * b
    ahead = a.new_tensor((0.0, 0.0, 1.0))
    start = torch.where(valid[..., None], start, ahead)
    end = torch.where(valid[..., None], end, ahead)
    corner = a.new_tensor((width - 1.0, height - 1.0))  # rounding may leave a clipped end outside
    return Segment(
        start=torch.minimum((start[..., :2] / start[..., 2:]).clamp_min(0), corner),
        end=torch.minimum((end[..., :2] / end[..., 2:]).clamp_min(0), corner),
        start_inverse_depth=low,
        end_inverse_depth=high,
        start_weight=start[..., 2],
        end_weight=end[..., 2],
        valid=valid,
    )


def points_along(
    segment: Segment, count: int
) -> tuple[Float[Tensor, "*b {count} 2"], Float[Tensor, "*b {count}"], Bool[Tensor, "*b {count}"]]:
    """`count` points, even in the image from start to end, their inverse depths, and whether valid."""
    share = torch.linspace(0, 1, count, dtype=segment.start.dtype, device=segment.start.device)
    every = Segment(*(value.unsqueeze(-1 if value.shape == segment.valid.shape else -2) for value in segment))
    pixels, inverse = every.at_share(share.expand(*segment.valid.shape, count))
    return pixels, inverse, segment.valid[..., None].expand(*segment.valid.shape, count)
