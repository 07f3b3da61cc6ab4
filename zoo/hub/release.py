"""List a checkpoint as the next version of its line: ours by `scripts/release.py`, anyone's by `zoo add`.

Imports no torch.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.files import replacing
from zoo.hub import cache, card, names
from zoo.hub.changes import lines
from zoo.hub.describe import entry_of, refreshed
from zoo.hub.index import catalogue, full_name, using
from zoo.hub.locations import is_relative
from zoo.hub.metadata import CARD_FILE, METADATA_FILE, WEIGHTS_FILE, read_metadata
from zoo.hub.schema import Entry, Index, Move, read_index, write_index


def add(
    folder: Path,
    line: str,
    path: Path,
    alias: str | None = None,
    place: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> Entry:
    """Copy a checkpoint beside an index and list it as the next version of `line`.

    Args:
        folder: of the checkpoint.
        line: `architecture.tag`.
        path: of the index, which is made if it is not there.
        alias: a new one to point to it; one that exists is moved by `zoo promote`, never here.
        place: the folder beside the index; the full name by default. What an earlier version has there goes,
            and that version stays listed without it.
        more: fields of the entry that `model.json` does not say.

    Raises:
        ZooError: these weights are listed already; a bad line or alias; an index that cannot be used.
    """
    before = read_index(path) if path.is_file() else Index()
    try:
        full = names.next_version(line, [entry.name for entry in before.checkpoints])
    except ValueError as error:
        raise ZooError(str(error)) from None
    with using([str(path)] if path.is_file() else []):
        taken = [name for name in catalogue() if names.parse(name).line == line]
        parent = parent_name(read_metadata(folder).parent)
    if taken and not any(entry.parts.line == line for entry in before.checkpoints):
        raise ZooError(f"{line} is a line of another index ({taken[-1]}); choose another tag")
    now = datetime.now(UTC).replace(microsecond=0)
    inside = place or str(full)
    entry = entry_of(
        folder,
        str(full),
        now.date(),
        **{
            "parent": parent,
            "changes": lines(read_metadata(folder)),
            "locations": (inside,),
            **(more or {}),
        },
    )
    for other in before.checkpoints:
        if other.sha256 == entry.sha256:
            raise ZooError(f"{folder}: these weights are listed already, as {other.name}")
    moves = [] if alias is None else [_first(before, alias, str(full), now)]
    kept = tuple(_without(other, inside) for other in before.checkpoints)
    index = Index(
        base_url=before.base_url,
        checkpoints=tuple(sorted((*kept, entry), key=lambda e: e.parts)),
        aliases=dict(sorted({**before.aliases, **{move.alias: move.to for move in moves}}.items())),
        history=(*before.history, *moves),
    )
    _copy(folder, path.parent / inside)
    with cache.writing(path):
        write_index(path, index)
    return entry


def refresh(path: Path) -> Index:
    """Take anew from the checkpoints beside an index what their `model.json` say."""
    before = read_index(path)
    entries = []
    for entry in before.checkpoints:
        beside = [path.parent / place for place in entry.locations if is_relative(place)]
        folder = next((folder for folder in beside if (folder / METADATA_FILE).is_file()), None)
        entries.append(entry if folder is None else refreshed(entry, folder))
    index = before.model_copy(update={"checkpoints": tuple(entries)})
    write_index(path, index)
    return index


def parent_name(parent: str | None) -> str | None:
    """The full name of what `model.json` calls the parent; None where no index lists it."""
    if parent is None or not (names.is_full(parent) or names.is_alias(parent)):
        return None
    return parent if names.is_full(parent) else full_name(parent)


def _first(before: Index, alias: str, to: str, now: datetime) -> Move:
    if not names.is_alias(alias):
        raise ZooError(f"{alias!r} cannot be an alias: letters, digits, _ and - alone")
    if alias in before.aliases:
        raise ZooError(f"{alias} points to {before.aliases[alias]}; `zoo promote {to}` moves it")
    return Move(alias=alias, action="release", from_=None, to=to, when=now, reason="the first version")


def _without(entry: Entry, place: str) -> Entry:
    if place not in entry.locations:
        return entry
    return entry.model_copy(update={"locations": tuple(p for p in entry.locations if p != place)})


def _copy(source: Path, target: Path) -> None:
    if source.resolve() == target.resolve():
        return
    with (
        cache.writing(target),
        replacing(target / CARD_FILE) as readme,
        replacing(target / METADATA_FILE) as description,
        replacing(target / WEIGHTS_FILE) as weights,
    ):
        shutil.copyfile(source / WEIGHTS_FILE, weights)
        shutil.copyfile(source / METADATA_FILE, description)
        readme.write_text(card.render(read_metadata(source)), encoding="utf-8")


def tidy(path: Path) -> list[str]:
    """Keep the weights of promoted versions alone, each in a folder named like its alias.

    Other versions beside the index stay listed, without their files.

    Returns:
        what was done, a line each.
    """
    index = read_index(path)
    home = {target: alias for alias, target in index.aliases.items()}
    done, entries = [], {entry.name: entry for entry in index.checkpoints}
    for name, entry in entries.items():
        for place in [place for place in entry.locations if is_relative(place)]:
            if name not in home and (path.parent / place).is_dir():
                shutil.rmtree(path.parent / place)
                entries[name] = _without(entry, place)
                done.append(f"{place}: removed; {name} stays listed")
    for name, alias in home.items():
        beside = [place for place in entries[name].locations if is_relative(place)]
        if beside and beside[0] != alias and not (path.parent / alias).exists():
            (path.parent / beside[0]).rename(path.parent / alias)
            others = tuple(place for place in entries[name].locations if place != beside[0])
            entries[name] = entries[name].model_copy(update={"locations": (alias, *others)})
            done.append(f"{beside[0]}: is now {alias}")
    if done:
        write_index(path, index.model_copy(update={"checkpoints": tuple(entries.values())}))
    return done
