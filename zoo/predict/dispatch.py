"""Which half of the zoo a `zoo predict` is for: the heads of the checkpoint say it. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.conventions import KINDS
from zoo.data.captures import nyu
from zoo.data.captures.detect import detect
from zoo.errors import ZooError
from zoo.export.file import is_exported, read_exported
from zoo.hub.index import resolve
from zoo.hub.metadata import read_metadata


def for_rooms(
    name_or_path: str, sources: Sequence[str], of_rooms: Mapping[str, Any], of_eyes: Mapping[str, Any]
) -> bool:
    """Whether rooms are to be predicted, not eyes.

    Args:
        name_or_path: the checkpoint.
        sources: as the user gave them; they decide where the checkpoint has heads of both.
        of_rooms: options that only rooms have, None where the user did not give them.
        of_eyes: those that only eyes have.

    Raises:
        ZooError: no such checkpoint; one of eyes on a capture of a room; options of the other half.
    """
    if is_exported(name_or_path):
        file = read_exported(name_or_path)
        metadata = file.metadata
        eyes, rooms = file.kind == "eyes", file.kind == "views"
    else:
        metadata = read_metadata(resolve(name_or_path))
        eyes, rooms = (bool(metadata.network.heads_of(kind)) for kind in KINDS)
    given = [option for option, value in of_rooms.items() if value is not None]
    capture = _capture(sources)
    if not rooms:
        if given:
            raise ZooError(f"{given[0]} is for rooms, and {metadata.name} looks at eyes")
        if capture not in (None, nyu.NAME):  # that is a folder with any HDF5 file in it
            raise ZooError(
                f"{sources[0]}: a posed capture of a room (layout {capture}), and {metadata.name} looks at "
                "eyes; its depth needs a checkpoint with a depth head (`zoo list`)"
            )
        return False
    if eyes and not given and capture is None:
        return False
    wrong = [option for option, value in of_eyes.items() if value is not None]
    if wrong:
        raise ZooError(f"{wrong[0]} is for eyes, and {metadata.name} looks at rooms here")
    return True


def _capture(sources: Sequence[str]) -> str | None:
    """The layout, if the only source is a capture."""
    root = Path(sources[0]).expanduser() if len(sources) == 1 else None
    return detect(root) if root is not None and root.exists() else None
