"""What the page asks about the camera: four numbers or a field of view, and the eye's side."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.errors import ZooError
from zoo.predict.cameras import read_cameras

UNKNOWN_SIDE: Final = "unknown"
SIDES: Final = (UNKNOWN_SIDE, *EYE_SIDES)
_FOV_DEG: Final = (1.0, 170.0)


class CameraFields(NamedTuple):
    """The fields as they are filled in; empty text and 0 degrees say that nothing is known."""

    intrinsics: str | None = ""
    """`fx, fy, cx, cy`, pixels of the frames."""
    fov_deg: float | None = None
    """Horizontal field of view; the principal point is then taken to be in the middle."""
    side: str = UNKNOWN_SIDE

    @property
    def eye_side(self) -> EyeSide | None:
        """The subject's own side, where it is known."""
        return next((side for side in EYE_SIDES if side == self.side), None)

    def matrix(self, height: int, width: int) -> Float[np.ndarray, "3 3"] | None:
        """Intrinsics of frames of that size; None where nothing is known.

        Raises:
            ZooError: the fields say what no camera has, or contradict each other.
        """
        text = ",".join((self.intrinsics or "").replace(";", ",").replace(",", " ").split())
        fov = self.fov_deg or 0.0
        if text and fov:
            raise ZooError("give either fx, fy, cx, cy or a field of view, not both")
        if text:
            if len(text.split(",")) != 4:
                raise ZooError(
                    f"the camera is four numbers fx, fy, cx, cy in pixels, not {self.intrinsics!r}"
                )
            camera = read_cameras(text).of("")
            assert camera is not None, "four numbers hold for every file"
            return camera.matrix
        if not fov:
            return None
        if not (math.isfinite(fov) and _FOV_DEG[0] <= fov <= _FOV_DEG[1]):
            low, high = _FOV_DEG
            raise ZooError(f"a horizontal field of view of {fov:g} degrees: {low:g} to {high:g} are possible")
        focal = width / 2 / math.tan(math.radians(fov) / 2)
        return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
