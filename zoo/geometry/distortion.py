"""What a lens does to a pinhole's image, and the way back: OpenCV's radial-tangential and fisheye models.

Points (x, y) are directions over their z, as `zoo.geometry.cameras.rays` gives them. Formulas: OpenCV's
documentation, modules *calib3d* (Brown, 1966) and *fisheye* (Kannala and Brandt, 2006). The coefficients of a
`Distortion` are constants: gradients flow through the points alone.
"""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.arc import increasing_root
from zoo.geometry.cameras import project, rays
from zoo.geometry.lens import Distortion
from zoo.geometry.vectors import norm

_STEPS: Final = 20
"""Newton's method needs about 5; close to where a model turns back, every step only halves the error."""


def distort(points: Float[Tensor, "*b 2"], lens: Distortion) -> Float[Tensor, "*b 2"]:
    """Where the lens images directions (x, y, 1)."""
    if lens.model == "radtan":
        return _radtan(points, lens)[0]
    radius = norm(points)
    return _scaled(points, radius, _fisheye(radius.atan(), lens)[0])


def undistort(points: Float[Tensor, "*b 2"], lens: Distortion) -> Float[Tensor, "*b 2"]:
    """The directions (x, y, 1) that the lens images at points; the inverse of `distort`.

    Only the last step is recorded for differentiation, as `zoo.geometry.arc.increasing_root` does it. Where
    the model has no inverse (see `Distortion.check`) the result is meaningless.
    """
    if lens.model == "fisheye":
        radius = norm(points)
        low, high = torch.zeros_like(radius), torch.full_like(radius, torch.pi / 2)

        def beyond(angle: Tensor) -> tuple[Tensor, Tensor]:
            value, slope = _fisheye(angle, lens)
            return value - radius, slope

        return _scaled(points, radius, increasing_root(beyond, radius, low, high, _STEPS).tan())
    with torch.no_grad():
        found = points
        for _ in range(_STEPS):
            found = _newton(found, points, lens)
    return _newton(found, points, lens)


def distort_pixels(
    pixels: Float[Tensor, "*#b 2"], camera: Float[Tensor, "*#b 3 3"], lens: Distortion
) -> Float[Tensor, "*b 2"]:
    """Pixels of a frame with a lens from those of the pinhole frame with the same camera matrix."""
    return _to_pixels(distort(rays(pixels, camera)[..., :2], lens), camera)


def undistort_pixels(
    pixels: Float[Tensor, "*#b 2"], camera: Float[Tensor, "*#b 3 3"], lens: Distortion
) -> Float[Tensor, "*b 2"]:
    """Pixels of the pinhole frame from those of the frame with a lens; the inverse of `distort_pixels`."""
    return _to_pixels(undistort(rays(pixels, camera)[..., :2], lens), camera)


def _to_pixels(points: Tensor, camera: Tensor) -> Tensor:
    return project(torch.cat((points, torch.ones_like(points[..., :1])), dim=-1), camera)


def _newton(start: Tensor, target: Tensor, lens: Distortion) -> Tensor:
    value, xx, xy, yy = _radtan(start, lens)
    x, y = (value - target).unbind(-1)
    return start - torch.stack((yy * x - xy * y, xx * y - xy * x), dim=-1) / (xx * yy - xy * xy)[..., None]


def _radtan(points: Tensor, lens: Distortion) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The distorted points and the Jacobian, which is symmetric: its entries xx, xy, yy."""
    k1, k2, p1, p2, k3 = lens.padded
    x, y = points.unbind(-1)
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    slope = 2 * (k1 + square * (2 * k2 + square * (3 * k3)))
    across = p1 * y + p2 * x
    factor = radial + 2 * across
    moved = torch.stack((x * factor + p2 * square, y * factor + p1 * square), dim=-1)
    xy = x * y * slope + 2 * (p1 * x + p2 * y)
    xx = factor + x * x * slope + 4 * p2 * x
    yy = factor + y * y * slope + 4 * p1 * y
    return moved, xx, xy, yy


def _fisheye(angle: Tensor, lens: Distortion) -> tuple[Tensor, Tensor]:
    """The distorted radius of an angle to the axis, and its slope."""
    k1, k2, k3, k4 = lens.padded
    q = angle * angle
    value = angle * (1 + q * (k1 + q * (k2 + q * (k3 + q * k4))))
    return value, 1 + q * (3 * k1 + q * (5 * k2 + q * (7 * k3 + q * (9 * k4))))


def _scaled(points: Tensor, radius: Tensor, wanted: Tensor) -> Tensor:
    """Points at `radius` moved to the radius `wanted`."""
    centre = radius == 0
    return points * torch.where(centre, 1.0, wanted / torch.where(centre, 1.0, radius))[..., None]
