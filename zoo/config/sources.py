"""What can be trained and measured on: one class a kind of data, found by its `type`. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from zoo.config.base import Config
from zoo.config.base import error_at as _error
from zoo.config.choices import one_of
from zoo.config.mixture import SourceShare, StepConfig, check_shares
from zoo.conventions import EyeSide

Perturbation = Literal["shift", "scale", "border", "turn", "exposure"]
Share = Annotated[float, Field(ge=0, le=1)]


class PoolData(Config):
    """A folder of rendered samples, written by `zoo render eyes -o POOL`."""

    type: Literal["pool"]
    path: Path


class RoomPoolData(Config):
    """A folder of rendered rooms, written by `zoo render rooms -o POOL`; every view is an anchor."""

    type: Literal["room_pool"]
    path: Path
    reduce: Annotated[int, Field(ge=1, le=8)] = 1
    """Pixels of the network's input a side of each that is trained on: 2 makes 160x120 of 320x240."""


class RenderData(Config):
    """Eyes rendered on the fly, never the same one twice."""

    type: Literal["render"]
    domain: Annotated[str, one_of("domain")]
    rig: Annotated[str, one_of("rig")] | None = None
    """Replaces the cameras that the domain draws by one camera with its LEDs."""
    people: str | None = None
    """Another stream of identities than the domain's own: who is held out."""


class MeyeData(Config):
    """The MEYE infrared eyes, as published (needs the files at `root`)."""

    type: Literal["meye"]
    root: Path
    perturb: Perturbation | None = None
    """A known change to every frame that is evaluated (`zoo.data.perturb`): how far do predictions follow?"""


Names = list[Annotated[str, BeforeValidator(str)]]
"""Of people; YAML reads 7 as a number."""


class PeopleData(Config):
    """A data set of people at `root`, of whom some can be held out."""

    root: Path
    subjects: Names = []
    """Only these people; none named: everybody."""
    without_subjects: Names = []
    """Not these: leave one out in training, evaluate on `subjects=[...]`."""


class FolderData(PeopleData):
    """Your own images with a `labels.csv`; its columns are listed in `zoo/data/sources/folder.py`."""

    type: Literal["folder"]
    split: Literal["train", "val", "test"] | None = None
    """Only rows whose column `split` says so."""
    domain: Literal["real", "synthetic"] = "real"


class UnityEyesData(Config):
    """Pictures of UnityEyes or UnityEyes2 with their JSON files, as the programs write them."""

    type: Literal["unityeyes"]
    root: Path
    horizontal_fov_deg: Annotated[float, Field(gt=0, lt=180)] | None = None
    """Of the camera, which the files do not say; without it no 3D axis is learnt."""


class OpenEdsData(PeopleData):
    """Semantic segmentation of OpenEDS 2019."""

    type: Literal["openeds2019"]
    split: Literal["train", "validation", "test"] = "train"


class LpwData(PeopleData):
    """Labelled Pupils in the Wild: videos of people with the pupil's centre in every frame."""

    type: Literal["lpw"]
    every: PositiveInt = 1
    """Of so many frames one is used: neighbours are nearly alike."""


class NvGazeData(PeopleData):
    """The masks of NVGaze's rendered eyes."""

    type: Literal["nvgaze"]


class MpiiGazeData(PeopleData):
    """MPIIGaze: normalised eye patches with gaze."""

    type: Literal["mpiigaze"]
    subset: Literal["evaluation", "all"] = "evaluation"
    """The samples of the protocol, or both eyes of every picture."""


class MpiiFaceGazeData(PeopleData):
    """MPIIFaceGaze: eyes cut from webcam pictures, with gaze."""

    type: Literal["mpiifacegaze"]
    eyes: Literal["listed", "both"] = "listed"
    """Of each picture the eye that the protocol uses, or both."""


FovDegrees = Annotated[float, Field(gt=0, lt=180)]
Axis = Literal["x", "y", "z", "-x", "-y", "-z"]


class OpenEds2020GazeData(PeopleData):
    """The gaze track of OpenEDS 2020."""

    type: Literal["openeds2020_gaze"]
    split: Literal["train", "validation"] = "train"
    gaze_axes: tuple[Axis, Axis, Axis] | None = None
    """Which of the file's axes are our x (right), y (down) and z (away from the camera); null: unknown."""
    eye_side: EyeSide | None = None
    horizontal_fov_deg: FovDegrees | None = None
    """Of the camera, which the files do not say; without it no gaze is learnt."""

    @model_validator(mode="after")
    def _check_together(self) -> OpenEds2020GazeData:
        if self.gaze_axes is not None and {axis[-1] for axis in self.gaze_axes} != set("xyz"):
            raise _error("gaze_axes", list(self.gaze_axes), "name each of x, y and z once, with its sign")
        return self


class OpenEds2020SegmentationData(PeopleData):
    """The sparse segmentation track of OpenEDS 2020."""

    type: Literal["openeds2020_segmentation"]


class TeyedData(PeopleData):
    """TEyeD: videos of head-mounted trackers with estimated pupils, lids and gaze."""

    type: Literal["teyed"]
    every: PositiveInt = 1
    """Of so many frames one is used: neighbours are nearly alike."""
    horizontal_fov_deg: FovDegrees | None = None
    """Of the camera, which the files do not say; without it no gaze is learnt."""


class CaptureData(Config):
    """Posed captures in one of the layouts that `zoo.data.captures` reads, with depth where it is known."""

    type: Literal["capture"]
    root: Path
    """A capture, or a folder of captures."""
    layout: str | None = None
    """null: found out."""
    views: Annotated[int, Field(ge=1, le=8)] = 3
    """Of a sample, the anchor included."""
    min_kept: NonNegativeInt = 2
    """How many sources of an anchor must keep the rule below; 0: take every frame."""
    baseline_m: tuple[PositiveFloat, PositiveFloat] = (0.10, 0.25)
    max_turn_deg: Annotated[float, Field(gt=0, le=90)] = 25.0
    min_overlap: Share = 0.5
    views_csv: Path | None = None
    """The anchors and their sources instead: anchor,source_1,source_2,..."""
    metres_per_unit: PositiveFloat | None = None
    """For captures whose scale is open (COLMAP)."""
    depth_range_m: tuple[PositiveFloat, PositiveFloat] = (0.25, 10.0)
    """Depth outside is unknown."""

    @model_validator(mode="after")
    def _check_together(self) -> CaptureData:
        for key in ("baseline_m", "depth_range_m"):
            low, high = getattr(self, key)
            if low >= high:
                raise _error(key, [low, high], "the first must be the smaller")
        if self.views_csv is None and self.min_kept >= self.views:
            raise _error("min_kept", self.min_kept, f"a sample of {self.views} views has fewer sources")
        return self


EyeFiles = (
    FolderData
    | UnityEyesData
    | OpenEdsData
    | OpenEds2020GazeData
    | OpenEds2020SegmentationData
    | LpwData
    | NvGazeData
    | TeyedData
    | MpiiGazeData
    | MpiiFaceGazeData
)
Data = Annotated[
    PoolData | RenderData | MeyeData | EyeFiles | RoomPoolData | CaptureData, Field(discriminator="type")
]


class MixtureSource(SourceShare):
    """One source of a mixture."""

    data: Data


SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class MixtureData(Config):
    """Any number of sources of each kind; a step takes a batch of eyes and a batch of views."""

    type: Literal["mixture"]
    eyes: dict[SourceName, MixtureSource] = {}
    views: dict[SourceName, MixtureSource] = {}
    batch: StepConfig = StepConfig()

    @model_validator(mode="after")
    def _check_together(self) -> MixtureData:
        kinds = {"eyes": self.eyes, "views": self.views}
        if not any(kinds.values()):
            raise _error("type", "mixture", "it has no source: give some as data.eyes.<name>.data=...")
        for kind, sources in kinds.items():
            check_shares(kind, sources)
            for name, source in sources.items():
                if is_views(source.data) != (kind == "views"):
                    right = "views" if is_views(source.data) else "eyes"
                    key = f"{kind}.{name}.data.type"
                    raise _error(
                        key, source.data.type, f"these are {right}: name them as data.{right}.{name}"
                    )
        sizes = {name: getattr(source.data, "reduce", 1) for name, source in self.views.items()}
        if len(set(sizes.values())) > 1:
            raise _error("views", sizes, "images of one size are needed: give the same data.reduce to all")
        return self

    @property
    def step_samples(self) -> int:
        """Samples of all kinds a step."""
        return (self.batch.eyes if self.eyes else 0) + (self.batch.views if self.views else 0)


TrainData = Annotated[Data | MixtureData, Field(discriminator="type")]


def is_views(data: Data) -> bool:
    """Whether the samples are posed views, rather than eyes."""
    return is_view_type(data.type)


def is_view_type(name: str) -> bool:
    """Whether data of that `type` are posed views."""
    return name in ("room_pool", "capture")
