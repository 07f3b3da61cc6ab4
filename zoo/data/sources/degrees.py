"""Whether the angles in a user's table are the degrees that its columns promise."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from zoo.errors import ZooError

_ANGLES: Final = (
    (("optical_pitch_deg", "optical_yaw_deg"), math.pi / 2),
    (("visual_pitch_deg", "visual_yaw_deg"), math.pi / 2),
    (("pupil_angle_deg",), math.pi + 0.01),
)
"""Columns of angles, and the largest angle where they are radians by mistake."""
_MANY: Final = 12  # rows from which the largest angle says something
_INSTEAD: Final = {
    name: f" (truly all straight into the camera? Give {name}_x, {name}_y, {name}_z instead)"
    for name in ("optical", "visual")
}


def check_degrees(path: Path, table: list[dict[str, str]]) -> None:
    """Refuse whole columns of angles that are radians: none of many is as large as degrees would be.

    Args:
        path: of the table.
        table: its rows; cells of angles are empty or numbers.

    Raises:
        ZooError: names the columns.
    """
    for names, half in _ANGLES:
        cells = [cell for row in table for name in names if (cell := (row.get(name) or "").strip())]
        angles = [abs(float(cell)) for cell in cells]
        if len(angles) >= _MANY * len(names) and len(set(angles)) > _MANY / 2 and max(angles) < half:
            raise ZooError(
                f"{path}: no {' or '.join(names)} of {len(angles) // len(names)} rows is above "
                f"{max(angles):.3g}: are they radians? The columns are degrees"
                + _INSTEAD.get(names[0].partition("_")[0], "")
            )
