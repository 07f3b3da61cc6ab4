"""A prediction as rows that one can read: name, value, unit, and what holds for it."""

from __future__ import annotations

import math
from typing import Final

from zoo.conventions import DEFAULT_HORIZONTAL_FOV_DEG
from zoo.predict.result import EyeResult, Vector

RELATIVE: Final = "relative"
"""Beside lengths that stand on an assumed camera."""

Row = tuple[str, str, str, str]
"""Name, value, unit, remark."""


def rows(result: EyeResult) -> list[Row]:
    """What was predicted of an eye; what the checkpoint has no head for, or does not show, is left out."""
    found: list[Row] = []
    scale = "" if result.camera_known else RELATIVE

    def add(name: str, value: float | None, digits: int, unit: str, remark: str = "") -> None:
        if value is not None:
            found.append((name, f"{value:.{digits}f}", unit, remark))

    add("openness", result.openness, 2, "")
    add("blink", result.blink, 2, "probability")
    add("pupil present", result.pupil_present, 2, "probability")
    if result.pupil_px is not None:
        u, v = result.pupil_px
        found.append(("pupil centre (u, v)", f"{u:.1f}, {v:.1f}", "px", ""))
    if result.pupil_major_px is not None and result.pupil_minor_px is not None:
        axes = f"{result.pupil_major_px:.1f} × {result.pupil_minor_px:.1f}"
        found.append(("pupil ellipse, full axes", axes, "px", f"at {result.pupil_angle_deg or 0:.0f}°"))
    add("pupil, visible area", result.pupil_area_px, 0, "px²")
    if result.pupil_present is None or result.pupil_px is not None:
        add("glints", float(len(result.glints)) if result.glints else None, 0, "")
    for name, axis in (("optical axis", result.optical), ("visual axis", result.visual)):
        if axis is not None:
            pitch, yaw = angles_deg(axis)
            mean = "with a mean person's kappa" if name == "visual axis" else scale
            found.append((f"{name} (pitch, yaw)", f"{pitch:+.1f}, {yaw:+.1f}", "°", mean))
    add("sigma of the optical axis", result.gaze_sigma_deg, 1, "°", "68 % of errors are below")
    for name, place in (("cornea", result.cornea_mm), ("pupil", result.pupil_mm)):
        if place is not None:
            text = ", ".join(f"{value:.1f}" for value in place)
            found.append((f"{name} centre (x, y, z)", text, "mm", scale))
    return found


def remark(result: EyeResult) -> str:
    """What the reader must know of all rows: why something is missing, and on what lengths stand."""
    told = []
    if result.pupil_present is not None and result.pupil_px is None:
        told.append("No pupil is visible, so there is neither its place nor a gaze.")
    if result.optical is not None and not result.camera_known:
        told.append(
            f"The camera is not known: a horizontal field of view of {DEFAULT_HORIZONTAL_FOV_DEG:g}° is "
            "assumed, so millimetres and gaze are relative. Give fx, fy, cx, cy or the field of view."
        )
    if result.optical is not None and result.visual is None:
        told.append("The visual axis needs the eye's side.")
    return " ".join(told)


def angles_deg(axis: Vector) -> tuple[float, float]:
    """(pitch, yaw) as `zoo.conventions` defines them."""
    x, y, z = axis
    return math.degrees(math.atan2(-y, math.hypot(x, z))), math.degrees(math.atan2(-x, -z))
