"""The checkpoints that can be named: those of this installation, and those of indexes of the user's own.

Imports no torch.

`checkpoints/index.json` lists every released version (`zoo.hub.schema`). A checkout holds the weights of the
promoted ones; an installed package holds the index and the smallest checkpoint only.

Indexes of the user's own (`--index`, `ZOO_INDEX`) stand beside ours and never shadow it: a full name denotes
the same weights in all of them, or the later index is refused; an alias that two of them point to different
versions is refused where it is used. An index that repeats entries of ours adds locations to them: a mirror.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoo.errors import ZooError, did_you_mean
from zoo.hub import cache, locations, names
from zoo.hub.metadata import METADATA_FILE, WEIGHTS_FILE
from zoo.hub.schema import INDEX_FILE, Entry, Index, read_index

INDEX_VARIABLE: Final = "ZOO_INDEX"
"""Paths or addresses of further indexes, separated by commas."""
PICKLES: Final = (".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".bin", ".tar")

_given: ContextVar[tuple[str, ...]] = ContextVar("given", default=())


@dataclass(frozen=True)
class Source:
    """An index, and where it was read.

    Attributes:
        at: path or address.
        folder: the folder that it lies in; None for one of the network.
    """

    index: Index
    at: str
    folder: Path | None

    def places(self, name: str) -> Iterator[str]:
        """The absolute locations that this index has for a full name, in order.

        A relative one is beside the index; below `base_url`, a folder is named by the full name, because what
        a host serves must never change.
        """
        for location in self._locations(name):
            if not locations.is_relative(location):
                if self.folder is None and location.startswith("file:"):
                    continue  # what the network says names no file of this machine
                yield location
                continue
            if self.folder is None:
                yield locations.join(self.at.rpartition("/")[0], location)
            elif (self.folder / location).is_dir():
                yield (self.folder / location).absolute().as_uri()
            if self.index.base_url is not None:
                yield locations.join(self.index.base_url, name)

    def beside(self, name: str) -> Path | None:
        """The folder of the weights of a full name, where they lie beside the index and are used in place."""
        for location in self._locations(name):
            if self.folder is not None and locations.is_relative(location):
                folder = self.folder / location
                if (folder / WEIGHTS_FILE).is_file():
                    return folder
        return None

    def _locations(self, name: str) -> tuple[str, ...]:
        entry = self.index.entry(name)
        return () if entry is None else entry.locations


@dataclass(frozen=True)
class Found:
    """An entry, and the indexes that list it."""

    entry: Entry
    sources: tuple[Source, ...]

    @property
    def places(self) -> list[str]:
        """Its absolute locations, in order, each once."""
        return list(dict.fromkeys(p for source in self.sources for p in source.places(self.entry.name)))

    @property
    def folder(self) -> Path | None:
        """Where its weights are used in place."""
        folders = (source.beside(self.entry.name) for source in self.sources)
        return next((folder for folder in folders if folder is not None), None)

    @property
    def is_here(self) -> bool:
        """Whether its weights are on this machine: beside an index, or in the cache."""
        return self.folder is not None or (cache.folder_of(self.entry) / WEIGHTS_FILE).is_file()


def root() -> Path:
    """The folder of released checkpoints: inside an installed package, or beside it in a checkout."""
    folder = _find_root()
    if folder is None:
        raise ZooError("this installation has no index of checkpoints; pass the folder of a checkpoint")
    return folder


@contextmanager
def using(indexes: Sequence[str]) -> Iterator[None]:
    """Read these indexes, paths or addresses, beside those of `ZOO_INDEX`."""
    token = _given.set((*_given.get(), *indexes))
    try:
        yield
    finally:
        _given.reset(token)


def sources() -> list[Source]:
    """Every index that is read: ours first.

    Raises:
        ZooError: one cannot be read, or gives a name of an earlier one to other weights.
    """
    found: list[Source] = []
    if (ours := _find_root()) is not None:
        found.append(Source(_read(ours / INDEX_FILE), str(ours / INDEX_FILE), ours))
    variable = os.environ.get(INDEX_VARIABLE, "").split(",")
    further = [*(part.strip() for part in variable if part.strip()), *_given.get()]
    found += [_source(at) for at in dict.fromkeys(further)]
    known: dict[str, tuple[Entry, str]] = {}
    for source in found:
        for entry in source.index.checkpoints:
            first, where = known.setdefault(entry.name, (entry, source.at))
            if first.files != entry.files:
                raise ZooError(
                    f"{source.at}: gives other weights for {entry.name}, a name of {where}; a full name "
                    "always denotes the same weights, so choose another tag or version"
                )
    return found


def catalogue() -> dict[str, Found]:
    """Every listed version by its full name, in the order of the indexes."""
    found: dict[str, Found] = {}
    for source in sources():
        for entry in source.index.checkpoints:
            first = found.get(entry.name, Found(entry, ()))
            found[entry.name] = Found(first.entry, (*first.sources, source))
    return found


def entries() -> dict[str, Entry]:
    """Every listed version by its full name."""
    return {name: found.entry for name, found in catalogue().items()}


def aliases() -> dict[str, list[str]]:
    """The full name of every alias; several where indexes disagree."""
    found: dict[str, list[str]] = {}
    for source in sources():
        for alias, target in source.index.aliases.items():
            if target not in found.setdefault(alias, []):
                found[alias].append(target)
    return found


def full_name(name: str) -> str | None:
    """The full name of a listed one; of an alias, the version that it points to. None: it is not listed.

    Raises:
        ZooError: an alias that two indexes point to different versions.
    """
    if names.is_full(name):
        return name if name in catalogue() else None
    targets = aliases().get(name, [])
    if len(targets) > 1:
        raise ZooError(
            f"{name} is an alias of several indexes, of {' and of '.join(targets)}; use the full name"
        )
    return targets[0] if targets else None


def find(name: str) -> Found | None:
    """The entry of a full name or an alias; None where no index lists it.

    Raises:
        ZooError: as `full_name`, and for a full name without its version.
    """
    known = catalogue()
    full = full_name(name)
    if full is not None:
        return known[full]
    if names.is_line(name):
        versions = [other for other in known if names.parse(other).line == name]
        if versions:
            of = ", ".join(alias for alias, targets in aliases().items() if set(targets) & set(versions))
            also = f"; promoted: {of}" if of else ""
            raise ZooError(f"{name}: say which version; valid: {', '.join(versions)}{also}")
    return None


def valid_names() -> list[str]:
    """All aliases and full names."""
    return [*aliases(), *catalogue()]


def locate(name_or_path: str | Path) -> tuple[Path | None, Found | None]:
    """The folder of a checkpoint on this machine, and its entry if it was named by an index.

    A path is the checkpoint's folder, a file in it, or the folder of a run, which holds it as `checkpoint`.
    A listed name wins over a folder of the same name in the current directory: write `./name` for that.
    The folder is None for a listed one that has to be fetched. Checksums are not looked at.

    Raises:
        ZooError: there is no such checkpoint, or it is a pickle.
    """
    text = str(name_or_path)
    is_path = not isinstance(name_or_path, str) or (names.is_line(text) and Path(text).is_dir())
    if not is_path and (found := find(text)) is not None:
        if found.folder is not None:
            return found.folder, found
        cached = cache.folder_of(found.entry)
        return (cached if (cached / WEIGHTS_FILE).is_file() else None), found
    return _folder(text, Path(name_or_path).expanduser()), None


def resolve(name_or_path: str | Path) -> Path:
    """The folder of a checkpoint, from a listed name or from a path (see `locate`).

    What is listed and not on this machine is fetched into the cache; what is in the cache is checked.

    Raises:
        ZooError: there is no such checkpoint, it cannot be fetched, or it is a pickle.
    """
    folder, found = locate(name_or_path)
    if found is None or found.folder is not None:
        assert folder is not None, "a path is found or refused"
        return folder
    from zoo.hub.fetch import fetch

    return fetch(found.entry, found.places)


def listed_entry(folder: Path) -> Entry | None:
    """What an index says of the checkpoint in `folder`; None for a folder beside no index."""
    real = folder.resolve()
    for found in catalogue().values():
        if found.folder is not None and found.folder.resolve() == real:
            return found.entry
    return None


def _folder(text: str, path: Path) -> Path:
    if path.suffix.lower() in PICKLES and not path.is_dir():
        raise ZooError(
            f"{text}: a pickle ({', '.join(PICKLES)}) can run any code when it is opened, so zoo never loads "
            f"one; pass a folder with {METADATA_FILE} and {WEIGHTS_FILE} (a run keeps it as `checkpoint/`)"
        )
    if path.is_file():
        if path.name not in (METADATA_FILE, WEIGHTS_FILE):
            raise ZooError(f"{text}: not a checkpoint; pass a folder with {METADATA_FILE} and {WEIGHTS_FILE}")
        return path.parent
    for folder in (path, path / "checkpoint"):
        if (folder / METADATA_FILE).is_file():
            return folder
    if path.is_dir():
        raise ZooError(f"{text}: this folder has no {METADATA_FILE}, so it is not a checkpoint")
    raise ZooError(
        f"no checkpoint {text!r}: neither a listed name nor a path; {did_you_mean(text, valid_names())}"
    )


_remote: dict[str, Index] = {}  # an index from the network is read once a process
_local: dict[tuple[str, int, int], Index] = {}


def _source(at: str) -> Source:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", at) and not at.startswith("file:"):
        try:
            url = locations.check_url(at if at.endswith(".json") else f"{at.rstrip('/')}/{INDEX_FILE}")
        except ValueError as error:
            raise ZooError(f"--index: {error}") from None
        if url not in _remote:
            from zoo.hub.remote import read_remote

            _remote[url] = read_remote(url)
        return Source(_remote[url], url, None)
    try:
        path = locations.local_path(at) if at.startswith("file:") else Path(at).expanduser()
    except ValueError as error:
        raise ZooError(f"--index: {error}") from None
    path = path / INDEX_FILE if path.is_dir() else path
    return Source(_read(path), str(path), path.parent)


def _read(path: Path) -> Index:
    """The index in a file, which is parsed again only when it has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None
    key = (str(path), status.st_mtime_ns, status.st_size)
    if key not in _local:
        _local[key] = read_index(path)
    return _local[key]


def _find_root() -> Path | None:
    package = Path(__file__).resolve().parents[1]
    folders = (package / "checkpoints", package.parent / "checkpoints")
    return next((folder for folder in folders if (folder / INDEX_FILE).is_file()), None)
