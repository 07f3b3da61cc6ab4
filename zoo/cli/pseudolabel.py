"""Label frames of a known rig by its geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.app import Device, IndexOption, Name, app, command, errors, say


@command(app, "pseudolabel")
def pseudolabel(
    name: Name,
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Images: files, folders, globs.")],
    rig: Annotated[
        str, typer.Option(metavar="NAME|YAML", help="A name in conf/rig or a YAML file: camera and LEDs.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for labels.csv.")],
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Frames in one forward pass.")] = 16,
    index: IndexOption = None,
) -> None:
    """Label unlabelled frames in 3D by the geometry of their rig, to train on with data=folder.

    NAME locates glints and pupil; three glints or more of known LEDs give the cornea, and the pupil's image
    the axis. Frames whose glints or pupil contradict one another are left out. Images stay where they are.
    """
    from zoo.predict.pseudolabel.run import explain
    from zoo.predict.pseudolabel.run import pseudolabel as run

    made = run(name, sources, output, rig, device=device, batch_size=batch_size, console=errors())
    text = f"{made.labelled} of {made.frames} frames -> {made.table}"
    text += f"; left out: {explain(made.left_out)}" if made.left_out else ""
    say(text)
