"""Matching as DELTAS has it: in every source by itself along the epipolar line, then triangulated."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from timm.layers import ConvNormAct
from torch import Tensor, nn

from zoo.geometry.triangulation import triangulate
from zoo.model.config import MatchingConfig
from zoo.model.heads.depth.matches import PROFILE, Matches, Matching, Ready, log_apart, mean_known
from zoo.model.heads.depth.matching import HIDDEN, between, curve_of
from zoo.model.heads.depth.sweep import EVIDENCE, evidence


class ClassicMatching(Matching):
    """A soft-argmax along the segment of each source gives a pixel and a confidence; least squares a point.

    The places along the segment are those of hypotheses uniform in inverse depth. Each source's curve is
    also trained by cross entropy: from the error of the depth alone it would learn next to nothing.
    """

    def __init__(self, config: MatchingConfig, fine: int, stride4: int) -> None:
        super().__init__(config, fine)
        self.look = nn.Conv2d(EVIDENCE, HIDDEN, (1, 5), padding=(0, 2))
        self.decide = curve_of(HIDDEN)
        self.tell = nn.Sequential(
            ConvNormAct(config.hypotheses + stride4, config.context, 3), nn.Conv2d(config.context, PROFILE, 1)
        )

    def search(self, ready: Ready, pixels: Float[Tensor, "B P 2"], grid: tuple[int, int]) -> Matches:
        """See `Matching.search`."""
        views, descriptors, own, rays, picture = ready
        levels = self.levels.expand(*pixels.shape[:2], -1)
        found, valid = evidence(descriptors, own, rays, levels, views.size)
        told = F.relu(self.look(found.flatten(0, 1)))
        logits = self.decide(told)[:, 0].unflatten(0, valid.shape[:2]).masked_fill(~valid, -1e4)
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
        inverse = point.inverse_depth.clamp(0.5 * self.levels[0], 2 * self.levels[-1])
        mean = share.sum(1) / valid.any(3).sum(1).clamp(min=1)[..., None]
        profile = self.tell(torch.cat([mean.transpose(1, 2).unflatten(2, grid), picture], dim=1))
        details = {"logits": logits, "valid": valid}
        confidence = sure.amax(1)
        unchecked = torch.ones_like(confidence, dtype=torch.bool)
        return Matches(pixels, inverse, confidence, unchecked, profile, details)

    def loss(
        self, matches: Matches, inverse_depth: Float[Tensor, "B P"], known: Bool[Tensor, "B P"]
    ) -> Float[Tensor, "B"]:
        """Cross entropy of each source's place, and the distance of the triangulated point in log depth."""
        place, known = self.place(inverse_depth, known)
        logits, valid = matches.details["logits"], matches.details["valid"]
        nearest = place.round().clamp(0, logits.shape[3] - 1).long()
        sees = valid.gather(3, nearest[:, None, :, None].expand(-1, valid.shape[1], -1, 1))[..., 0]
        entropy = torch.stack([between(one, place).clamp(max=20) for one in logits.unbind(1)], dim=1)
        value = (entropy * sees).sum(1) / sees.sum(1).clamp(min=1)
        return mean_known(value + log_apart(matches.inverse_depth, inverse_depth), known & sees.any(1))
