"""Where camera, eye and LEDs stand in each sample."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.conventions import EYE_SIDES, MAX_GLINTS
from zoo.draws import Draws
from zoo.geometry.angles import angles_to_vector
from zoo.geometry.cameras import intrinsics, resize_camera, unit_rays
from zoo.geometry.rotations import listing, rotation_about
from zoo.geometry.vectors import transform, unit
from zoo.synth.eyes.rig import FixedRig

NOMINAL_IRIS_MM = 11.8
"""Visible iris diameter that turns a wanted size in the image into a distance."""


class View(NamedTuple):
    """Camera and LEDs of a batch; millimetres, camera frame."""

    camera: Float[Tensor, "B 3 3"]  # intrinsics, pixels of the canvas
    content: Float[Tensor, "B 4"]  # left, top, right, bottom of the camera's pixels on the canvas
    eyeball: Float[Tensor, "B 3"]
    head: Float[Tensor, "B 3 3"]  # rotation from the head frame to the camera frame
    leds: Float[Tensor, "B 8 3"]
    led_on: Bool[Tensor, "B 8"]
    led_radius: Float[Tensor, "B"]


def _content(aspect: Tensor, height: int, width: int) -> Tensor:
    """Box of a letterboxed frame of the given aspect (width over height), pixel edges."""
    frame_width = torch.minimum(torch.full_like(aspect, float(width)), height * aspect)
    frame_height = torch.minimum(torch.full_like(aspect, float(height)), width / aspect)
    left, top = ((width - frame_width) / 2).round(), ((height - frame_height) / 2).round()
    return torch.stack([left, top, width - left, height - top], dim=-1)


def _facing(azimuth: Tensor, elevation: Tensor, roll: Tensor, eyeball: Tensor, side: Tensor) -> Tensor:
    """Rotation from head to camera frame for a camera that stands at (azimuth, elevation) before the eye."""
    # Towards the temple is image right for a left eye; yaw is positive towards image left.
    temporal = torch.where(side == EYE_SIDES.index("left"), 1.0, -1.0)
    to_camera = angles_to_vector(torch.stack([elevation, -temporal * azimuth], dim=-1))
    towards_eye = listing(unit(-eyeball))
    return towards_eye @ rotation_about("z", roll) @ listing(to_camera).transpose(-1, -2)


def random_view(
    draws: Draws, rig: dict[str, Tensor], framing: dict[str, Tensor], side: Tensor, height: int, width: int
) -> View:
    """A camera and LEDs for every sample, within the drawn families' ranges."""
    focal, aspect, iris = rig["focal"][:, 0], framing["aspect"][:, 0], framing["iris"][:, 0]
    standard = (aspect - width / height).abs() < 0.01
    content = _content(torch.where(standard, torch.full_like(aspect, width / height), aspect), height, width)
    size = content[:, 2:] - content[:, :2]
    longest = size.max(dim=-1).values
    distance = (focal * NOMINAL_IRIS_MM / iris).clamp(min=20.0, max=900.0)
    focal_px = focal * longest
    stretch = draws.uniform("pixel_aspect", 0.97, 1.03)
    centre = (content[:, :2] + content[:, 2:] - 1) / 2 + draws.normal("principal_point", 0.0, 0.02, 2) * size
    camera = intrinsics(focal_px, focal_px * stretch, centre[:, 0], centre[:, 1])

    angle = draws.uniform("place", 0.0, 2 * torch.pi)
    place = framing["offset"] / 2 * torch.stack([angle.cos(), angle.sin()], dim=-1) * size
    pixel = (content[:, :2] + content[:, 2:] - 1) / 2 + place
    eyeball = unit_rays(pixel, camera) * (distance + 12.0)[:, None]

    kind = draws.unit("roll.kind")
    roll = torch.where(
        kind < 0.6,
        draws.normal("roll.small", 0.0, 10.0),
        torch.where(
            kind < 0.9, draws.uniform("roll.wide", -55.0, 55.0), draws.uniform("roll.any", -180.0, 180.0)
        ),
    )
    to_radians = torch.pi / 180
    head = _facing(
        rig["azimuth"][:, 0] * to_radians,
        rig["elevation"][:, 0] * to_radians,
        roll * to_radians,
        eyeball,
        side,
    )
    leds, on = _random_leds(draws, eyeball, head)
    return View(camera, content, eyeball, head, leds, on, draws.log_uniform("led.radius", 0.3, 2.0))


def _random_leds(draws: Draws, eyeball: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """LEDs in a ring about the camera, a ring before the eye, or in one or two tight clusters."""
    layout = draws.choice("led.layout", [0.35, 0.35, 0.15, 0.15])
    slot = torch.arange(MAX_GLINTS, device=draws.device)
    count = 4 + draws.choice("led.count", [4.0, 2.0, 3.0, 1.0, 2.0])
    angle = 2 * torch.pi * slot / count[:, None] + draws.uniform("led.turn", 0.0, 2 * torch.pi)[:, None]
    angle = angle + draws.normal("led.jitter", 0.0, 0.12, MAX_GLINTS)
    circle = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], dim=-1)

    wide = draws.log_uniform("led.camera_ring", 4.0, 40.0)[:, None, None]
    beside_camera = circle * wide + draws.normal("led.camera_shift", 0.0, 6.0, 1, 3)

    lens = draws.uniform("led.lens_ring", 10.0, 26.0)[:, None, None]
    ahead = draws.uniform("led.lens_distance", 24.0, 55.0)
    before_eye = circle * lens + draws.normal("led.lens_shift", 0.0, 3.0, 1, 3)
    before_eye[..., 2] -= ahead[:, None]
    before_eye = eyeball[:, None] + transform(head[:, None], before_eye)

    block = circle * draws.uniform("led.block", 1.0, 4.0)[:, None, None]
    spot = draws.normal("led.block_place", 0.0, 14.0, 2, 3)
    spot[..., 2] *= 0.3
    one = block + spot[:, :1]
    two = block + torch.where((slot % 2 == 0)[:, None], spot[:, :1], spot[:, 1:])

    chosen = layout[:, None, None]
    leds = torch.where(
        chosen == 0, beside_camera, torch.where(chosen == 1, before_eye, torch.where(chosen == 2, one, two))
    )
    on = (slot < count[:, None]) & draws.chance("led.on", 0.93, MAX_GLINTS)
    return leds, on & ~draws.chance("led.none", 0.06)[:, None]


def fixed_view(draws: Draws, rig: FixedRig, side: Tensor, height: int, width: int) -> View:
    """The rig of a user's file, letterboxed to the canvas, with the head slipped."""
    count, device = len(side), draws.device
    scale = min(height / rig.height, width / rig.width)
    content = _content(torch.full((count,), rig.width / rig.height, device=device), height, width)
    left, top = (width - scale * rig.width) / 2, (height - scale * rig.height) / 2
    entries = torch.tensor([rig.fx, rig.fy, rig.cx, rig.cy], device=device).expand(count, 4)
    camera = resize_camera(intrinsics(*entries.unbind(-1)), scale, (left, top))
    slip = torch.tensor(rig.slip_mm, device=device) * draws.normal("slip", 0.0, 1.0, 3, low=-2.5, high=2.5)
    eyeball = torch.tensor(rig.eye_mm, device=device) + slip
    angles = {
        name: torch.deg2rad(draws.uniform(f"rig.{name}", *low_high))
        for name, low_high in (
            ("azimuth", rig.azimuth_deg),
            ("elevation", rig.elevation_deg),
            ("roll", rig.roll_deg),
        )
    }
    head = _facing(angles["azimuth"], angles["elevation"], angles["roll"], eyeball, side)
    leds = torch.zeros(count, MAX_GLINTS, 3, device=device)
    on = torch.zeros(count, MAX_GLINTS, dtype=torch.bool, device=device)
    if rig.leds_mm:
        leds[:, : len(rig.leds_mm)] = torch.tensor(rig.leds_mm, device=device)
        on[:, : len(rig.leds_mm)] = True
    return View(
        camera, content, eyeball, head, leds, on, torch.full((count,), rig.led_radius_mm, device=device)
    )
