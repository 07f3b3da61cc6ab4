"""Names of checkpoints: `architecture.tag@version`, such as `eyenet_s.rendered@2`, and aliases: `eyenet_s`.

A full name always denotes the same weights. An alias denotes the version that was promoted last.
Imports nothing but the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_PART: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}"
FULL_NAME: Final = rf"^{_PART}\.{_PART}@[1-9][0-9]{{0,5}}$"
"""Pattern of a full name. It holds no separator of paths, so it can name a folder."""
ALIAS: Final = rf"^{_PART}$"
"""Pattern of an alias: without a dot and without an @, so never one of a full name."""

_FULL = re.compile(rf"({_PART})\.({_PART})@([1-9][0-9]{{0,5}})")
_LINE = re.compile(rf"({_PART})\.({_PART})")
_ALIAS = re.compile(_PART)


class FullName(NamedTuple):
    """The parts of `architecture.tag@version`."""

    architecture: str
    tag: str
    version: int

    @property
    def line(self) -> str:
        """`architecture.tag`: what its versions share."""
        return f"{self.architecture}.{self.tag}"

    def __str__(self) -> str:
        """As written."""
        return f"{self.line}@{self.version}"


def parse(text: str) -> FullName:
    """The parts of a full name.

    Raises:
        ValueError: it is none.
    """
    match = _FULL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no full name: architecture.tag@version, such as eyenet_s.rendered@2")
    return FullName(match[1], match[2], int(match[3]))


def is_full(text: str) -> bool:
    """Whether it is written as a full name."""
    return _FULL.fullmatch(text) is not None


def is_line(text: str) -> bool:
    """Whether it is written as `architecture.tag`, a full name without its version."""
    return _LINE.fullmatch(text) is not None


def is_alias(text: str) -> bool:
    """Whether it is written as an alias."""
    return _ALIAS.fullmatch(text) is not None


def next_version(line: str, taken: Iterable[str]) -> FullName:
    """The full name of the next version of `architecture.tag`, given the full names that exist.

    Raises:
        ValueError: `line` is no `architecture.tag`.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is no architecture.tag, such as eyenet_s.rendered")
    versions = [name.version for name in map(parse, taken) if name.line == line]
    return FullName(match[1], match[2], max(versions, default=0) + 1)
