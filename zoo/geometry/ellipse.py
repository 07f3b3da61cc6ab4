"""Ellipses ``(u, v, major, minor, angle)``: centre, full axes, angle from +x towards +y in [0, pi).

Their other form is a centre with a (2, 2) shape matrix ``S``: the points with
``(x - centre)^T S^-1 (x - centre) = 1``. The eigenvalues of S are the squared semi-axes, and an affine map
``x -> A x + t`` takes S to ``A S A^T``.
"""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.arc import increasing_root
from zoo.geometry.vectors import broadcast, dot, matrix, norm, safe_sqrt, transform

_STEPS: Final = 6


def ellipse_area(ellipse: Float[Tensor, "*b 5"]) -> Float[Tensor, "*b"]:
    """Area in square pixels."""
    return ellipse[..., 2] * ellipse[..., 3] * (torch.pi / 4)


def ellipse_points(ellipse: Float[Tensor, "*b 5"], count: int) -> Float[Tensor, "*b {count} 2"]:
    """`count` points on each ellipse, from the end of the major axis on."""
    turn = torch.arange(count, dtype=ellipse.dtype, device=ellipse.device) * (2 * torch.pi / count)
    u, v, major, minor, angle = ellipse[..., None, :].unbind(-1)
    x, y = 0.5 * major * turn.cos(), 0.5 * minor * turn.sin()
    return torch.stack((u + x * angle.cos() - y * angle.sin(), v + x * angle.sin() + y * angle.cos()), dim=-1)


def ellipse_shape(ellipse: Float[Tensor, "*b 5"]) -> Float[Tensor, "*b 2 2"]:
    """Shape matrix of an ellipse."""
    _, _, major, minor, angle = ellipse.unbind(-1)
    cos, sin = angle.cos() / 2, angle.sin() / 2
    scaled = matrix([[major * cos, -minor * sin], [major * sin, minor * cos]])
    return scaled @ scaled.mT


def ellipse_from_shape(
    centre: Float[Tensor, "*#b 2"], shape: Float[Tensor, "*#b 2 2"]
) -> Float[Tensor, "*b 5"]:
    """Ellipse of a centre and a shape matrix. A circle has angle 0, and no gradient through its angle."""
    xx, xy, yy = shape[..., 0, 0], shape[..., 0, 1], shape[..., 1, 1]
    half_difference = (xx - yy) / 2
    spread = norm(torch.stack((half_difference, xy), dim=-1))
    large = (xx + yy) / 2 + spread
    small = (xx * yy - xy**2) / large
    round_ = spread == 0
    angle = 0.5 * torch.atan2(torch.where(round_, 0.0, xy), torch.where(round_, 1.0, half_difference))
    angle = torch.where(angle < 0, angle + torch.pi, angle)
    angle = torch.where(angle < torch.pi, angle, 0.0)  # a tiny negative angle rounds up to pi
    axes = torch.stack((2 * safe_sqrt(large), 2 * safe_sqrt(small), angle), dim=-1)
    centre, _ = broadcast(centre, axes[..., :2])
    return torch.cat((centre, axes.expand(*centre.shape[:-1], 3)), dim=-1)


def transform_ellipse(
    ellipse: Float[Tensor, "*#b 5"], affine: Float[Tensor, "*#b 2 3"]
) -> Float[Tensor, "*b 5"]:
    """The image of an ellipse under ``x -> affine[:, :2] x + affine[:, 2]``; exact."""
    linear = affine[..., :2]
    centre = transform(linear, ellipse[..., :2]) + affine[..., 2]
    return ellipse_from_shape(centre, linear @ ellipse_shape(ellipse) @ linear.mT)


def ellipse_to_conic(ellipse: Float[Tensor, "*b 5"]) -> Float[Tensor, "*b 3 3"]:
    """Symmetric C with ``[x y 1] C [x y 1]^T`` = 0 on the ellipse, -1 in its centre and positive outside."""
    centre = ellipse[..., :2]
    quadratic = torch.linalg.inv(ellipse_shape(ellipse))
    linear = -transform(quadratic, centre)
    constant = -dot(linear, centre) - 1
    upper = torch.cat((quadratic, linear[..., None]), dim=-1)
    lower = torch.cat((linear, constant[..., None]), dim=-1)
    return torch.cat((upper, lower[..., None, :]), dim=-2)


def conic_to_ellipse(conic: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 5"]:
    """Ellipse of a symmetric conic matrix of any scale and sign; other conics have no meaningful result."""
    inverse = torch.linalg.inv(conic[..., :2, :2])
    centre = -transform(inverse, conic[..., :2, 2])
    level = dot(conic[..., 2, :2], centre) + conic[..., 2, 2]
    return ellipse_from_shape(centre, -level[..., None, None] * inverse)


def fit_ellipse(points: Float[Tensor, "*b n 2"]) -> Float[Tensor, "*b 5"]:
    """Direct least-squares ellipse of n >= 5 points.

    The fit of Fitzgibbon, Pilu and Fisher in the partitioned form of Halir and Flusser (WSCG 1998): the least
    algebraic distance under ``4ac - b^2 = 1``, always an ellipse. Three changes leave its result as it is and
    make it stable, free of an eigensolver and cheap in a batch. The fit commutes with affine maps, so the
    points are whitened first, which also decouples the linear terms. With ``p = a + c`` and ``q = a - c`` the
    constraint reads ``p^2 - q^2 - b^2 = 1``; scaled to p = 1 its eigenvalue is the only non-negative root of

        lambda = m_pp - m^T (M + lambda I)^-1 m,

    where ``[[m_pp, m^T], [m, M]]`` is the scatter of the quadratic terms, in the order p, q, b. The function
    is increasing and convex from there on, so Newton steps from m_pp reach it.

    Raises:
        ValueError: fewer than 5 points.
    """
    count = points.shape[-2]
    if count < 5:
        raise ValueError(f"an ellipse needs at least 5 points, got {count}")
    mean = points.mean(dim=-2)
    centred = points - mean[..., None, :]
    # Whitening: centred = white @ root^T, with root the lower Cholesky factor of the covariance.
    covariance = centred.mT @ centred / count
    first = covariance[..., 0, 0].sqrt()
    second = covariance[..., 0, 1] / first
    third = safe_sqrt(covariance[..., 1, 1] - second**2)
    root = matrix([[first, torch.zeros_like(first)], [second, third]])
    x = centred[..., 0] / first[..., None]
    y = (centred[..., 1] - second[..., None] * x) / third[..., None]

    terms = torch.stack(((x * x + y * y) / 2, (x * x - y * y) / 2, x * y), dim=-1)
    white = torch.stack((x, y, torch.ones_like(x)), dim=-1)
    on_linear = white.mT @ terms / count  # least squares, as the columns of `white` are orthonormal
    terms = terms - white @ on_linear
    scatter = terms.mT @ terms / count
    m_pp, m_pq, m_pb = scatter[..., 0, :].unbind(-1)
    qq, qb, bb = scatter[..., 1, 1], scatter[..., 1, 2], scatter[..., 2, 2]

    def secular(eigenvalue: Tensor) -> tuple[Tensor, Tensor]:
        q, b = solve(eigenvalue)
        return eigenvalue - m_pp - m_pq * q - m_pb * b, 1 - q**2 - b**2

    def solve(eigenvalue: Tensor) -> tuple[Tensor, Tensor]:
        """q and b relative to p: minus (M + lambda I)^-1 m."""
        left, right = qq + eigenvalue, bb + eigenvalue
        determinant = left * right - qb**2
        return (qb * m_pb - right * m_pq) / determinant, (qb * m_pq - left * m_pb) / determinant

    q, b = solve(increasing_root(secular, m_pp, torch.zeros_like(m_pp), m_pp, _STEPS))
    # The conic in whitened coordinates: x^T A x + d.x + f = 0.
    quadratic = matrix([[1 + q, b], [b, 1 - q]]) / 2
    weights = torch.stack((torch.ones_like(q), q, b), dim=-1)
    d1, d2, f = (-transform(on_linear, weights)).unbind(-1)
    inverse = matrix([[1 - q, -b], [-b, 1 + q]]) * (2 / (1 - q**2 - b**2))[..., None, None]
    centre = -transform(inverse, torch.stack((d1, d2), dim=-1)) / 2
    level = dot(centre, transform(quadratic, centre)) - f
    shape = root @ (inverse * level[..., None, None]) @ root.mT
    return ellipse_from_shape(mean + transform(root, centre), shape)
