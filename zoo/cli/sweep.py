"""Search for settings: sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from zoo.cli.app import ConfigDir, IndexOption, Overrides, app, command
from zoo.errors import ZooError


@command(app, "sweep")
def sweep(
    overrides: Overrides = None,
    space: Annotated[
        list[str] | None, typer.Option(help="KEY=uniform|log|int|logint(LOW,HIGH) or KEY=choice(A,B,...).")
    ] = None,
    metric: Annotated[str, typer.Option(help="Required; such as validation/keypoints/pupil_px_mean.")] = "",
    direction: Annotated[
        str, typer.Option(help="minimize or maximize; by default told by the metric's name.")
    ] = "",
    trials: Annotated[int, typer.Option(min=1, max=10_000, help="In all, over all starts.")] = 20,
    prune: Annotated[bool, typer.Option("--prune", help="Stop runs that are worse than the median.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the proposals.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for trials and table.")] = Path(
        "sweeps/default"
    ),
    config_dir: ConfigDir = None,
    index: IndexOption = None,
) -> None:
    """Search config keys: zoo sweep data=... --space 'optimizer.lr=log(1e-4,1e-2)' --metric validation/...

    Stopped or killed, it goes on with the same command. Every trial is an ordinary run in -o/trials/.
    """
    from zoo.sweep.plan import Sweep
    from zoo.sweep.result import result_table
    from zoo.sweep.study import sweep as run_sweep

    if not metric:
        raise ZooError("--metric is missing: e.g. --metric validation/keypoints/pupil_px_mean")
    plan = Sweep(
        folder=output,
        overrides=tuple(overrides or ()),
        space=tuple(space or ()),
        metric=metric,
        direction=direction or _direction(metric),
        trials=trials,
        prune=prune,
        seed=seed,
        config_dir=config_dir,
    )
    console = Console(soft_wrap=True)
    rows = run_sweep(plan, lambda line: console.print(line, markup=False, highlight=False))
    keys = [dimension.key for dimension in plan.dimensions]
    Console().print(result_table(rows, keys, metric, plan.direction))
    console.print(f"{output / 'trials.csv'}, {output / 'trials.png'}", markup=False, highlight=False)


def _direction(metric: str) -> str:
    from zoo.evaluate.curves import higher_is_better

    better = higher_is_better(metric)
    if better is None:
        raise ZooError(f"--metric {metric}: say --direction minimize or --direction maximize")
    return "maximize" if better else "minimize"
