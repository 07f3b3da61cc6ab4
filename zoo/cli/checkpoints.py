"""Find checkpoints, bring them here, check them, list one's own: list, info, fetch, verify, add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from zoo.cli.app import IndexOption, Name, app, command, errors, say
from zoo.errors import ZooError


@command(app, "list")
def list_checkpoints(
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help="Such as 'params < 2e6 and pupil_px < 2' or \"'gaze' in tasks\"; see --fields.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Ascending; --sort=-FIELD: descending. Unknown ones last."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Older versions too.")] = False,
    fields: Annotated[bool, typer.Option("--fields", help="Show the fields of --where and --sort.")] = False,
    index: IndexOption = None,
) -> None:
    """Show the checkpoints: tasks, size, speed, measured errors, licence."""
    from zoo.hub.show import checkpoint_table, field_table

    console = Console()
    table = field_table() if fields else checkpoint_table(where, sort, everything, console.width)
    console.print(table)


@command(app, "info")
def info(name: Name, index: IndexOption = None) -> None:
    """Show what is known of one checkpoint, of any version, and its card."""
    from zoo.hub.show import checkpoint_card

    shown = checkpoint_card(name, Console().is_terminal)
    Console().print(shown, soft_wrap=True, markup=False, highlight=False)


@command(app, "fetch")
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are promoted.")] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write them, with an index, for a machine without a network: there, --index FOLDER or "
            "ZOO_INDEX=FOLDER.",
        ),
    ] = None,
    index: IndexOption = None,
) -> None:
    """Bring checkpoints into the cache, or into a folder to carry elsewhere. Exit code 1 if any fails.

    ZOO_CACHE chooses the cache; with ZOO_OFFLINE=1 nothing is asked of the network.
    """
    from zoo.hub.deliver import deliver, promoted

    if bool(names) == everything:
        raise ZooError("give either NAMEs or --all")
    failed = 0
    for result in deliver(names or promoted(), to):
        failed += not result.ok
        console = Console() if result.ok else errors()
        style = None if result.ok else "red"
        console.print(
            f"{result.name}: {result.text}", style=style, markup=False, highlight=False, soft_wrap=True
        )
    if failed:
        raise typer.Exit(1)


@command(app, "verify")
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME_OR_PATH]...", help="Default: all that are here.")
    ] = None,
    index: IndexOption = None,
) -> None:
    """Check checkpoints: format, checksum, weights against network, card, index. Exit code 1 if any fails."""
    from zoo.hub.checkpoint import verify as verify_checkpoint
    from zoo.hub.index import catalogue

    failed = 0
    for name in names or [name for name, found in catalogue().items() if found.is_here]:
        try:
            metadata = verify_checkpoint(name)
        except ZooError as error:
            failed += 1
            errors().print(f"{name}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        else:
            assert metadata.weights is not None, "verify refuses metadata without a checksum"
            say(f"{name}: ok ({metadata.weights.sha256})")
    if failed:
        raise typer.Exit(1)


@command(app, "add")
def add(
    name: Name,
    line: Annotated[str, typer.Argument(metavar="ARCHITECTURE.TAG", help="Such as eyenet_s.mine.")],
    path: Annotated[
        Path, typer.Option("--index", metavar="FILE", help="Your index; made if it is not there.")
    ],
    alias: Annotated[
        str | None, typer.Option(help="A new short name for it; `zoo promote` moves one that exists.")
    ] = None,
) -> None:
    """List a checkpoint, such as runs/mine, as the next version of a line in an index of your own.

    Its files are copied beside the index. Others read it by --index FILE or ZOO_INDEX, or by --index URL
    where the folder of the index is served by any static host.
    """
    from zoo.hub.index import resolve
    from zoo.hub.release import add as add_to

    path = path / "index.json" if path.is_dir() or path.suffix != ".json" else path
    entry = add_to(resolve(name), line, path, alias)
    also = f", {alias}" if alias else ""
    say(f"{path}: {entry.name}{also}")
