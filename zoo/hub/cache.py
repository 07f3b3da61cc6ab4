"""The cache of fetched checkpoints, shared by all processes of a user. Imports no torch.

    <cache>/checkpoints/<full name>/<key>/model.json, model.safetensors, README.md
    <cache>/indexes/<key>.json
    <cache>/locks/<key>.lock

The key is of the checksums, so that two indexes which use one name for different weights never meet. What is
being fetched ends in `.part`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zoo.errors import ZooError
from zoo.hub.schema import Entry, FileFacts

CACHE_VARIABLE: Final = "ZOO_CACHE"
OFFLINE_VARIABLE: Final = "ZOO_OFFLINE"

_CHUNK: Final = 1 << 20
_FALSE: Final = ("", "0", "false", "no", "off")


def cache_folder() -> Path:
    """`ZOO_CACHE`, else `eye-room-zoo` in `XDG_CACHE_HOME` or in `~/.cache`."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "eye-room-zoo"


def is_offline() -> bool:
    """Whether `ZOO_OFFLINE` forbids the network."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in _FALSE


def folder_of(entry: Entry) -> Path:
    """Where a checkpoint is cached, fetched or not."""
    return cache_folder() / "checkpoints" / entry.name / _key(entry.sha256, entry.files.metadata.sha256)


def index_file(url: str) -> Path:
    """Where the last copy of an index from the network is kept."""
    return cache_folder() / "indexes" / f"{_key(url)}.json"


@contextmanager
def locked(target: Path, waiting: Callable[[], object]) -> Iterator[None]:
    """Hold the only lock on `target`, a folder, among all processes.

    Args:
        waiting: called once, if another process holds it.

    Raises:
        ZooError: the cache cannot be written.
    """
    from filelock import FileLock, Timeout

    path = cache_folder() / "locks" / f"{_key(str(target))}.lock"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A disk that cannot be written is the user's to mend."""
    try:
        yield
    except OSError as error:
        raise ZooError(
            f"{path}: cannot be written ({error.strerror or error}); {CACHE_VARIABLE} chooses another folder"
        ) from None


def sha256_of(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def is_intact(path: Path, facts: FileFacts) -> bool:
    """Whether a file is there, with the size and the checksum that the index says."""
    try:
        return path.stat().st_size == facts.size_bytes and sha256_of(path) == facts.sha256
    except OSError:
        return False


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
