"""From the config of a data set of eyes to its source."""

from __future__ import annotations

from zoo.config import EyeFiles, FolderData, LpwData, NvGazeData, OpenEdsData, PeopleData
from zoo.data.batches import Source
from zoo.data.sources.folder import Folder
from zoo.data.sources.lpw import Lpw
from zoo.data.sources.nvgaze import NvGaze
from zoo.data.sources.openeds import OpenEds2019
from zoo.data.sources.people import People
from zoo.data.sources.unityeyes import UnityEyes


def eye_source(data: EyeFiles, height: int, width: int) -> Source:
    """The samples of `data`, letterboxed to height x width; ZooError where its files are not as published."""
    people = People()
    if isinstance(data, PeopleData):
        people = People(tuple(data.subjects), tuple(data.without_subjects))
    if isinstance(data, FolderData):
        return Folder(data.root, height, width, data.split, people, data.domain)
    if isinstance(data, OpenEdsData):
        return OpenEds2019(data.root, height, width, data.split, people)
    if isinstance(data, LpwData):
        return Lpw(data.root, height, width, people, data.every)
    if isinstance(data, NvGazeData):
        return NvGaze(data.root, height, width, people)
    return UnityEyes(data.root, height, width, data.horizontal_fov_deg)
