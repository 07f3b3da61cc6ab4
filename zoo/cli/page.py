"""Try checkpoints in a browser: demo."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from zoo.cli.app import IndexOption, app, command


@command(app, "demo")
def demo(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME_OR_PATH]", help="The checkpoint to begin with: a name or a folder."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the page.")] = 7860,
    host: Annotated[str, typer.Option(help="0.0.0.0 shows it to the whole network.")] = "127.0.0.1",
    index: IndexOption = None,
) -> None:
    """Show a page in the browser, until Ctrl-C: drop an image, a video or a capture, and see the answer."""
    from zoo.page.app import serve

    serve(name, host, port, Console())
