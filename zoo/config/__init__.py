"""The config of a run: composed by Hydra from `conf/`, checked by pydantic before anything starts.

Imports no torch.
"""

from zoo.config.choices import choices, config_folder
from zoo.config.compose import compose
from zoo.config.schema import (
    CaptureData,
    Data,
    EvalConfig,
    MeyeData,
    MixtureData,
    MixtureSource,
    PoolData,
    RenderData,
    RoomPoolData,
    TrainConfig,
)

__all__ = [
    "CaptureData",
    "Data",
    "EvalConfig",
    "MeyeData",
    "MixtureData",
    "MixtureSource",
    "PoolData",
    "RenderData",
    "RoomPoolData",
    "TrainConfig",
    "choices",
    "compose",
    "config_folder",
]
