"""Predicted frames into one mesh: what of a prediction counts, and how much."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, Float32

from zoo.data.captures.capture import Frame
from zoo.data.fit_views import FittedView
from zoo.predict.rooms.mesh import Mesh
from zoo.predict.rooms.predictor import FittedDepth
from zoo.predict.rooms.tsdf import Volume

MAX_SIGMA: Final = 0.15
"""Pixels of a larger relative uncertainty are in the depth images, and not in the points and the mesh."""
_FULL_SIGMA: Final = 0.05  # counts as 1; less sure pixels count by the inverse of their variance
_EDGE: Final = 0.12  # relative range of depth among neighbours: a border, where predicted depth lies between
_TRUNCATION_M: Final = 0.15  # predictions of one surface differ by several per cent and must still overlap
_LEAST_WEIGHT: Final = 0.3  # of a voxel: more than one unsure look
_LEAST_AREA_M2: Final = 0.02  # of a part of the mesh


class Fusion:
    """Adds predicted frames and gives their mesh.

    Args:
        voxel_m: edge of a voxel, metres.
        farthest_m: depth beyond it is left out.
    """

    def __init__(self, voxel_m: float, farthest_m: float = 6.0) -> None:
        self._volume = Volume(voxel_m, max(_TRUNCATION_M, 4 * voxel_m))
        self._farthest_m = farthest_m
        self._down = np.zeros(3)

    @property
    def full(self) -> bool:
        """Whether parts were left out for lack of memory."""
        return self._volume.full

    @property
    def up(self) -> Float[np.ndarray, "3"] | None:
        """What was up for the cameras, on the mean; None where that says nothing."""
        length = float(np.linalg.norm(self._down))
        return -self._down / length if length > 1e-3 else None

    def add(self, frame: Frame, view: FittedView, predicted: FittedDepth) -> None:
        """Add one frame; nothing happens to one without a pose."""
        if frame.cam_to_world is None:
            return
        self._down += frame.cam_to_world[:3, 1]
        weight = weights(predicted.depth, predicted.sigma)
        weight[predicted.depth > self._farthest_m] = 0
        self._volume.integrate(predicted.depth, weight, view.image, view.camera, frame.cam_to_world)

    def mesh(self) -> Mesh:
        """The mesh of all frames so far, without small fragments; it may be empty."""
        made = self._volume.mesh(_LEAST_WEIGHT)
        face = 0.5 * self._volume.voxel_m**2
        return made.without_fragments(max(8, round(_LEAST_AREA_M2 / face)))


def weights(
    depth: Float32[np.ndarray, "H W"], sigma: Float32[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W"]:
    """How much each pixel counts, in [0, 1]; 0 where it is unsure or lies on a border between depths."""
    kernel = np.ones((3, 3), dtype=np.uint8)
    span = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
    weight = np.minimum(1, np.square(_FULL_SIGMA / np.maximum(sigma, 1e-4)))
    return np.where((sigma <= MAX_SIGMA) & (span < _EDGE * depth), weight, 0).astype(np.float32)
