"""One validation of a run: metrics, curves of slices and sources, drawn predictions, the worst samples."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import polars as pl
import torch
from pytorch_lightning.loggers import Logger, WandbLogger

from zoo import evaluate
from zoo.config import TrainConfig
from zoo.config.schema import WandbLogger as WandbConfig
from zoo.evaluate.curves import slice_curves
from zoo.evaluate.worst import worst_rows, wrongness
from zoo.model.network import Network
from zoo.train.folder import HELD_OUT
from zoo.train.measure import HeldOut, measure
from zoo.train.overlays import labelled, may_show, overlays, predicted

MAIN: Final = "validation"
"""Name of the source that decides, among those that are measured."""
MORE: Final = "on_"
"""Metrics of another source have its name behind this, before their own."""
_FACTORS: Final = (
    *("source", "row", "domain", "subject", "scene", "eye_side", "openness", "pupil_visible"),
    *("gaze_eccentricity_deg", "focal_over_width", "baseline_m", "mean_depth_m"),
)
"""Columns of the table of worst samples, where the table of rows has them."""


class Validation:
    """Measures the averaged weights of a run on what it holds out.

    Args:
        config: of the run.
        device: where held-out samples are rendered.
    """

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.config = config
        validation, folder = config.validation, config.run_dir
        self.sources = {
            MAIN: HeldOut(config, validation.data, validation.count, folder / HELD_OUT, device),
        } | {
            name: HeldOut(config, more.data, more.count, folder / f"{HELD_OUT}_{name}", device)
            for name, more in validation.more.items()
        }

    def __call__(
        self, network: Network, loggers: list[Logger], seen: int, step: int, device: torch.device
    ) -> dict[str, float]:
        """Measure, log, and return every metric of `summarise`; those of further sources as `on_<name>/...`.

        Args:
            network: the averaged weights.
            loggers: get the metrics and the curves; W&B gets pictures too.
            seen: samples.
            step: of the optimiser.
            device: of `network`.
        """
        tables = {
            name: measure(network, source, device).with_row_index("row").with_columns(source=pl.lit(name))
            for name, source in self.sources.items()
        }
        metrics = evaluate.summarise(tables[MAIN])
        for name in self.config.validation.more:
            metrics |= {f"{MORE}{name}/{k}": v for k, v in evaluate.summarise(tables[name]).items()}
        every = pl.concat(tables.values(), how="diagonal_relaxed")
        curves = metrics | slice_curves(tables[MAIN]) | slice_curves(every, ("domain", "source"))
        values: dict[str, Any] = {f"validation/{name}": value for name, value in curves.items()}
        for logger in loggers:
            media = self._media(network, every, device) if isinstance(logger, WandbLogger) else {}
            logger.log_metrics(values | media | {"samples": seen}, step)
        return metrics

    def _media(self, network: Network, table: pl.DataFrame, device: torch.device) -> dict[str, Any]:
        import wandb

        options = self.config.logger
        assert isinstance(options, WandbConfig)
        drawn = overlays(network, self.sources[MAIN], device, options.real_images)
        pictures = [wandb.Image(picture) for picture in islice(drawn, self.config.validation.overlays)]
        media: dict[str, Any] = {"validation/overlays": pictures} if pictures else {}
        for head in network.heads:
            rows = self._worst(network, table, head, options, device)
            if rows:
                columns: list[str | int] = list(rows[0])
                data = [[_cell(value) for value in row.values()] for row in rows]
                media[f"validation/worst/{head}"] = wandb.Table(columns=columns, data=data)
        return media

    def _worst(
        self,
        network: Network,
        table: pl.DataFrame,
        head: str,
        options: WandbConfig,
        device: torch.device,
    ) -> list[dict[str, Any]]:
        """Rows of the table of the worst samples for a task, the worst first."""
        measured = wrongness(table, head)
        if measured is None or options.worst == 0:
            return []
        errors = [c for c in table.columns if c.startswith(f"{head}/") and not table[c].is_null().all()]
        factors = [c for c in _FACTORS if c in table.columns]
        found = []
        for number in worst_rows(measured.values, options.worst):
            row = table.row(number, named=True)
            batch = self.sources[row["source"]].samples([row["row"]])
            shown = may_show(batch, options.real_images)[0]
            entry: dict[str, Any] = {
                "prediction": predicted(network, batch, device)[0] if shown else None,
                "label": labelled(batch)[0] if shown else None,
                measured.name: measured.values[number],
            }
            found.append(entry | {column: row[column] for column in (*factors, *errors)})
        return found


def _cell(value: Any) -> Any:
    import numpy as np
    import wandb

    return wandb.Image(value) if isinstance(value, np.ndarray) else value
