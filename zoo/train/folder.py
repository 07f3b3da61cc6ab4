"""The run folder: what reproduces a run, and where a stopped one goes on."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from omegaconf import OmegaConf
from pydantic import ValidationError

from zoo.config import TrainConfig
from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub.changes import flat
from zoo.train.processes import is_first

CHECKPOINT: Final = "last.ckpt"
MODEL: Final = "checkpoint"
"""Where `zoo.hub.index.resolve` looks for the exported weights of a run."""
METRICS: Final = "metrics.jsonl"
HELD_OUT: Final = "held_out"
SEEN: Final = "seen.json"
"""What a run on a mixture has seen of each source, up to its last checkpoint."""

MAY_CHANGE: Final = {"trainer", "logger", "checkpoint", "resume", "stop_after_minutes", "run_dir", "name"}
"""Keys that another slice of the same run may set otherwise."""
_RATE: Final = "optimizer.lr"
"""It may change too, for a run whose loss exploded; unlike those above it changes the weights."""
_LIBRARIES: Final = (
    "eye-room-zoo",
    "torch",
    "timm",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "pydantic",
    "numpy",
    "wandb",
)


def open_run(config: TrainConfig) -> Path | None:
    """Make or reopen the run folder, record this start, and say where to go on.

    Returns:
        The checkpoint to resume from; None for a new run.

    Raises:
        ZooError: `resume` asks for what is not there, or the folder holds a run of another config.
    """
    folder = config.run_dir
    last = folder / CHECKPOINT
    if config.resume == "never":
        if last.exists():
            raise ZooError(
                f"resume=never, but {folder} holds a run: choose another name= (or run_dir=), or remove it"
            )
        start = None
    elif config.resume == "auto":
        start = last if last.exists() else None
    else:
        start = Path(config.resume)
        if not start.is_file():
            raise ZooError(
                f"resume={config.resume}: no such file; valid: auto, never, or the path of a {CHECKPOINT}"
            )
        if last.exists() and last.resolve() != start.resolve():
            raise ZooError(
                f"{folder} already holds a run: to go on from {start}, choose another name= (or run_dir=)"
            )
    if start is not None:
        _check_same(start.parent / "config.yaml", config)
    if not is_first():
        return start
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZooError(f"run_dir={folder}: cannot make this folder ({error.strerror})") from None
    write_text(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json"))))
    _record(folder / "provenance.json", config.seed, start is not None)
    return start


def _check_same(path: Path, config: TrainConfig) -> None:
    if not path.is_file():
        return
    old = flat(_with_new_keys(OmegaConf.to_container(OmegaConf.load(path)), type(config)))
    new = flat(config.model_dump(mode="json"))
    changed = [
        f"  {key}: {old.get(key, 'nothing')} then, {new.get(key, 'nothing')} now"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and key.split(".")[0] not in MAY_CHANGE and key != _RATE
    ]
    if changed:
        raise ZooError(
            f"{path.parent} holds a run with other settings, so it cannot go on:\n"
            + "\n".join(changed)
            + "\nGive the old settings, or start anew under another name= (or run_dir=)"
        )


def _with_new_keys(old: Any, schema: type[TrainConfig]) -> Any:
    """The settings of an older run with the defaults of the keys that it did not know."""
    try:
        return schema.model_validate(old).model_dump(mode="json")
    except ValidationError:  # it has keys that are no more: they are told as they stand
        return old


def command_line() -> str:
    """The command that started this process, without the path of the program."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return " ".join([name, *sys.argv[1:]])


def git_state() -> dict[str, Any]:
    """Commit of the checkout that runs, and whether files differ from it; nulls outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def _record(path: Path, seed: int, resumed: bool) -> None:
    """Append this start to the folder's `provenance.json`."""
    try:
        starts = json.loads(path.read_text(encoding="utf-8"))["starts"]
    except (OSError, ValueError, KeyError):
        starts = []
    start = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "resumed": resumed,
        "command": command_line(),
        "git": git_state(),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }
    write_text(path, json.dumps({"seed": seed, "starts": [*starts, start]}, indent=1) + "\n")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
