"""Where the curves go: Weights & Biases, CSV files, or nowhere."""

from __future__ import annotations

import netrc
import os
import sys
import uuid
from pathlib import Path
from urllib.parse import urlparse

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from zoo.config import TrainConfig
from zoo.config.schema import WandbLogger as WandbConfig
from zoo.errors import ZooError
from zoo.files import write_text
from zoo.train.console import say

_RUN_ID = "wandb_id.txt"


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
    os.environ["WANDB_DIR"] = str(folder)
    if offline:
        # All of an offline run stays in its folder, so that the folder can be synchronised from elsewhere.
        for name in ("DATA", "CACHE", "CONFIG", "ARTIFACT"):
            os.environ[f"WANDB_{name}_DIR"] = str(folder / "wandb" / name.lower())
        say(f"W&B: offline. To upload this run later: wandb sync {config.run_dir}/wandb/offline-run-*")
    try:
        run = wandb.init(
            name=config.name,
            dir=folder,
            id=_kept_id(folder / _RUN_ID),
            resume="allow",
            project=options.project,
            entity=options.entity,
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


def logged_in() -> bool:
    """Whether W&B has a key: in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    name = "_netrc" if sys.platform == "win32" else ".netrc"
    file = Path(os.environ.get("NETRC", Path.home() / name))
    try:
        return netrc.netrc(str(file)).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
