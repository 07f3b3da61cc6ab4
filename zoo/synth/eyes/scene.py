"""Everything that makes one rendered frame: a person, a pose, a camera and the looks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.conventions import EYE_SIDES
from zoo.draws import Draws
from zoo.geometry.angles import angle_between, angles_to_vector
from zoo.geometry.eye import Eye, apply_kappa, cornea_distance
from zoo.geometry.rotations import listing
from zoo.geometry.vectors import transform
from zoo.synth.eyes.anatomy import Anatomy, draw_anatomy
from zoo.synth.eyes.domain import EyeDomain
from zoo.synth.eyes.lids import Lids
from zoo.synth.eyes.looks import draw_look
from zoo.synth.eyes.rig import FixedRig, Rig
from zoo.synth.eyes.shade import Light, Look
from zoo.synth.eyes.view import View, fixed_view, random_view

_STEEPEST = 68.0
"""Degrees between optical axis and camera beyond which nobody builds a tracker; gaze turns back before it."""


class Scene(NamedTuple):
    """A batch of scenes."""

    subject: Int[Tensor, "B"]
    side: Int[Tensor, "B"]
    has_eye: Bool[Tensor, "B"]
    view: View
    eye: Eye  # camera frame
    axis: Float[Tensor, "B 3"]  # optical axis, canonical head frame
    visual: Float[Tensor, "B 3"]  # visual axis, camera frame
    limbus_radius: Float[Tensor, "B"]
    lids: Lids
    light: Light
    iris: Look
    skin: Look
    lash: Look
    sensor: Look
    spectacles: Bool[Tensor, "B"]

    @property
    def mirror(self) -> Float[Tensor, "B 3"]:
        """Signs that take the head frame to the canonical one (a left eye, nose towards -x), and back."""
        right = self.side == EYE_SIDES.index("right")
        sign = torch.where(right, -1.0, 1.0)
        return torch.stack([sign, torch.ones_like(sign), torch.ones_like(sign)], dim=-1)

    def to_canonical(self, points: Float[Tensor, "B *n 3"]) -> Float[Tensor, "B *n 3"]:
        """Points of the camera frame in the canonical head frame."""
        shape = (len(points),) + (1,) * (points.ndim - 2)
        moved = points - self.view.eyeball.view(*shape, 3)
        return transform(self.view.head.transpose(-1, -2).view(*shape, 3, 3), moved) * self.mirror.view(
            *shape, 3
        )

    def to_camera(self, points: Float[Tensor, "B *n 3"]) -> Float[Tensor, "B *n 3"]:
        """Points of the canonical head frame in the camera frame."""
        shape = (len(points),) + (1,) * (points.ndim - 2)
        turned = transform(self.view.head.view(*shape, 3, 3), points * self.mirror.view(*shape, 3))
        return turned + self.view.eyeball.view(*shape, 3)


def draw_scene(
    seed: int,
    index: Int[Tensor, "B"],
    domain: EyeDomain,
    rig: Rig,
    height: int,
    width: int,
    recording: Int[Tensor, "B"] | None = None,
) -> Scene:
    """The scenes of samples `index`; a function of (seed, index) alone.

    People come from the stream `domain.people`, whatever the seed, so that domains split by person.

    Args:
        recording: one number for all frames of a recording, which then share person, eye, rig, light and
            sensor; gaze, pupil and lids are each frame's own. None: every sample is one of its own.
    """
    pose = Draws(seed, index)
    still = pose if recording is None else Draws(seed, recording).fork("recording")
    subject = (still.unit("subject") * domain.identities).long().clamp(max=domain.identities - 1)
    person = Draws(0, subject).fork(f"people.{domain.people}")
    anatomy = draw_anatomy(person)
    skin = draw_look(person, "skin", domain.skin)
    lid = draw_look(person, "lid", domain.lid)
    lash = draw_look(person, "lash", domain.lash)
    iris = draw_look(person, "iris", domain.iris)
    sensor = draw_look(still, "sensor", domain.sensor)

    if isinstance(rig, FixedRig) and rig.eye_side != "both":
        side = torch.full_like(index, EYE_SIDES.index(rig.eye_side))
    else:
        side = still.chance("side", 0.5).long()
    if isinstance(rig, FixedRig):
        view = fixed_view(still, rig, side, height, width)
    else:
        drawn = draw_look(still, "rig", domain.rig), draw_look(still, "framing", domain.framing)
        view = random_view(still, *drawn, side, height, width)

    mirror = torch.where(side == EYE_SIDES.index("right"), -1.0, 1.0)
    axis, pitch = _gaze(pose, view, mirror)
    eye, visual = _eye(pose, anatomy, view, axis, mirror, side, domain.refractive_index)
    skin = skin | _shared_looks(person, lid, lash)
    return Scene(
        subject=subject,
        side=side,
        has_eye=~still.chance("no_eye", domain.no_eye),
        view=view,
        eye=eye,
        axis=axis,
        visual=visual,
        limbus_radius=anatomy.limbus_radius,
        lids=_lids(pose, anatomy, lid, pitch),
        light=_light(still, view),
        iris=iris,
        skin=skin,
        lash=lash,
        sensor=sensor,
        spectacles=still.chance("spectacles", domain.spectacles),
    )


def _gaze(pose: Draws, view: View, mirror: Tensor) -> tuple[Tensor, Tensor]:
    """(optical axis in the canonical head frame, its pitch in radians)."""
    spread = torch.where(pose.chance("gaze.wide", 0.7), 1.0, 0.2)
    yaw = pose.uniform("gaze.yaw", -36.0, 36.0) * spread
    pitch = (pose.uniform("gaze.pitch", -30.0, 26.0)) * spread
    angles = torch.deg2rad(torch.stack([pitch, yaw], dim=-1))
    camera = transform(view.head.transpose(-1, -2), -view.eyeball)
    camera = camera * torch.stack([mirror, torch.ones_like(mirror), torch.ones_like(mirror)], dim=-1)
    for _ in range(3):
        off = torch.rad2deg(angle_between(angles_to_vector(angles), camera))
        angles = torch.where((off > _STEEPEST)[:, None], 0.5 * angles, angles)
    return angles_to_vector(angles), angles[:, 0]


def _eye(
    pose: Draws, anatomy: Anatomy, view: View, axis: Tensor, mirror: Tensor, side: Tensor, index: float
) -> tuple[Eye, Tensor]:
    """(the eye in the camera frame, its visual axis)."""
    # Conjugating with the mirror keeps a proper rotation; Listing's law holds in the head.
    in_head = axis * torch.stack([mirror, torch.ones_like(mirror), torch.ones_like(mirror)], dim=-1)
    rotation = view.head @ listing(in_head)
    radius = anatomy.pupil_radius_rest * pose.log_uniform("pupil", 0.55, 1.9)
    eye = Eye(
        eyeball=view.eyeball,
        rotation=rotation,
        eyeball_radius=anatomy.eyeball_radius,
        cornea_distance=cornea_distance(anatomy.eyeball_radius, anatomy.cornea_radius, anatomy.limbus_radius),
        cornea_radius=anatomy.cornea_radius,
        pupil_distance=anatomy.pupil_distance,
        pupil_radius=torch.minimum(radius.clamp(0.75, 4.2), 0.72 * anatomy.limbus_radius),
        refractive_index=torch.full_like(radius, index),
    )
    return eye, apply_kappa(rotation, anatomy.kappa_horizontal, anatomy.kappa_vertical, side)


def _lids(pose: Draws, anatomy: Anatomy, lid: Look, pitch: Tensor) -> Lids:
    # Lids follow a vertical gaze, the upper one nearly as far as the eye turns and the lower one half of it:
    # awake, the pupil never slides under the lower lid, and looking down narrows the gap.
    down = torch.rad2deg(-pitch).clamp(-25, 30)[:, None] / 30
    natural = pose.normal("openness.natural", 0.82, 0.13) - 0.3 * down[:, 0]
    kind = pose.unit("openness.kind")
    openness = torch.where(
        kind < 0.64,
        natural,
        torch.where(
            kind < 0.87,
            pose.uniform("openness.any", 0.0, 1.0),
            torch.where(kind < 0.95, pose.uniform("openness.shut", -0.08, 0.1), torch.full_like(kind, 1.0)),
        ),
    ).clamp(0, 1)[:, None]
    radius = anatomy.eyeball_radius[:, None] + 0.15
    tilt = torch.deg2rad(lid["tilt"])
    return Lids(
        axis_x=radius * lid["stretch"],
        axis_y=radius * 1.01,
        axis_z=radius,
        thickness=lid["thickness"],
        # The canonical eye has its temple at +x: a positive tilt lifts that corner.
        cos_tilt=tilt.cos(),
        sin_tilt=-tilt.sin(),
        nasal=-lid["width"] / 2 + lid["shift"],
        drop=lid["drop"],
        width=lid["width"],
        upper=lid["upper"] + lid["drop"],
        lower=lid["lower"],
        upper_peak=lid["upper_peak"],
        upper_round=lid["upper_round"],
        lower_peak=lid["lower_peak"],
        lower_round=lid["lower_round"],
        openness=openness,
        drift=(pose.uniform("lid.follow", 1.8, 3.8)[:, None] * down).clamp(-2.4, 3.8),
    )


def _shared_looks(person: Draws, lid: Look, lash: Look) -> Look:
    """What the shader of the skin takes from other groups, and what no family changes."""
    return {
        "offset": person.unit("texture")[:, None],
        "liner": lash["liner"],
        "liner_depth": person.uniform("liner.depth", 0.3, 0.85)[:, None],
        "fold_offset": lid["fold_offset"],
        "caruncle_end": person.uniform("caruncle.end", 0.04, 0.12)[:, None],
        "limbus_blur": person.uniform("limbus.blur", 0.1, 0.9)[:, None],
    }


def _light(pose: Draws, view: View) -> Light:
    on = view.led_on.float()[..., None]
    mean = (view.leds * on).sum(1) / on.sum(1).clamp(min=1)
    stray = pose.normal("light.stray", 0.0, 25.0, 3)
    beside = mean + stray * torch.tensor([1.0, 1.0, 0.3], device=stray.device)
    turned = view.eyeball - beside
    distance = turned.norm(dim=-1, keepdim=True)
    beside = torch.where(distance < 18, view.eyeball - turned * 18 / distance.clamp(min=1), beside)
    distance = (view.eyeball - beside).norm(dim=-1, keepdim=True)
    coaxial = (mean.norm(dim=-1) < 9.0) & pose.chance("light.bright_pupil", 0.25)
    mirrored = torch.where(pose.chance("light.mirror", 0.35), pose.uniform("light.reflection", 0.0, 0.3), 0.0)
    return Light(
        position=beside,  # camera frame; the renderer turns it into the canonical one
        ambient=pose.uniform("light.ambient", 0.02, 0.6)[:, None],
        reach=distance * pose.uniform("light.strength", 0.8, 1.1)[:, None],
        bright_pupil=(coaxial.float() * pose.uniform("light.retina", 0.2, 0.8))[:, None],
        reflection=mirrored[:, None],
        reflection_offset=pose.unit("light.scene")[:, None],
    )
