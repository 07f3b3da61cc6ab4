"""From the config of a data set of eyes to its source."""

from __future__ import annotations

from typing import assert_never

from zoo.config import (
    EyeFiles,
    FolderData,
    LpwData,
    MpiiFaceGazeData,
    MpiiGazeData,
    NvGazeData,
    OpenEds2020GazeData,
    OpenEds2020SegmentationData,
    OpenEdsData,
    TeyedData,
    UnityEyesData,
)
from zoo.data.batches import Source
from zoo.data.sources.folder import Folder
from zoo.data.sources.lpw import Lpw
from zoo.data.sources.mpiifacegaze import MpiiFaceGaze
from zoo.data.sources.mpiigaze import MpiiGaze
from zoo.data.sources.nvgaze import NvGaze
from zoo.data.sources.openeds import OpenEds2019
from zoo.data.sources.openeds2020 import OpenEds2020Gaze, OpenEds2020Segmentation
from zoo.data.sources.people import People
from zoo.data.sources.teyed import Teyed
from zoo.data.sources.unityeyes import UnityEyes


def eye_source(data: EyeFiles, height: int, width: int) -> Source:
    """The samples of `data`, letterboxed to height x width; ZooError where its files are not as published."""
    size = (height, width)
    if isinstance(data, UnityEyesData):
        return UnityEyes(data.root, *size, data.horizontal_fov_deg)
    people = People(tuple(data.subjects), tuple(data.without_subjects))
    match data:
        case FolderData():
            return Folder(data.root, *size, data.split, people, data.domain)
        case OpenEdsData():
            return OpenEds2019(data.root, *size, data.split, people)
        case OpenEds2020GazeData():
            return OpenEds2020Gaze(
                data.root, *size, data.split, people, data.gaze_axes, data.eye_side, data.horizontal_fov_deg
            )
        case OpenEds2020SegmentationData():
            return OpenEds2020Segmentation(data.root, *size, people)
        case LpwData():
            return Lpw(data.root, *size, people, data.every)
        case NvGazeData():
            return NvGaze(data.root, *size, people)
        case TeyedData():
            return Teyed(data.root, *size, people, data.every, data.horizontal_fov_deg)
        case MpiiGazeData():
            return MpiiGaze(data.root, *size, data.subset, people)
        case MpiiFaceGazeData():
            return MpiiFaceGaze(data.root, *size, data.eyes, people)
        case _:
            assert_never(data)
