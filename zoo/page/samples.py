"""Rendered input for who has none at hand: an eye before the reference headset, and a walk through a room."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import torch

from zoo.config.rendering import load_domain, load_rig, load_room_domain
from zoo.conventions import EYE_SIDES
from zoo.files import write_text
from zoo.page.camera import CameraFields
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.eyes.rig import FixedRig
from zoo.synth.rooms.renderer import RoomRenderer

RIG: Final = "headset"
VIEWS: Final = 6
_TRIED: Final = 8  # frames, of which the one is taken that shows its pupil, neither dark nor bright
_EXPOSURE: Final = 0.35


class RenderedEye(NamedTuple):
    """A picture of an eye, and what is known of it."""

    image: Path
    camera: CameraFields


def rendered_eye(folder: Path, seed: int) -> RenderedEye:
    """Render a person that no training saw, before the camera of `conf/rig/headset.yaml`."""
    rig = load_rig(RIG)
    assert isinstance(rig, FixedRig), "the reference rig is a known one"
    renderer = EyeRenderer(load_domain("unseen"), seed, rig, rig.height, rig.width)
    frames = renderer.render(torch.arange(_TRIED))
    exposure = (frames["image"].flatten(1).mean(1) - _EXPOSURE).abs()
    row = int((frames["pupil_visible"].clamp(max=0.9) - exposure).argmax())
    image = (frames["image"][row, 0].numpy() * 255).round().astype(np.uint8)
    path = folder / "rendered_eye.png"
    folder.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    (fx, _, cx), (_, fy, cy), _ = frames["camera"][row].tolist()
    side = EYE_SIDES[int(frames["eye_side"][row])]
    return RenderedEye(path, CameraFields(f"{fx:.6g}, {fy:.6g}, {cx:.6g}, {cy:.6g}", None, side))


def rendered_room(folder: Path, seed: int, height: int = 240, width: int = 320) -> Path:
    """Render a posed capture of a room that no training saw, in the layout `hololens`; returns its folder."""
    renderer = RoomRenderer(load_room_domain("unseen"), seed, height, width, VIEWS, samples=1)
    room = renderer.render(torch.tensor([0]))
    root = folder / "rendered_room"
    (root / "images").mkdir(parents=True, exist_ok=True)
    for number, view in enumerate(room["images"][0]):
        rgb = (view.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        assert cv2.imwrite(str(root / "images" / f"{number:03d}.png"), rgb[:, :, ::-1])
    write_text(root / "K.txt", _lines(room["cameras"][0, 0].double().numpy()))
    write_text(root / "poses.txt", _lines(room["cam_to_world"][0].double().reshape(VIEWS, 16).numpy()))
    return root


def _lines(values: np.ndarray) -> str:
    return "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in values)
