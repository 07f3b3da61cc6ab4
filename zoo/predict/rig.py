"""A rig that the user names for frames: its camera, and where its LEDs are."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from zoo.config.rendering import load_rig
from zoo.errors import ZooError
from zoo.predict.cameras import FrameCamera
from zoo.synth.eyes.rig import RandomRig

Leds = Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."]
"""(l, 3) LED positions, mm, camera frame; see `checked_leds`."""

_LEAST_MM: Final = 1.0
_MOST_MM: Final = 2000.0
_APART_MM: Final = 0.5


class KnownRig(NamedTuple):
    """What is known of every frame that a rig takes."""

    camera: FrameCamera
    leds_mm: Float[Tensor, "l 3"]


def read_rig(name: str) -> KnownRig:
    """The rig `conf/rig/<name>.yaml`, or that of a YAML file.

    Raises:
        ZooError: no such rig, or one whose LEDs cannot tell where a cornea is.
    """
    rig = load_rig(name)
    if isinstance(rig, RandomRig):
        raise ZooError(f"--rig {name}: has other LEDs in every frame; give a known one, such as headset")
    try:
        leds = checked_leds(np.array(rig.leds_mm).reshape(-1, 3))
    except ValueError as error:
        raise ZooError(f"--rig {name}: {error}") from None
    return KnownRig(FrameCamera.of(rig), leds)


def checked_leds(leds: Leds) -> Float[Tensor, "l 3"]:
    """The positions in float64.

    Raises:
        ValueError: fewer than two different ones, or lengths that are no millimetres.
    """
    positions = torch.as_tensor(leds).detach().cpu().double()
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"leds_mm is one (x, y, z) for each LED, not of shape {tuple(positions.shape)}")
    if len(positions) < 2:
        raise ValueError(
            f"leds_mm holds {len(positions)} of the two or more LEDs that tell where a cornea is"
        )
    farthest = positions.abs().max()
    if not _LEAST_MM <= farthest <= _MOST_MM:
        raise ValueError(
            f"leds_mm reaches {farthest:.3g} from the camera; {_LEAST_MM:g} to {_MOST_MM:g} mm are valid. "
            "Are these metres?"
        )
    if torch.cdist(positions, positions).max() < _APART_MM:
        raise ValueError(f"leds_mm holds {len(positions)} LEDs at one place, whose glints are one")
    return positions
