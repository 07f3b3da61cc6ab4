"""The config of a run: composed by Hydra from `conf/`, checked by pydantic before anything starts.

Imports no torch.
"""

from zoo.config.choices import choices, config_folder
from zoo.config.compose import compose
from zoo.config.schema import EvalConfig, EyeData, MeyeData, PoolData, RenderData, TrainConfig

__all__ = [
    "EvalConfig",
    "EyeData",
    "MeyeData",
    "PoolData",
    "RenderData",
    "TrainConfig",
    "choices",
    "compose",
    "config_folder",
]
