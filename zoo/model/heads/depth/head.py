"""Dense metric depth: points, matched and measured, filled to a map that the densifier corrects."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zoo.data.views import ViewBatch
from zoo.geometry.views import relative_pose, reproject, sample
from zoo.model.config import DepthConfig
from zoo.model.heads.base import Masked, ViewHead, at_least_float32, masked
from zoo.model.heads.depth.classic import ClassicMatching
from zoo.model.heads.depth.densify import STRIDE, Densifier, Trust
from zoo.model.heads.depth.fill import fill, moments_of_map, moments_of_points
from zoo.model.heads.depth.left_right import doubted
from zoo.model.heads.depth.matches import PROFILE, Matches
from zoo.model.heads.depth.matching import JointMatching
from zoo.model.heads.depth.points import CELL, cell_points, cornerness, point_loss, recognised
from zoo.model.heads.depth.scores import depth_errors, pixel_index
from zoo.model.neck import FeatureChannels, Map
from zoo.model.views import ViewFeatures

SIGMA_OF_WIDTH: Final = 1.1479
"""68.27 % of a Laplace density of scale b lies within this times b: -log(1 - 0.6827)."""
_USUAL: Final = 0.4
"""Inverse depth, 1/m, of a room that nothing is known about."""
_JITTER: Final = 2.0
"""Of the points' logits in training: the network shall not depend on the very best pixels."""


class DepthHead(ViewHead[DepthConfig]):
    """Depth of the anchor from its sources, from sparse measurements, or from both.

    The stages of DELTAS (Sinha et al., ECCV 2020): points of the anchor, matched along their epipolar lines,
    triangulated, and densified. Matching and triangulation are one here: the sources share hypotheses of
    depth, so that any number of them votes for the same 3D point. The densifier does not interpolate, it
    corrects an interpolation.
    """

    needs: tuple[Map, ...] = ("stride4", "fine")

    def __init__(self, config: DepthConfig, channels: FeatureChannels) -> None:
        super().__init__(config, channels)
        if channels.fine_stride != 2:
            raise ValueError("the depth head reads a map of stride 2: give the neck `detail` channels")
        width = config.width or channels.stride4
        self.project = nn.Conv2d(channels.stride4, width, 1) if config.width else None
        self.detect = nn.Conv2d(width, CELL**2 // 4, 1)
        method = JointMatching if config.matching.type == "joint" else ClassicMatching
        self.matching = method(config.matching, channels.fine, width)
        self.trust = Trust(width)
        self.densify = Densifier(width, PROFILE, config.widths)

    def forward(self, features: ViewFeatures) -> dict[str, Tensor]:
        """Dense depth, and the points.

        `depth` (B, H, W) metres; `sigma` (B, H, W): 68 % of relative errors are below it; `log_depth`,
        `log_width` of the Laplace density, `filled_log_depth` (B, h, w) at stride 4, `cells_log_depth`;
        `point_px` (B, P, 2), `point_depth` (B, P), `point_confidence` (B, P); `point_consistent` (B, P) bool,
        whether a source confirms the point (`zoo.model.heads.depth.left_right`): the confidence of the others
        is lowered, after the dense depth was made with all of them as they were; `point_logits`, and what
        the loss needs of the matching.
        """
        if self.project is not None:
            cells = features.stride4
            projected = self.project(cells.flatten(0, 1)).unflatten(0, cells.shape[:2])
            features = features._replace(stride4=projected)
        anchor = features.stride4[:, 0]
        height, width = features.size
        grid = (-(-height // CELL), -(-width // CELL))
        cells = F.pad(
            self.detect(anchor), (0, 2 * grid[1] - anchor.shape[3], 0, 2 * grid[0] - anchor.shape[2])
        )
        logits = F.pixel_unshuffle(F.pixel_shuffle(cells, STRIDE), CELL)
        noise = _JITTER * torch.randn_like(logits) if self.training else None
        pixels = cell_points(logits.detach(), noise)
        pixels = torch.minimum(pixels, pixels.new_tensor((width - 1.0, height - 1.0)))
        matches = self.matching(features, pixels, grid)

        size = (anchor.shape[2], anchor.shape[3])
        matched = moments_of_points(pixels, matches.inverse_depth, matches.confidence, STRIDE, size)
        sparse = features.sparse_depth
        inverse = torch.where(sparse > 0, 1 / sparse.clamp(min=1e-2), torch.zeros_like(sparse))
        measured = moments_of_map(inverse, features.sparse_confidence, STRIDE, size)
        rough, near = fill(matched + measured, _USUAL)
        of_matched, of_measured = self.trust(anchor, matched, measured, rough, near)
        matched, measured = matched * of_matched, measured * of_measured
        filled, near = fill(matched + measured, _USUAL)
        log_depth, log_width, at_cells = self.densify(
            anchor, matches.profile, matched, measured, filled, near
        )
        log_depth, log_width = (x[:, :height, :width] for x in (log_depth, log_width))
        return {
            "depth": log_depth.exp(),
            "sigma": SIGMA_OF_WIDTH * log_width.exp(),
            "log_depth": log_depth,
            "log_width": log_width,
            "filled_log_depth": -(filled[:, 0] + 1e-3).log(),
            "cells_log_depth": at_cells,
            "point_px": pixels,
            "point_depth": 1 / matches.inverse_depth.clamp(min=1e-2),
            "point_confidence": doubted(matches.confidence, matches.consistent),
            "point_consistent": matches.consistent,
            "point_logits": logits,
            "point_inverse_depth": matches.inverse_depth,
            "point_profile": matches.profile,
            **{f"match_{name}": value for name, value in matches.details.items()},
        }

    def loss(self, prediction: dict[str, Tensor], batch: ViewBatch) -> Masked:
        """Points, matches, and dense depth at three places: filled, at the cells, at the pixels."""
        depth, valid = batch["depth"], batch["depth_valid"]
        known = depth > 0
        target = torch.where(known, depth, torch.ones_like(depth)).log()
        matches = Matches(
            prediction["point_px"],
            prediction["point_inverse_depth"],
            prediction["point_confidence"],
            prediction["point_consistent"],
            prediction["point_profile"],
            {key[6:]: value for key, value in prediction.items() if key.startswith("match_")},
        )
        index = pixel_index(matches.pixels, depth.shape[2])
        at_points = depth.flatten(1).gather(1, index)
        strength, seen = _strength_and_seen(batch)
        inverse = 1 / at_points.clamp(min=1e-2)
        matching = self.matching.loss(matches, inverse, (at_points > 0) & seen.flatten(1).gather(1, index))
        points = point_loss(prediction["point_logits"], _padded(strength, prediction["point_logits"]))

        log_depth, log_width = at_least_float32(prediction["log_depth"]), prediction["log_width"]
        error = (log_depth - target).abs()
        count = known.sum((1, 2)).clamp(min=1)
        likelihood = error * (-log_width).exp() + log_width
        dense = ((likelihood + 2 * error) * known).sum((1, 2)) / count
        coarse = _at_cells(target, known, prediction["cells_log_depth"]) + _at_cells(
            target, known, prediction["filled_log_depth"]
        )
        value = matching + 0.1 * points + dense + 2 * coarse + _edges(log_depth - target, known)
        return Masked(masked(value, valid), valid)

    def errors(self, prediction: dict[str, Tensor], batch: ViewBatch) -> dict[str, Masked]:
        """Those of `zoo.model.heads.depth.scores`."""
        return depth_errors(prediction, batch)


def _strength_and_seen(batch: ViewBatch) -> tuple[Float[Tensor, "B H W"], Bool[Tensor, "B H W"]]:
    """Corners that the views confirm, and the pixels of the anchor that some source sees."""
    images, cameras = batch["images"], batch["cameras"]
    b, v = images.shape[:2]
    corners = cornerness(images.flatten(0, 1)).unflatten(0, (b, v))
    if v == 1:
        return corners[:, 0], torch.zeros_like(batch["depth"], dtype=torch.bool)
    relative = source_poses(batch)
    where = reproject(batch["depth"][:, None], cameras[:, :1], cameras[:, 1:], relative)
    inside = where.inside & batch["views_valid"][:, 1:, None, None]
    there = sample(corners[:, 1:, None], where.pixels.flatten(2, 3))[:, :, 0].unflatten(2, corners.shape[2:])
    seen = torch.where(batch["seen_valid"][:, None, None], batch["seen"] > 0, inside.any(1))
    return recognised(corners[:, 0], there, inside), seen & inside.any(1)


def source_poses(batch: ViewBatch) -> Float[Tensor, "B S 4 4"]:
    """`source_from_anchor` of all sources."""
    pose = batch["cam_to_world"]
    return relative_pose(pose[:, :1], pose[:, 1:])


def _padded(strength: Tensor, logits: Tensor) -> Tensor:
    height, width = (CELL * side for side in logits.shape[2:])
    return F.pad(strength, (0, width - strength.shape[2], 0, height - strength.shape[1]))


def _at_cells(target: Tensor, known: Tensor, cells: Tensor) -> Tensor:
    """Mean distance in log depth at the middle of each cell of stride 4; (B,)."""
    middle = STRIDE // 2
    target, known = target[:, middle::STRIDE, middle::STRIDE], known[:, middle::STRIDE, middle::STRIDE]
    cells = cells[:, : target.shape[1], : target.shape[2]]
    return ((cells - target).abs() * known).sum((1, 2)) / known.sum((1, 2)).clamp(min=1)


def _edges(error: Tensor, known: Tensor) -> Tensor:
    """Mean change of the error from pixel to pixel, near and far; (B,)."""
    total = torch.zeros_like(error[:, 0, 0])
    for step in (1, 4):
        for along in (1, 2):
            size = error.shape[along] - step
            here, there = error.narrow(along, 0, size), error.narrow(along, step, size)
            both = known.narrow(along, 0, size) & known.narrow(along, step, size)
            total = total + ((here - there).abs() * both).sum((1, 2)) / both.sum((1, 2)).clamp(min=1)
    return total
