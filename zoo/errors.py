"""Errors that are the user's to mend: the command line prints their text, without a stack trace."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import Final

_UNITS: Final = {"px", "mm", "deg", "rad"}


class ZooError(Exception):
    """Says what is wrong, where, and what is valid."""


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """A closing half-sentence: the nearest valid names if there are some, else all valid names."""
    options = sorted(valid)
    if close := nearest(name, options):
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"valid: {', '.join(options)}" if options else "there is no valid choice"


def nearest(name: str, valid: Iterable[str]) -> list[str]:
    """The valid name that is spelt most alike, unless up to two others share more words with it (`yaw`)."""
    options = sorted(valid)
    words = set(name.lower().split("_")) - _UNITS
    shared = {option: len(words & set(option.split("_"))) for option in options}
    most = max(shared.values(), default=0)
    close = get_close_matches(name, options, n=1)
    if not most or (close and shared[close[0]] == most):
        return close
    alike = [option for option in options if shared[option] == most]
    return sorted(alike, key=lambda option: -SequenceMatcher(None, name, option).ratio())[:2]
