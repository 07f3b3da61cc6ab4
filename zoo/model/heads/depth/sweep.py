"""What the other views hold along the rays of the anchor's points: descriptors at hypotheses of depth."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.geometry.epipolar import epipolar_line
from zoo.geometry.views import sample

GROUPS: Final = 4
"""Parts of a descriptor that are compared apart (group-wise correlation; Guo et al., CVPR 2019)."""
EVIDENCE: Final = GROUPS + 2
_AHEAD: Final = 0.05
"""Least depth in a source, relative to that in the anchor."""


class Rays(NamedTuple):
    """The image in S sources of P rays of the anchor: at inverse depth s, homogeneous ``far + s towards``."""

    far: Tensor  # (B, S, P, 3)
    towards: Tensor  # (B, S, 1, 3)
    usable: Tensor  # (B, S) bool

    def at(
        self, inverse_depth: Float[Tensor, "B P D"], size: tuple[int, int]
    ) -> tuple[Float[Tensor, "B S P D 2"], Bool[Tensor, "B S P D"]]:
        """Pixels of the sources, and whether they lie in front of them and inside."""
        point = self.far[:, :, :, None] + inverse_depth[:, None, ..., None] * self.towards[:, :, :, None]
        ahead = point[..., 2] > _AHEAD
        pixel = point[..., :2] / torch.where(ahead, point[..., 2], torch.ones_like(point[..., 2]))[..., None]
        height, width = size
        u, v = pixel.unbind(-1)
        inside = (u >= -0.5) & (u <= width - 0.5) & (v >= -0.5) & (v <= height - 0.5)
        return pixel, ahead & inside & self.usable[:, :, None, None]


def cast(
    pixels: Float[Tensor, "B P 2"],
    cameras: Float[Tensor, "B V 3 3"],
    source_from_anchor: Float[Tensor, "B S 4 4"],
    usable: Bool[Tensor, "B S"],
) -> Rays:
    """The rays of the anchor's pixels (view 0) as the sources see them."""
    line = epipolar_line(
        pixels[:, None], cameras[:, :1, None], cameras[:, 1:, None], source_from_anchor[:, :, None]
    )
    return Rays(*line, usable)


def evidence(
    descriptors: Float[Tensor, "B V C h w"],
    anchor: Float[Tensor, "B C P"],
    seen_at: Rays,
    inverse_depth: Float[Tensor, "B P D"],
    size: tuple[int, int],
) -> tuple[Float[Tensor, "B S E P D"], Bool[Tensor, "B S P D"]]:
    """How well each hypothesis agrees with each source: `EVIDENCE` numbers, and where the source has any.

    The cosines of the parts of the descriptors; whether the source sees the point; and the logarithm of how
    many pixels a step of the hypotheses is there, which tells how sharp a peak can be.
    """
    b, v, channels = descriptors.shape[:3]
    pixels, valid = seen_at.at(inverse_depth, size)
    points, depths = inverse_depth.shape[1:]
    found = sample(descriptors[:, 1:].flatten(0, 1), pixels.flatten(2, 3).flatten(0, 1), size)
    found = found.view(b, v - 1, GROUPS, channels // GROUPS, points, depths)
    own = anchor.view(b, 1, GROUPS, channels // GROUPS, points, 1)
    cosine = (found * own).sum(3)
    step = (pixels[..., 1:, :] - pixels[..., :-1, :]).square().sum(-1).add(1e-6).log().mul(0.5)
    step = torch.cat([step, step[..., -1:]], dim=-1).clamp(-6, 6)
    stack = torch.cat([cosine, valid[:, :, None].to(cosine.dtype), step[:, :, None] / 3], dim=2)
    return stack * valid[:, :, None], valid
