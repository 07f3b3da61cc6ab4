"""Whether W&B can be reached as somebody, and where it keeps its files."""

from __future__ import annotations

import netrc
import os
import sys
from pathlib import Path
from urllib.parse import urlparse


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


def folders_inside(run_dir: Path) -> dict[str, str]:
    """Environment variables by which all that W&B writes for a run stays in its folder.

    Without them the files of artifacts, and of tables, which are artifacts too, would be staged in the home
    directory, where a folder that is copied to another machine leaves them behind.
    """
    inside = run_dir.resolve() / "wandb"
    names = ("DATA", "CACHE", "ARTIFACT")
    return {"WANDB_DIR": str(inside.parent)} | {f"WANDB_{n}_DIR": str(inside / n.lower()) for n in names}
