"""How the heads' losses become one step: options. No torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from zoo.config.base import Config

Aggregator = Literal["UPGrad", "MGDA", "PCGrad", "DualProj", "AlignedMTL", "IMTLG", "ConFIG", "Mean", "Sum"]


class _Balance(Config):
    weights: dict[str, PositiveFloat] = {}
    """Factor of a head's loss before anything else; 1 for a head that is not named."""
    watch_every: PositiveInt | None = None
    """Steps between two logs of the tasks' gradients on shared weights, and their conflicts; null: never."""


class FixedBalance(_Balance):
    """The weighted sum."""

    type: Literal["fixed"] = "fixed"


class UncertaintyBalance(_Balance):
    """Learned log-variances of the tasks (`zoo.train.balance`)."""

    type: Literal["uncertainty"]


class AggregatorBalance(_Balance):
    """An aggregator of TorchJD combines the tasks' gradients on the shared weights."""

    type: Literal["aggregator"]
    aggregator: Aggregator = "UPGrad"


BalanceConfig = Annotated[FixedBalance | UncertaintyBalance | AggregatorBalance, Field(discriminator="type")]
