"""The picture that explains the conventions: eyes of known gaze, with axes, signs and angles."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch

from zoo.config.rendering import load_domain
from zoo.conventions import EYE_SIDES
from zoo.draw import Picture, labels_of, overlay
from zoo.geometry.angles import vector_to_angles
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.eyes.rig import FixedRig
from zoo.synth.eyes.scene import Scene, draw_scene

_WANTED: Final = (
    (18.0, 0.0, "left", "pitch > 0: up"),
    (0.0, 18.0, "left", "yaw > 0: image left"),
    (0.0, 0.0, "left", "left eye, into the camera"),
    (0.0, 0.0, "right", "right eye, into the camera"),
    (0.0, -18.0, "left", "yaw < 0: image right"),
    (-12.0, 0.0, "left", "pitch < 0: down"),
)
"""(pitch, yaw) in degrees, side, caption."""
_TEXT: Final = (
    "Camera frame: x right, y down, z forward; millimetres. The centre of the first pixel is (0, 0).",
    "Gaze is a unit vector out of the eye: an eye that looks into the camera has z < 0.",
    "pitch = asin(-y), yaw = atan2(-x, -z): degrees in tables, always in the order (pitch, yaw).",
    "Blue: optical axis, from the cornea's centre through the pupil's. Pink: visual axis, turned from it by",
    "kappa towards the nose: to the image's left for the subject's left eye, to its right for the right eye.",
)
_SCENES: Final = 2500
_BACKGROUND: Final = (24, 24, 24)
_INK: Final = (235, 235, 235)
_X, _Y, _Z = (255, 110, 90), (110, 230, 110), (110, 160, 255)


def conventions_picture() -> Picture:
    """Six rendered eyes before a camera that faces them squarely, and what holds for every result."""
    rig = FixedRig(
        width=240, height=180, fx=330, fy=330, cx=119.5, cy=89.5, eye_mm=(0, 0, 50), slip_mm=(0, 0, 0),
        roll_deg=(0, 0), leds_mm=[(-12, 0, 0), (12, 0, 0), (0, -12, 0), (0, 12, 0)],
    )  # fmt: skip
    renderer = EyeRenderer(load_domain("train"), 5, rig, rig.height, rig.width)
    index = torch.arange(_SCENES)
    scene = draw_scene(renderer.seed, index, renderer.domain, renderer.rig, renderer.height, renderer.width)
    panels = []
    for pitch, yaw, side, caption in _WANTED:
        batch = renderer.render(torch.tensor([_nearest(scene, pitch, yaw, side)]))
        picture = overlay(batch["image"][0, 0].numpy(), labels_of(batch, 0))
        angles = torch.rad2deg(vector_to_angles(batch["optical"][0]))
        numbers = f"({angles[0]:+.0f}, {angles[1]:+.0f}) deg"
        panels.append(_captioned(picture[: 2 * rig.height], caption, numbers))
    rows = [np.concatenate(panels[i : i + 3], axis=1) for i in (0, 3)]
    return np.concatenate([*rows, _legend(rows[0].shape[1])])


def _nearest(scene: Scene, pitch: float, yaw: float, side: str) -> int:
    """Index of a well-lit open eye of that side whose gaze is nearest to the wanted one."""
    apart = torch.rad2deg(vector_to_angles(scene.eye.optical)) - torch.tensor([pitch, yaw])
    cost = apart.norm(dim=1)
    plain = (
        scene.has_eye & ~scene.spectacles & (scene.lids.openness[:, 0] > 0.65)
        & (scene.side == EYE_SIDES.index(side)) & (scene.sensor["contrast"][:, 0] > 0.7)
        & (scene.sensor["read"][:, 0] < 0.01) & (scene.light.bright_pupil[:, 0] == 0)
        & (scene.sensor["level"][:, 0] > 0.3) & (scene.sensor["blur"][:, 0] < 0.9)
        & (scene.skin["tone"][:, 0] > 0.35)
    )  # fmt: skip
    return int(torch.where(plain, cost, torch.inf).argmin())


def _captioned(picture: Picture, caption: str, numbers: str) -> Picture:
    framed = cv2.copyMakeBorder(picture, 4, 44, 4, 4, cv2.BORDER_CONSTANT, value=_BACKGROUND)
    height = framed.shape[0]
    _write(framed, caption, (12, height - 26))
    _write(framed, numbers, (12, height - 8))
    return framed


def _legend(width: int) -> Picture:
    legend = np.full((150, width, 3), _BACKGROUND, dtype=np.uint8)
    origin = (60, 50)
    for tip, colour, name in (((130, 50), _X, "x"), ((60, 120), _Y, "y")):
        cv2.arrowedLine(legend, origin, tip, colour, 2, cv2.LINE_AA, tipLength=0.15)
        _write(legend, name, (tip[0] + 6, tip[1] + 6))
    cv2.circle(legend, origin, 9, _Z, 2, cv2.LINE_AA)  # an arrow that flies away shows its feathers
    for sign in (-1, 1):
        cv2.line(legend, (origin[0] - 6, origin[1] - 6 * sign), (origin[0] + 6, origin[1] + 6 * sign), _Z, 2)
    _write(legend, "z", (36, 36))
    for line, text in enumerate(_TEXT):
        _write(legend, text, (190, 30 + 25 * line))
    return legend


def _write(picture: Picture, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
