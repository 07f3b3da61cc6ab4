"""Moving an alias to another version, and back: edits of an index, written atomically. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from zoo.errors import ZooError, did_you_mean
from zoo.hub import names
from zoo.hub.schema import Index, Move, read_index, write_index


class Plan(NamedTuple):
    """A move that may be made."""

    alias: str
    promoted: str | None
    """Where the alias points; None: it is new."""
    to: str


def plan(index: Index, name: str, alias: str | None = None) -> Plan:
    """Which alias is moved from where to where.

    Args:
        index: that lists the version.
        name: `architecture.tag@version`, or `alias@version` of the line that the alias points into.
        alias: which to move; None: the one that points into the line of `name`, else the architecture.

    Raises:
        ZooError: no such version or alias, the alias points there already, or it is open which is meant.
    """
    full = _full(index, name)
    line = names.parse(full).line
    if alias is None:
        there = [key for key, target in index.aliases.items() if names.parse(target).line == line]
        if len(there) > 1:
            raise ZooError(
                f"{name}: several aliases point to {line}: say --alias {' or --alias '.join(there)}"
            )
        alias = there[0] if there else names.parse(full).architecture
    elif not names.is_alias(alias):
        raise ZooError(f"--alias {alias}: letters, digits, _ and - alone")
    promoted = index.aliases.get(alias)
    if promoted == full:
        raise ZooError(f"{alias} points to {full} already")
    return Plan(alias, promoted, full)


def _full(index: Index, name: str) -> str:
    stem, at, version = name.rpartition("@")
    if at and stem in index.aliases:
        name = f"{names.parse(index.aliases[stem]).line}@{version}"
    listed = [entry.name for entry in index.checkpoints]
    if name not in listed:
        hint = " (a version is named architecture.tag@version, or alias@version)" if not at else ""
        raise ZooError(f"{name}: no such version in this index{hint}; {did_you_mean(name, listed)}")
    return name


def move(
    path: Path,
    alias: str,
    to: str,
    expected: str | None,
    action: Literal["release", "promote", "rollback"],
    *,
    forced: bool = False,
    reason: str = "",
) -> Move:
    """Write the move into the index and its history.

    Args:
        path: of the index.
        expected: where the alias pointed when it was decided.
        forced: the gate was not asked, or did not hold.

    Raises:
        ZooError: the alias has been moved meanwhile, or the index cannot be read or written.
    """
    index = read_index(path)
    found = index.aliases.get(alias)
    if found != expected:
        raise ZooError(f"{path}: {alias} was moved to {found} meanwhile; look at it again")
    made = Move(
        alias=alias,
        action=action,
        from_=expected,
        to=to,
        when=datetime.now(UTC).replace(microsecond=0),
        forced=forced,
        reason=reason,
    )
    changed = index.model_copy(
        update={
            "aliases": dict(sorted({**index.aliases, alias: to}.items())),
            "history": (*index.history, made),
        }
    )
    try:
        write_index(path, changed)
    except OSError as error:
        raise ZooError(f"{path}: cannot be written ({error.strerror or error})") from None
    return made


def rollback(path: Path, alias: str, reason: str = "") -> Move:
    """Move an alias back to the version that it pointed to before the last promotion that still stands.

    Raises:
        ZooError: no such alias, or there is nothing to go back to.
    """
    index = read_index(path)
    if alias not in index.aliases:
        raise ZooError(f"{alias}: no alias of {path}; {did_you_mean(alias, index.aliases)}")
    stack = standing(index.history, alias)
    if len(stack) < 2:
        raise ZooError(f"{alias} has pointed to {stack[-1]} from the first: there is nothing to go back to")
    return move(path, alias, stack[-2], stack[-1], "rollback", reason=reason)


def standing(history: Sequence[Move], alias: str) -> list[str]:
    """The versions whose promotions stand, oldest first: a rollback takes the last one away."""
    stack: list[str] = []
    for step in history:
        if step.alias != alias:
            continue
        if step.action == "rollback" and step.to in stack:
            while stack[-1] != step.to:
                stack.pop()
        else:
            stack.append(step.to)
    return stack
