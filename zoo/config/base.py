"""The base of every config model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen; unknown keys are forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True)
