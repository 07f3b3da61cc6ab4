"""Where the curves go: Weights & Biases, CSV files, or nowhere."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from zoo.config import TrainConfig
from zoo.config.schema import WandbLogger as WandbConfig
from zoo.errors import ZooError
from zoo.files import write_text
from zoo.tracking import artifacts
from zoo.tracking.login import folders_inside, logged_in
from zoo.tracking.sync import RUN_ID
from zoo.train.console import say


def make_logger(config: TrainConfig, first_sample: int) -> Logger | None:
    """The logger of this slice of a run; None where the config says none.

    Args:
        config: of the run.
        first_sample: samples seen before this slice.
    """
    if isinstance(config.logger, WandbConfig):
        try:
            import wandb  # noqa: F401  (an optional extra)
        except ImportError:
            say("wandb is not installed: logging to CSV files (logger=csv)")
        else:
            return _wandb(config, config.logger)
    if config.logger.type == "none":
        return None
    # A folder for each slice: Lightning's logger clears the one that it is given.
    return CSVLogger(config.run_dir / "csv", name="", version=f"from_{first_sample}")


def _wandb(config: TrainConfig, options: WandbConfig) -> Logger:
    import wandb

    folder = config.run_dir.resolve()
    chosen = os.environ.get("WANDB_MODE")
    offline = options.offline if options.offline is not None else chosen is None and not logged_in()
    offline = offline or chosen == "offline"
    inside = folders_inside(folder)
    if offline:
        # All of an offline run stays in its folder, so that the folder can be synchronised from elsewhere.
        os.environ.update(inside)
        os.environ["WANDB_CONFIG_DIR"] = str(folder / "wandb" / "config")  # nothing of an account is needed
        say(f"W&B: offline. To upload this run later: zoo sync {config.run_dir}")
    os.environ["WANDB_DIR"] = inside["WANDB_DIR"]
    try:
        run = wandb.init(
            name=config.name,
            dir=folder,
            id=_kept_id(folder / RUN_ID),
            resume="allow",
            project=options.project,
            entity=options.entity,
            group=options.group,
            tags=options.tags,
            mode="offline" if offline else None,
            config=config.model_dump(mode="json"),
            settings=wandb.Settings(console="off", silent=True, disable_code=True, disable_git=True),
        )
    except wandb.Error as error:
        raise ZooError(
            f"W&B did not start: {error}. logger.offline=true or logger=csv do without it"
        ) from None
    run.define_metric("*", step_metric="samples")
    return WandbLogger(experiment=run)


def _kept_id(path: Path) -> str:
    """The id of the W&B run, kept in the run folder so that a resumed run continues its curves."""
    if not path.exists():
        write_text(path, uuid.uuid4().hex[:12])
    return path.read_text(encoding="utf-8").strip()


def finish(logger: Logger | None, run_dir: Path) -> None:
    """End a slice: an online run gets its checkpoints as artifacts, and W&B writes what it holds."""
    if not isinstance(logger, WandbLogger):
        return
    import wandb

    run = logger.experiment
    try:
        if not run.offline and not run.disabled:
            for line in artifacts.upload(run, run_dir):
                say(f"W&B: {line}")
    except (wandb.Error, OSError, ValueError) as error:
        say(f"W&B: the checkpoints were not uploaded ({error}). To try again: zoo sync {run_dir}")
    finally:
        run.finish()
