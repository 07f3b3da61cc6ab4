"""Gaze: the optical axis from geometry and from the picture, fused; and the visual axis after kappa."""

from __future__ import annotations

import math
from typing import Final

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from zoo.data.sample import EyeBatch
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import unit_rays
from zoo.geometry.eye import rolled_visual
from zoo.geometry.rotations import turn_by_listing
from zoo.geometry.vectors import norm, unit
from zoo.model.config import GazeConfig
from zoo.model.heads.base import Head, Masked, at_least_float32, masked
from zoo.model.heads.eye3d import focal_length
from zoo.model.heads.likelihood import SIGMA_OF_SCALE, bounded, plane_laplace, smooth_angle
from zoo.model.heads.votes import Summary
from zoo.model.neck import FeatureChannels, Features, Map

MEAN_KAPPA: Final = (math.radians(5.0), math.radians(1.5))
"""Horizontal (nasal) and vertical (up) angle between the axes of adults; see `zoo.synth.eyes.anatomy`."""


class GazeHead(Head[GazeConfig]):
    """The optical axis with its expected error, and the visual axis of a person with mean kappa.

    The direct regression answers in the frame of the ray that looks at the eye, in which a picture means
    the same gaze wherever the eye is; intrinsics turn it into the camera's. Where the network has an `eye3d`
    head too, its axis from cornea to pupil is fused with it, weighted by the squares of both predicted
    scales. The visual axis also needs to know which way is up for the eye, a roll that is predicted.
    """

    needs: tuple[Map, ...] = ("pooled", "stride4")

    def __init__(self, config: GazeConfig, channels: FeatureChannels) -> None:
        super().__init__(config, channels)
        self.summary = Summary(channels.stride4, config.points)
        self.numbers = nn.Sequential(
            nn.Linear(channels.pooled + self.summary.features + channels.look + 3, config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(config.hidden, 6),
        )

    def forward(self, features: Features) -> dict[str, Tensor]:
        """`optical`, `direct_axis`, `visual` (B, 3) unit vectors, camera frame; `roll` (B,) radians;
        `gaze_sigma` (B,) radians, below which 68 % of the errors of `optical` are expected; `gaze_log_scales`
        (B, 2) of the direct and of the fused axis.
        """  # fmt: skip
        assert features.pooled is not None and features.stride4 is not None
        summary, point = self.summary(features.stride4, features.size)
        camera = features.camera.to(point.dtype)
        ray = unit_rays(point, camera)
        zoom = torch.log(focal_length(camera) / features.size[1])[:, None]
        known = [features.pooled, summary, ray[:, :2], zoom]
        if self.channels.look:
            assert features.eye3d is not None, "the network runs the eye3d head before this one"
            known.append(features.eye3d["look"])
        numbers = self.numbers(torch.cat(known, dim=1))
        numbers = at_least_float32(numbers)
        direct = _direction(numbers[:, :2], at_least_float32(ray))
        log_scales = bounded(numbers[:, 4:] - 2)
        optical = direct
        if features.eye3d is not None:
            geometric, log_scale = features.eye3d["geometric_axis"], features.eye3d["log_scales"][:, 4]
            share = torch.sigmoid(2 * (log_scales[:, 0] - log_scale))[:, None]
            optical = unit(share * geometric + (1 - share) * direct)
        roll = torch.atan2(numbers[:, 2], numbers[:, 3] + 1)
        return {
            "optical": optical,
            "direct_axis": direct,
            "visual": visual_axis(optical, roll, features.eye_side),
            "roll": roll,
            "gaze_log_scales": log_scales,
            "gaze_sigma": SIGMA_OF_SCALE * torch.exp(log_scales[:, 1]),
        }

    def loss(self, prediction: dict[str, Tensor], batch: EyeBatch) -> Masked:
        """Negative log-likelihoods of the direct and of the fused axis, and the angle of the visual one.

        Where the visual axis alone is known, as from a target that was looked at, it is compared with both
        axes after kappa.
        """
        optical = batch["optical"].to(prediction["optical"].dtype)
        visual, side, roll = batch["visual"].to(optical.dtype), batch["eye_side"], prediction["roll"]
        with_optical, with_visual = _has_optical(batch), _has_visual(batch)
        scales = prediction["gaze_log_scales"].unbind(1)
        value = torch.zeros_like(roll)
        for axis, scale in zip((prediction["direct_axis"], prediction["optical"]), scales, strict=True):
            after_kappa = smooth_angle(visual_axis(axis, roll, side), visual)
            angle = torch.where(with_optical, smooth_angle(axis, optical), after_kappa)
            value = value + plane_laplace(angle, scale)
        # Judged from the true optical axis, or its error would hide what the roll is to be learnt from.
        turned = visual_axis(optical, roll, side)
        value = value + _VISUAL * masked(smooth_angle(turned, visual), with_optical & with_visual)
        valid = with_optical | with_visual
        return Masked(masked(value, valid), valid)

    def errors(self, prediction: dict[str, Tensor], batch: EyeBatch) -> dict[str, Masked]:
        """`optical_deg`, `direct_deg`, `visual_deg`; `sigma_share`: whether sigma covers the first."""
        valid = _has_optical(batch)
        angle = angle_between(prediction["optical"], batch["optical"])
        direct = torch.rad2deg(angle_between(prediction["direct_axis"], batch["optical"]))
        visual = torch.rad2deg(angle_between(prediction["visual"], batch["visual"]))
        return {
            "optical_deg": Masked(torch.rad2deg(angle), valid),
            "direct_deg": Masked(direct, valid),
            "visual_deg": Masked(visual, _has_visual(batch)),
            "sigma_share": Masked((angle <= prediction["gaze_sigma"]).to(angle.dtype), valid),
        }


_VISUAL: Final = 5.0
"""Weight of the visual axis, whose error in radians is at most the ten degrees or so of kappa."""


def visual_axis(optical: Tensor, roll: Tensor, eye_side: Tensor) -> Tensor:
    """The visual axis of a person with mean kappa, whose eye is rolled by `roll` about its optical axis.

    A roll of 0 is that of Listing's law in an upright camera.
    """
    return turn_by_listing(optical, rolled_visual(roll, *MEAN_KAPPA, eye_side))


def _has_optical(batch: EyeBatch) -> Bool[Tensor, "B"]:
    return _can_look(batch) & batch["optical_valid"]


def _has_visual(batch: EyeBatch) -> Bool[Tensor, "B"]:
    return _can_look(batch) & batch["visual_valid"] & batch["eye_side_valid"]


def _can_look(batch: EyeBatch) -> Bool[Tensor, "B"]:
    """Samples with a known camera, unless their pupil is known to be hidden."""
    return batch["camera_valid"] & (~batch["pupil_present_valid"] | (batch["pupil_present"] > 0.5))


def _direction(turn: Tensor, ray: Tensor) -> Tensor:
    """The axis turned from the one that looks back along `ray` by the angle |turn|, towards it."""
    angle = norm(turn)
    sine = torch.sinc(angle / math.pi)[:, None] * turn
    local = torch.cat([sine, -torch.cos(angle)[:, None]], dim=1)
    return turn_by_listing(-ray, local)
