"""Matching as DELTAS has it: in every source by itself along the epipolar line, then triangulated."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from timm.layers import ConvNormAct
from torch import Tensor, nn

from zoo.geometry.triangulation import triangulate
from zoo.model.config import MatchingConfig
from zoo.model.heads.depth.matches import PROFILE, Matches, log_apart, mean_known
from zoo.model.heads.depth.matching import HIDDEN, between, curve_of, with_a_blind_source
from zoo.model.heads.depth.sweep import EVIDENCE, cast, evidence, look_up
from zoo.model.views import ViewFeatures


class ClassicMatching(nn.Module):
    """A soft-argmax along the segment of each source gives a pixel and a confidence; least squares a point.

    The places along the segment are those of hypotheses uniform in inverse depth. Each source's curve is
    also trained by cross entropy: from the error of the depth alone it would learn next to nothing.
    """

    def __init__(self, config: MatchingConfig, fine: int, stride4: int) -> None:
        super().__init__()
        self.describe = nn.Conv2d(fine, config.descriptor, 1)
        self.look = nn.Conv2d(EVIDENCE, HIDDEN, (1, 5), padding=(0, 2))
        self.decide = curve_of(HIDDEN)
        self.tell = nn.Sequential(
            ConvNormAct(config.hypotheses + stride4, config.context, 3), nn.Conv2d(config.context, PROFILE, 1)
        )
        levels = torch.linspace(1 / config.farthest_m, 1 / config.nearest_m, config.hypotheses)
        self.register_buffer("levels", levels, persistent=False)
        self.levels: Tensor

    def forward(self, views: ViewFeatures, pixels: Float[Tensor, "B P 2"], grid: tuple[int, int]) -> Matches:
        """Match the points at `pixels`, which fill `grid` row by row."""
        if views.fine.shape[1] == 1:
            views = with_a_blind_source(views)
        b, v = views.fine.shape[:2]
        descriptors = F.normalize(self.describe(views.fine.flatten(0, 1)), dim=1)
        descriptors = descriptors.contiguous().unflatten(0, (b, v))
        own = look_up(descriptors[:, 0], pixels, views.size)
        rays = cast(pixels, views.cameras, views.source_from_anchor, views.usable)
        levels = self.levels.expand(b, pixels.shape[1], -1)
        found, valid = evidence(descriptors, own, rays, levels, views.size)
        told = F.relu(self.look(found.flatten(0, 1)))
        logits = self.decide(told)[:, 0].unflatten(0, (b, v - 1)).masked_fill(~valid, -1e4)
        share = logits.softmax(3) * valid
        where, _ = rays.at(levels, views.size)
        inside = torch.where(valid[..., None], where, torch.zeros_like(where))
        matched = (share[..., None] * inside).sum(3)  # (B, S, P, 2)
        sure = share.amax(3)
        point = triangulate(
            pixels,
            matched.transpose(1, 2),
            sure.transpose(1, 2),
            views.cameras[:, 0, None],
            views.cameras[:, None, 1:],
            views.source_from_anchor[:, None],
        )
        nearest, farthest = float(self.levels[-1]), float(self.levels[0])
        inverse = point.inverse_depth.clamp(0.5 * farthest, 2 * nearest)
        near = F.avg_pool2d(views.stride4[:, 0], 2, ceil_mode=True)[..., : grid[0], : grid[1]]
        mean = share.sum(1) / valid.any(3).sum(1).clamp(min=1)[..., None]
        profile = self.tell(torch.cat([mean.transpose(1, 2).unflatten(2, grid), near], dim=1))
        details = {"logits": logits, "valid": valid}
        return Matches(pixels, inverse, sure.amax(1), profile, details)

    def loss(
        self, matches: Matches, inverse_depth: Float[Tensor, "B P"], known: Bool[Tensor, "B P"]
    ) -> Float[Tensor, "B"]:
        """Cross entropy of each source's place, and the distance of the triangulated point in log depth."""
        place = (inverse_depth - self.levels[0]) / (self.levels[1] - self.levels[0])
        known = known & (place >= 0) & (place <= len(self.levels) - 1)
        logits, valid = matches.details["logits"], matches.details["valid"]
        nearest = place.round().clamp(0, logits.shape[3] - 1).long()
        sees = valid.gather(3, nearest[:, None, :, None].expand(-1, valid.shape[1], -1, 1))[..., 0]
        entropy = torch.stack([between(one, place).clamp(max=20) for one in logits.unbind(1)], dim=1)
        value = (entropy * sees).sum(1) / sees.sum(1).clamp(min=1)
        return mean_known(value + log_apart(matches.inverse_depth, inverse_depth), known & sees.any(1))
