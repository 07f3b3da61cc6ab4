"""Make and measure checkpoints: train, eval."""

from __future__ import annotations

from rich.console import Console

from zoo.cli.app import ConfigDir, IndexOption, NameOrExported, Overrides, app, command, errors


@command(app, "eval")
def evaluate(
    name: NameOrExported, overrides: Overrides = None, config_dir: ConfigDir = None, index: IndexOption = None
) -> None:
    """Measure a checkpoint: zoo eval eyenet_s exam=unseen, or data=meye data.root=FOLDER.

    With output=FOLDER, writes metrics.json and a table with one row a frame.
    """
    from zoo.config import compose

    config = compose("eval", [f"checkpoint='{name}'", *(overrides or [])], config_dir)
    from zoo.exam.run import evaluate as run_evaluation
    from zoo.exam.show import metrics_tables
    from zoo.predict.report import Report

    with Report(errors(), config.count) as report:
        result = run_evaluation(config, report.reach)
    for table in metrics_tables(result):
        Console().print(table)


@command(app, "train")
def train(overrides: Overrides = None, config_dir: ConfigDir = None, index: IndexOption = None) -> None:
    """Train: zoo train experiment=eyenet_s, or fine-tune: zoo train init=eyenet_s data=..."""
    from zoo.config import compose

    config = compose("train", overrides or [], config_dir)  # mistakes are told before torch is loaded
    from zoo.train.run import train as run_training

    run_training(config)
