"""What the composed YAML of `conf/` may hold: names, types, ranges, units.

Lengths of training are counted in samples: a recipe means the same at any batch size. Imports no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from zoo.config.base import Config
from zoo.config.base import error_at as _error
from zoo.config.choices import one_of
from zoo.config.mixture import SourceShare, StepConfig, check_shares
from zoo.data.config import AugmentConfig
from zoo.errors import did_you_mean
from zoo.model.config import TRUNK, NetworkConfig

Seed = Annotated[int, Field(ge=0, lt=2**31)]
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


EyeFiles = FolderData | UnityEyesData | OpenEdsData | LpwData | NvGazeData
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
    return isinstance(data, RoomPoolData | CaptureData)


class ValidationConfig(Config):
    """Held-out samples, the same at every validation."""

    data: Annotated[PoolData | RenderData | RoomPoolData, Field(discriminator="type")]
    count: PositiveInt = 2000
    seed: Seed = 1
    """Draws poses and cameras of rendered samples."""
    every_samples: PositiveInt = 100_000
    overlays: NonNegativeInt = 16
    """How many predictions on rendered frames are drawn for the logger at each validation."""


class OptimizerConfig(Config):
    """AdamW, or Muon for kernels with AdamW for the rest; norms and biases are never decayed."""

    type: Literal["adamw", "muon"] = "adamw"
    lr: PositiveFloat = 2e-3
    weight_decay: NonNegativeFloat = 0.05
    betas: tuple[Share, Share] = (0.9, 0.99)
    clip: PositiveFloat = 5.0
    """Largest L2 norm of the gradient."""


class ScheduleConfig(Config):
    """Linear warm-up from zero, then a half cosine down to `final` times the learning rate."""

    warmup_samples: NonNegativeInt = 20_000
    final: Share = 0.01


class EmaConfig(Config):
    """Moving average of the weights; the average is what is validated and exported."""

    half_life_samples: PositiveInt = 100_000
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Early on the half-life is only this share of the samples seen so far."""


class BalanceConfig(Config):
    """Fixed weights of the heads' losses in the sum; 1 for a head that is not named."""

    weights: dict[str, PositiveFloat] = {}


class TrainerConfig(Config):
    """The machine: nothing in here changes what is learnt, up to rounding."""

    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    precision: Literal["32", "bf16", "16"] = "32"
    """bf16 and 16 are mixed precision for GPUs: on most CPUs they are many times slower."""
    threads: PositiveInt = 1
    """Threads of one operation on a CPU. Workers are single-threaded."""
    workers: NonNegativeInt | None = None
    """Processes that prepare batches; null: 1, or 0 where a GPU renders them."""


class WandbLogger(Config):
    """Weights & Biases."""

    type: Literal["wandb"]
    project: str = "eyes-and-rooms-zoo"
    entity: str | None = None
    tags: list[str] = []
    offline: bool | None = None
    """null: offline where nobody is logged in."""


class CsvLogger(Config):
    """CSV files in the run folder."""

    type: Literal["csv"]


class NoLogger(Config):
    """No curves but the `metrics.jsonl` of the validations."""

    type: Literal["none"]


class CheckpointConfig(Config):
    """When to save, on top of the saves at validation, at the end and at Ctrl-C."""

    every_minutes: PositiveFloat = 10
    every_samples: PositiveInt | None = None


class TrainConfig(Config):
    """One training run. `conf/train.yaml` holds the defaults and what each key means in practice."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    run_dir: Path
    seed: Seed = 0
    samples: PositiveInt
    batch_size: PositiveInt = 64
    """Of a step; a mixture has `data.batch` instead."""
    init: str | None = None
    heads: Annotated[list[str], Field(min_length=1)] | None = None
    freeze: list[str] = []
    """Parts whose weights stay: `backbone`, `neck`, or heads."""
    network: NetworkConfig
    data: TrainData
    augment: AugmentConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    ema: EmaConfig
    balance: BalanceConfig
    validation: ValidationConfig
    trainer: TrainerConfig
    logger: Annotated[WandbLogger | CsvLogger | NoLogger, Field(discriminator="type")]
    checkpoint: CheckpointConfig
    resume: str = "auto"
    """auto: go on where the run folder stands; never: refuse a used folder; else a path of a `last.ckpt`."""
    stop_after_minutes: PositiveFloat | None = None

    @model_validator(mode="after")
    def _check_together(self) -> TrainConfig:
        named = {"heads": self.heads or [], "balance.weights": list(self.balance.weights)}
        for key, heads in named.items():
            for head in heads:
                if head not in self.network.heads:
                    raise _error(
                        key, head, f"the network has no such head; {did_you_mean(head, self.network.heads)}"
                    )
        parts = (*TRUNK, *self.used_network.heads)
        for part in self.freeze:
            if part not in parts:
                raise _error("freeze", part, f"no such part is trained; {did_you_mean(part, parts)}")
        if set(self.freeze) >= set(parts):
            raise _error("freeze", str(self.freeze), "nothing is left to train")
        if self.schedule.warmup_samples > self.samples:
            raise _error(
                "schedule.warmup_samples",
                self.schedule.warmup_samples,
                f"longer than the run (samples={self.samples})",
            )
        for key, source in (*self.sources.items(), ("validation.data", self.validation.data)):
            views = is_views(source)
            readers = [n for n, head in self.used_network.heads.items() if (head.type == "depth") == views]
            if not readers:
                reads = "rooms: depth" if views else "eyes, such as segmentation"
                raise _error(f"{key}.type", source.type, f"the network has no head that reads {reads}")
            if source is not self.validation.data and set(readers) <= set(self.freeze):
                raise _error(f"{key}.type", source.type, f"all that reads it is frozen: {', '.join(readers)}")
        held_out = self.validation.data
        for source in self.sources.values():
            if (
                isinstance(held_out, RenderData)
                and isinstance(source, RenderData)
                and (held_out.domain, held_out.people) == (source.domain, source.people)
            ):
                message = "these are the people of the training data: name another stream of identities"
                raise _error("validation.data.people", held_out.people, message)
        return self

    @property
    def used_network(self) -> NetworkConfig:
        """The network with only the heads that this run trains."""
        if self.heads is None:
            return self.network
        return self.network.model_copy(
            update={"heads": {name: self.network.heads[name] for name in self.heads}}
        )

    @property
    def sources(self) -> dict[str, Data]:
        """What is trained on, by dotted key."""
        if not isinstance(self.data, MixtureData):
            return {"data": self.data}
        kinds = {"eyes": self.data.eyes, "views": self.data.views}
        return {
            f"data.{kind}.{name}.data": source.data
            for kind, sources in kinds.items()
            for name, source in sources.items()
        }

    @property
    def step_samples(self) -> int:
        """Samples a step, of all kinds together."""
        return self.data.step_samples if isinstance(self.data, MixtureData) else self.batch_size

    @property
    def held_out_batch(self) -> int:
        """Samples of a batch in validation."""
        if not isinstance(self.data, MixtureData):
            return self.batch_size
        return self.data.batch.views if is_views(self.validation.data) else self.data.batch.eyes

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run: enough batches to hold `samples`."""
        return -(-self.samples // self.step_samples)


class EvalConfig(Config):
    """One evaluation of one checkpoint on one source."""

    checkpoint: str
    data: Data
    seed: Seed = 2
    count: PositiveInt | None = None
    """How many samples; null: all of a source that ends."""
    batch_size: PositiveInt = 64
    device: str = "auto"
    by: list[str] = []
    """Columns to slice the metrics by."""
    output: Path | None = None
