"""Domains and rigs by name, or from the user's own YAML file. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError
from yaml import YAMLError  # type: ignore[import-untyped]

from zoo.config.choices import choices, config_folder
from zoo.config.explain import explain
from zoo.errors import ZooError, did_you_mean
from zoo.synth.eyes.domain import EyeDomain
from zoo.synth.eyes.rig import FixedRig, RandomRig, Rig, RigCamera
from zoo.synth.rooms.domain import RoomDomain

Model = TypeVar("Model", bound=BaseModel)


def load_domain(name: str) -> EyeDomain:
    """The domain `conf/domain/<name>.yaml`, or that of a YAML file.

    Raises:
        ZooError: no such domain, or the file says what a domain cannot hold (key, value, what is valid).
    """
    path, raw = _read("domain", name)
    return _validated(EyeDomain, raw, path)


def load_room_domain(name: str) -> RoomDomain:
    """The domain `conf/rooms/<name>.yaml`, or that of a YAML file.

    Raises:
        ZooError: no such domain, or the file says what such a domain cannot hold (key, value, what is valid).
    """
    path, raw = _read("rooms", name)
    return _validated(RoomDomain, raw, path)


def load_rig(name: str) -> Rig:
    """The rig `conf/rig/<name>.yaml`, or that of a YAML file; "random" draws another for every sample.

    Raises:
        ZooError: no such rig, or the file says what a rig cannot hold (key, value, what is valid).
    """
    if name == "random":
        return RandomRig()
    path, raw = _read("rig", name)
    return _validated(FixedRig, raw, path)


def load_camera(path: Path) -> RigCamera:
    """The camera of a YAML file: a rig's, or `width, height, fx, fy, cx, cy`, `distortion` and `eye_side`.

    Raises:
        ZooError: the file says what neither can hold (key, value, what is valid).
    """
    _, raw = _read("rig", str(path))
    rig = not {"type", "eye_mm", "leds_mm"}.isdisjoint(raw)
    return _validated(FixedRig if rig else RigCamera, raw, path)


def _read(group: str, name: str) -> tuple[Path, dict[str, Any]]:
    path = Path(name) if name.endswith((".yaml", ".yml")) else config_folder() / group / f"{name}.yaml"
    try:
        raw = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except FileNotFoundError:
        raise ZooError(f"no {group} {name!r}: {did_you_mean(name, choices(group))}") from None
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise ZooError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ZooError(f"{path} holds no keys, so it describes no {group}")
    return path, {str(key): value for key, value in raw.items()}


def _validated(model: type[Model], raw: dict[str, Any], path: Path) -> Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ZooError(f"{path}:\n{explain(error, model, raw)}") from None
