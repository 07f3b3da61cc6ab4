"""The config of a run: composed by Hydra from `conf/`, checked by pydantic before anything starts.

Imports no torch.
"""

from zoo.config.choices import choices, config_folder
from zoo.config.compose import compose
from zoo.config.schema import EvalConfig, TrainConfig
from zoo.config.sources import (
    CaptureData,
    Data,
    EyeFiles,
    FolderData,
    LpwData,
    MeyeData,
    MixtureData,
    MixtureSource,
    NvGazeData,
    OpenEdsData,
    PeopleData,
    PoolData,
    RenderData,
    RoomPoolData,
    UnityEyesData,
)

__all__ = [
    "CaptureData",
    "Data",
    "EvalConfig",
    "EyeFiles",
    "FolderData",
    "LpwData",
    "MeyeData",
    "MixtureData",
    "MixtureSource",
    "NvGazeData",
    "OpenEdsData",
    "PeopleData",
    "PoolData",
    "RenderData",
    "RoomPoolData",
    "TrainConfig",
    "UnityEyesData",
    "choices",
    "compose",
    "config_folder",
]
