"""What makes an ONNX file one of this zoo: the checkpoint's `model.json` among its properties, and a seal.

The properties are read, and the seal is checked, from the bytes alone, before any parser of graphs sees the
file. The seal is the SHA-256 of the file with the seal's own digits as zeros: it tells damage and edits, not
who made the file. Imports no torch, onnx or onnxruntime.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from zoo.conventions import KINDS, Kind
from zoo.errors import ZooError
from zoo.hub.metadata import METADATA_FILE, ModelMetadata, parse_metadata

SUFFIX: Final = ".onnx"
FORMAT_VERSION: Final = 1
"""Raised when an older reader could not use a newer file rightly."""

Precision = Literal["fp32", "int8"]

FORMAT: Final = "zoo.format"
MODEL: Final = "zoo.model"
KIND: Final = "zoo.kind"
PRECISION: Final = "zoo.precision"
SEAL: Final = "zoo.sha256"
OPEN_SEAL: Final = "0" * 64

_LARGEST = 1 << 30  # bytes; a protobuf ends at two of these
_PROPERTIES: Final = 14  # field of onnx.ModelProto
_KEY, _VALUE = 1, 2  # fields of onnx.StringStringEntryProto
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # types of protobuf fields on the wire
_DIGEST: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """An ONNX file of a checkpoint, checked."""

    path: Path
    metadata: ModelMetadata
    kind: Kind
    """What the graph looks at."""
    precision: Precision
    sha256: str
    """The seal."""
    blob: bytes
    """The file."""


def is_exported(name_or_path: str | Path) -> bool:
    """Whether this names an ONNX file, not a checkpoint."""
    return Path(name_or_path).suffix.lower() == SUFFIX


def properties(metadata: ModelMetadata, kind: Kind, precision: Precision) -> dict[str, str]:
    """What to write among the properties of a graph, with the seal still open."""
    return {
        FORMAT: str(FORMAT_VERSION),
        KIND: kind,
        PRECISION: precision,
        MODEL: metadata.model_dump_json(),
        SEAL: OPEN_SEAL,
    }


def sealed(blob: bytes) -> bytes:
    """The file with its seal filled in.

    Raises:
        ValueError: it holds no open seal, or something that looks like one.
    """
    if blob.count(OPEN_SEAL.encode()) != 1:
        raise ValueError("an open seal stands in the file once")
    return blob.replace(OPEN_SEAL.encode(), hashlib.sha256(blob).hexdigest().encode())


def read_exported(path: str | Path, wanted: Kind | None = None) -> ExportedFile:
    """Read and check an ONNX file that `zoo export` wrote.

    Args:
        wanted: what it must look at, if that matters.

    Raises:
        ZooError: no such file, no ONNX file of a checkpoint, an altered or damaged one, one of a newer
            format, or one that looks at something else.
    """
    path = Path(path).expanduser()
    try:
        if path.stat().st_size > _LARGEST:
            raise ZooError(f"{path}: {path.stat().st_size:,} bytes is too large for an ONNX file of zoo")
        blob = path.read_bytes()
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        found = dict(_properties(memoryview(blob)))
    except (ValueError, IndexError):
        raise ZooError(f"{path}: not an ONNX file: damaged, cut short, or of something else") from None
    version = found.get(FORMAT, "")
    missing = [name for name in (FORMAT, KIND, PRECISION, MODEL, SEAL) if name not in found]
    if missing or not version.isdecimal():
        raise ZooError(
            f"{path}: an ONNX file, but not of `zoo export` (it has no {(missing or [FORMAT])[0]}), "
            "so its preprocessing and conventions are not known"
        )
    if int(version) > FORMAT_VERSION:
        raise ZooError(
            f"{path}: format version {version} is newer than {FORMAT_VERSION}, the newest that this version "
            "of zoo reads; upgrade zoo to use this file"
        )
    seal = found[SEAL]
    unsealed = blob.replace(seal.encode(), OPEN_SEAL.encode())
    if not _DIGEST.fullmatch(seal) or hashlib.sha256(unsealed).hexdigest() != seal:
        raise ZooError(
            f"{path}: altered or damaged, so refused: its content does not fit its {SEAL}; export it again"
        )
    kind: Kind | None = next((kind for kind in KINDS if kind == found[KIND]), None)
    precision: Precision | None = next((p for p in get_args(Precision) if p == found[PRECISION]), None)
    if kind is None or precision is None:
        raise ZooError(
            f"{path}: {KIND} {found[KIND]!r} with {PRECISION} {found[PRECISION]!r} is not known here"
        )
    if wanted not in (None, kind):
        raise ZooError(f"{path}: its graph looks at {kind}, not at {wanted}")
    metadata = parse_metadata(found[MODEL], f"{path}, {METADATA_FILE}")
    return ExportedFile(path, metadata, kind, precision, seal, blob)


def _properties(model: memoryview) -> Iterator[tuple[str, str]]:
    for number, value in _fields(model):
        if number == _PROPERTIES:
            entry = dict(_fields(value))
            yield str(entry[_KEY], "utf-8"), str(entry.get(_VALUE, b""), "utf-8")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of the fields of a protobuf message that hold bytes (texts, messages).

    Raises:
        ValueError, IndexError: it is none.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == _VARINT:
            _, at = _varint(message, at)
        elif wire == _BYTES:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("cut short")
            yield tag >> 3, message[at : at + length]
            at += length
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError("no such type")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("too long")
