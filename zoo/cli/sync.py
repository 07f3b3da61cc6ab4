"""Upload what was tracked offline: sync."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from zoo.cli.app import app, command


@command(app, "sync")
def sync(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Runs or sweeps.")],
) -> None:
    """Upload offline runs to Weights & Biases: curves, pictures, tables, checkpoints with their parents."""
    from zoo.tracking.sync import sync as sync_runs

    sync_runs(folders, lambda line: Console(soft_wrap=True).print(line, markup=False, highlight=False))
