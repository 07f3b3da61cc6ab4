"""What a sweep searches, checked before anything starts, and the folder that belongs to it alone."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoo.config import TrainConfig, compose
from zoo.errors import ZooError, did_you_mean
from zoo.files import write_text
from zoo.sweep.space import Dimension, Value, override, parse_space

PREFIX: Final = "validation/"
DIRECTIONS: Final = ("minimize", "maximize")
DESCRIPTION: Final = "sweep.json"


@dataclass(frozen=True)
class Sweep:
    """What is searched, and how.

    Args:
        folder: of the sweep; its name is the group in W&B and begins the names of the runs.
        overrides: of every run, in Hydra's grammar.
        space: as `parse_space` reads it.
        metric: ``validation/...`` as in `metrics.jsonl`.
        direction: minimize or maximize.
        trials: how many in all, over all starts.
        prune: stop a run whose validation is worse than the median of the others at that point.
        seed: of the proposals. Trial n depends on it and on the results before n alone.
        config_dir: the user's own YAML files.
    """

    folder: Path
    overrides: tuple[str, ...]
    space: tuple[str, ...]
    metric: str
    direction: str
    trials: int
    prune: bool = False
    seed: int = 0
    config_dir: Path | None = None

    @property
    def dimensions(self) -> list[Dimension]:
        """The parsed space."""
        return parse_space(self.space)

    def config(self, number: int, params: dict[str, Value]) -> TrainConfig:
        """The validated config of a trial."""
        lines = [override(key, value) for key, value in params.items()]
        name = f"{self.folder.name}-{number:03d}"
        lines += [f"name='{name}'", f"run_dir='{self.run_dir(number)}'"]
        config = compose("train", [*self.overrides, *lines], self.config_dir)
        if config.logger.type == "wandb" and config.logger.group is None:
            logger = config.logger.model_copy(update={"group": self.folder.name})
            config = config.model_copy(update={"logger": logger})
        return config

    def run_dir(self, number: int) -> Path:
        """Where the run of a trial lies."""
        return self.folder / "trials" / f"{number:03d}"


def check(plan: Sweep) -> None:
    """Nothing is made or started yet.

    Raises:
        ZooError: what is wrong with the plan.
    """
    if plan.direction not in DIRECTIONS:
        raise ZooError(f"--direction {plan.direction}: {did_you_mean(plan.direction, DIRECTIONS)}")
    for line in plan.overrides:
        if line.lstrip("+~").split("=")[0] in ("name", "run_dir"):
            raise ZooError(f"{line}: a sweep names its runs itself, by its folder {plan.folder}")
    first = {dimension.key: dimension.corners[0] for dimension in plan.dimensions}
    config = plan.config(0, first)
    if config.trainer.devices > 1:  # the processes of a run are started by its own command line
        raise ZooError(f"trainer.devices={config.trainer.devices}: the runs of a sweep have one process each")
    for dimension in plan.dimensions:
        for value in dimension.corners[1:]:
            plan.config(0, first | {dimension.key: value})
    name = plan.metric.removeprefix(PREFIX)
    parts = [*config.used_network.heads, *(f"on_{source}" for source in config.validation.more)]
    if not plan.metric.startswith(PREFIX) or name.split("/")[0] not in parts:
        shown = ", ".join(f"{PREFIX}{part}/..." for part in parts)
        raise ZooError(f"--metric {plan.metric}: no validation measures it; valid: {shown}")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder; a process that is killed lets go of it.

    Raises:
        ZooError: another process holds it.
    """
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ZooError(f"{folder}: another process works on this sweep") from None
        yield


def describe(plan: Sweep) -> None:
    """Write `sweep.json`, or compare with the one that is there.

    Raises:
        ZooError: the folder holds another sweep.
    """
    path = plan.folder / DESCRIPTION
    kept = ("overrides", "space", "metric", "direction", "prune", "seed")
    mine = {key: getattr(plan, key) for key in kept}
    mine = {key: list(value) if isinstance(value, tuple) else value for key, value in mine.items()}
    if path.exists():
        old = json.loads(path.read_text(encoding="utf-8"))
        changed = [
            f"  {key}: {old.get(key)} then, {mine[key]} now" for key in kept if old.get(key) != mine[key]
        ]
        if changed:
            raise ZooError(
                f"{plan.folder} holds another sweep:\n"
                + "\n".join(changed)
                + "\nChoose another folder with -o"
            )
    write_text(path, json.dumps(mine | {"trials": plan.trials}, indent=1) + "\n")
