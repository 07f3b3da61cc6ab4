"""The left-right check: whether the sources, asked in turn, match a point of the anchor back to itself."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.geometry.vectors import norm
from zoo.geometry.views import invert_pose, sample
from zoo.model.heads.depth.sweep import Rays, cast
from zoo.model.views import ViewFeatures

WITHIN_PX: Final = 0.5
"""A source confirms a point where its own match of it ends this near to the point, in pixels of the input."""
DOUBT: Final = 2.0
"""What the odds against a point are multiplied by that no source confirms."""
_NOTHING: Final = -1e4
"""The score of a hypothesis that the anchor does not see."""


class WayBack(NamedTuple):
    """Of S sources and P points of the anchor."""

    apart: Tensor  # (B, S, P) pixels between a point and what the source takes for it; finite
    asked: Tensor  # (B, S, P) bool: the source sees the point, and the anchor some of the way back

    def consistent(self, within: float = WITHIN_PX) -> Bool[Tensor, "B P"]:
        """Points that at least one source confirms; one that no source can be asked about is not."""
        return (self.asked & (self.apart <= within)).any(1)


def way_back(
    views: ViewFeatures,
    descriptors: Float[Tensor, "B V C h w"],
    rays: Rays,
    pixels: Float[Tensor, "B P 2"],
    inverse_depth: Float[Tensor, "B P"],
    levels: Float[Tensor, "D"],
) -> WayBack:
    """Match from the pixels of the sources, where the matched points land, back into the anchor.

    The search takes the hypotheses of depth of the source's own ray, along its epipolar line in the anchor,
    and looks there with the descriptor that the source has: where something else hides the point, or the
    match was wrong, another place of the anchor agrees better. The best hypothesis is refined by the
    parabola through its neighbours, as a step may be some pixels.

    Args:
        views: the anchor, with sources.
        descriptors: of all views, unit vectors.
        rays: of `pixels`, as the sources see them.
        pixels: of the anchor.
        inverse_depth: that the points were matched at, 1/m.
        levels: hypotheses, uniform in inverse depth, 1/m.
    """
    landed, seen = (x[:, :, :, 0] for x in rays.at(inverse_depth[..., None], views.size))
    b, s, p = seen.shape
    # As pairs of a source and the anchor, N = B * S of them, in which the source is the first view.
    sources, anchor = views.cameras[:, 1:], views.cameras[:, :1].expand(-1, s, -1, -1)
    back = cast(
        landed.flatten(0, 1),
        torch.stack([sources, anchor], dim=2).flatten(0, 1),
        invert_pose(views.source_from_anchor).flatten(0, 1)[:, None],
        views.usable.flatten(0, 1)[:, None],
    )
    own = sample(descriptors[:, 1:], landed, views.size)  # (B, S, C, P)
    places, valid = (x[:, 0].unflatten(0, (b, s)) for x in back.at(levels.expand(b * s, p, -1), views.size))
    there = sample(descriptors[:, 0], places.flatten(1, 3), views.size).unflatten(2, valid.shape[1:])
    scores = (there * own.transpose(1, 2)[..., None]).sum(1).masked_fill(~valid, _NOTHING)
    inverse = levels[0] + refined_peak(scores) * (levels[1] - levels[0])
    end = back.at(inverse.flatten(0, 1)[..., None], views.size)[0][:, 0, :, 0].unflatten(0, (b, s))
    return WayBack(norm(end - pixels[:, None]), seen & valid.any(3))


def doubted(
    confidence: Float[Tensor, "*b"], consistent: Bool[Tensor, "*b"], doubt: float = DOUBT
) -> Float[Tensor, "*b"]:
    """The confidence with the odds against what is not consistent multiplied; 0 and 1 stay what they are.

    It is a gentle rule on purpose: the matching has learned how sure it is, and a point that is sure and not
    confirmed is right more often than one that is unsure and confirmed.
    """
    lowered = confidence / (confidence + doubt * (1 - confidence))
    return torch.where(consistent, confidence, lowered)


def refined_peak(scores: Float[Tensor, "*b D"]) -> Float[Tensor, "*b"]:
    """Place of the highest score, between its neighbours by the parabola through the three."""
    best = scores.argmax(-1, keepdim=True)
    inner = best.clamp(1, scores.shape[-1] - 2)
    before, at, after = (scores.gather(-1, inner + step)[..., 0] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    peaked = (bend < -1e-6) & (bend > 0.5 * _NOTHING) & (inner == best)[..., 0]
    offset = 0.5 * (before - after) / torch.where(peaked, bend, torch.ones_like(bend))
    return best[..., 0] + torch.where(peaked, offset, torch.zeros_like(offset)).clamp(-0.5, 0.5)
