"""Exact labels of a scene, from its geometry; what lids hide is decided on the rays of labelled points."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.conventions import BLINK_OPENNESS, BLINK_VISIBLE_PUPIL, DOMAINS, IGNORE, PUPIL, PUPIL_PRESENT
from zoo.data.sample import EyeBatch, empty_eye_batch
from zoo.geometry.cameras import pixel_grid, project, unit_rays
from zoo.geometry.ellipse import fit_ellipse
from zoo.geometry.eye import Eye
from zoo.geometry.refraction import pupil_contour, refract_point
from zoo.synth.eyes.highlights import Glints
from zoo.synth.eyes.lids import eye_visible
from zoo.synth.eyes.scene import Scene

_CONTOUR = 48
_DISC_RINGS = 6
_DISC_SPOKES = 16


def _uncovered(scene: Scene, pixels: Float[Tensor, "B N 2"]) -> Bool[Tensor, "B N"]:
    """Which pixels look at the open eye: no lid in front."""
    directions = unit_rays(pixels, scene.view.camera[:, None])
    rotated = scene.to_canonical(directions + scene.view.eyeball[:, None])  # a direction: the origin cancels
    origin = scene.to_canonical(torch.zeros_like(scene.view.eyeball))
    return eye_visible(scene.lids, origin, *rotated.unbind(-1)) > 0


def _inside(scene: Scene, pixels: Float[Tensor, "#B N 2"]) -> Bool[Tensor, "B N"]:
    box = scene.view.content[:, None]
    return ((pixels > box[..., :2] - 0.5) & (pixels < box[..., 2:] - 0.5)).all(-1)


def _pupil_disc(eye: Eye, camera: Tensor) -> Float[Tensor, "B N 2"]:
    """Pixels of points spread evenly over the pupil, as seen through the cornea."""
    ring = ((torch.arange(_DISC_RINGS, device=camera.device) + 0.5) / _DISC_RINGS).sqrt()
    angle = torch.arange(_DISC_SPOKES, device=camera.device) * (2 * math.pi / _DISC_SPOKES)
    x, y = ring[:, None] * angle.cos(), ring[:, None] * angle.sin()
    disc = torch.stack([x, y, torch.zeros_like(x)], dim=-1).reshape(-1, 3)
    local = disc * eye.pupil_radius[:, None, None]
    points = eye.pupil[:, None] + (eye.rotation[:, None] @ local[..., None])[..., 0]
    per_point = eye.per_point()
    return project(
        refract_point(points, per_point.cornea, per_point.cornea_radius, per_point.refractive_index),
        camera[:, None],
    )


def content_mask(scene: Scene, height: int, width: int) -> Bool[Tensor, "B H W"]:
    """The camera's pixels on the canvas."""
    grid = pixel_grid(height, width, device=scene.view.camera.device).reshape(1, -1, 2)
    return _inside(scene, grid).reshape(-1, height, width)


def label(scene: Scene, glints: Glints, segmentation: Tensor, image: Tensor) -> EyeBatch:
    """The sample contract for rendered frames.

    Args:
        segmentation: (B, H, W) uint8 class ids as traced.
        image: (B, H, W) in [0, 1].
    """
    count, height, width = image.shape
    batch = empty_eye_batch(count, height, width, image.device)
    view, eye, seen = scene.view, scene.eye, scene.has_eye
    content = content_mask(scene, height, width)
    batch["image"] = (image * content)[:, None]
    batch["content"] = content
    batch["camera"] = view.camera
    batch["subject"], batch["eye_side"] = scene.subject, scene.side
    batch["domain"].fill_(DOMAINS.index("synthetic"))
    everything = torch.ones_like(seen)
    batch["camera_valid"], batch["eye_side_valid"] = everything, seen
    batch["skin_tone"], batch["skin_tone_valid"] = scene.skin["tone"][:, 0], seen
    batch["spectacles"], batch["spectacles_valid"] = scene.spectacles, everything
    batch["segmentation"] = torch.where(content, segmentation, IGNORE)
    batch["segmentation_valid"] = everything

    disc = _pupil_disc(eye, view.camera)
    uncovered = _uncovered(scene, disc)
    visible = (uncovered & _inside(scene, disc)).float().mean(-1) * seen
    openness = scene.lids.openness[:, 0]
    batch["openness"], batch["openness_valid"] = openness, seen
    shut = (openness < BLINK_OPENNESS) | (uncovered.float().mean(-1) < BLINK_VISIBLE_PUPIL)
    batch["blink"], batch["blink_valid"] = shut.float(), seen
    batch["pupil_visible"], batch["pupil_visible_valid"] = visible, everything
    batch["pupil_present"] = (visible >= PUPIL_PRESENT).float()
    batch["pupil_present_valid"] = everything
    batch["pupil_ellipse"] = fit_ellipse(pupil_contour(eye, view.camera, _CONTOUR))
    batch["pupil_ellipse_valid"] = batch["pupil_centre_valid"] = seen
    pupil = (batch["segmentation"] == PUPIL).float()
    area = pupil.sum((1, 2))
    grid = pixel_grid(height, width, device=image.device)
    centroid = torch.einsum("bhw,hwc->bc", pupil, grid) / area.clamp(min=1)[:, None]
    batch["pupil_mask_px"], batch["pupil_mask_px_valid"] = centroid, area > 0

    batch["glints_px"] = glints.pixel
    shows = glints.on_cornea & _inside(scene, glints.pixel) & _uncovered(scene, glints.pixel)
    batch["glints_visible"] = shows & seen[:, None]
    batch["glints_valid"] = everything
    batch["eyeball_mm"], batch["cornea_mm"], batch["pupil_mm"] = eye.eyeball, eye.cornea, eye.pupil
    batch["cornea_radius_mm"] = eye.cornea_radius
    batch["optical"], batch["visual"] = eye.optical, scene.visual
    batch["eye3d_valid"] = batch["optical_valid"] = batch["visual_valid"] = seen
    return batch
