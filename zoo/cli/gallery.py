"""Show what was measured: gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.app import IndexOption, app, command, errors, say


@command(app, "gallery")
def gallery(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME_OR_FOLDER...",
            help="Checkpoints by name or folder, folders of `zoo eval output=FOLDER`, or files of metrics.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pages.")],
    frames: Annotated[
        int,
        typer.Option(
            min=0, help="Of a checkpoint: first frames of the exam that are searched for failures; 0: none."
        ),
    ] = 400,
    count: Annotated[int, typer.Option(min=1, max=100, help="Failures that are shown of every task.")] = 8,
    index: IndexOption = None,
) -> None:
    """Write one HTML page a checkpoint: its metrics, failures first, and plots by slice; without scripts.

    Only rendered frames are shown; those of a `zoo eval ... pictures=N` folder as they were drawn there.
    """
    from zoo.gallery.run import gallery as write_gallery

    written = write_gallery(sources, output, frames=frames, count=count, progress=errors().print)
    say(*map(str, written))
