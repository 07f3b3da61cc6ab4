"""A network that is made in milliseconds, and what could be said of it."""

from __future__ import annotations

from pathlib import Path

from zoo.hub import release
from zoo.hub.metadata import Licences, ModelMetadata, Training, describe
from zoo.hub.schema import Entry
from zoo.model.config import (
    BlinkConfig,
    ByobConfig,
    InputConfig,
    KeypointsConfig,
    NeckConfig,
    NetworkConfig,
    SegmentationConfig,
)

TINY = NetworkConfig(
    input=InputConfig(height=32, width=48),
    backbone=ByobConfig(stem=(8, 8), widths=(8, 8), depths=(1, 1)),
    neck=NeckConfig(width=8),
    heads={"blink": BlinkConfig(), "segmentation": SegmentationConfig(), "keypoints": KeypointsConfig()},
)


def described(name: str) -> ModelMetadata:
    return describe(
        name,
        TINY,
        Training(data="Noise.", samples_seen=4, command="zoo train name=tiny", commit="abc", seed=3),
        Licences(weights="Apache-2.0", training_data="own"),
        {"unseen": {"segmentation/miou": 0.5, "blink/blink_ap": float("nan")}},
        parent="older",
    )


def listed(folder: Path, line: str | None = None, alias: str | None = None) -> Entry:
    """List a saved checkpoint in the index of the folder that its folder lies in."""
    name = folder.name if alias is None else alias
    return release.add(folder, line or f"{name}.noise", folder.parent / "index.json", name, folder.name)
