"""The point that several views see, by weighted least squares on reprojection errors.

The unknowns are the point's direction (x, y, 1) in the anchor and its *inverse* depth s there. In these the
reprojection is linear but for the division by the depth in the source, which a few reweighting steps take
care of, and a far point is as well-behaved as a near one (Civera et al., "Inverse depth parametrization for
monocular SLAM", IEEE TRO 2008). The measured pixels have a standard deviation, and s a broad Gaussian prior.
As the baseline goes to zero, s therefore goes to the prior's mean and its gradient to zero, where the
homogeneous solution by SVD explodes: the gradient by a pixel stays below ``prior_sd / (2 sigma_px)``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.cameras import rays
from zoo.geometry.vectors import transform

_STEPS = 3
_ROBUST_STEPS = 8
_LEAST_DEPTH = 0.1  # in the source, relative to the anchor: keeps the reweighting from a division by zero


class Triangulated(NamedTuple):
    """Points in the anchor's camera frame."""

    ray: Tensor  # (*b, 3) with z = 1, through the point
    inverse_depth: Tensor  # (*b,) 1/m; not positive where the rays do not meet in front of the anchor
    inverse_depth_sd: Tensor  # (*b,) 1/m, from the weights, the baselines and `sigma_px`; at most the prior's
    residual_px: Tensor  # (*b, S) reprojection error in each source

    def depth(self, near: float = 0.1, far: float = 100.0) -> Float[Tensor, "*b"]:
        """z in metres, clamped to a range; outside it the gradient is 0."""
        return 1 / self.inverse_depth.clamp(1 / far, 1 / near)

    def points(self, near: float = 0.1, far: float = 100.0) -> Float[Tensor, "*b 3"]:
        """In the anchor's camera frame, metres, their depth clamped to a range."""
        return self.ray * self.depth(near, far)[..., None]


def triangulate(
    anchor_pixels: Float[Tensor, "*#b 2"],
    source_pixels: Float[Tensor, "*#b S 2"],
    weights: Float[Tensor, "*#b S"],
    anchor_camera: Float[Tensor, "*#b 3 3"],
    source_cameras: Float[Tensor, "*#b #S 3 3"],
    source_from_anchor: Float[Tensor, "*#b #S 4 4"],
    *,
    sigma_px: float = 0.5,
    prior: tuple[float, float] = (0.4, 1.0),
    robust_px: float | None = None,
) -> Triangulated:
    """The points seen at a pixel of the anchor and at one of each source.

    Args:
        anchor_pixels: (u, v), of weight 1.
        source_pixels: (u, v) of the same points in S sources; must be finite also where the weight is 0.
        weights: at least 0; a pixel's error has the variance ``sigma_px**2 / weight``, and 0 leaves it out.
        anchor_camera, source_cameras: intrinsics.
        source_from_anchor: relative poses, metres.
        sigma_px: standard deviation of a pixel of weight 1.
        prior: mean and standard deviation of the inverse depth, 1/m.
        robust_px: where given, a source whose error exceeds this counts less and less (Cauchy's weights,
            approached from the median of what each source says by itself). Needs three or more sources to
            tell who is wrong.

    Returns:
        As `Triangulated`. With no usable source it is the prior on the anchor's ray.
    """
    ray = rays(anchor_pixels, anchor_camera)
    rotation, translation = source_from_anchor[..., :3, :3], source_from_anchor[..., :3, 3]
    measured = rays(source_pixels, source_cameras)
    focal = source_cameras.diagonal(dim1=-2, dim2=-1)[..., :2]
    # The error q - measured q_z with q = R (ray + (dx, dy, 0)) + s t: its constant and what it gains by
    # dx, dy and s, each (*b, S, 2).
    parts = [transform(rotation, ray[..., None, :]), rotation[..., 0], rotation[..., 1], translation]
    rows = [focal * (part[..., :2] - measured[..., :2] * part[..., 2:]) for part in parts]
    depths = [part[..., 2] for part in parts]
    anchor = anchor_camera.diagonal(dim1=-2, dim2=-1)[..., :2] / sigma_px
    inverse = torch.full_like(ray[..., 0], prior[0])
    if robust_px is not None:
        inverse = _median_of_sources(rows, weights, inverse)
    shift = torch.zeros_like(ray[..., :2])
    residual = _residual(rows, depths, shift, inverse)
    sd = torch.full_like(inverse, prior[1])
    for _ in range(_STEPS if robust_px is None else _ROBUST_STEPS):
        share = weights
        if robust_px is not None:
            share = weights / (1 + (residual / robust_px).square().sum(-1))
        scale = share.clamp_min(0)[..., None] / (sigma_px * _depth(depths, shift, inverse)[..., None]) ** 2
        shift, inverse, sd = _solve(rows, scale, anchor, prior)
        residual = _residual(rows, depths, shift, inverse)
    direction = ray + torch.cat((shift, torch.zeros_like(shift[..., :1])), dim=-1)
    return Triangulated(direction, inverse, sd, torch.linalg.vector_norm(residual, dim=-1))


def _solve(
    rows: list[Tensor], scale: Tensor, anchor: Tensor, prior: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Direction's shift (*b, 2), inverse depth and its standard deviation, of the normal equations.

    By hand: the shift is eliminated, which leaves one division, whose divisor the prior keeps from zero.
    """
    constant, by_x, by_y, by_s = rows

    def product(first: Tensor, second: Tensor) -> Tensor:
        return (scale * first * second).sum((-2, -1))

    xx = product(by_x, by_x) + anchor[..., 0] ** 2
    yy = product(by_y, by_y) + anchor[..., 1] ** 2
    xy, xs, ys = product(by_x, by_y), product(by_x, by_s), product(by_y, by_s)
    x, y = product(by_x, constant), product(by_y, constant)
    determinant = xx * yy - xy * xy
    # The inverse of the block of (dx, dy), applied to its coupling with s:
    along_x, along_y = (yy * xs - xy * ys) / determinant, (xx * ys - xy * xs) / determinant
    information = product(by_s, by_s) - along_x * xs - along_y * ys
    information = information.clamp_min(0) + prior[1] ** -2
    inverse = (prior[0] * prior[1] ** -2 - product(by_s, constant) + along_x * x + along_y * y) / information
    shift_x = -(yy * x - xy * y) / determinant - along_x * inverse
    shift_y = -(xx * y - xy * x) / determinant - along_y * inverse
    return torch.stack((shift_x, shift_y), dim=-1), inverse, information.rsqrt()


def _depth(depths: list[Tensor], shift: Tensor, inverse: Tensor) -> Tensor:
    """(*b, S) depth in the sources over depth in the anchor."""
    constant, by_x, by_y, by_s = depths
    x, y = (value[..., None] for value in shift.unbind(-1))
    return (constant + by_x * x + by_y * y + by_s * inverse[..., None]).clamp_min(_LEAST_DEPTH)


def _residual(rows: list[Tensor], depths: list[Tensor], shift: Tensor, inverse: Tensor) -> Tensor:
    """(*b, S, 2) reprojection error in pixels."""
    constant, by_x, by_y, by_s = rows
    x, y = (value[..., None, None] for value in shift.unbind(-1))
    error = constant + by_x * x + by_y * y + by_s * inverse[..., None, None]
    return error / _depth(depths, shift, inverse)[..., None]


def _median_of_sources(rows: list[Tensor], weights: Tensor, fallback: Tensor) -> Tensor:
    """Median of the inverse depths that each source of positive weight gives by itself. No gradient."""
    with torch.no_grad():
        constant, _, _, by_s = rows
        square = by_s.square().sum(-1)
        alone = -(by_s * constant).sum(-1) / square.clamp_min(torch.finfo(square.dtype).tiny)
        usable = (weights > 0) & (square > 0)
        ordered = torch.where(usable, alone, torch.nan).nanmedian(-1).values
        return torch.where(ordered.isfinite(), ordered, fallback)
