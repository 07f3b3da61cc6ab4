"""Contact sheets of rendered rooms: every sample's views, and the depth of its anchor in colours."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from zoo.data.rooms import RoomBatch

_FAR_M = 6.0


def colour_depth(depth: Float[np.ndarray, "H W"], far: float = _FAR_M) -> UInt8[np.ndarray, "H W 3"]:
    """Near red, far blue (even steps of z up to `far` metres), unknown black."""
    level = np.clip(1 - depth / far, 0, 1) * 255
    coloured = cv2.applyColorMap(level.astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1]
    return np.where((depth > 0)[:, :, None], coloured, 0).astype(np.uint8)


def draw_rooms(batch: RoomBatch) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """One picture a sample: all views side by side, then the anchor's depth."""
    images = (batch["images"].cpu().numpy() * 255).round().astype(np.uint8)
    depth = batch["depth"].cpu().numpy()
    pictures = []
    for views, depths in zip(images, depth, strict=True):
        parts = [np.ascontiguousarray(view.transpose(1, 2, 0)) for view in views]
        pictures.append(np.concatenate([*parts, colour_depth(depths[0])], axis=1))
    return pictures
