"""The eye in 3D: the cornea's centre, the pupil behind it, the anatomy between them, and how sure of each."""

from __future__ import annotations

import math
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zoo.data.sample import EyeBatch
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import project, rays
from zoo.geometry.eye import EFFECTIVE_INDEX
from zoo.geometry.glint_inverse import MEAN_CORNEA_RADIUS
from zoo.geometry.refraction import refract_point
from zoo.geometry.spheres import pupil_along
from zoo.geometry.vectors import norm, unit
from zoo.model.config import Eye3dConfig
from zoo.model.heads.base import Head, Masked, at_least_float32, masked
from zoo.model.heads.likelihood import bounded, laplace, plane_laplace, smooth_angle
from zoo.model.heads.votes import STRIDE, Summary, crop, decode_votes, heatmap_divergence, one_by_one
from zoo.model.neck import FeatureChannels, Features, Map
from zoo.model.patch import Patch

MEAN_PUPIL_DISTANCE: Final = 4.4
"""Cornea centre to pupil centre, mm; see `zoo.synth.eyes.anatomy` for the source."""
_MM_PER_PX: Final = 0.3
"""What a pixel spans at the usual eye: where the prediction of the distance starts."""


class Eye3dHead(Head[Eye3dConfig]):
    """Cornea centre and pupil centre, as EyeNet finds them.

    The cornea's centre is a point of the image and a distance in units of the focal length, so that the
    same picture behind a longer lens is an eye farther away. The pupil's centre lies on a sphere about it,
    where the refracted ray through the pupil's image point meets it. Radius of the cornea and of that sphere
    are anatomy: predicted near the mean of adults, as far as the picture tells.

    With a `patch`, all of this is read in a second look at the eye (`zoo.model.patch`), which a first look
    at the whole picture only has to find.

    The loss holds the negative log-likelihoods of position, distance, anatomy and resulting axis under
    Laplace densities whose scales are predicted too.
    """

    needs: tuple[Map, ...] = ("pooled", "stride4")

    def __init__(self, config: Eye3dConfig, channels: FeatureChannels) -> None:
        super().__init__(config, channels)
        self.maps = nn.Conv2d(channels.stride4, 6, 1)
        self.summary = Summary(channels.stride4, config.points)
        self.numbers = _two_layers(channels.pooled + self.summary.features, config.hidden, 8)
        self.patch: Patch | None = None
        if config.patch is not None:
            self.patch = Patch(config.patch)
            self.refined = _two_layers(self.patch.features, 2 * config.hidden, 12)

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Points, anatomy, axis and scales of their errors.

        `cornea_mm`, `pupil_mm`, `geometric_axis` (B, 3), camera frame; `cornea_radius_mm`,
        `pupil_distance_mm` (B,); `cornea_px`, `pupil_ray_px` (B, 2) and their heat maps (B, 2, h, w);
        `log_depth` (B,) of z over the focal length in pixels; both points (B, 2, 2) and the distance as the
        first look had them, `first_px` and `first_log_depth`; `log_scales` (B, 5) of position [px], log
        distance, log radius, log pupil distance, and axis [rad]; `look` (B, F), the numbers of a second look.
        """
        assert features.pooled is not None and features.stride4 is not None
        cells = crop(features.stride4, features.size, STRIDE)
        maps = at_least_float32(one_by_one(self.maps, cells)).unflatten(2, cells.shape[2:])
        summary, _ = self.summary(features.stride4, features.size)
        numbers = at_least_float32(self.numbers(torch.cat([features.pooled, summary], dim=1)))
        votes = maps.unflatten(1, (2, 3))  # of the cornea's centre and of the pupil's
        first_px = decode_votes(votes[:, :, 0], votes[:, :, 1:])
        first_log_depth = math.log(_MM_PER_PX) + 4 * torch.tanh(numbers[:, 0] / 4)
        points, log_depth, rest = first_px, first_log_depth, numbers[:, 1:]
        look: dict[str, Tensor] = {}
        if self.patch is not None:
            # In millimetres from where the first look saw the cornea, and at its scale.
            px_per_mm = torch.exp(-first_log_depth.detach())
            look["look"] = self.patch(features.image, first_px[:, 0], px_per_mm)
            refined = at_least_float32(self.refined(look["look"]))
            shift = refined[:, :4].view(-1, 2, 2) * px_per_mm[:, None, None]
            points = first_px[:, :1].detach() + shift
            log_depth = first_log_depth.detach() + 0.2 * refined[:, 4]
            rest = refined[:, 5:]
        cornea_px, pupil_px = points.unbind(1)
        camera = features.camera.to(numbers.dtype)
        radius = MEAN_CORNEA_RADIUS * torch.exp(0.15 * torch.tanh(rest[:, 0]))
        distance = MEAN_PUPIL_DISTANCE * torch.exp(0.2 * torch.tanh(rest[:, 1]))
        to_cornea, to_pupil = rays(points, camera[:, None]).unbind(1)
        cornea = to_cornea * (focal_length(camera) * torch.exp(log_depth))[:, None]
        pupil, _ = pupil_along(unit(to_pupil), cornea, radius, distance, EFFECTIVE_INDEX)
        return {
            "cornea_mm": cornea,
            "pupil_mm": pupil,
            "geometric_axis": unit(pupil - cornea),
            "cornea_radius_mm": radius,
            "pupil_distance_mm": distance,
            "cornea_px": cornea_px,
            "pupil_ray_px": pupil_px,
            "eye3d_heatmap_logits": maps[:, 0::3],
            "first_px": first_px,
            "first_log_depth": first_log_depth,
            "log_depth": log_depth,
            "log_scales": bounded(rest[:, 2:]),
            **look,
        }

    def loss(self, prediction: dict[str, Tensor], batch: EyeBatch) -> Masked:
        """Heat maps and distances in cells of both points, and five negative log-likelihoods."""
        valid = has_geometry(batch)
        cornea, pupil, radius = safe_eye(batch, valid, prediction["cornea_mm"].dtype)
        camera = batch["camera"].to(cornea.dtype)
        cornea_px = project(cornea, camera)
        pupil_px = project(refract_point(pupil, cornea, radius, EFFECTIVE_INDEX), camera)
        seen = torch.stack([cornea_px, pupil_px], dim=1)
        first = (prediction["first_px"] - seen).square().sum(2).add(1e-6).sqrt().sum(1)
        offset = (prediction["cornea_px"] - cornea_px).square().sum(1).add(1e-6).sqrt()
        apart = (prediction["pupil_ray_px"] - pupil_px).square().sum(1).add(1e-6).sqrt()
        heatmaps = prediction["eye3d_heatmap_logits"]
        maps = heatmap_divergence(heatmaps[:, 0], cornea_px) + heatmap_divergence(heatmaps[:, 1], pupil_px)
        position, depth, curvature, reach, axis = prediction["log_scales"].unbind(1)
        log_depth = torch.log(cornea[:, 2] / focal_length(camera))
        log_radius = torch.log(prediction["cornea_radius_mm"] / radius)
        log_distance = torch.log(prediction["pupil_distance_mm"] / norm(pupil - cornea))
        angle = smooth_angle(prediction["geometric_axis"], unit(pupil - cornea))
        value = (
            maps
            + (first + apart) / STRIDE
            + (prediction["first_log_depth"] - log_depth).abs()
            + plane_laplace(offset, position)
            + laplace(prediction["log_depth"] - log_depth, depth)
            + laplace(log_radius, curvature)
            + laplace(log_distance, reach)
            + plane_laplace(angle, axis)
        )
        return Masked(masked(value, valid), valid)

    def errors(self, prediction: dict[str, Tensor], batch: EyeBatch) -> dict[str, Masked]:
        """Distances of the cornea's centre (whole, along its ray, across it), and of the geometric axis.

        `cornea_mm`, `cornea_depth_mm`, `cornea_lateral_mm`, `pupil3d_mm`, `geometric_deg`.
        """
        valid = has_geometry(batch)
        apart = prediction["cornea_mm"] - batch["cornea_mm"]
        along = (apart * unit(batch["cornea_mm"])).sum(1)
        across = (apart.square().sum(1) - along.square()).clamp(min=0).sqrt()
        angle = torch.rad2deg(angle_between(prediction["geometric_axis"], batch["optical"]))
        return {
            "cornea_mm": Masked(norm(apart), valid),
            "cornea_depth_mm": Masked(along.abs(), valid),
            "cornea_lateral_mm": Masked(across, valid),
            "pupil3d_mm": Masked(norm(prediction["pupil_mm"] - batch["pupil_mm"]), valid),
            "geometric_deg": Masked(angle, valid),
        }


def _two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs))


def focal_length(camera: Float[Tensor, "B 3 3"]) -> Float[Tensor, "B"]:
    """One focal length in pixels for cameras whose pixels are not quite square."""
    return (camera[:, 0, 0] * camera[:, 1, 1]).sqrt()


def has_geometry(batch: EyeBatch) -> Bool[Tensor, "B"]:
    """Samples with 3D labels of an eye whose pupil shows; a shut eye has no gaze to be judged by."""
    return (
        batch["eye3d_valid"]
        & batch["camera_valid"]
        & batch["pupil_present_valid"]
        & (batch["pupil_present"] > 0.5)
    )


def safe_eye(batch: EyeBatch, valid: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """(cornea, pupil, corneal radius) of the labels, and of some eye where they are not valid."""
    some = torch.tensor([0.0, 0.0, 40.0], device=valid.device)
    towards = torch.tensor([0.0, 0.0, 40.0 - MEAN_PUPIL_DISTANCE], device=valid.device)
    cornea = torch.where(valid[:, None], batch["cornea_mm"], some)
    pupil = torch.where(valid[:, None], batch["pupil_mm"], towards)
    radius = torch.where(valid, batch["cornea_radius_mm"], MEAN_CORNEA_RADIUS)
    return cornea.to(dtype), pupil.to(dtype), radius.to(dtype)
