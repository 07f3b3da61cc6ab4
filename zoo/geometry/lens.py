"""A lens' distortion as the user states it, and how far out it can be inverted. Imports no torch.

The functions are in `zoo.geometry.distortion`.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import numpy as np
from numpy.polynomial import Polynomial
from pydantic import BaseModel, ConfigDict, Field, model_validator

LensModel = Literal["radtan", "fisheye"]
COEFFICIENTS: Final[dict[LensModel, tuple[str, ...]]] = {
    "radtan": ("k1", "k2", "p1", "p2", "k3"),
    "fisheye": ("k1", "k2", "k3", "k4"),
}
"""Each model's coefficients in OpenCV's order; `radtan` without its last has k3 = 0."""

_OBLONG: Final = 1.4


def check_intrinsics(fx: float, fy: float, cx: float, cy: float, width: int, height: int) -> None:
    """Whether they can be those of a frame of this size, in its pixels.

    Raises:
        ValueError: a field of view above 136 or below 0.3 degrees, or a principal point far outside.
    """
    focal = all(0.2 * width <= f <= 200 * width for f in (fx, fy))
    if not focal or not (-2 * width <= cx <= 3 * width and -2 * height <= cy <= 3 * height):
        raise ValueError(
            f"fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g} is no camera of {width}x{height} frames: "
            "they are pixels of the frame (not mm, and not shares of its size)"
        )


def doubt_intrinsics(fx: float, fy: float, cx: float, cy: float, width: int, height: int) -> str | None:
    """What is unusual about intrinsics that are possible (`check_intrinsics`); None where nothing is."""
    if not (-0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5):
        return (
            f"the principal point ({cx:g}, {cy:g}) lies outside of the {width}x{height} pixels, as it does "
            "in cut-outs of larger pictures alone; the order is fx, fy, cx, cy"
        )
    if max(fx, fy) > _OBLONG * min(fx, fy):
        return f"fx {fx:g} and fy {fy:g} differ by more than {_OBLONG:g} times: few cameras have such pixels"
    return None


class Distortion(BaseModel):
    """Coefficients as `cv2.calibrateCamera` (`radtan`) or `cv2.fisheye.calibrate` (`fisheye`) gives them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: LensModel
    coefficients: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]

    @model_validator(mode="after")
    def _counted(self) -> Distortion:
        names = COEFFICIENTS[self.model]
        valid = (4, 5) if self.model == "radtan" else (4,)
        if len(self.coefficients) not in valid:
            raise ValueError(
                f"{self.model} has {' or '.join(map(str, valid))} coefficients ({', '.join(names)}), "
                f"not {len(self.coefficients)}"
            )
        return self

    @property
    def padded(self) -> tuple[float, ...]:
        """One number for every name in `COEFFICIENTS`."""
        return (*self.coefficients, 0.0)[: len(COEFFICIENTS[self.model])]

    def check(self, fx: float, fy: float, cx: float, cy: float, width: int, height: int) -> None:
        """Whether every pixel of a frame, distorted or not, is the image of one direction.

        Both models move a pixel along its radius by a polynomial, which may turn back. Tangential terms take
        at most ``6 |p| r`` from its slope, on one side of the image; here they are taken from all sides.

        Raises:
            ValueError: the polynomial turns back within the frame, or a corner lies 90 degrees off the axis.
        """
        polynomial, fisheye = self._polynomial(), self.model == "fisheye"
        roots = np.asarray(polynomial.deriv().roots(), dtype=np.complex128)
        turns = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)]
        limit = min(float(turns.min(initial=math.inf)), math.pi / 2 if fisheye else math.inf)
        image_limit = float(polynomial(limit)) if limit < math.inf else math.inf
        pinhole_limit = math.tan(limit) if fisheye else limit
        far = math.hypot(max(cx, width - 1 - cx) / fx, max(cy, height - 1 - cy) / fy)
        reach = min(image_limit, pinhole_limit)
        if far >= reach:
            raise ValueError(
                f"{self.model} distortion {', '.join(f'{value:g}' for value in self.coefficients)} cannot be "
                f"inverted beyond {reach * fx:.0f} pixels from the principal point ({cx:g}, {cy:g}), but the "
                f"corners of {width}x{height} pixels lie up to {far * fx:.0f} away; are the coefficients in "
                f"the order {', '.join(COEFFICIENTS[self.model])}, and did the calibration see the corners?"
            )

    def _polynomial(self) -> Polynomial:
        """Distorted radius of an undistorted one (`fisheye`: of an angle), where it grows the least."""
        if self.model == "fisheye":
            k1, k2, k3, k4 = self.padded
            return Polynomial([0, 1, 0, k1, 0, k2, 0, k3, 0, k4])
        k1, k2, p1, p2, k3 = self.padded
        return Polynomial([0, 1, -3 * math.hypot(p1, p2), k1, 0, k2, 0, k3])
