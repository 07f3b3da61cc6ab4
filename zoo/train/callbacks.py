"""What happens between steps: validation, saving, stopping, progress."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from zoo.config import TrainConfig
from zoo.errors import ZooError, did_you_mean
from zoo.evaluate.curves import higher_is_better
from zoo.files import replacing, write_text
from zoo.train.console import say
from zoo.train.folder import CHECKPOINT, METRICS
from zoo.train.module import ZooModule
from zoo.train.processes import is_first
from zoo.train.stop import Stop

_LINE_EVERY: Final = 20.0  # seconds between two lines of progress where there is no terminal


def crossed(seen: int, batch_size: int, every: int | None) -> bool:
    """Whether the step that ended at `seen` samples passed a multiple of `every`."""
    return every is not None and seen // every > (seen - batch_size) // every


class Clock(Callback):
    """Seconds spent in steps, over all slices of the run."""

    def __init__(self) -> None:
        self.before = 0.0
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before = float(state_dict["seconds"])


class Validator(Callback):
    """Measures the averaged weights on the held-out samples and writes one line of `metrics.jsonl`."""

    def __init__(
        self, config: TrainConfig, clock: Clock, measure: Callable[[ZooModule, int], dict[str, Any]]
    ) -> None:
        self.config = config
        self.clock = clock
        self.measure = measure
        self.metrics: dict[str, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop what a killed slice measured after its last checkpoint: it will be measured again."""
        path = self.config.run_dir / METRICS
        if path.exists() and is_first():
            seen = trainer.global_step * self.config.step_samples
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if _samples(line) <= seen]
            write_text(path, "".join(f"{line}\n" for line in lines))
            self.metrics = json.loads(lines[-1]) if lines else {}

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        seen = pl_module.seen
        last = trainer.global_step >= self.config.steps
        if not (last or crossed(seen, self.config.step_samples, self.config.validation.every_samples)):
            return
        pl_module.check_loss()
        if not is_first():
            return
        seconds = self.clock.seconds
        metrics = {name: known(value) for name, value in self.measure(pl_module, seen).items()}
        self._check_best(metrics)
        self.metrics = {"samples": seen, "seconds": round(seconds, 1), **metrics}
        with (self.config.run_dir / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.metrics) + "\n")

    def is_best(self, seen: int) -> bool:
        """Whether the weights at `seen` samples were measured and are the best yet by `checkpoint.best`."""
        name = self.config.checkpoint.best
        if name is None or self.metrics.get("samples") != seen or self.metrics.get(name) is None:
            return False
        lines = (self.config.run_dir / METRICS).read_text(encoding="utf-8").splitlines()
        values = [value for line in lines if (value := json.loads(line).get(name)) is not None]
        return bool(self.metrics[name] == (max if higher_is_better(name) else min)(values))

    def _check_best(self, metrics: dict[str, float | None]) -> None:
        name = self.config.checkpoint.best
        if name is None:
            return
        if name not in metrics:
            raise ZooError(
                f"checkpoint.best={name}: the validation has no such metric; {did_you_mean(name, metrics)}"
            )
        if higher_is_better(name) is None:
            raise ZooError(
                f"checkpoint.best={name}: not known whether more is better; choose an error or a score"
            )


def known(value: float) -> float | None:
    """JSON has no NaN: what could not be measured is null."""
    return value if math.isfinite(value) else None


def _samples(line: str) -> int:
    try:
        return int(json.loads(line)["samples"])
    except (ValueError, KeyError):  # the line that was being written when the process was killed
        return sys.maxsize


class Keeper(Callback):
    """Saves `last.ckpt` and the averaged weights; stops the run when it is time.

    Saving happens right after a step, in one rename, so a killed run always finds the last whole checkpoint.
    """

    def __init__(self, config: TrainConfig, stop: Stop, export: Callable[[ZooModule], None]) -> None:
        self.config = config
        self.stop = stop
        self.export = export
        self.saved = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.stop.listen()
        self.saved = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        config, seen = self.config, pl_module.seen
        # All processes save and stop at the same step, or they would wait for each other for ever.
        stopping = _any_process(trainer, bool(self.stop.reason))
        due = (
            stopping
            or trainer.global_step >= config.steps
            or _any_process(trainer, time.monotonic() - self.saved > 60 * config.checkpoint.every_minutes)
            or crossed(seen, config.step_samples, config.checkpoint.every_samples)
            or crossed(seen, config.step_samples, config.validation.every_samples)
        )
        if due:
            pl_module.check_loss()
            save_checkpoint(trainer, config.run_dir / CHECKPOINT)
            if is_first():
                self.export(pl_module)
            self.saved = time.monotonic()
        if stopping:
            trainer.should_stop = True


def save_checkpoint(trainer: pl.Trainer, path: Path) -> None:
    """Lightning's checkpoint, written whole or not at all, by the first process."""
    if not is_first():
        trainer.save_checkpoint(path)  # takes part, and writes nothing
        return
    with replacing(path) as temporary:
        trainer.save_checkpoint(temporary)


def _any_process(trainer: pl.Trainer, here: bool) -> bool:
    return here if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(here, all=False)


class Report(Callback):
    """Progress: a bar on a terminal, else a line now and then."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.bar: Progress | None = None
        self.task = TaskID(0)
        self.shown_at = 0.0  # seconds
        self.shown_seen = 0  # samples

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.shown_at, self.shown_seen = time.monotonic(), pl_module.seen
        if sys.stdout.isatty():
            self.bar = Progress(BarColumn(), TextColumn("{task.description}"), transient=True)
            self.task = self.bar.add_task("", total=self.config.samples, completed=self.shown_seen)
            self.bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        passed = time.monotonic() - self.shown_at
        if not is_first():
            return
        if passed < (1 if self.bar else _LINE_EVERY) and trainer.global_step < self.config.steps:
            return
        seen, total = pl_module.seen, self.config.samples
        rate = (seen - self.shown_seen) / max(passed, 1e-3)
        text = (
            f"{min(seen, total):,} / {total:,} samples  loss {float(pl_module.last_loss):.4f}  "
            f"{rate:,.0f} img/s  ETA {duration(max(total - seen, 0) / max(rate, 1e-3))}"
        )
        if self.bar:
            self.bar.update(self.task, completed=seen, description=text)
        else:
            say(text)
        self.shown_at, self.shown_seen = time.monotonic(), seen

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bar:
            self.bar.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        if self.bar:
            self.bar.stop()


def duration(seconds: float) -> str:
    """`3 h 05 min`, `12 min`, `40 s`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
