"""What a prediction holds: one frame's answer, in pixels of the frame as it came. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from zoo.conventions import EyeSide
from zoo.geometry.lens import Distortion

Vector = tuple[float, float, float]
"""(x, y, z) in the camera frame: x right, y down, z forward. Positions in millimetres."""

Point = tuple[float, float]
"""(u, v): x right, y down, the centre of the first pixel is (0, 0)."""


@dataclass(frozen=True)
class Glint:
    """A reflection of a light source: its place in pixels and the network's score in [0, 1]."""

    u: float
    v: float
    score: float


@dataclass(frozen=True, eq=False)
class EyeResult:
    """One frame's answer. None: the network has no such head, or there is no pupil in the frame."""

    height: int
    width: int
    openness: float | None = None
    """Lid gap over this person's wide-open gap, [0, 1]."""
    blink: float | None = None
    """Probability of a blink."""
    pupil_present: float | None = None
    """Probability that there is a pupil to locate. Below 0.5 the other fields of the pupil are None."""
    pupil_px: Point | None = None
    """Centre of the full ellipse of the pupil, also where a lid covers part of it."""
    pupil_sigma_px: float | None = None
    """Expected standard deviation of either of its coordinates; None where the network has no `eye3d`."""
    pupil_mask_px: Point | None = None
    """Centroid of the visible pixels of the pupil."""
    pupil_area_px: float | None = None
    """Visible area."""
    pupil_major_px: float | None = None
    """Full axes of the ellipse of the pupil's edge; None where too little of the edge is visible."""
    pupil_minor_px: float | None = None
    pupil_angle_deg: float | None = None
    """Direction of the major axis, from +x towards +y, [0, 180)."""
    glints: tuple[Glint, ...] = ()
    """At most 8, by falling score."""
    segmentation: UInt8[np.ndarray, "h w"] | None = None
    """Class ids of `zoo.conventions`."""
    cornea_mm: Vector | None = None
    """Centre of the corneal sphere. Relative only where `camera_known` is false."""
    pupil_mm: Vector | None = None
    """Centre of the pupil."""
    optical: Vector | None = None
    """Optical axis: unit vector out of the eye. None where no pupil shows: a shut eye has no gaze."""
    visual: Vector | None = None
    """Visual axis, of a person with mean kappa unless calibrated; None where the eye's side is unknown."""
    gaze_sigma_deg: float | None = None
    """Expected angular error of `optical`: 68 % of the errors are below it."""
    roll_deg: float | None = None
    """Turn of the eye about its optical axis, against Listing's law in an upright camera."""
    camera: Float[np.ndarray, "3 3"] | None = None
    """Intrinsics in pixels of the frame: those given, else a stated default field of view."""
    distortion: Distortion | None = None
    """The lens between the camera's pinhole and the frame. 3D and axes are already free of it."""
    camera_known: bool = False
    glints_used: int | None = None
    """Glints of known LEDs that refined cornea and axes; 0 where the network's answer stands. None: no LEDs
    were given, or there is no pupil."""
    eye_side: EyeSide | None = None
