"""From results to what a recording is fitted to: tensors with a row for each frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from zoo.conventions import BLINK_OPENNESS
from zoo.geometry.distortion import undistort_pixels
from zoo.geometry.vectors import norm, unit
from zoo.predict.result import EyeResult

SIGMA_OF_SD: Final = math.sqrt(-2 * math.log(1 - 0.6827))
"""68.27 % of two-dimensional normal errors are below this times the deviation of one component."""

_PUPIL_SD: Final = 1 / 320  # of the frame's width, where the network does not say: half a pixel of its image
_GAZE_SIGMA_DEG: Final = 5.0  # where the network does not say
_LEAST_SIGMA_DEG: Final = 0.1
_NEAREST_MM: Final = 15.0  # from the camera; no eye is nearer


class Observations(NamedTuple):
    """What n frames tell; lengths in millimetres, camera frame."""

    pupil_px: Tensor  # (n, 2) of the camera without its lens
    pupil_sd: Tensor  # (n,) of one coordinate, pixels
    axis: Tensor  # (n, 3) the network's optical axis
    axis_sd: Tensor  # (n,) of one component, radians, as the network expects it
    cornea: Tensor  # (n, 3) the network's centre of the corneal sphere
    pupil_distance: Tensor  # (n,) between the network's cornea and pupil
    camera: Tensor  # (n, 3, 3)

    def take(self, rows: Sequence[int]) -> Observations:
        """Those of the given rows."""
        return Observations(*(field[list(rows)] for field in self))


def joined(parts: Sequence[Observations]) -> Observations:
    """All frames of the parts, in their order."""
    return Observations(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


def answerable(result: EyeResult) -> bool:
    """Whether a frame shows a pupil in a known camera, so that it has something to compare."""
    seen = (result.pupil_px, result.optical, result.pupil_mm, result.cornea_mm)
    if result.camera is None or not result.camera_known or any(field is None for field in seen):
        return False
    numbers = [number for field in seen if field is not None for number in field]
    return all(map(math.isfinite, numbers)) and numbers[-1] >= _NEAREST_MM


def steady(result: EyeResult) -> bool:
    """Whether a frame shows an open eye, from which constants can be learnt."""
    shut = result.openness is not None and result.openness < BLINK_OPENNESS
    blink = result.blink is not None and result.blink >= 0.5
    return answerable(result) and not shut and not blink


def observe(results: Sequence[EyeResult]) -> Observations:
    """What answerable frames tell. The lens is taken off the pupil's pixel; 3D is already free of it."""
    camera = torch.from_numpy(np.stack([np.asarray(result.camera, dtype=np.float64) for result in results]))
    pixels = _rows([result.pupil_px for result in results], 2)
    for row, result in enumerate(results):
        if result.distortion is not None:
            pixels[row] = undistort_pixels(pixels[row], camera[row], result.distortion)
    pupil_sd = [_PUPIL_SD * r.width if r.pupil_sigma_px is None else r.pupil_sigma_px for r in results]
    sigma = [_GAZE_SIGMA_DEG if (s := result.gaze_sigma_deg) is None else s for result in results]
    cornea = _rows([result.cornea_mm for result in results], 3)
    return Observations(
        pupil_px=pixels,
        pupil_sd=_rows(pupil_sd),
        axis=unit(_rows([result.optical for result in results], 3)),
        axis_sd=torch.deg2rad(_rows(sigma).clamp(min=_LEAST_SIGMA_DEG)) / SIGMA_OF_SD,
        cornea=cornea,
        pupil_distance=norm(_rows([result.pupil_mm for result in results], 3) - cornea),
        camera=camera,
    )


def _rows(values: Sequence[object], *shape: int) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(len(values), *shape)
