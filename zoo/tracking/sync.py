"""`zoo sync`: upload offline runs, whole, with their checkpoints as artifacts."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from zoo.errors import ZooError
from zoo.tracking import artifacts
from zoo.tracking.login import folders_inside, logged_in
from zoo.tracking.transactions import relocate

RUN_ID: Final = "wandb_id.txt"
"""Holds the id of the W&B run, so that all slices of a run, and its upload, are one."""


def sync(folders: Sequence[Path], say: Callable[[str], None]) -> None:
    """Upload offline runs with `wandb sync`, then their checkpoints.

    What was uploaded before is not uploaded again. Folders may be runs, or hold runs, as those of sweeps do.

    Args:
        folders: where the runs are.
        say: told what was done, a line at a time.

    Raises:
        ZooError: a folder holds no run of W&B, nobody is logged in, or an upload failed.
    """
    if importlib.util.find_spec("wandb") is None:
        raise ZooError("zoo sync needs wandb: pip install wandb")
    runs = [run for folder in folders for run in runs_in(folder)]
    if not logged_in():
        raise ZooError(
            "nobody is logged in to W&B here: run `wandb login`, or set WANDB_API_KEY "
            "(and WANDB_BASE_URL for a server of your own)"
        )
    for run in runs:
        _sync(run, say)


def runs_in(folder: Path) -> list[Path]:
    """The run folders with W&B files at `folder` or below it.

    Raises:
        ZooError: there is none.
    """
    if not folder.is_dir():
        raise ZooError(f"{folder}: no such folder")
    found = sorted(
        {
            path.parent
            for path in [folder / RUN_ID, *folder.glob(f"*/{RUN_ID}"), *folder.glob(f"*/*/{RUN_ID}")]
            if path.is_file()
        }
    )
    if not found:
        raise ZooError(
            f"{folder}: no run here was logged with W&B (no {RUN_ID}); train with logger=wandb for that"
        )
    return found


def _sync(run_dir: Path, say: Callable[[str], None]) -> None:
    waiting = _unsynced(run_dir)
    staging = Path(folders_inside(run_dir)["WANDB_DATA_DIR"]) / "artifacts" / "staging"
    for slice_ in waiting:
        relocate(slice_, staging)
    if waiting:
        command = [sys.executable, "-m", "wandb", "sync", *(str(path.parent) for path in waiting)]
        done = subprocess.run(
            command, env=os.environ | folders_inside(run_dir), capture_output=True, text=True
        )
        failed = _unsynced(run_dir)
        if done.returncode or failed:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
            raise ZooError(
                f"{run_dir}: wandb sync did not upload {len(failed)} of {len(waiting)} files:\n{tail}"
            )
    say(f"{run_dir}: {len(waiting)} offline {'part' if len(waiting) == 1 else 'parts'} uploaded")
    if any(item.uploaded is None for item in artifacts.read(run_dir)):
        with _online(run_dir) as run:
            for line in artifacts.upload(run, run_dir):
                say(f"{run_dir}: {line}")


def _unsynced(run_dir: Path) -> list[Path]:
    """The offline files of a run that W&B has not marked as uploaded, in the order of their start."""
    files = sorted(run_dir.glob("wandb/offline-run-*/run-*.wandb"))
    return [path for path in files if not path.with_name(f"{path.name}.synced").exists()]


@contextmanager
def _online(run_dir: Path) -> Iterator[Any]:
    import wandb
    import yaml  # type: ignore[import-untyped]

    config = yaml.safe_load((run_dir / "config.yaml").read_text(encoding="utf-8"))
    options = config["logger"]
    before = dict(os.environ)
    os.environ.update(folders_inside(run_dir))
    try:
        run = wandb.init(
            dir=run_dir,
            id=(run_dir / RUN_ID).read_text(encoding="utf-8").strip(),
            project=options.get("project"),
            entity=options.get("entity"),
            resume="must",
            mode="online",
            settings=wandb.Settings(console="off", silent=True, disable_code=True, disable_git=True),
        )
        try:
            yield run
        finally:
            run.finish()
    except wandb.Error as error:
        raise ZooError(f"{run_dir}: W&B did not take the artifacts: {error}") from None
    finally:
        os.environ.clear()
        os.environ.update(before)
