"""One training run, from its config to its folder; stopped at any time, it goes on with the same command."""

from __future__ import annotations

import errno
import logging
import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy, Strategy

from zoo.config import RenderData, TrainConfig
from zoo.data.batches import Split, loader
from zoo.data.kinds import Batch, MixedBatch
from zoo.data.mixture import Mixture
from zoo.errors import ZooError
from zoo.hub import checkpoint
from zoo.hub.index import resolve
from zoo.memory import keep_freed_memory
from zoo.model.network import Network
from zoo.tracking.artifacts import BEST, record
from zoo.train.before_after import show_before_and_after
from zoo.train.callbacks import Clock, Keeper, Report, Validator
from zoo.train.check import check_batches, untaught
from zoo.train.console import say
from zoo.train.data import FromSource, Rendered, training_batches
from zoo.train.folder import CHECKPOINT, MODEL, open_run
from zoo.train.loggers import finish, make_logger
from zoo.train.module import ZooModule
from zoo.train.processes import is_first
from zoo.train.stop import Stop
from zoo.train.validate import MORE, Validation
from zoo.train.weights import export, load_matching, report

_PRECISION: Final = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


Watch = Callable[[int, dict[str, float]], str]
"""(samples seen, metrics) of a validation -> why the run should stop now; empty: it should go on."""


def train(config: TrainConfig, watch: Watch | None = None) -> Path:
    """Train, or go on training, and return the run folder.

    Args:
        config: of the run.
        watch: called after each validation.

    Raises:
        ZooError: the config asks for what is not there, the run folder holds another run, the loss exploded,
            or the disk is full. What was saved before stays.
    """
    keep_freed_memory()
    torch.set_num_threads(config.trainer.threads)
    start = open_run(config)
    first_step = 0 if start is None else _step_of(start)
    folder = config.run_dir
    if first_step >= config.steps:
        say(f"{folder} is finished ({config.samples:,} samples); the weights are in {folder / MODEL}")
        return folder
    workers, data = _data(config)
    module = _module(config, start, data, workers)
    if start is None:
        for head in untaught(config, check_batches(config, data, module.network)):
            say(f"{head}: no sample that was looked at has a label for it (zoo check lists them)")
    stop = Stop(config.stop_after_minutes)
    with _full_disk_named(folder):  # loggers write until they are finished
        logger = make_logger(config, first_step * config.step_samples) if is_first() else None
        trainer = _trainer(config, stop, logger, data, watch)
        if start is not None:
            say(f"{folder}: going on at {first_step * config.step_samples:,} of {config.samples:,} samples")
        try:
            with stop.on_signals(), warnings.catch_warnings():
                # Lightning warns that its own checkpoints hold the state of no loader: ours needs none.
                warnings.filterwarnings("ignore", module="pytorch_lightning")
                trainer.fit(module, ckpt_path=start, weights_only=True)
        finally:
            finish(logger, folder)
    if trainer.global_step < config.steps:
        say(
            f"{stop.reason}: saved at {module.seen:,} of {config.samples:,} samples. The same command goes on"
        )
    else:
        if config.retain is not None and is_first():
            show_before_and_after(config, module.released(), device_of(config))
        say(f"finished: {config.samples:,} samples; the weights are in {folder / MODEL}")
    return folder


@contextmanager
def _full_disk_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        last = folder / CHECKPOINT
        kept = f"{last} is what it was" if last.exists() else "No checkpoint was written yet"
        raise ZooError(f"the disk is full. {kept}: make room, and the same command goes on") from None


def device_of(config: TrainConfig) -> torch.device:
    """Where the network trains."""
    chosen = config.trainer.accelerator
    if chosen == "gpu" and not torch.cuda.is_available():
        raise ZooError("trainer.accelerator=gpu, but torch sees no GPU here; valid: auto, cpu")
    if chosen == "mps" and not torch.backends.mps.is_available():
        raise ZooError("trainer.accelerator=mps, but torch sees no such device here; valid: auto, cpu")
    if chosen in ("auto", "gpu") and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("mps" if chosen == "mps" else "cpu")


def _step_of(path: Path) -> int:
    try:
        return int(torch.load(path, weights_only=True, map_location="cpu", mmap=True)["global_step"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ZooError(f"{path} is not a readable checkpoint of a run ({reason})") from None


def _data(config: TrainConfig) -> tuple[int, FromSource | Rendered | Mixture]:
    """The run's batches by step, and how many processes make them."""
    device = device_of(config)
    workers = config.trainer.workers
    renders = any(isinstance(source, RenderData) for source in config.sources.values())
    if workers is None:
        workers = 0 if device.type != "cpu" and renders else 1
    # A forked process cannot use a GPU that its parent uses: with workers, batches come from the CPU.
    return workers, training_batches(config, device if workers == 0 else torch.device("cpu"))


def _module(
    config: TrainConfig, start: Path | None, data: FromSource | Rendered | Mixture, workers: int
) -> ZooModule:
    torch.manual_seed(config.seed)
    network = Network(config.used_network, fetch_weights=not config.parents and start is None)
    taken: set[str] | None = None
    for init in config.parents if start is None else []:
        result = load_matching(network, init, taken)
        taken = {*(taken or ()), *result.loaded}
        say(report(init, result))
    network.freeze(config.freeze)
    keeps = config.retain is not None and config.retain.uses_parent
    parent = checkpoint.load(resolve(config.parents[0]))[0] if keeps else None
    return ZooModule(network, config, partial(_load, data, workers), data.ids, parent)


def _load(
    data: FromSource | Rendered | Mixture, workers: int, first_step: int, last_step: int, split: Split
) -> Iterable[Batch | MixedBatch]:
    data.split = split
    if workers == 0:
        return map(data.__getitem__, range(first_step, last_step))
    dataset: Any = data
    return loader(dataset, first_step, last_step, workers)


def _strategy(config: TrainConfig, device: torch.device) -> Strategy | str:
    if config.trainer.devices == 1:
        return "auto"
    backend = "nccl" if device.type == "cuda" else "gloo"
    return DDPStrategy(process_group_backend=backend, find_unused_parameters=True)


def _trainer(
    config: TrainConfig,
    stop: Stop,
    logger: Logger | None,
    data: FromSource | Rendered | Mixture,
    watch: Watch | None,
) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    device = device_of(config)
    clock = Clock()
    validation = Validation(config, device)

    def measured(module: ZooModule, seen: int) -> dict[str, float]:
        step, loggers = module.global_step, module.trainer.loggers
        metrics = validation(module.released(), loggers, seen, step, module.device)
        if watch is not None:
            stop.ask(watch(seen, metrics))
        return metrics

    validator = Validator(config, clock, measured)

    def exported(module: ZooModule) -> None:
        apart = ("samples", "seconds")
        numbers = {k: v for k, v in validator.metrics.items() if k not in apart and not k.startswith(MORE)}
        shown = data.seen(module.trainer.global_step) if isinstance(data, Mixture) else {}
        export(config, module.released(), module.seen, numbers, shown, MODEL)
        if validator.is_best(module.seen):
            export(config, module.released(), module.seen, numbers, shown, BEST)
        if logger is not None and config.logger.type == "wandb":
            record(config.run_dir, config.name, {"best": BEST, "latest": MODEL})

    return pl.Trainer(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=config.trainer.devices,
        strategy=_strategy(config, device),
        precision=_PRECISION[config.trainer.precision],  # type: ignore[arg-type]
        max_epochs=-1,
        max_steps=config.steps,
        logger=logger if logger is not None else False,
        callbacks=[clock, validator, Keeper(config, stop, exported), Report(config)],
        default_root_dir=config.run_dir,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
    )
