"""Fetch a listed checkpoint into the cache: from the first place that has it, once for all processes.

Imports no torch. A file gets its name only after its checksum was found to be that of the index; what is in
the cache is checked again each time it is used, and fetched anew where it was damaged. Nothing that is
fetched is executed or unpickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub import cache, card
from zoo.hub.metadata import CARD_FILE, METADATA_FILE, WEIGHTS_FILE, read_metadata
from zoo.hub.progress import Progress
from zoo.hub.schema import Entry, FileFacts
from zoo.hub.transfer import bring
from zoo.hub.web import Failed


def fetch(entry: Entry, places: Sequence[str], folder: Path | None = None) -> Path:
    """The folder of a checkpoint whose files have the checksums of the index.

    Args:
        places: absolute locations, tried in order; see `zoo.hub.index.Found.places`.
        folder: to fill; that of the cache by default.

    Raises:
        ZooError: no place has it, naming what is wrong with each; or it is of a newer format, or its
            metadata are of other weights; or the disk cannot be written.
    """
    target = cache.folder_of(entry) if folder is None else folder
    if is_whole(target, entry):
        return target
    with Progress(entry.name) as progress, cache.locked(target, progress.wait):
        if is_whole(target, entry):  # another process was faster
            return target
        if not places:
            raise ZooError(_unpublished(entry))
        with cache.writing(target):
            target.mkdir(parents=True, exist_ok=True)
        for name, facts in entry.files.named().items():
            if not cache.is_intact(target / name, facts):
                _one(entry, places, target, name, facts, progress)
            if name == METADATA_FILE:
                _check_metadata(target, entry)
        with cache.writing(target):
            write_text(target / CARD_FILE, card.render(read_metadata(target)))
    return target


def is_whole(folder: Path, entry: Entry) -> bool:
    """Whether a folder holds both files with the checksums of the index."""
    return all(cache.is_intact(folder / name, facts) for name, facts in entry.files.named().items())


def _one(
    entry: Entry, places: Sequence[str], folder: Path, name: str, facts: FileFacts, progress: Progress
) -> None:
    part = folder / f"{name}.part"
    damaged = f"  {folder / name}: damaged, not what the index lists"
    reasons = [damaged] if (folder / name).exists() else []
    for place in places:
        try:
            with progress.of(place, name, facts.size_bytes) as reached:
                try:
                    bring(place, name, part, facts, reached)
                    _check(part, facts)
                except _Altered:
                    # What an earlier attempt has left may be of another file: once more, from the start.
                    bring(place, name, part, facts, reached)
                    _check(part, facts)
        except (Failed, _Altered) as error:
            reasons.append(f"  {place}: {name}: {error}")
            continue
        with cache.writing(folder):
            part.replace(folder / name)
        return
    raise ZooError("\n".join([f"{entry.name} cannot be fetched:", *reasons, *_offline_hint()]))


class _Altered(Exception):
    """The checksum is not that of the index."""


def _check(part: Path, facts: FileFacts) -> None:
    digest = cache.sha256_of(part)
    if digest != facts.sha256:
        part.unlink()
        raise _Altered(f"altered or damaged, so refused: SHA-256 {digest}, but the index says {facts.sha256}")


def _check_metadata(folder: Path, entry: Entry) -> None:
    described = read_metadata(folder).weights
    if described is None or described.sha256 != entry.sha256:
        raise ZooError(
            f"{folder / METADATA_FILE}: describes other weights than the index lists as {entry.name}: refused"
        )


def _unpublished(entry: Entry) -> str:
    if entry.locations:
        return (
            f"the weights of {entry.name} are not in this installation, and its index has no address for "
            "them; use a checkout of the repository, --index of a copy that has them (`zoo fetch --to`), or "
            f"pass the path of a folder that holds {METADATA_FILE} and {WEIGHTS_FILE} of {entry.name}"
        )
    return (
        f"{entry.name} is listed for its history: its weights are published nowhere; to use a copy, "
        f"pass the path of a folder that holds its {METADATA_FILE} and {WEIGHTS_FILE}"
    )


def _offline_hint() -> list[str]:
    if not cache.is_offline():
        return []
    return [
        f"  unset {cache.OFFLINE_VARIABLE}, or bring it from a machine with a network: zoo fetch --to FOLDER"
    ]
