"""Keypoints: the pupil's centre and whether there is one, and the set of glints."""

from __future__ import annotations

import math
from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zoo.conventions import MAX_GLINTS
from zoo.data.sample import EyeBatch
from zoo.model.config import KeypointsConfig
from zoo.model.grids import cell_grid
from zoo.model.heads.base import Head, Masked, Scored, at_least_float32, masked
from zoo.model.heads.votes import STRIDE, crop, decode_votes, heatmap_divergence, to_cells, to_px
from zoo.model.neck import FeatureChannels, Features, Map, unfold

GLINT_STRIDE: Final = 2
GLINT_SCORE: Final = 0.3
"""A peak above this score counts as a glint."""
GLINT_RADIUS_PX: Final = 2.0
"""A predicted glint within this distance of a labelled one may match it."""


class KeypointsHead(Head[KeypointsConfig]):
    """The centre of the full refracted pupil, its presence, and up to 8 glints.

    The centre is the mean, under the heat map, of each cell's own vote for it, so that it can lie between
    cells and also outside the image. Its loss is the divergence from a Gaussian of one cell around the
    centre (clamped to the map) plus the L1 distance in cells. Glints are peaks of a heat map under the
    penalty-reduced focal loss of CenterNet (Zhou et al., "Objects as Points", 2019, equation 1) with a
    regressed offset in the cell.
    """

    needs: tuple[Map, ...] = ("pooled", "stride4")

    def __init__(self, config: KeypointsConfig, channels: FeatureChannels) -> None:
        super().__init__(config, channels)
        self.maps = nn.Conv2d(channels.stride4, 3 + 3 * 4, 1)
        self.presence = nn.Sequential(
            nn.Linear(channels.pooled, config.hidden), nn.ReLU(inplace=True), nn.Linear(config.hidden, 1)
        )
        with torch.no_grad():  # start from "a glint is rare", as focal losses need
            self.maps.bias[3::3] = math.log(0.01)  # type: ignore[index]

    def forward(self, features: Features) -> dict[str, Tensor]:
        """Centre, presence and glints.

        `pupil_px` (B, 2), `pupil_present` (B,) probability, `pupil_present_logit` (B,),
        `pupil_heatmap_logits` (B, h, w) at stride 4, `glint_logits` (B, 2h, 2w) and `glint_offsets`
        (B, 2, 2h, 2w) in cells at stride 2, `glints_px` (B, 8, 2), `glint_scores` (B, 8) falling.
        """
        assert features.pooled is not None and features.stride4 is not None
        return self.decode(self.maps(features.stride4), self.presence(features.pooled)[:, 0], features.size)

    def decode(
        self, maps: Float[Tensor, "B 15 h w"], present: Float[Tensor, "B"], size: tuple[int, int]
    ) -> dict[str, Tensor]:
        """The prediction for an image of this size from 3 pupil maps, 4 x 3 glint maps and a logit."""
        maps = at_least_float32(maps)
        pupil = crop(maps[:, :3], size, STRIDE)
        glints = crop(unfold(maps[:, 3:], 2), size, GLINT_STRIDE)
        glints_px, scores = decode_glints(glints[:, 0].detach(), glints[:, 1:].detach())
        return {
            "pupil_px": decode_votes(pupil[:, 0], pupil[:, 1:]),
            "pupil_present": torch.sigmoid(present),
            "pupil_present_logit": present,
            "pupil_heatmap_logits": pupil[:, 0],
            "glint_logits": glints[:, 0],
            "glint_offsets": glints[:, 1:],
            "glints_px": glints_px,
            "glint_scores": scores,
        }

    def loss(self, prediction: dict[str, Tensor], batch: EyeBatch) -> Masked:
        """Pupil heat map and distance, presence, glint heat map and offsets: each where it is labelled."""
        centre_valid, glints_valid = _centre_valid(batch), batch["glints_valid"]
        centre = batch["pupil_ellipse"][:, :2]
        distance = (prediction["pupil_px"] - centre).abs().sum(1) / STRIDE
        heatmap = heatmap_divergence(prediction["pupil_heatmap_logits"], centre)
        logit = at_least_float32(prediction["pupil_present_logit"])
        label = batch["pupil_present"].to(logit.dtype)
        present = F.binary_cross_entropy_with_logits(logit, label, reduction="none")
        glints = _glint_loss(
            prediction["glint_logits"],
            prediction["glint_offsets"],
            batch["glints_px"],
            batch["glints_visible"],
        )
        value = (
            masked(distance + heatmap, centre_valid)
            + masked(present, batch["pupil_present_valid"])
            + masked(glints, glints_valid)
        )
        return Masked(value, centre_valid | batch["pupil_present_valid"] | glints_valid)

    def errors(self, prediction: dict[str, Tensor], batch: EyeBatch) -> dict[str, Masked]:
        """`pupil_px`: distance. `glint_px`: mean distance of the matched glints of the image.

        `glint_predicted`, `glint_labelled`, `glint_matched`: counts, for precision and recall.
        """
        distance = (prediction["pupil_px"] - batch["pupil_ellipse"][:, :2]).norm(dim=1)
        predicted, labelled = prediction["glint_scores"] > GLINT_SCORE, batch["glints_visible"]
        matched, glint_px = match_glints(prediction["glints_px"], predicted, batch["glints_px"], labelled)
        valid = batch["glints_valid"]
        return {
            "pupil_px": Masked(distance, _centre_valid(batch)),
            "glint_px": Masked(glint_px, valid & (matched > 0)),
            "glint_predicted": Masked(predicted.sum(1).float(), valid),
            "glint_labelled": Masked(labelled.sum(1).float(), valid),
            "glint_matched": Masked(matched, valid),
        }

    def scores(self, prediction: dict[str, Tensor], batch: EyeBatch) -> dict[str, Scored]:
        """`pupil_present`."""
        score = at_least_float32(prediction["pupil_present"])
        return {"pupil_present": Scored(score, batch["pupil_present"] > 0.5, batch["pupil_present_valid"])}


def _centre_valid(batch: EyeBatch) -> Tensor:
    return batch["pupil_centre_valid"] & batch["pupil_present_valid"] & (batch["pupil_present"] > 0.5)


def decode_glints(
    logits: Float[Tensor, "B h w"], offsets: Float[Tensor, "B 2 h w"]
) -> tuple[Float[Tensor, "B 8 2"], Float[Tensor, "B 8"]]:
    """The 8 highest local maxima (of 3x3 cells): positions in pixels and scores, highest first.

    Where there are fewer maxima the score is 0.
    """
    height, width = logits.shape[1:]
    peaks = logits.masked_fill(logits < _highest_near(logits), -math.inf).flatten(1)
    score, cell = peaks.topk(MAX_GLINTS, dim=1)
    offset = offsets.flatten(2).gather(2, cell[:, None].expand(-1, 2, -1))
    position = cell_grid(height, width, offset).T[cell] + offset.mT
    return to_px(position, GLINT_STRIDE), score.sigmoid()


def _highest_near(x: Tensor) -> Tensor:
    """Maximum over 3x3 cells: on a CPU five times as fast as `max_pool2d` of one channel."""
    x = F.pad(x, (1, 1, 1, 1), value=-math.inf)
    x = torch.maximum(torch.maximum(x[:, :-2], x[:, 1:-1]), x[:, 2:])
    return torch.maximum(torch.maximum(x[:, :, :-2], x[:, :, 1:-1]), x[:, :, 2:])


def _glint_loss(logits: Tensor, offsets: Tensor, glints_px: Tensor, visible: Tensor) -> Tensor:
    """Focal loss of the heat map and L1 of the offsets, over the number of glints; (B,)."""
    height, width = logits.shape[1:]
    cells = to_cells(glints_px.to(logits.dtype), GLINT_STRIDE)
    nearest = cells.round()
    limit = torch.tensor([width - 1, height - 1], device=logits.device)
    inside = visible & ((nearest >= 0) & (nearest <= limit)).all(2)
    across = torch.arange(width, device=logits.device) - nearest[..., :1]
    down = torch.arange(height, device=logits.device) - nearest[..., 1:]
    near_x, near_y = torch.exp(-(across**2) / 2), masked(torch.exp(-(down**2) / 2), inside[..., None])
    target = (near_y[..., :, None] * near_x[..., None, :]).amax(1)
    log_p, log_q = F.logsigmoid(logits), F.logsigmoid(-logits)
    penalty = torch.where(target == 1, log_q.exp() ** 2 * log_p, (1 - target) ** 4 * log_p.exp() ** 2 * log_q)
    index = (nearest[..., 1] * width + nearest[..., 0]).long().where(inside, 0)
    offset = offsets.flatten(2).gather(2, index[:, None].expand(-1, 2, -1)).transpose(1, 2)
    distance = masked((offset - (cells - nearest)).abs().sum(2), inside).sum(1)
    return (distance - penalty.sum((1, 2))) / inside.sum(1).clamp(min=1)


def match_glints(
    predicted_px: Float[Tensor, "B P 2"],
    predicted: Bool[Tensor, "B P"],
    labelled_px: Float[Tensor, "B L 2"],
    labelled: Bool[Tensor, "B L"],
) -> tuple[Float[Tensor, "B"], Float[Tensor, "B"]]:
    """Greedy one-to-one matching, nearest pair first, of pairs within `GLINT_RADIUS_PX`.

    Returns:
        the number of matches and their mean distance in pixels (0 where there is none).
    """
    distance = torch.cdist(predicted_px, labelled_px)
    free = predicted[:, :, None] & labelled[:, None, :] & (distance <= GLINT_RADIUS_PX)
    slots = labelled.shape[1]
    matched = torch.zeros(len(distance), device=distance.device)
    total = torch.zeros_like(matched)
    for _ in range(min(distance.shape[1:])):
        nearest, pair = distance.masked_fill(~free, math.inf).flatten(1).min(1)
        found = nearest.isfinite()
        matched += found
        total += masked(nearest, found)
        taken_p = torch.arange(distance.shape[1], device=distance.device) == (pair // slots)[:, None]
        taken_l = torch.arange(slots, device=distance.device) == (pair % slots)[:, None]
        free = free & ~((taken_p[:, :, None] | taken_l[:, None, :]) & found[:, None, None])
    return matched, total / matched.clamp(min=1)
