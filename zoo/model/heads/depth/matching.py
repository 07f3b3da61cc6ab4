"""Matching: where along its ray a point lies, told by all the views together and by its neighbours."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import ConvNormAct
from torch import Tensor, nn

from zoo.model.config import MatchingConfig
from zoo.model.heads.depth.matches import PROFILE, Matches, Matching, Ready, log_apart, mean_known
from zoo.model.heads.depth.sweep import EVIDENCE, evidence

_WINDOW: Final = 2
"""Hypotheses on either side of the best one that the depth is averaged over."""
_FINE: Final = 13
"""Hypotheses of the second pass ..."""
_FINE_STEP: Final = 0.25
"""... this many steps of the first one apart."""
HIDDEN: Final = 16


class JointMatching(Matching):
    """Hypotheses of depth are shared by the sources, uniform in inverse depth.

    Each source gives evidence for each hypothesis; mean and maximum over those that see it make one curve for
    any number of sources. Convolutions over the grid of points then let neighbours agree, and a second pass
    looks again, closer about the best.
    """

    def __init__(self, config: MatchingConfig, fine: int, stride4: int) -> None:
        super().__init__(config, fine)
        self.look = nn.Conv2d(EVIDENCE, HIDDEN, (1, 5), padding=(0, 2))
        self.agree = curve_of(2 * HIDDEN + 1)
        self.look_closer = nn.Conv2d(EVIDENCE, HIDDEN, (1, 3), padding=(0, 1))
        self.agree_closer = curve_of(2 * HIDDEN + 1)
        context = config.context
        self.context = nn.Sequential(
            ConvNormAct(config.hypotheses + stride4, context, 3),
            ConvNormAct(context, context, 3),
            ConvNormAct(context, context, 3, dilation=2),
        )
        self.correct = nn.Conv2d(context, config.hypotheses, 1)
        self.tell = nn.Conv2d(context, PROFILE, 1)

    def search(self, ready: Ready, pixels: Float[Tensor, "B P 2"], grid: tuple[int, int]) -> Matches:
        """See `Matching.search`."""
        views, descriptors, own, rays, picture = ready

        def curve(look: nn.Module, agree: nn.Module, at: Tensor) -> tuple[Tensor, Tensor]:
            found, valid = evidence(descriptors, own, rays, at, views.size)
            told = F.relu(look(found.flatten(0, 1))).unflatten(0, found.shape[:2])
            seen = valid[:, :, None].to(told.dtype)
            count = seen.sum(1)
            mean = (told * seen).sum(1) / count.clamp(min=1)
            most = (told * seen).amax(1)
            return agree(torch.cat([mean, most, torch.log1p(count)], dim=1))[:, 0], count[:, 0]

        levels = self.levels.expand(*pixels.shape[:2], -1)
        raw, count = curve(self.look, self.agree, levels)
        raw = raw - raw.mean(2, keepdim=True)
        hidden = self.context(torch.cat([raw.transpose(1, 2).unflatten(2, grid), picture], dim=1))
        logits = raw + self.correct(hidden).flatten(2).transpose(1, 2)
        coarse, mass = _peak(logits.softmax(2), self.levels)
        offsets = (torch.arange(_FINE, device=pixels.device) - _FINE // 2) * _FINE_STEP * self.step
        closer = (coarse.detach()[..., None] + offsets).clamp(min=0)
        fine_logits, _ = curve(self.look_closer, self.agree_closer, closer)
        inverse = (fine_logits.softmax(2) * closer).sum(2)
        confidence = mass.clamp(0, 1) * (count.amax(2) > 0)
        details = {"logits": logits, "coarse": coarse, "fine_logits": fine_logits}
        unchecked = torch.ones_like(confidence, dtype=torch.bool)
        return Matches(pixels, inverse, confidence, unchecked, self.tell(hidden), details)

    def loss(
        self, matches: Matches, inverse_depth: Float[Tensor, "B P"], known: Tensor
    ) -> Float[Tensor, "B"]:
        """Cross entropies of both passes and the distance in log depth of what is nearly right."""
        found = matches.details
        place, known = self.place(inverse_depth, known)
        value = between(found["logits"], place)
        beside = (inverse_depth - found["coarse"].detach()) / (self.step * _FINE_STEP) + _FINE // 2
        close = (beside >= 0) & (beside <= _FINE - 1)
        value = value + torch.where(close, between(found["fine_logits"], beside), torch.zeros_like(value))
        apart, rough = (log_apart(s, inverse_depth) for s in (matches.inverse_depth, found["coarse"]))
        value = value + torch.where(close, 5 * apart + 2 * rough, torch.zeros_like(value))
        return mean_known(value, known)


def curve_of(channels: int) -> nn.Sequential:
    """From (B, channels, P, D) to one number for each hypothesis of each point."""
    return nn.Sequential(
        nn.Conv2d(channels, HIDDEN, (1, 3), padding=(0, 1)),
        nn.ReLU(inplace=True),
        nn.Conv2d(HIDDEN, 1, (1, 5), padding=(0, 2)),
    )


def _peak(p: Float[Tensor, "B P D"], levels: Float[Tensor, "D"]) -> tuple[Tensor, Tensor]:
    """Mean level within a window about the likeliest one, and the mass in it."""
    best = p.argmax(2, keepdim=True)
    offsets = torch.arange(-_WINDOW, _WINDOW + 1, device=p.device)
    wanted = best + offsets
    inside = (wanted >= 0) & (wanted < p.shape[2])
    index = wanted.clamp(0, p.shape[2] - 1)
    share = p.gather(2, index) * inside
    mass = share.sum(2)
    return (share * levels[index]).sum(2) / mass.clamp(min=1e-6), mass


def between(logits: Float[Tensor, "B P N"], place: Float[Tensor, "B P"]) -> Float[Tensor, "B P"]:
    """Cross entropy with the two bins about a place, by nearness; finite where it lies outside."""
    log_p = logits.log_softmax(2)
    place = place.clamp(0, logits.shape[2] - 1)
    low = place.floor().clamp(max=logits.shape[2] - 2).long()
    share = place - low
    pair = log_p.gather(2, torch.stack([low, low + 1], dim=2))
    return -(pair[..., 0] * (1 - share) + pair[..., 1] * share)
