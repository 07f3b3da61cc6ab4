"""What the composed YAML of `conf/` may hold: names, types, ranges, units.

Lengths of training are counted in samples: a recipe means the same at any batch size. Imports no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from zoo.config.balance import AggregatorBalance, BalanceConfig
from zoo.config.base import Config
from zoo.config.base import error_at as _error
from zoo.config.retain import RetainConfig, with_replay
from zoo.config.sources import (
    Data,
    MeyeData,
    MixtureData,
    PoolData,
    RenderData,
    RoomPoolData,
    Share,
    SourceName,
    TrainData,
    is_views,
)
from zoo.data.config import AugmentConfig
from zoo.errors import did_you_mean
from zoo.model.config import TRUNK, NetworkConfig

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class MoreHeldOut(Config):
    """Held-out samples of another source, real ones too; they are watched, and choose nothing."""

    data: Data
    count: PositiveInt | None = None
    """null: all of a source that ends."""


class ValidationConfig(Config):
    """Held-out samples, the same at every validation."""

    data: Annotated[PoolData | RenderData | RoomPoolData, Field(discriminator="type")]
    count: PositiveInt = 2000
    seed: Seed = 1
    """Draws poses and cameras of rendered samples."""
    every_samples: PositiveInt = 100_000
    overlays: NonNegativeInt = 16
    """How many predictions on rendered frames are drawn for the logger at each validation."""
    more: dict[SourceName, MoreHeldOut] = {}
    """Sources that are measured beside `data` at each validation, by name."""


class OptimizerConfig(Config):
    """AdamW, or Muon for kernels with AdamW for the rest; norms and biases are never decayed."""

    type: Literal["adamw", "muon"] = "adamw"
    lr: PositiveFloat = 2e-3
    weight_decay: NonNegativeFloat = 0.05
    betas: tuple[Share, Share] = (0.9, 0.99)
    clip: PositiveFloat = 5.0
    """Largest L2 norm of the gradient."""
    rates: dict[str, PositiveFloat] = {}
    """Part (backbone, neck, or a head) -> factor of its learning rate; 1 for what is not named."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the backbone's learning rate a level, from its last one down to the image."""


class ScheduleConfig(Config):
    """Linear warm-up from zero, then a half cosine down to `final` times the learning rate."""

    warmup_samples: NonNegativeInt = 20_000
    final: Share = 0.01


class EmaConfig(Config):
    """Moving average of the weights; the average is what is validated and exported."""

    half_life_samples: PositiveInt = 100_000
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Early on the half-life is only this share of the samples seen so far."""


class TrainerConfig(Config):
    """The machine: nothing in here changes what is learnt, up to rounding."""

    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    devices: PositiveInt = 1
    """Processes that train together, each on a device of its own; every batch is divided among them."""
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
    group: str | None = None
    """Of runs that belong together; a sweep gives its name."""
    offline: bool | None = None
    """null: offline where nobody is logged in."""
    worst: NonNegativeInt = 8
    """How many of the worst samples of each task a table shows at each validation."""
    real_images: bool = False
    """Whether overlays and tables may show real images, which leave the machine when the run is uploaded."""


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
    best: str | None = None
    """A metric of the validation, such as keypoints/pupil_px_mean: the best weights by it stay in `best/`."""


class TrainConfig(Config):
    """One training run. `conf/train.yaml` holds the defaults and what each key means in practice."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    run_dir: Path
    seed: Seed = 0
    samples: PositiveInt
    batch_size: PositiveInt = 64
    """Of a step; a mixture has `data.batch` instead."""
    init: str | list[str] | None = None
    """Checkpoints to start from: the network is the first one's, later ones fill what it lacks."""
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
    retain: RetainConfig | None = None
    """Keep what the parent could: replay, distillation, interpolation."""
    validation: ValidationConfig
    trainer: TrainerConfig
    logger: Annotated[WandbLogger | CsvLogger | NoLogger, Field(discriminator="type")]
    checkpoint: CheckpointConfig
    resume: str = "auto"
    """auto: go on where the run folder stands; never: refuse a used folder; else a path of a `last.ckpt`."""
    stop_after_minutes: PositiveFloat | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_replay(cls, raw: Any) -> Any:
        return with_replay(raw) if isinstance(raw, dict) else raw

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
        for key, named_parts in {"freeze": self.freeze, "optimizer.rates": self.optimizer.rates}.items():
            for part in named_parts:
                if part not in parts:
                    raise _error(key, part, f"no such part is trained; {did_you_mean(part, parts)}")
        if set(self.freeze) >= set(parts):
            raise _error("freeze", str(self.freeze), "nothing is left to train")
        if self.retain is not None and not self.parents:
            raise _error("retain", "...", "there is no parent to keep to: give init=NAME")
        if isinstance(self.balance, AggregatorBalance):
            if set(TRUNK) <= set(self.freeze):
                raise _error("balance.type", "aggregator", "nothing is shared: the trunk is frozen")
            if self.trainer.precision == "16":
                raise _error("trainer.precision", "16", "an aggregator of gradients needs 32 or bf16")
        self._check_division()
        if self.schedule.warmup_samples > self.samples:
            raise _error(
                "schedule.warmup_samples",
                self.schedule.warmup_samples,
                f"longer than the run (samples={self.samples})",
            )
        held_out = self.held_out
        for key, source in (*self.sources.items(), *held_out.items()):
            views = is_views(source)
            readers = self.used_network.heads_of("views" if views else "eyes")
            if not readers:
                reads = "rooms: depth" if views else "eyes, such as segmentation"
                raise _error(f"{key}.type", source.type, f"the network has no head that reads {reads}")
            if key not in held_out and set(readers) <= set(self.freeze):
                raise _error(f"{key}.type", source.type, f"all that reads it is frozen: {', '.join(readers)}")
        trained = [source for source in self.sources.values() if isinstance(source, RenderData)]
        for key, held in held_out.items():
            if not isinstance(held, RenderData):
                continue
            if any((held.domain, held.people) == (source.domain, source.people) for source in trained):
                message = "these are the people of the training data: name another stream of identities"
                raise _error(f"{key}.people", held.people, message)
        for name, more in self.validation.more.items():
            if isinstance(more.data, RenderData) and more.count is None:
                raise _error(
                    f"validation.more.{name}.count", None, "rendered samples never end: say how many"
                )
        return self

    def _check_division(self) -> None:
        devices = self.trainer.devices
        sizes = {"batch_size": self.batch_size}
        if isinstance(self.data, MixtureData):
            kinds, batch = {"eyes": self.data.eyes, "views": self.data.views}, self.data.batch
            sizes = {f"data.batch.{k}": getattr(batch, k) for k, sources in kinds.items() if sources}
        for key, size in sizes.items():
            if size % devices:
                raise _error(key, size, f"trainer.devices={devices} must divide it")
        if devices > 1 and (isinstance(self.balance, AggregatorBalance) or self.balance.watch_every):
            raise _error("trainer.devices", devices, "the gradient of a single task needs one process")

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
    def parents(self) -> list[str]:
        """What the run starts from, the first one's network and weights before those of the others."""
        return [self.init] if isinstance(self.init, str) else list(self.init or [])

    @property
    def held_out(self) -> dict[str, Data]:
        """What is validated on, by dotted key."""
        more = {f"validation.more.{name}.data": more.data for name, more in self.validation.more.items()}
        return {"validation.data": self.validation.data, **more}

    @property
    def step_samples(self) -> int:
        """Samples a step, of all kinds together."""
        return self.data.step_samples if isinstance(self.data, MixtureData) else self.batch_size

    def batch_of(self, held_out: Data) -> int:
        """Samples of a batch of a held-out source."""
        if not isinstance(self.data, MixtureData):
            return self.batch_size
        return self.data.batch.views if is_views(held_out) else self.data.batch.eyes

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
    """Folder for the table of samples and the metrics."""
    pictures: NonNegativeInt = 0
    """How many of the worst frames of every task are drawn into `output`: rendered ones only."""
    pictures_of_people: bool = False
    """Draw real frames too."""

    @model_validator(mode="after")
    def _check_pictures(self) -> EvalConfig:
        if self.pictures and self.output is None:
            raise _error("pictures", self.pictures, "pictures are written into a folder; give output=FOLDER")
        if self.pictures and isinstance(self.data, MeyeData) and self.data.perturb is not None:
            message = "frames are drawn as they are; leave out data.perturb or pictures"
            raise _error("pictures", self.pictures, message)
        return self
