"""Heads: one file per task, found by the `type` of their configuration in one explicit table."""

from __future__ import annotations

from typing import Any, Final

from zoo.model.config import HeadConfig
from zoo.model.heads.base import Head, Masked, Task, ViewHead
from zoo.model.heads.blink import BlinkHead
from zoo.model.heads.depth import DepthHead
from zoo.model.heads.eye3d import Eye3dHead
from zoo.model.heads.gaze import GazeHead
from zoo.model.heads.keypoints import KeypointsHead
from zoo.model.heads.segmentation import SegmentationHead
from zoo.model.neck import FeatureChannels

HEADS: Final[dict[str, type[Task[Any, Any, Any]]]] = {
    "blink": BlinkHead,
    "depth": DepthHead,
    "eye3d": Eye3dHead,
    "gaze": GazeHead,
    "keypoints": KeypointsHead,
    "segmentation": SegmentationHead,
}


def build_head(config: HeadConfig, channels: FeatureChannels) -> Task[Any, Any, Any]:
    """The head of `config.type`, on features with these channels."""
    return HEADS[config.type](config, channels)


__all__ = ["HEADS", "Head", "Masked", "Task", "ViewHead", "build_head"]
