"""Rigs: cameras and LEDs about an eye, drawn at random or described by a user's file (`conf/rig/*.yaml`)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zoo.conventions import MAX_GLINTS
from zoo.geometry.lens import Distortion, check_intrinsics

Millimetres = Annotated[float, Field(ge=-2000, le=2000)]
Point = tuple[Millimetres, Millimetres, Millimetres]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _ordered(low_high: tuple[float, float]) -> tuple[float, float]:
    if low_high[0] > low_high[1]:
        raise ValueError(f"a range is (low, high), not {low_high}")
    return low_high


class RandomRig(_Model):
    """Another camera and other LEDs for every sample, from the domain's `rig` and `framing` families."""

    type: Literal["random"] = "random"


class RigCamera(_Model):
    """A camera: its frames' size, intrinsics in pixels, and its lens.

    The distortion is prediction's alone (`--camera`): frames are straightened to the pinhole of the same size
    and intrinsics before the network sees them, and what it finds is bent back. So the renderer draws that
    pinhole's frames, and a network meets one kind of frame in training and in prediction.
    """

    width: Annotated[int, Field(ge=16, le=8192)]
    height: Annotated[int, Field(ge=16, le=8192)]
    fx: Annotated[float, Field(gt=0)]
    fy: Annotated[float, Field(gt=0)]
    cx: float
    cy: float
    distortion: Distortion | None = None
    eye_side: Literal["left", "right", "both"] = "both"

    @model_validator(mode="after")
    def _lens_holds(self) -> RigCamera:
        check_intrinsics(self.fx, self.fy, self.cx, self.cy, self.width, self.height)
        if self.distortion is not None:
            self.distortion.check(self.fx, self.fy, self.cx, self.cy, self.width, self.height)
        return self


class FixedRig(RigCamera):
    """One camera with its LEDs; the head slips and turns within ranges.

    The camera frame is OpenCV's (x right, y down, z forward), millimetres. Angles in degrees say where the
    camera stands as seen from the eye that looks straight ahead: azimuth towards the temple, elevation up.
    Frames are rendered as the lens' straightened ones (`RigCamera`).
    """

    type: Literal["fixed"] = "fixed"
    eye_mm: Point
    """Rotation centre of the eye in the camera frame when the headset sits well."""
    slip_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)
    """Standard deviation of the slip along the camera's axes."""
    azimuth_deg: tuple[float, float] = (0.0, 0.0)
    elevation_deg: tuple[float, float] = (0.0, 0.0)
    roll_deg: tuple[float, float] = (-3.0, 3.0)
    leds_mm: Annotated[list[Point], Field(max_length=MAX_GLINTS)]
    """LED positions in the camera frame; on-axis where they stand beside the camera."""
    led_radius_mm: Annotated[float, Field(gt=0, le=20)] = 1.0

    @model_validator(mode="after")
    def _sane(self) -> FixedRig:
        for low_high in (self.azimuth_deg, self.elevation_deg, self.roll_deg):
            _ordered(low_high)
        distance = math.dist((0, 0, 0), self.eye_mm)
        if self.eye_mm[2] <= 0 or not 15 <= distance <= 1500:
            raise ValueError(
                f"eye_mm puts the eye {distance:.3g} mm from the camera with z = {self.eye_mm[2]:.3g}; "
                "millimetres in front of the camera are wanted, 15 to 1500"
            )
        if self.leds_mm and max(abs(x) for led in self.leds_mm for x in led) < 1:
            raise ValueError("every LED lies within 1 mm of the camera: are leds_mm in metres?")
        return self


Rig = RandomRig | FixedRig
