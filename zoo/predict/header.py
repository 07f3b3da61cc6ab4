"""The first line of a user's csv, and rows that have another number of cells. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from zoo.errors import ZooError

_ALIKE: Final = 0.65  # "side" for "eye_side" is, "filename" for "file" is where there is no "file"


def check_header(path: object, names: Sequence[str], read: Sequence[str]) -> None:
    """Refuse columns that stand twice, and those that are not read because of their spelling.

    Other columns may stand beside ours: tables are often exported from elsewhere.

    Args:
        read: the names that are read. Only those that are missing can be what another was meant for.

    Raises:
        ZooError: names the column, and what it was probably meant for.
    """
    twice = [name for name, count in Counter(names).items() if count > 1 and name in read]
    if twice:
        raise ZooError(f"{path}: the column {twice[0]!r} stands there twice")
    missing = [name for name in read if name not in names]
    for name in names:
        if name not in read and (near := get_close_matches(name.strip().lower(), missing, 1, _ALIKE)):
            raise ZooError(f"{path}: unknown column {name!r}; did you mean {near[0]!r}?")


def check_cells(where: str, row: Mapping[Any, Any]) -> None:
    """Raise `ZooError` where a row of `csv.DictReader` has more cells than the header."""
    if None in row:
        raise ZooError(f"{where}: has more cells than the header has columns")
