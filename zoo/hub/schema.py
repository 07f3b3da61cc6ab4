"""The index of checkpoints as it lies on disk: `index.json`, one reviewed file. Imports no torch.

Everything a reader needs to choose and to trust weights stands in it; nothing in it names code. What a
checkpoint's own `model.json` says too is checked against it (`zoo verify`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    model_validator,
)
from pydantic import ValidationError as Invalid

from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub import locations, names
from zoo.hub.metadata import METADATA_FILE, WEIGHTS_FILE, Licences, Metric, Training, complaints

INDEX_FILE: Final = "index.json"
INDEX_VERSION: Final = 2
"""Raised when an older reader could not use a newer index rightly."""

_LINE_LENGTH: Final = 110
_LONGEST_LEAF: Final = 240
"""An object or a list that holds no other stays on one line up to this length: a slice is one line."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


FullName = Annotated[str, Field(pattern=names.FULL_NAME)]
Alias = Annotated[str, Field(pattern=names.ALIAS)]
Location = Annotated[str, AfterValidator(locations.check)]
BaseUrl = Annotated[str, AfterValidator(locations.check_url)]
Metrics = dict[str, Metric]
"""Metric -> value, as `zoo.evaluate.summarise` names them."""


class Canvas(_Strict):
    """Pixels that an image is brought to."""

    height: Annotated[int, Field(gt=0)]
    width: Annotated[int, Field(gt=0)]


class Latency(_Strict):
    """Milliseconds of one forward pass of all heads at batch 1."""

    ms: PositiveFloat
    on: str
    """What it was measured on: machine, threads, torch."""


class FileFacts(_Strict):
    """Identity of a file."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(gt=0)]


class Files(_Strict):
    """The two files that make a checkpoint; the card is rendered from the second."""

    weights: Annotated[FileFacts, Field(alias=WEIGHTS_FILE)]
    metadata: Annotated[FileFacts, Field(alias=METADATA_FILE)]

    def named(self) -> dict[str, FileFacts]:
        """By the name on disk; the weights last, so that a folder which has them is whole."""
        return {METADATA_FILE: self.metadata, WEIGHTS_FILE: self.weights}


class Entry(_Strict):
    """One version of one checkpoint."""

    name: FullName
    released: date
    tasks: tuple[str, ...]
    """Names of the heads."""
    input: Canvas
    parameters: Annotated[int, Field(ge=0)]
    macs: Annotated[int, Field(ge=0)] | None = None
    """Multiply-accumulates of one pass at `input`: of one frame, or of three views of a room."""
    latency: Latency | None = None
    training: Training
    licences: Licences
    parent: FullName | None = None
    """What training started from; it may be of another index."""
    changes: tuple[str, ...] = ()
    """What differs from the parent, a line each: data, keys of the config, code."""
    metrics: dict[str, Metrics] = {}
    """Part of the exam -> metrics."""
    slices: dict[str, dict[str, dict[str, Metrics]]] = {}
    """Part of the exam -> column -> its value -> metrics."""
    files: Files
    locations: tuple[Location, ...] = ()
    """Tried in this order. None: the weights are listed for their history, and published nowhere."""

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return self.files.weights.sha256

    @property
    def size_bytes(self) -> int:
        """Of the weights."""
        return self.files.weights.size_bytes

    @property
    def parts(self) -> names.FullName:
        """Architecture, tag and version."""
        return names.parse(self.name)

    @model_validator(mode="after")
    def _is_no_child_of_its_own(self) -> Entry:
        if self.parent == self.name:
            raise ValueError(f"{self.name} is its own parent")
        return self


class Move(_Strict):
    """An alias was moved."""

    alias: Alias
    action: Literal["release", "promote", "rollback"]
    """The first version of an alias is released; later ones are promoted over it, or rolled back to."""
    from_: Annotated[FullName | None, Field(alias="from")]
    """None: the alias is new."""
    to: FullName
    when: AwareDatetime
    forced: bool = False
    """The gate did not hold."""
    reason: str = ""


class Index(_Strict):
    """The whole file."""

    format_version: Literal[2] = INDEX_VERSION
    base_url: BaseUrl | None = None
    """Where the maintainer serves the release folder (`scripts/release.py --layout`), which has a folder for
    each full name. None: relative locations lie beside the index alone."""
    checkpoints: tuple[Entry, ...] = ()
    aliases: dict[Alias, FullName] = {}
    history: tuple[Move, ...] = ()
    """Every move of an alias, oldest first; the last one of an alias says where it points."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Index:
        problems = [*self._duplicates(), *self._moves(), *self._families()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def entry(self, name: str) -> Entry | None:
        """The entry of a full name or of an alias."""
        full = self.aliases.get(name, name)
        return next((entry for entry in self.checkpoints if entry.name == full), None)

    def _duplicates(self) -> Iterator[str]:
        for name, count in Counter(entry.name for entry in self.checkpoints).items():
            if count > 1:
                yield f"{name} is listed {count} times"

    def _moves(self) -> Iterator[str]:
        listed = {entry.name for entry in self.checkpoints}
        at: dict[str, str] = {}
        for number, move in enumerate(self.history):
            if move.from_ != at.get(move.alias):
                yield (
                    f"history.{number}: moves {move.alias} from {move.from_}, "
                    f"but it pointed to {at.get(move.alias)}"
                )
            at[move.alias] = move.to
        for alias, target in self.aliases.items():
            if target not in listed:
                yield f"aliases.{alias}: {target} is not listed"
            if at.get(alias) != target:
                yield f"aliases.{alias}: is {target}, but its history ends at {at.get(alias)}"
        for alias in at.keys() - self.aliases.keys():
            yield f"history: moves {alias}, which is no alias"

    def _families(self) -> Iterator[str]:
        parent = {entry.name: entry.parent for entry in self.checkpoints}
        for name in parent:
            ancestor, seen = parent[name], {name}
            while ancestor is not None and ancestor not in seen:
                seen.add(ancestor)
                ancestor = parent.get(ancestor)
            if ancestor == name:
                yield f"{name} is its own ancestor"


def parse_index(text: str | bytes, source: str) -> Index:
    """Read an index.

    Args:
        text: JSON.
        source: path or address, for messages.

    Raises:
        ZooError: it is damaged, of another version, or says what it must not; every reason is named.
    """
    try:
        raw = json.loads(text, object_pairs_hook=_without_duplicates)
    except _DuplicateKey as error:
        raise ZooError(f"{source}: {error} is given twice in one object") from None
    except (ValueError, RecursionError):
        raise ZooError(f"{source}: not an index of checkpoints (not valid JSON)") from None
    version = raw.get("format_version", raw.get("version")) if isinstance(raw, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise ZooError(f"{source}: not an index of checkpoints (it has no format_version)")
    if version > INDEX_VERSION:
        raise ZooError(
            f"{source}: format version {version} is newer than {INDEX_VERSION}, the newest that this version "
            "of zoo reads; upgrade zoo to use this index"
        )
    if version < INDEX_VERSION:
        raise ZooError(f"{source}: format version {version} is no longer read; valid: {INDEX_VERSION}")
    try:
        return Index.model_validate(raw)
    except Invalid as error:
        reasons = "\n".join(complaints(error))
        raise ZooError(f"{source}: not an index that this version of zoo can use\n{reasons}") from None


def read_index(path: Path) -> Index:
    """Read the index in a file.

    Raises:
        ZooError: as `parse_index`, or the file cannot be read.
    """
    try:
        return parse_index(path.read_bytes(), str(path))
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None


def write_index(path: Path, index: Index) -> None:
    """Write an index atomically, a line for every small object, so that a difference is easy to review."""
    checked = Index.model_validate(
        index.model_dump(by_alias=True)
    )  # copies made by an update are not checked
    write_text(path, _pretty(checked.model_dump(mode="json", by_alias=True)) + "\n")


class _DuplicateKey(Exception):
    pass


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKey(
            repr(next(key for key, count in Counter(k for k, _ in pairs).items() if count > 1))
        )
    return found


def _pretty(value: Any, indent: int = 0) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    leaf = not any(isinstance(item, dict | list) for item in inner)
    if not inner or len(flat) + indent <= (_LONGEST_LEAF if leaf else _LINE_LENGTH):
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, list):
        return "[\n" + ",\n".join(pad + _pretty(item, indent + 1) for item in value) + "\n" + pad[:-1] + "]"
    items = (f"{pad}{json.dumps(key)}: {_pretty(item, indent + 1)}" for key, item in value.items())
    return "{\n" + ",\n".join(items) + "\n" + pad[:-1] + "}"
