"""What `conf/gate.yaml` may hold: what a version is measured on, and how much worse it may be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml  # type: ignore[import-untyped]
from pydantic import Field, NonNegativeFloat, PositiveInt, ValidationError, field_validator

from zoo.config.base import Config
from zoo.config.choices import config_folder
from zoo.config.explain import explain
from zoo.errors import ZooError

GATE_FILE = "gate.yaml"


class Allowed(Config):
    """How much a metric's error may grow, as a share of the promoted version's error."""

    overall: NonNegativeFloat
    slice: NonNegativeFloat
    absolute: NonNegativeFloat = 0.0
    """So much is allowed at least, in the metric's own unit."""


class MeasureConfig(Config):
    """Overrides of `zoo eval`, by what the heads read."""

    eyes: list[str] = []
    views: list[str] = []


class GateConfig(Config):
    """The gate."""

    measure: MeasureConfig
    confidence: Annotated[float, Field(ge=0.5, lt=1)]
    draws: Annotated[int, Field(ge=100, le=100_000)]
    min_samples: PositiveInt
    min_people: PositiveInt
    by: dict[str, list[float] | None]
    metrics: Annotated[dict[str, Allowed], Field(min_length=1)]

    @field_validator("by")
    @classmethod
    def _edges_rise(cls, value: dict[str, list[float] | None]) -> dict[str, list[float] | None]:
        for column, edges in value.items():
            if edges is not None and (not edges or sorted(set(edges)) != edges):
                raise ValueError(f"{column}: edges of bins rise from first to last, such as [10, 20]")
        return value

    @field_validator("metrics")
    @classmethod
    def _names_heads(cls, value: dict[str, Allowed]) -> dict[str, Allowed]:
        for name in value:
            if "/" not in name:
                raise ValueError(f"{name}: a metric is named <head>/<metric>, such as blink/openness_mae")
        return value


def load_gate(file: Path | None = None) -> GateConfig:
    """The gate in a file; None: that of `conf/`.

    Raises:
        ZooError: the file cannot be read, or a key or a value is not valid.
    """
    path = file or config_folder() / GATE_FILE
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(raw, dict):
        raise ZooError(f"{path}: a gate is a mapping with the keys {', '.join(GateConfig.model_fields)}")
    try:
        return GateConfig.model_validate(raw)
    except ValidationError as error:
        raise ZooError(f"{path}:\n{explain(error, GateConfig, raw)}") from None
