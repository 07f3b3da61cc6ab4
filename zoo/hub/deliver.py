"""Lay checkpoints out where they are needed: the cache, or a folder that any static host or disk can carry.

Imports no torch. Such a folder is an index with a folder for each checkpoint beside it, so it serves as
`--index FOLDER` from a disk and as `--index https://host/FOLDER` from a host.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from zoo.errors import ZooError, did_you_mean
from zoo.files import replacing
from zoo.hub import cache, card
from zoo.hub.fetch import fetch, is_whole
from zoo.hub.index import Found, aliases, catalogue, find, sources, valid_names
from zoo.hub.locations import is_relative
from zoo.hub.metadata import CARD_FILE, read_metadata
from zoo.hub.schema import INDEX_FILE, Entry, Index, Move, read_index, write_index


class Delivered(NamedTuple):
    """What became of one name; `text` is for the user."""

    name: str
    ok: bool
    text: str


def promoted() -> list[str]:
    """The full names that an alias points to."""
    return [name for name in catalogue() if any(name in targets for targets in aliases().values())]


def deliver(names: Sequence[str], to: Path | None = None) -> Iterator[Delivered]:
    """Fetch what is not on this machine; with `to`, lay it out there and list it in the index of that folder.

    Raises:
        ZooError: the folder has an index that cannot be read or written.
    """
    done: list[Found] = []
    for name in names:
        try:
            found = find(name)
            if found is None:
                raise ZooError(f"no such checkpoint; {did_you_mean(name, valid_names())}")
            folder = found.folder or fetch(found.entry, found.places)
            if to is not None:
                folder = copy(found.entry, folder, to / found.entry.name)
        except ZooError as error:
            yield Delivered(name, False, str(error))
        else:
            done.append(found)
            yield Delivered(name, True, str(folder))
    if to is not None and done:
        list_in(to / INDEX_FILE, [found.entry for found in done])


def copy(entry: Entry, source: Path, target: Path) -> Path:
    """Copy a checkpoint, and its card, whose checksums are those of its entry.

    Raises:
        ZooError: `source` has other files than the entry says.
    """
    if not is_whole(target, entry):
        if not is_whole(source, entry):
            raise ZooError(f"{source}: not the files that the index lists as {entry.name} (`zoo verify`)")
        with cache.writing(target):
            for name in entry.files.named():
                with replacing(target / name) as temporary:
                    shutil.copyfile(source / name, temporary)
    with cache.writing(target), replacing(target / CARD_FILE) as temporary:
        temporary.write_text(card.render(read_metadata(target)), encoding="utf-8")
    return target


def list_in(path: Path, entries: Sequence[Entry], base_url: str | None = None) -> Index:
    """Add entries, whose files lie beside the index at `path`, to it, with the aliases that point to them.

    Args:
        base_url: where the folder is going to be served, if it was not known before.
    """
    before = read_index(path) if path.is_file() else Index()
    listed = {entry.name: entry for entry in before.checkpoints}
    for entry in entries:
        elsewhere = [place for place in entry.locations if not is_relative(place)]
        listed[entry.name] = entry.model_copy(update={"locations": (entry.name, *elsewhere)})
    pointing, moves = _pointing_to({entry.name for entry in entries})
    history = [move for move in before.history if move.alias not in pointing] + moves
    index = Index(
        base_url=before.base_url or base_url,
        checkpoints=tuple(sorted(listed.values(), key=lambda entry: entry.parts)),
        aliases=dict(sorted({**before.aliases, **pointing}.items())),
        history=tuple(sorted(history, key=lambda move: move.when)),
    )
    with cache.writing(path):
        write_index(path, index)
    return index


def _pointing_to(targets: set[str]) -> tuple[dict[str, str], list[Move]]:
    """The aliases that point to one of these, and how they came to; the first index has the say."""
    pointing: dict[str, str] = {}
    moves: list[Move] = []
    for source in sources():
        new = {
            alias: target
            for alias, target in source.index.aliases.items()
            if target in targets and alias not in pointing
        }
        pointing |= new
        moves += [move for move in source.index.history if move.alias in new]
    return pointing, moves
