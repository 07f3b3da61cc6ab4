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
    MpiiFaceGazeData,
    MpiiGazeData,
    NvGazeData,
    OpenEds2020GazeData,
    OpenEds2020SegmentationData,
    OpenEdsData,
    PeopleData,
    PoolData,
    RenderData,
    RoomPoolData,
    TeyedData,
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
    "MpiiFaceGazeData",
    "MpiiGazeData",
    "NvGazeData",
    "OpenEds2020GazeData",
    "OpenEds2020SegmentationData",
    "OpenEdsData",
    "PeopleData",
    "PoolData",
    "RenderData",
    "RoomPoolData",
    "TeyedData",
    "TrainConfig",
    "UnityEyesData",
    "choices",
    "compose",
    "config_folder",
]
