"""What a checkpoint records of its parent: which it was, and what differs. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from zoo.hub.index import full_name, resolve
from zoo.hub.metadata import Changes, ModelMetadata, Training, read_metadata

RUN_CONFIG: Final = "config.yaml"
"""In the folder of a run, beside the folder of its checkpoint."""
_OF_NO_INTEREST: Final = frozenset({"init"})
"""The parent itself says it."""
_NOTHING: Final = "nothing"


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one of dotted keys; an empty mapping stays a value."""
    if not isinstance(value, Mapping) or not value:
        return {prefix: value}
    return {
        k: v for key, inner in value.items() for k, v in flat(inner, f"{prefix}.{key}".lstrip(".")).items()
    }


def recorded(config: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """The config of a run as a checkpoint keeps it, by dotted key.

    Args:
        config: plain containers.
        left_out: top-level keys that change nothing that is learnt.
    """
    return {key: value for key, value in flat(dict(config)).items() if key.split(".")[0] not in left_out}


def lasting_name(given: str) -> str:
    """What a parent is called in records: an alias may move, so its full name; a path as it is."""
    return full_name(given) or given


def changes_from(
    parent: str, training: Training, config: Mapping[str, Any], left_out: Collection[str]
) -> Changes:
    """What a run changed with respect to the checkpoint that it started from.

    Args:
        parent: a listed name or a path.
        training: of the child.
        config: of the child, by dotted key (`recorded`).
        left_out: as in `recorded`.
    """
    folder = resolve(parent)
    before = read_metadata(folder)
    old = _config_of(folder, before, left_out)
    return Changes(
        data=None if before.training.data == training.data else (before.training.data, training.data),
        command=None
        if before.training.command == training.command
        else (before.training.command, training.command),
        commit=None
        if before.training.commit == training.commit
        else (before.training.commit, training.commit),
        config=None if old is None else differences(old, config),
    )


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted key -> (then, now) of what differs.

    A key that one of them lacks is ``nothing`` there, which an empty value is too: a later zoo has more keys.
    """
    found = {}
    for key in sorted({*old, *new}):
        then, now = old.get(key, _NOTHING), new.get(key, _NOTHING)
        empty = all(value in (_NOTHING, None, {}, []) for value in (then, now))
        if then != now and not empty and key.split(".")[0] not in _OF_NO_INTEREST:
            found[key] = (then, now)
    return found


def lines(metadata: ModelMetadata) -> tuple[str, ...]:
    """What changed, a line each, for the index and for `zoo log`."""
    changes = metadata.changes
    if changes is None:
        return ()
    told = []
    if changes.data is not None:
        told.append(f"data: {changes.data[0]} -> {changes.data[1]}")
    told += [f"{key}: {then} -> {now}" for key, (then, now) in (changes.config or {}).items()]
    if changes.config is None and changes.command is not None:
        told.append(f"command: {changes.command[1]}")
    if changes.commit is not None:
        told.append("commit: " + " -> ".join((commit or "unknown")[:12] for commit in changes.commit))
    return tuple(told)


def _config_of(folder: Path, metadata: ModelMetadata, left_out: Collection[str]) -> dict[str, Any] | None:
    """The config that a checkpoint was made with: its own record, else that of the run which it lies in."""
    if metadata.config is not None:
        return dict(metadata.config)
    try:
        raw = yaml.safe_load((folder.parent / RUN_CONFIG).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return recorded(raw, left_out) if isinstance(raw, dict) else None
