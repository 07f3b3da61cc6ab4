"""Hydra puts the YAML together, pydantic checks the whole, and every mistake becomes one readable error.

Hydra alone accepts a misspelt key inside a YAML file and behind `+`, and rejects others without a hint. So
values from the command line are handed to it as `++key=value`, and the schema decides what is a key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from pydantic import ValidationError

from zoo.config.base import Config
from zoo.config.choices import choices, config_folder
from zoo.config.explain import explain, misplaced_booleans
from zoo.config.schema import EvalConfig, TrainConfig
from zoo.config.sources import RenderData
from zoo.errors import ZooError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

SCHEMAS: Final[dict[str, type[Config]]] = {"train": TrainConfig, "eval": EvalConfig}


@overload
def compose(
    name: Literal["train"], overrides: Sequence[str], config_dir: Path | None = None
) -> TrainConfig: ...
@overload
def compose(
    name: Literal["eval"], overrides: Sequence[str], config_dir: Path | None = None
) -> EvalConfig: ...
def compose(name: str, overrides: Sequence[str], config_dir: Path | None = None) -> Config:
    """The validated config of `conf/<name>.yaml` with overrides in Hydra's grammar.

    Args:
        name: "train" or "eval".
        overrides: `key=value`, `group=choice`, `~key`.
        config_dir: a folder of the user's own YAML files, laid out like `conf/`; it adds choices to groups.

    Raises:
        ZooError: a key, a value or a choice is not valid; says which are, and the nearest.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise ZooError(f"--config-dir {config_dir} is not a folder")
    parsed = _parse(overrides)
    raw, chosen = _compose_yaml(name, parsed, config_dir)
    if raw.get("init") and not chosen:
        first = raw["init"][0] if isinstance(raw["init"], list) else raw["init"]
        raw["network"] = _network_of(first, parsed)
    schema = SCHEMAS[name]
    booleans = misplaced_booleans(schema, raw)
    try:
        config = schema.model_validate(raw)
    except ValidationError as error:
        raise ZooError("\n".join([*booleans, explain(error, schema, raw)])) from None
    if booleans:
        raise ZooError("\n".join(booleans))
    return config


def _parse(overrides: Sequence[str]) -> list[Override]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise ZooError(f"cannot read the override {text!r} (expected key=value): {reason}") from None
        if override.is_sweep_override():
            raise ZooError(f"{text!r} gives several values; a run takes one (write a list as [a,b])")
        if override.key_or_group.split(".")[0] == "hydra":
            raise ZooError(f"{text!r}: settings of Hydra itself are not used here")
        parsed.append(override)
    return parsed


def _compose_yaml(
    name: str, overrides: list[Override], config_dir: Path | None
) -> tuple[dict[str, Any], bool]:
    """The plain config, and whether a network was chosen, by an override or an experiment."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf, open_dict
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError  # type: ignore[import-untyped]

    folder = config_folder()
    groups = _defaults(folder / f"{name}.yaml")
    lines = [line for override in overrides for line in _for_hydra(override, groups, config_dir)]
    if config_dir is not None:
        lines.append(f"hydra.searchpath=['file://{config_dir.resolve()}']")
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            composed = hydra_compose(name, lines, return_hydra_config=True)
        network = OmegaConf.select(composed, "hydra.runtime.choices.network")
        with open_dict(composed):
            del composed["hydra"]
        absent = sorted(OmegaConf.missing_keys(composed))
        if absent:
            raise ZooError("\n".join(f"{key} has no default here: give it as {key}=..." for key in absent))
        raw = OmegaConf.to_container(composed, resolve=True)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ZooError(f"cannot compose {name}.yaml: {' '.join(str(error).split())}") from None
    assert isinstance(raw, dict)
    named = any(override.key_or_group == "network" for override in overrides)
    return {str(key): value for key, value in raw.items()}, named or network != groups.get("network")


def _defaults(primary: Path) -> dict[str, Any]:
    """The config groups in the defaults list of a primary file, and their choices."""
    from omegaconf import OmegaConf

    content = OmegaConf.to_container(OmegaConf.load(primary))
    assert isinstance(content, dict)
    entries = [entry for entry in content.get("defaults", []) if isinstance(entry, dict)]
    return {str(group): choice for entry in entries for group, choice in entry.items()}


def _replaces(override: Override) -> bool:
    """Whether it is taken as a whole: the keys of another `type` mean nothing beside it."""
    value = override.value()
    return isinstance(value, dict) and "type" in value


def _for_hydra(override: Override, groups: Collection[str], config_dir: Path | None) -> list[str]:
    """One override in the form in which Hydra accepts any key, so that the schema judges it."""
    group = override.key_or_group
    line = str(override.input_line).lstrip("+")
    if override.is_delete():
        return [line]
    if group not in groups:
        if choices(group, config_dir):
            hint = f"; did you mean data.{group}=...?" if group in RenderData.model_fields else ""
            raise ZooError(f"{line}: {group} is no group here{hint} (groups: {', '.join(sorted(groups))})")
        cleared = [f"++{group}=null"] if _replaces(override) else []  # Hydra would merge the two
        return [*cleared, f"++{line}"]
    choice = override.value()
    valid = choices(group, config_dir)
    if choice is not None and choice not in valid:
        raise ZooError(
            f"{group}={choice}: no such choice of {group}; {_near(str(choice), valid)}"
            f"choices: {', '.join(valid)}; a single value is set as {group}.<key>=..."
        )
    return [line]


def _near(choice: str, valid: list[str]) -> str:
    close = get_close_matches(choice, valid, n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def _network_of(init: str, overrides: list[Override]) -> Any:
    """The network of the checkpoint that a run starts from, with `network.<key>=...` applied; no torch.

    Raises:
        ZooError: an override changes the backbone, so that the checkpoint's weights would not fit it.
    """
    from omegaconf import OmegaConf

    from zoo.hub.index import resolve
    from zoo.hub.metadata import read_metadata

    brought = read_metadata(resolve(init)).network.model_dump(mode="json")
    config = OmegaConf.create({"network": brought})
    for override in overrides:
        key = override.key_or_group
        if not key.startswith("network."):
            continue
        if override.is_delete():
            parent, _, name = key.rpartition(".")
            OmegaConf.select(config, parent).pop(name)
        else:
            OmegaConf.update(config, key, override.value(), force_add=True, merge=not _replaces(override))
        changed = OmegaConf.to_container(config).get("network", {})  # type: ignore[union-attr]
        if key.startswith("network.backbone") and changed.get("backbone") != brought["backbone"]:
            raise ZooError(
                f"{override.input_line}: init={init} brings its own backbone, whose weights fit no other; "
                "leave this out, or train without init"
            )
    return OmegaConf.to_container(config.network)
