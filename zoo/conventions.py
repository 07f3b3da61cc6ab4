"""Frames, units, angles and class ids: the one page every other file refers to.

Camera frame
    OpenCV: x right, y down, z forward. Eyes in millimetres, rooms in metres.
Pixels
    The centre of the first pixel is (0, 0), so resizing by ``s`` maps a coordinate ``c`` to
    ``s * (c + 0.5) - 0.5``. Image arrays are (H, W); points are (u, v) = (x right, y down).
Angles
    Radians inside the program, degrees in reports and tables, always ordered (pitch, yaw).
    ``pitch = asin(-y)``, ``yaw = atan2(-x, -z)`` of a gaze vector that points out of the eye: an eye
    that looks into the camera has z < 0; pitch is positive upwards, yaw towards image left.
Ellipses
    ``(u, v, major, minor, angle)``: centre in pixels, full axes in pixels, angle from +x towards +y
    in [0, pi) (degrees in tables: [0, 180)).
Unknown values
    Every label has a boolean mask beside it. Nothing in memory says "unknown" by NaN, -1 or a missing
    key; on disk an unknown cell of a table is empty.

This module imports nothing, so that commands which need no tensors stay fast.
"""

from __future__ import annotations

from typing import Final, Literal

CLASSES: Final = ("background", "sclera", "iris", "pupil")
BACKGROUND: Final = 0
SCLERA: Final = 1
IRIS: Final = 2
PUPIL: Final = 3
IGNORE: Final = 255

EyeSide = Literal["left", "right"]
EYE_SIDES: Final[tuple[EyeSide, EyeSide]] = ("left", "right")
"""The subject's own left and right; ``eye_side`` tensors hold the index into this tuple."""

Domain = Literal["real", "synthetic"]
DOMAINS: Final[tuple[Domain, Domain]] = ("real", "synthetic")
Kind = Literal["eyes", "views"]
"""What a sample shows, and so which heads read it: one near-eye frame, or posed views of a room."""
KINDS: Final[tuple[Kind, Kind]] = ("eyes", "views")

MAX_GLINTS: Final = 8

BLINK_OPENNESS: Final = 0.3
"""A blink is an openness (lid gap over this person's wide-open gap) below this ..."""
BLINK_VISIBLE_PUPIL: Final = 0.2
"""... or less than this share of the pupil's area visible."""

PUPIL_PRESENT: Final = 0.1
"""Visible share of the pupil from which its centre counts as locatable."""

DEFAULT_HORIZONTAL_FOV_DEG: Final = 40.0
"""Horizontal field of view assumed for frames whose camera is unknown."""
