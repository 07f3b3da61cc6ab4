"""Errors that are the user's to mend: the command line prints their text, without a stack trace."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ZooError(Exception):
    """Says what is wrong, where, and what is valid."""


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """A closing half-sentence: the nearest valid name if there is one, else all valid names."""
    options = sorted(valid)
    close = get_close_matches(name, options, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"valid: {', '.join(options)}" if options else "there is no valid choice"
