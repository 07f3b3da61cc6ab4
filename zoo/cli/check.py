"""Look at data before training on them: check."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from zoo.cli.app import ConfigDir, IndexOption, Overrides, app, command, errors


@command(app, "check")
def check(
    overrides: Overrides = None,
    every: Annotated[bool, typer.Option("--all", help="Every sample, not 256 of them.")] = False,
    config_dir: ConfigDir = None,
    index: IndexOption = None,
) -> None:
    """Check files and labels of the data of a run: zoo check data=folder data.root=mine heads=[keypoints]

    Takes what `zoo train` takes. The first file that breaks a rule is named, with the rule. Training runs the
    quick part by itself.
    """
    from zoo.config import compose

    config = compose("train", overrides or [], config_dir)
    from zoo.predict.report import Report
    from zoo.train.check import check as run_check
    from zoo.train.check import untaught

    with Report(errors(), None) as report:
        found = run_check(config, None if every else 256, report.reach)
    if not found:
        Console().print("rendered on the fly: there are no files to check")
    for source in found:
        title = f"{source.key}: {source.checked:,} of {source.samples:,} samples, {source.people:,} people"
        table = Table(title=title, min_width=60)
        table.add_column("label")
        table.add_column("share of the samples", justify="right")
        for name, share in source.labels.items():
            table.add_row(name, f"{share:.1%}")
        table.add_section()
        for name, share in source.heads.items():
            table.add_row(f"learnt by {name}", f"{share:.1%}")
        Console().print(table)
    for head in untaught(config, found):
        errors().print(f"{head}: none of these samples has a label for it")
