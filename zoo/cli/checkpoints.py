"""Find checkpoints and check them: list, info, verify."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from zoo.cli.app import Name, app, command, errors
from zoo.errors import ZooError


@command(app, "list")
def list_checkpoints() -> None:
    """Show the released checkpoints: tasks, size, measured errors, licence."""
    from zoo.hub.show import checkpoint_table

    Console().print(checkpoint_table())


@command(app, "info")
def info(name: Name) -> None:
    """Show the card of one checkpoint."""
    from zoo.hub.show import checkpoint_card

    Console().print(checkpoint_card(name, Console().is_terminal), soft_wrap=True)


@command(app, "verify")
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME_OR_PATH]...", help="Default: all that are here.")
    ] = None,
) -> None:
    """Check checkpoints: format, checksum, weights against network, card. Exit code 1 if any fails."""
    from zoo.hub.checkpoint import verify as verify_checkpoint
    from zoo.hub.index import entries, has_weights

    failed = 0
    for name in names or [name for name in entries() if has_weights(name)]:
        try:
            metadata = verify_checkpoint(name)
        except ZooError as error:
            failed += 1
            errors().print(f"{name}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        else:
            assert metadata.weights is not None, "verify refuses metadata without a checksum"
            Console().print(f"{name}: ok ({metadata.weights.sha256})", highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
