"""Linear interpolation between scattered points: in the triangles of Delaunay, beyond them the nearest point.

What anyone would do first with sparse depth, and so the baseline of every densifier.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, Int

_MARGIN: Final = 40
"""OpenCV triangulates inside three helper points, this many frame sizes away: the nearer they are, the more
of the hull's flattest triangles are missed."""
_EDGE: Final = 1e-6
"""A share of a corner below minus this is outside."""


def interpolate(
    pixels: Float[np.ndarray, "P 2"], values: Float[np.ndarray, "P"], height: int, width: int
) -> Float[np.ndarray, "H W"]:
    """A map of height x width from values at pixels (u, v).

    Args:
        pixels: inside the map, at least one.
        values: one a point; of points at the same place the first counts.

    Raises:
        ValueError: no point.
    """
    if not len(pixels):
        raise ValueError("nothing to interpolate: no point was given")
    corners, at_corners = _triangles(pixels, values, height, width)
    result = np.zeros((height, width))
    v, u, which, share = _located(corners, height, width)
    result[v, u] = (share * at_corners[which]).sum(1)
    outside = np.ones((height, width), dtype=bool)
    outside[v, u] = False
    v, u = outside.nonzero()
    result[v, u] = values[_nearest(np.stack([u, v], axis=1), pixels)]
    return result


def _located(
    corners: Float[np.ndarray, "T 3 2"], height: int, width: int
) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "N"], Int[np.ndarray, "N"], Float[np.ndarray, "N 3"]]:
    """Rows and columns of the pixels that lie in a triangle, which one that is, and its corners' shares.

    The pixels of every triangle's bounding box are tried; those on an edge come up twice.
    """
    last = np.array([width - 1, height - 1])
    low = np.ceil(corners.min(1)).astype(int).clip(0, last)
    size = np.maximum(np.floor(corners.max(1)).astype(int).clip(0, last) - low + 1, 0)
    count = size.prod(1)
    which = np.repeat(np.arange(len(corners)), count)
    place = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    u, v = low[which, 0] + place % size[which, 0], low[which, 1] + place // size[which, 0]
    share = _barycentric(np.stack([u, v], axis=1), corners[which])
    inside = share.min(1, initial=1) >= -_EDGE
    return v[inside], u[inside], which[inside], share[inside]


def _triangles(
    pixels: Float[np.ndarray, "P 2"], values: Float[np.ndarray, "P"], height: int, width: int
) -> tuple[Float[np.ndarray, "T 3 2"], Float[np.ndarray, "T 3"]]:
    """Corners of Delaunay's triangles and the values at them; flat ones are left out."""
    far = _MARGIN * max(height, width)
    plane = cv2.Subdiv2D((-far, -far, width + 2 * far, height + 2 * far))
    value_at: dict[tuple[float, float], float] = {}
    for (u, v), value in zip(pixels.astype(np.float32).tolist(), values.tolist(), strict=True):
        if (u, v) not in value_at:
            value_at[u, v] = value
            plane.insert((u, v))
    if len(value_at) < 3:
        return np.zeros((0, 3, 2)), np.zeros((0, 3))
    corners = np.asarray(plane.getTriangleList(), dtype=np.float64).reshape(-1, 3, 2)
    known = [all((u, v) in value_at for u, v in triangle) for triangle in corners.tolist()]
    corners = corners[np.array(known, dtype=bool)]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    corners = corners[np.abs(_cross(b - a, c - a)) > 1e-6]
    values_at = [[value_at[u, v] for u, v in triangle] for triangle in corners.tolist()]
    return corners, np.array(values_at).reshape(-1, 3)


def _barycentric(
    points: Int[np.ndarray, "N 2"], corners: Float[np.ndarray, "N 3 2"]
) -> Float[np.ndarray, "N 3"]:
    """Shares of the corners; one is negative outside the triangle."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = _cross(b - a, c - a)
    of_b, of_c = _cross(points - a, c - a) / area, _cross(b - a, points - a) / area
    return np.stack([1 - of_b - of_c, of_b, of_c], axis=1)


def _cross(a: Float[np.ndarray, "N 2"], b: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N"]:
    product: Float[np.ndarray, "N"] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return product


def _nearest(points: Int[np.ndarray, "N 2"], pixels: Float[np.ndarray, "P 2"]) -> Int[np.ndarray, "N"]:
    """Which of the pixels is nearest to each point."""
    squares = (pixels**2).sum(1)
    parts = np.array_split(points, 1 + len(points) * len(pixels) // 2**22)  # about 32 MB each
    return np.concatenate([(squares - 2 * part @ pixels.T).argmin(1) for part in parts])
