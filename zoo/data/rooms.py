"""What rendered rooms hold: posed views of a scene with the depth of all of them.

Any view of a sample can be the anchor: depth and co-visibility are known in each. See `zoo.conventions` for
frames and units.
"""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor


class RoomBatch(TypedDict):
    """B samples of V views."""

    images: Tensor  # (B, V, 3, H, W) float32 RGB in [0, 1]
    cameras: Tensor  # (B, V, 3, 3) float32 intrinsics, pixels
    cam_to_world: Tensor  # (B, V, 4, 4) float32 rigid poses, metres
    depth: Tensor  # (B, V, H, W) float32: z at the pixel's centre, metres; 0 unknown
    covisible: Tensor  # (B, V, H, W) uint8: how many of the other views see what the pixel shows
    scene: Tensor  # (B,) int64, unique within the pool or renderer
