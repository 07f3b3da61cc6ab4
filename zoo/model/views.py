"""What heads of rooms read: the maps of posed views."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class ViewFeatures(NamedTuple):
    """Features of V views, the anchor first, and S = V - 1 sources; lengths in pixels of the input."""

    size: tuple[int, int]  # H, W of the input; the maps may reach beyond it
    images: Tensor  # (B, V, 3, H, W) in [0, 1]
    cameras: Tensor  # (B, V, 3, 3)
    source_from_anchor: Tensor  # (B, S, 4, 4)
    usable: Tensor  # (B, S) bool: sources that are there
    sparse_depth: Tensor  # (B, H, W) metres, 0 unknown
    sparse_confidence: Tensor  # (B, H, W)
    stride4: Tensor  # (B, V, width, h, w)
    fine: Tensor  # (B, V, detail, 2h, 2w) at stride 2
