"""What matching starts from and what it finds, however it is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zoo.geometry.views import sample
from zoo.model.config import MatchingConfig
from zoo.model.heads.depth.left_right import way_back
from zoo.model.heads.depth.sweep import Rays, cast
from zoo.model.views import ViewFeatures

PROFILE: Final = 16
"""Channels in which the densifier learns how the matching went."""
_TINY: Final = 1e-3


class Ready(NamedTuple):
    """What a search along the rays starts from."""

    views: ViewFeatures  # with a source, if only a blind one
    descriptors: Tensor  # (B, V, C, h, w) unit vectors
    own: Tensor  # (B, C, P) the anchor's, at its points
    rays: Rays
    picture: Tensor  # (B, width, h, w) the anchor's map on the grid of points


class Matches(NamedTuple):
    """What is known of the points, P = h * w of a grid of cells."""

    pixels: Tensor  # (B, P, 2)
    inverse_depth: Tensor  # (B, P)
    confidence: Tensor  # (B, P) in [0, 1]; 0 where no view can tell
    consistent: Tensor  # (B, P) bool: by the left-right check; true where it is not made
    profile: Tensor  # (B, PROFILE, h, w)
    details: dict[str, Tensor]  # what the loss of the method needs, with B in front


class Matching(nn.Module, ABC):
    """Finds the points of the anchor in the sources, along hypotheses uniform in inverse depth.

    Attributes:
        levels: (D,) the hypotheses, 1/m.
    """

    def __init__(self, config: MatchingConfig, fine: int) -> None:
        super().__init__()
        self.check = config.check
        self.describe = nn.Conv2d(fine, config.descriptor, 1)
        levels = torch.linspace(1 / config.farthest_m, 1 / config.nearest_m, config.hypotheses)
        self.register_buffer("levels", levels, persistent=False)
        self.levels: Tensor

    @property
    def step(self) -> Tensor:
        """Distance of two hypotheses, 1/m."""
        return self.levels[1] - self.levels[0]

    def forward(self, views: ViewFeatures, pixels: Float[Tensor, "B P 2"], grid: tuple[int, int]) -> Matches:
        """Match the points at `pixels`, which fill `grid` row by row; check them where that is configured."""
        ready = self.ready(views, pixels, grid)
        matches = self.search(ready, pixels, grid)
        if not self.check or self.training:  # training reads no consistency
            return matches
        with torch.no_grad():
            back = way_back(
                ready.views, ready.descriptors, ready.rays, pixels, matches.inverse_depth, self.levels
            )
        return matches._replace(consistent=back.consistent())

    @abstractmethod
    def search(self, ready: Ready, pixels: Float[Tensor, "B P 2"], grid: tuple[int, int]) -> Matches:
        """Match the points at `pixels`, which fill `grid` row by row; all of them count as consistent."""

    @abstractmethod
    def loss(
        self, matches: Matches, inverse_depth: Float[Tensor, "B P"], known: Bool[Tensor, "B P"]
    ) -> Float[Tensor, "B"]:
        """The loss of each sample.

        Args:
            inverse_depth: of the label, 1/m.
            known: labelled, and seen by a source.
        """

    def ready(self, views: ViewFeatures, pixels: Float[Tensor, "B P 2"], grid: tuple[int, int]) -> Ready:
        """Describe the views; one view alone gets itself as a source that sees nothing."""
        if views.fine.shape[1] == 1:
            views = _with_a_blind_source(views)
        descriptors = F.normalize(self.describe(views.fine.flatten(0, 1)), dim=1)
        descriptors = descriptors.contiguous().unflatten(0, views.fine.shape[:2])
        own = sample(descriptors[:, 0], pixels, views.size)
        rays = cast(pixels, views.cameras, views.source_from_anchor, views.usable)
        picture = F.avg_pool2d(views.stride4[:, 0], 2, ceil_mode=True)[..., : grid[0], : grid[1]]
        return Ready(views, descriptors, own, rays, picture)

    def place(self, inverse_depth: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Where labels lie among the hypotheses, counted in steps, and which of the known ones lie there."""
        place = (inverse_depth - self.levels[0]) / self.step
        return place, known & (place >= 0) & (place <= len(self.levels) - 1)


def _with_a_blind_source(views: ViewFeatures) -> ViewFeatures:
    pose = torch.eye(4, device=views.fine.device).expand(len(views.fine), 1, 4, 4)
    return views._replace(
        cameras=views.cameras.expand(-1, 2, 3, 3),
        source_from_anchor=pose,
        usable=torch.zeros(len(views.fine), 1, dtype=torch.bool, device=views.fine.device),
        fine=views.fine.expand(-1, 2, -1, -1, -1),
    )


def log_apart(a: Float[Tensor, "B P"], b: Float[Tensor, "B P"]) -> Float[Tensor, "B P"]:
    """Distance of the logarithms of inverse depths."""
    return ((a + _TINY).log() - (b + _TINY).log()).abs()


def mean_known(value: Float[Tensor, "B P"], known: Bool[Tensor, "B P"]) -> Float[Tensor, "B"]:
    """Mean over the known points of each sample, 0 where there is none."""
    return torch.where(known, value, torch.zeros_like(value)).sum(1) / known.sum(1).clamp(min=1)
