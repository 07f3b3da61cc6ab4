"""Where the YAML files are, and which choices a group of them offers."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

from pydantic import AfterValidator

from zoo.errors import ZooError, did_you_mean


def config_folder() -> Path:
    """`conf/` beside the package in a checkout, else the copy inside the installed package."""
    checkout = Path(__file__).resolve().parents[2] / "conf"
    installed = Path(str(importlib.resources.files("zoo"))) / "conf"
    for folder in (checkout, installed):
        if (folder / "train.yaml").is_file():
            return folder
    raise ZooError(f"the config files are missing: neither {checkout} nor {installed} has a train.yaml")


def choices(group: str, extra: Path | None = None) -> list[str]:
    """Names of the YAML files of a group, also of the user's own folder."""
    folders = [config_folder(), *([extra] if extra else [])]
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})


def one_of(group: str) -> Any:
    """A pydantic validator: the value names a file of `conf/<group>/` or is the path of a YAML file."""

    def check(value: str) -> str:
        if value in (valid := choices(group)) or (
            value.endswith((".yaml", ".yml")) and Path(value).is_file()
        ):
            return value
        raise ValueError(
            f"no such {group}: a name in conf/{group} or a YAML file; {did_you_mean(value, valid)}"
        )

    return AfterValidator(check)
