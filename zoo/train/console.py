"""One line to the user, on the terminal or in a log."""

from __future__ import annotations

from rich.console import Console

from zoo.train.processes import is_first


def say(text: str) -> None:
    """Print `text` as it is: no markup, no wrapping, at once; by the first of several processes."""
    if is_first():
        Console(soft_wrap=True).print(text, markup=False, highlight=False)
