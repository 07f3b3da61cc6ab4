"""A prediction made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.predict.result import EyeResult, Vector

CORNEA: Vector = (-5.0, -2.0, 40.0)
PITCH_DEG, YAW_DEG = 20.0, -10.0
OPTICAL: Vector = (
    -math.cos(math.radians(PITCH_DEG)) * math.sin(math.radians(YAW_DEG)),
    -math.sin(math.radians(PITCH_DEG)),
    -math.cos(math.radians(PITCH_DEG)) * math.cos(math.radians(YAW_DEG)),
)


def result(**changes: Any) -> EyeResult:
    pupil = np.array(CORNEA) + 4.4 * np.array(OPTICAL)
    made = EyeResult(
        height=240,
        width=320,
        openness=0.8,
        blink=0.01,
        pupil_present=0.99,
        pupil_px=(120.25, 90.5),
        pupil_major_px=33.0,
        pupil_minor_px=28.0,
        pupil_angle_deg=12.0,
        cornea_mm=CORNEA,
        pupil_mm=(float(pupil[0]), float(pupil[1]), float(pupil[2])),
        optical=OPTICAL,
        gaze_sigma_deg=4.2,
        camera=np.array([[330.0, 0, 160], [0, 330, 120], [0, 0, 1]]),
    )
    return replace(made, **changes)
