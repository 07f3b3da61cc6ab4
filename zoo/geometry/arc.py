"""Points of a sphere between two directions: the one-dimensional form of reflection and refraction.

The point where a sphere reflects or refracts light from one point to another lies in the plane of the two
points and the sphere's centre, on the arc between their directions. So it is one number, its share of that
arc, and the root of one increasing function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.geometry.angles import angle_between
from zoo.geometry.vectors import norm, unit


class Arc(NamedTuple):
    """The arc on a sphere from the direction of `start` to that of `end`, as seen from its centre."""

    start: Tensor  # (*b, 3) unit vector
    end: Tensor  # (*b, 3) unit vector
    start_distance: Tensor  # (*b,) from the centre of the sphere
    end_distance: Tensor  # (*b,)
    angle: Tensor  # (*b,) between the two directions

    @classmethod
    def between(cls, start: Tensor, end: Tensor) -> Arc:
        """From two points (*b, 3) relative to the centre of the sphere."""
        return cls(unit(start), unit(end), norm(start), norm(end), angle_between(start, end))

    @property
    def safe_angle(self) -> Tensor:
        """The angle, or 1 where it is 0, to divide by."""
        return torch.where(self.angle > 0, self.angle, 1.0)

    def direction(self, share: Tensor) -> Tensor:
        """Unit vector at `share` (*b,) of the way; smooth also where the two directions coincide."""
        # torch.sinc(x) is sin(pi x) / (pi x): spherical interpolation without a division by sin(angle).
        turn = self.angle / torch.pi
        from_start = (1 - share) * torch.sinc((1 - share) * turn)
        from_end = share * torch.sinc(share * turn)
        return unit(from_start[..., None] * self.start + from_end[..., None] * self.end)


def increasing_root(
    function: Callable[[Tensor], tuple[Tensor, Tensor]], start: Tensor, low: Tensor, high: Tensor, steps: int
) -> Tensor:
    """Root in [low, high] of a function that returns (value, slope), by Newton steps kept in the bracket.

    Only the last step is recorded for differentiation: by the implicit function theorem it alone carries the
    exact first derivative.
    """
    with torch.no_grad():
        x = torch.minimum(torch.maximum(start, low), high)
        for _ in range(steps):
            value, slope = function(x)
            below = value < 0
            low, high = torch.where(below, x, low), torch.where(below, high, x)
            newton = x - value / slope
            inside = (newton >= low) & (newton <= high)
            x = torch.where(inside, newton, 0.5 * (low + high))
    value, slope = function(x)
    return x - value / slope
