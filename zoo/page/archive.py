"""A capture out of a zip file that somebody else made: nothing climbs out, nothing explodes."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from zoo.errors import ZooError

MOST_FILES: Final = 20_000
MOST_BYTES: Final = 4 << 30
"""Unpacked."""
_ENCRYPTED: Final = 1  # flag bit, .ZIP specification 4.4.4


def unpack(file: Path, folder: Path) -> None:
    """Unpack a zip file into a folder that is not there yet.

    Raises:
        ZooError: no zip file, a damaged or encrypted one, one with links or paths that leave the folder, or
            one of more than `MOST_FILES` files or `MOST_BYTES` bytes.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check(file, members)
            for member in members:
                if member.is_dir():
                    continue
                target = folder / _path(file, member)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zipfile.LargeZipFile, ValueError) as error:
        raise ZooError(f"{file.name}: not a zip file that can be read ({error})") from None
    except OSError as error:
        raise ZooError(f"{file.name}: cannot be unpacked ({error.strerror or error})") from None


def _check(file: Path, members: list[zipfile.ZipInfo]) -> None:
    size = sum(member.file_size for member in members)
    if len(members) > MOST_FILES or size > MOST_BYTES:
        raise ZooError(
            f"{file.name}: holds {len(members)} files of {size / 1e9:.1f} GB; at most {MOST_FILES} of "
            f"{MOST_BYTES / 1e9:.1f} GB are unpacked; run the page where the capture lies and give its folder"
        )
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise ZooError(f"{file.name}: is encrypted")


def _path(file: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    link = stat.S_ISLNK(member.external_attr >> 16)
    if link or path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise ZooError(f"{file.name}: its member {member.filename!r} leads out of the archive: refused")
    return path
