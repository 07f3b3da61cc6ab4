"""A rig that the user names for frames: its camera, and where its LEDs are."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from zoo.config.rendering import load_rig
from zoo.errors import ZooError
from zoo.geometry.glint_inverse import CorneaPrior
from zoo.geometry.vectors import unit
from zoo.hub.metadata import ModelMetadata
from zoo.predict.cameras import Cameras, FrameCamera, read_cameras
from zoo.predict.refine import NEEDED_HEADS
from zoo.synth.eyes.rig import FixedRig, RandomRig, why_no_cornea

Leds = Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."]
"""(l, 3) LED positions, mm, camera frame; see `checked_leds`."""

_LEAST_MM: Final = 1.0
_MOST_MM: Final = 2000.0
_CORNEA_OF_EYE_MM: Final = 5.5
_CORNEA_SWAY_MM: Final = 1.8
"""From the rotation centre to the cornea's; and by how much an eye that looks about moves it."""


class KnownRig(NamedTuple):
    """What is known of every frame that a rig takes."""

    camera: FrameCamera
    leds_mm: Float[Tensor, "l 3"]
    place: CorneaPrior
    """Where corneas are, of eyes that look anywhere, slips included."""


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
        raise ZooError(
            f"--rig {name}: {error}; --camera {name} of predict and calibrate takes its camera alone"
        ) from None
    return KnownRig(FrameCamera.of(rig), leds, _place(rig))


def _place(rig: FixedRig) -> CorneaPrior:
    eye, slip = (torch.tensor(value, dtype=torch.float64) for value in (rig.eye_mm, rig.slip_mm))
    return CorneaPrior(eye - _CORNEA_OF_EYE_MM * unit(eye), torch.diag(slip**2 + _CORNEA_SWAY_MM**2))


def known_geometry(camera: str | None, rig: str | None) -> tuple[Cameras, Float[Tensor, "l 3"] | None]:
    """Cameras and LEDs of the options `--camera` and `--rig`: the rig's camera unless another is given.

    Raises:
        ZooError: one of them is not valid.
    """
    cameras = read_cameras(camera)
    if rig is None:
        return cameras, None
    known = read_rig(rig)
    return cameras if camera is not None else Cameras(known.camera, {}), known.leds_mm


def check_refinable(rig: str, metadata: ModelMetadata) -> None:
    """Raise `ZooError` where a checkpoint lacks what LEDs refine."""
    types = sorted({head.type for head in metadata.network.heads.values()})
    if not set(NEEDED_HEADS) <= set(types):
        raise ZooError(
            f"--rig {rig}: {metadata.name} has the heads {', '.join(types)}; LEDs refine the answer of "
            f"{', '.join(NEEDED_HEADS)}"
        )


def checked_leds(leds: Leds) -> Float[Tensor, "l 3"]:
    """The positions in float64.

    Raises:
        ValueError: fewer than two different ones, or lengths that are no millimetres.
    """
    positions = torch.as_tensor(leds).detach().cpu().double()
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"leds_mm is one (x, y, z) for each LED, not of shape {tuple(positions.shape)}")
    reason = why_no_cornea(positions.tolist())
    if len(positions) < 2:
        raise ValueError(reason)
    farthest = positions.abs().max()
    if not _LEAST_MM <= farthest <= _MOST_MM:
        raise ValueError(
            f"leds_mm reaches {farthest:.3g} from the camera; {_LEAST_MM:g} to {_MOST_MM:g} mm are valid. "
            "Are these metres?"
        )
    if reason is not None:
        raise ValueError(reason)
    return positions
