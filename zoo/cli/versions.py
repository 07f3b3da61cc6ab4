"""Versions of checkpoints: log, compare, promote, rollback, merge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from zoo.cli.app import ConfigDir, IndexOption, Name, Overrides, app, command, errors, say
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.versions.report import Result

Other = Annotated[
    str, typer.Argument(metavar="NAME_OR_PATH", help="The other one, of which is said what it changed.")
]
GateFile = Annotated[Path | None, typer.Option("--gate-file", help="Another gate than conf/gate.yaml.")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]
OneIndex = Annotated[
    Path | None,
    typer.Option("--index", metavar="FILE", help="The index to change; default: that of this checkout."),
]


@command(app, "log")
def log(
    name: Name,
    runs: Annotated[Path, typer.Option(help="Folder of local runs.")] = Path("runs"),
    index: IndexOption = None,
) -> None:
    """Draw the family tree of a checkpoint: parents, what changed, and how aliases were moved."""
    from zoo.versions.family import draw

    Console().print(draw(name, runs), soft_wrap=True, highlight=False)


@command(app, "compare")
def compare(
    first: Name,
    second: Other,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report and tables.")
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Ask the gate too; exit code 1 if it does not hold.")
    ] = False,
    gate_file: GateFile = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="That all intervals hold at once.")
    ] = 0.95,
    draws: Annotated[int, typer.Option(min=100, help="Of the bootstrap.")] = 1000,
    min_samples: Annotated[int, typer.Option(min=1, help="Smaller slices are left out.")] = 50,
    min_people: Annotated[int, typer.Option(min=2, help="Slices of fewer people are left out.")] = 8,
    config_dir: ConfigDir = None,
    index: IndexOption = None,
) -> None:
    """Say per task and slice what the second does better and worse.

    zoo compare eyenet_s runs/mine data=... by=[...]; without data or exam, on the data of conf/gate.yaml.
    """
    from zoo.config.gate import load_gate

    chosen = load_gate(gate_file)
    from zoo.versions.session import compared

    results = compared(
        first, second, overrides or [], chosen, errors(),
        confidence=confidence, draws=draws, min_samples=min_samples, min_people=min_people,
        ask_gate=gate, config_dir=config_dir,
    )  # fmt: skip
    from zoo.versions.report import gate_lines, summary, tables, write  # torch: after mistakes are told

    console = Console()
    for measured, comparison, report in results:
        for table in tables(measured, comparison):
            console.print(table, highlight=False)
        say(summary(comparison), *(gate_lines(report) if report is not None else []))
    if output is not None:
        write(output, results)
    if not _holds(results):
        raise typer.Exit(1)


@command(app, "promote")
def promote(
    name: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A version that the index lists.")],
    overrides: Overrides = None,
    alias: Annotated[str | None, typer.Option(help="Which alias; default: the one of that line.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Without asking the gate; needs --reason.")] = False,
    reason: Reason = "",
    gate_file: GateFile = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the comparison.")] = None,
    config_dir: ConfigDir = None,
    path: OneIndex = None,
) -> None:
    """Point an alias to another version, if the gate holds on the data of conf/gate.yaml, or on data=..."""
    from zoo.versions.session import promote as run_promotion

    moved, results = run_promotion(
        _path_of(path), name, overrides or [], errors(),
        alias=alias, force=force, reason=reason, gate_file=gate_file, output=output, config_dir=config_dir,
    )  # fmt: skip
    from zoo.versions.report import gate_lines

    for _, _, report in results:
        say(*([] if report is None else gate_lines(report)))
    if moved is None:
        say(f"{name} was not promoted; --force with --reason does it all the same")
        raise typer.Exit(1)
    say(f"{moved.alias}: {moved.from_ or 'new'} -> {moved.to}{' (forced)' if moved.forced else ''}")


@command(app, "rollback")
def rollback(
    alias: Annotated[str, typer.Argument(metavar="ALIAS")], reason: Reason = "", path: OneIndex = None
) -> None:
    """Point an alias to the version that was promoted before."""
    from zoo.versions.promote import rollback as roll_back

    moved = roll_back(_path_of(path), alias, reason)
    say(f"{moved.alias}: {moved.from_} -> {moved.to}")


@command(app, "merge")
def merge(
    first: Name,
    second: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="The other, of the same network.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the new checkpoint.")],
    alpha: Annotated[float, typer.Option(help="0: all of the first; 1: all of the second.")] = 0.5,
    index: IndexOption = None,
) -> None:
    """Interpolate the weights of two versions of one network; the result names both as parents."""
    from zoo.versions.merge import merge as run_merge

    run_merge(first, second, alpha, output)
    say(f"{output}: {1 - alpha:g} of {first} and {alpha:g} of {second}; see what it is worth: zoo compare")


def _path_of(given: Path | None) -> Path:
    from zoo.hub.index import root
    from zoo.hub.schema import INDEX_FILE

    path = root() if given is None else given
    path = path / INDEX_FILE if path.is_dir() else path
    if not path.is_file():
        raise ZooError(f"--index {path}: no such file; `zoo add` makes an index")
    return path


def _holds(results: list[Result]) -> bool:
    return all(report is None or report.holds for _, _, report in results)
