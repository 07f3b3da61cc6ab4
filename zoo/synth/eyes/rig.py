"""Rigs: cameras and LEDs about an eye, drawn at random or described by a user's file (`conf/rig/*.yaml`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zoo.conventions import MAX_GLINTS
from zoo.geometry.lens import Distortion, check_intrinsics

Millimetres = Annotated[float, Field(ge=-2000, le=2000)]
Point = tuple[Millimetres, Millimetres, Millimetres]
Slip = Annotated[float, Field(ge=0, le=50)]
Side = Annotated[float, Field(ge=-90, le=90)]
Turn = Annotated[float, Field(ge=-360, le=360)]

_LEAST_SLIP_MM: Final = 0.05  # no headset sits so firmly; 0 says that the head does not move
_LEAST_LED_RADIUS_MM: Final = 0.05
_LENS_MM: Final = 1.0
"""Within it is the camera's own glass; (0, 0, 0) stands for light through a beam splitter."""
_APART_MM: Final = 0.5


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _ordered(low_high: tuple[float, float]) -> tuple[float, float]:
    if low_high[0] > low_high[1]:
        raise ValueError(f"a range is (low, high), not {low_high}")
    return low_high


def why_no_cornea(leds_mm: Sequence[Sequence[float]]) -> str | None:
    """Why the glints of these LEDs do not tell where a cornea is; None where they do.

    One glint leaves the cornea's distance open; a second one, of an LED elsewhere, tells it.
    """
    if len(leds_mm) < 2:
        return f"leds_mm holds {len(leds_mm)} of the two or more LEDs that tell where a cornea is"
    if max(math.dist(one, other) for one in leds_mm for other in leds_mm) < _APART_MM:
        return f"leds_mm holds {len(leds_mm)} LEDs at one place, whose glints are one"
    return None


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
    slip_mm: tuple[Slip, Slip, Slip] = (2.0, 2.0, 2.0)
    """Standard deviation of the slip along the camera's axes."""
    azimuth_deg: tuple[Side, Side] = (0.0, 0.0)
    elevation_deg: tuple[Side, Side] = (0.0, 0.0)
    roll_deg: tuple[Turn, Turn] = (-3.0, 3.0)
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
        for number, led in enumerate(self.leds_mm):
            if 0 < math.hypot(*led) < _LENS_MM:
                raise ValueError(
                    f"leds_mm.{number} lies {math.hypot(*led):.3g} from the camera, at least {_LENS_MM:g} mm "
                    "is wanted: is it in metres?"
                )
        for name, value, least in (
            ("slip_mm", max(self.slip_mm), _LEAST_SLIP_MM),
            ("led_radius_mm", self.led_radius_mm, _LEAST_LED_RADIUS_MM),
        ):
            if 0 < value < least:
                raise ValueError(f"{name} is {value:.3g}, at least {least:g} mm is wanted: is it in metres?")
        return self


Rig = RandomRig | FixedRig
