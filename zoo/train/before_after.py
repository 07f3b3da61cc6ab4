"""What a fine-tuned network does better and worse than its parent, on the held-out samples of its run."""

from __future__ import annotations

import json
from typing import Final

import torch
from rich.console import Console
from rich.table import Table

from zoo.config import TrainConfig
from zoo.files import write_text
from zoo.hub import checkpoint
from zoo.hub.index import resolve
from zoo.model.network import Network
from zoo.train.callbacks import known
from zoo.train.validate import Validation

BEFORE_AFTER: Final = "before_after.json"


def show_before_and_after(config: TrainConfig, network: Network, device: torch.device) -> None:
    """Print a table of every task of the parent and of `network`; also written into the run folder."""
    measure = Validation(config, device)
    parent = checkpoint.load(resolve(config.parents[0]))[0].to(device)
    before, after = (measure(one, [], config.samples, config.steps, device) for one in (parent, network))
    table = Table(title=f"{config.parents[0]} and {config.name} on the held-out samples")
    table.add_column("metric")
    for heading in ("before", "after"):
        table.add_column(heading, justify="right")
    for name in [*before, *(name for name in after if name not in before)]:
        table.add_row(name, *(f"{m[name]:.4g}" if name in m else "" for m in (before, after)))
    Console().print(table)
    shown = {
        label: {name: known(value) for name, value in metrics.items()}
        for label, metrics in (("before", before), ("after", after))
    }
    write_text(config.run_dir / BEFORE_AFTER, json.dumps(shown, indent=1) + "\n")
