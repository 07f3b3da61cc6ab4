"""One picture a frame: the image beside its depth beside its uncertainty, in colours."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

Picture = UInt8[np.ndarray, "_ _ 3"]

LARGEST_SIGMA: Final = 0.3
"""Relative uncertainty that is drawn brightest."""
_FAR_M: Final = (1.5, 3.0, 6.0, 12.0, 25.0, 50.0, 100.0)
_WIDEST: Final = 480  # pixels of one part
_STRIP: Final = 22


def far_of(depth: Float32[np.ndarray, "h w"]) -> float:
    """The depth that is drawn as farthest, for captures whose frames look like this one."""
    known = depth[depth > 0]
    typical = float(np.quantile(known, 0.7)) if len(known) else 0.0
    return next((far for far in _FAR_M if far >= 1.2 * typical), _FAR_M[-1])


def preview(
    image: UInt8[np.ndarray, "h w 3"],
    depth: Float32[np.ndarray, "h w"],
    sigma: Float32[np.ndarray, "h w"],
    far: float,
    titles: tuple[str, str] = ("depth", "sigma"),
) -> Picture:
    """Image, depth (near red, far blue), uncertainty (sure dark, unsure bright); unknown is black.

    Args:
        image: RGB.
        depth: metres.
        sigma: relative; another relative error is drawn in the same colours.
        far: metres that are drawn as farthest.
        titles: of depth and uncertainty.
    """
    height, width = depth.shape
    scale = min(1.0, _WIDEST / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    depth, sigma = (cv2.resize(values, size, interpolation=cv2.INTER_NEAREST) for values in (depth, sigma))
    known = depth > 0
    parts = [
        (image, ""),
        (_coloured(1 - depth / far, known, cv2.COLORMAP_TURBO), f"{titles[0]} 0 - {far:g} m"),
        (
            _coloured(sigma / LARGEST_SIGMA, known, cv2.COLORMAP_INFERNO),
            f"{titles[1]} 0 - {LARGEST_SIGMA:.0%}",
        ),
    ]
    return np.concatenate([_titled(part, title) for part, title in parts], axis=1)


def _coloured(level: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"], colours: int) -> Picture:
    steps = (np.clip(level, 0, 1) * 255).astype(np.uint8)
    coloured = cv2.applyColorMap(steps, colours)[:, :, ::-1]
    return np.where(known[:, :, None], coloured, 0).astype(np.uint8)


def _titled(part: Picture, title: str) -> Picture:
    strip = np.full((_STRIP, part.shape[1], 3), 24, dtype=np.uint8)
    cv2.putText(strip, title, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1, cv2.LINE_AA)
    return np.concatenate([part, strip])
