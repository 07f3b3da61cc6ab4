"""The file `run-<id>.wandb` of an offline run: records in the framing of LevelDB's log, as W&B 0.31 has it.

It names the files of artifacts by absolute paths, so a run folder that was moved or copied would lose its
tables when it is uploaded. `relocate` names them anew.

Framing: 7 bytes of header (``:W&B``, 0xBEE1, version 0), then blocks of 32 KiB. A block holds chunks, each of
CRC-32 (of the kind and the data), length, kind (whole, first, middle, last), data; fewer than 7 bytes at its
end are zeros.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from zoo.errors import ZooError
from zoo.files import replacing

_FILE: Final = b":W&B\xe1\xbe\x00"
_BLOCK: Final = 32768
_CHUNK: Final = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[bytes]:
    """The serialised `wandb.proto.wandb_internal_pb2.Record` messages of a file, up to where it was cut off.

    Raises:
        ZooError: it is no such file, or a chunk of it is damaged.
    """
    data = path.read_bytes()
    if data[: len(_FILE)] != _FILE:
        raise ZooError(f"{path}: not a file of W&B that this version of zoo reads")
    place, message = len(_FILE), b""
    while place + _CHUNK.size <= len(data):
        rest = _BLOCK - place % _BLOCK
        if rest < _CHUNK.size:
            place += rest
            continue
        checksum, length, kind = _CHUNK.unpack_from(data, place)
        part = data[place + _CHUNK.size : place + _CHUNK.size + length]
        if len(part) < length:
            return  # the process was killed while it wrote this
        if checksum != _checksum(kind, part):
            raise ZooError(f"{path}: damaged at byte {place}")
        message += part
        if kind in (_WHOLE, _LAST):
            yield message
            message = b""
        place += _CHUNK.size + length


def write(path: Path, messages: Iterable[bytes]) -> None:
    """Write what `records` reads."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_FILE)
        place = len(_FILE)
        for message in messages:
            first = True
            while first or message:
                rest = _BLOCK - place % _BLOCK
                if rest < _CHUNK.size:
                    file.write(bytes(rest))
                    place += rest
                    rest = _BLOCK
                part, message = message[: rest - _CHUNK.size], message[rest - _CHUNK.size :]
                kind = (_LAST if not message else _MIDDLE) if not first else (_FIRST if message else _WHOLE)
                file.write(_CHUNK.pack(_checksum(kind, part), len(part), kind) + part)
                place += _CHUNK.size + len(part)
                first = False


def relocate(path: Path, staging: Path) -> int:
    """Let the artifacts of an offline run find their files in `staging`, where they are not where they were.

    Returns:
        How many files were named anew; 0 leaves the file as it is.
    """
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    changed, messages = 0, []
    for message in records(path):
        record = Record.FromString(message)
        if record.WhichOneof("record_type") == "artifact":
            for entry in record.artifact.manifest.contents:
                here = staging / Path(entry.local_path).name
                if entry.local_path and not Path(entry.local_path).exists() and here.is_file():
                    entry.local_path = str(here)
                    changed += 1
            message = record.SerializeToString()
        messages.append(message)
    if changed:
        write(path, messages)
    return changed


def _checksum(kind: int, part: bytes) -> int:
    return zlib.crc32(part, zlib.crc32(bytes([kind])))
