"""Take checkpoints elsewhere: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.app import IndexOption, Name, app, command, errors, say


@command(app, "export")
def export(
    name: Name,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.onnx", help="What to write.")],
    format_: Annotated[str, typer.Option("--format", help="Only onnx.")] = "onnx",
    int8: Annotated[
        bool, typer.Option("--int8", help="Eyes: also FILE.int8.onnx, quantised on rendered frames.")
    ] = False,
    kind: Annotated[
        str | None, typer.Option(metavar="eyes|views", help="Which heads, where the checkpoint has both.")
    ] = None,
    views: Annotated[
        int, typer.Option(min=2, max=8, help="Rooms: of each sample, the anchor among them.")
    ] = 3,
    report: Annotated[
        bool, typer.Option(help="Measure parity, latency and, of int8, what it costs each task.")
    ] = True,
    report_to: Annotated[Path | None, typer.Option(help="The report. [default: FILE.json]")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames that int8 is measured on.")] = 400,
    index: IndexOption = None,
) -> None:
    """Write a checkpoint as ONNX, with its preprocessing and conventions; `zoo predict FILE.onnx` runs it."""
    from zoo.export.run import export as run_export
    from zoo.export.show import summary

    made = run_export(
        name,
        output,
        format_=format_,
        kind=kind,
        views=views,
        int8=int8,
        report=report,
        report_path=report_to,
        frames=frames,
        console=errors(),
    )
    say(*summary(made))
