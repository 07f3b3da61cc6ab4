"""Draw what explains the zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.app import command, group

draw_app = group("draw", "Draw what explains the zoo.")


@command(draw_app, "conventions")
def draw_conventions(
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png or .jpg file.")] = Path(
        "conventions.png"
    ),
) -> None:
    """Draw the picture that explains camera frame, signs and angles, on rendered eyes of known gaze."""
    from zoo.draw import save_picture
    from zoo.explain import conventions_picture

    save_picture(output, conventions_picture())
