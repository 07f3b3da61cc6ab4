"""The base of every config model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Config(BaseModel):
    """Frozen; unknown keys are forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def error_at(key: str, value: object, message: str) -> PydanticCustomError:
    """An error about several keys together, reported at the dotted `key`."""
    context = {"key": key, "given": str(value), "message": message}
    return PydanticCustomError("zoo", "{key}={given}: {message}", context)
