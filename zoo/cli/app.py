"""The `zoo` command: what all of its subcommands share. Imports nothing heavy until a command needs it."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from zoo.errors import ZooError

app = typer.Typer(
    name="zoo",
    help="Models that look at eyes and at rooms: checkpoints, prediction, training, synthetic data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

USER_ERROR: Final = 2
INTERRUPTED: Final = 130
_PLACE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
"""Of an `OSError`: the disk is full, or this user may not write there."""


def main() -> None:
    """The `zoo` command."""
    app()


def group(name: str, text: str) -> typer.Typer:
    """A group of subcommands, `zoo NAME ...`."""
    made = typer.Typer(help=text, no_args_is_help=True)
    app.add_typer(made, name=name)
    return made


def command(parent: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command whose mistakes are printed without a stack trace and whose Ctrl-C is one line."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def guarded(*arguments: Any, **options: Any) -> None:
            try:
                with _indexes(options.get("index")):
                    function(*arguments, **options)
            except ZooError as error:
                errors().print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
                raise typer.Exit(USER_ERROR) from None
            except OSError as error:
                if error.errno not in _PLACE:
                    raise
                where = f"{error.filename}: " if error.filename else ""
                text = f"error: {where}{error.strerror}; what was written before stays"
                errors().print(text, style="red", markup=False, highlight=False, soft_wrap=True)
                raise typer.Exit(USER_ERROR) from None
            except KeyboardInterrupt:
                errors().print("interrupted")
                raise typer.Exit(INTERRUPTED) from None

        return parent.command(name)(guarded)

    return register


def say(*lines: str) -> None:
    """Print results as they are: no markup, no colours, and lines that pipes get whole."""
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _indexes(given: list[str] | None) -> AbstractContextManager[None]:
    """Reads the indexes of `--index` beside ours while a command runs."""
    if not given:
        return nullcontext()
    from zoo.hub.index import using

    return using(given)


_NAMED: Final = "A name of `zoo list`, or the folder of a checkpoint or of a run"
Name = Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help=f"{_NAMED}.")]
NameOrExported = Annotated[
    str, typer.Argument(metavar="NAME_OR_PATH", help=f"{_NAMED}, or a file of `zoo export`.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="Config keys of conf/, such as data=meye (Hydra overrides)."
    ),
]
ConfigDir = Annotated[Path | None, typer.Option(help="Your own YAML files, laid out like conf/.")]
IndexOption = Annotated[
    list[str] | None,
    typer.Option(
        "--index",
        metavar="FILE_OR_URL",
        help="A further index of checkpoints, or its folder; repeatable. ZOO_INDEX names some, with commas.",
    ),
]
"""A command with a parameter `index` of this type reads these indexes beside ours; it need not use it."""
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]


def errors() -> Console:
    """Where messages go that are no results."""
    return Console(stderr=True)
