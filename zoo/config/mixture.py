"""How much of a source a mixture takes, and when. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from zoo.config.base import Config, error_at
from zoo.conventions import Domain

Knot = tuple[NonNegativeInt, NonNegativeFloat]


class SourceShare(Config):
    """What a mixture takes of a source."""

    share: NonNegativeFloat | None = None
    """Of the samples of its kind, before division by the sum of all; 1 where nothing is said."""
    schedule: Annotated[list[Knot], Field(min_length=1)] | None = None
    """Or [samples seen, share], ...: linear in between, constant before and after."""
    max_samples: PositiveInt | None = None
    """See no more of its rows than this: a fixed choice by `subset_seed`, a smaller one being part of it."""
    subset_seed: NonNegativeInt = 0
    domain: Domain | None = None
    """Of its samples; null: what they say themselves."""

    @model_validator(mode="after")
    def _check_together(self) -> SourceShare:
        if self.schedule is None:
            return self
        if self.share is not None:
            raise error_at(
                "share", self.share, "a source has a share or a schedule; share=null leaves it out"
            )
        begins = [samples for samples, _ in self.schedule]
        if begins != sorted(set(begins)):
            raise error_at("schedule", self.schedule, "the numbers of samples must rise")
        return self

    @property
    def knots(self) -> list[tuple[float, float]]:
        """(samples seen, share) in their order."""
        if self.schedule is None:
            return [(0.0, 1.0 if self.share is None else self.share)]
        return [(float(samples), share) for samples, share in self.schedule]


class StepConfig(Config):
    """Samples of each kind in a step; those of a kind without sources do not count."""

    eyes: PositiveInt = 32
    views: PositiveInt = 8


def check_shares(key: str, sources: Mapping[str, SourceShare]) -> None:
    """Raise where all sources of a kind have share 0 at some time."""
    knots = [source.knots for source in sources.values()]
    # Between these times the sum of the shares is linear, and not 0 if it is so at neither end.
    for time in sorted({0.0, *(time for source in knots for time, _ in source)}):
        shares = [np.interp(time, [t for t, _ in source], [share for _, share in source]) for source in knots]
        if shares and not any(shares):
            when = f" after {time:,.0f} samples" if any(len(source) > 1 for source in knots) else ""
            raise error_at(key, ", ".join(sources), f"all their shares are 0{when}; one must be above 0")
