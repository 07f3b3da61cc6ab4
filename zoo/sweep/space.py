"""What a sweep varies: `KEY=KIND(...)` for each config key. Imports neither torch nor Optuna."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zoo.errors import ZooError, did_you_mean

Value = float | int | str
KINDS: Final = {
    "uniform": "uniform(LOW,HIGH)",
    "log": "log(LOW,HIGH)",
    "int": "int(LOW,HIGH) or int(LOW,HIGH,STEP)",
    "logint": "logint(LOW,HIGH)",
    "choice": "choice(A,B,...)",
}
_PARSED: Final = re.compile(r"(?P<key>[^=\s]+)=(?P<kind>\w+)\((?P<arguments>.*)\)", re.DOTALL)
_OPENING: Final = dict(zip(")]}", "([{", strict=True))


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Args:
        key: of the config.
        low, high: whole numbers if `whole`.
        log: drawn evenly in the logarithm.
        whole: integers only, by `step`.
    """

    key: str
    low: float | int
    high: float | int
    log: bool = False
    whole: bool = False
    step: int = 1

    @property
    def corners(self) -> list[Value]:
        """Values to check before anything starts."""
        return [self.low, self.high]


@dataclass(frozen=True)
class Choice:
    """One of several values, each as it is written behind ``key=``."""

    key: str
    options: tuple[str, ...]

    @property
    def corners(self) -> list[Value]:
        """Values to check before anything starts."""
        return list(self.options)


Dimension = Range | Choice


def parse_space(texts: Sequence[str]) -> list[Dimension]:
    """The dimensions of a sweep, from texts such as ``optimizer.lr=log(1e-4,1e-2)``.

    Raises:
        ZooError: a text has another form, a range is empty, or a key comes twice.
    """
    if not texts:
        raise ZooError("nothing to search: give --space 'KEY=KIND(...)', e.g. 'optimizer.lr=log(1e-4,1e-2)'")
    space = [_dimension(text) for text in texts]
    keys = [dimension.key for dimension in space]
    for key in keys:
        if keys.count(key) > 1:
            raise ZooError(f"--space gives {key} twice")
    return space


def override(key: str, value: Value) -> str:
    """The override that sets a key to a value of its dimension."""
    return f"{key}={value}"


def _dimension(text: str) -> Dimension:
    match = _PARSED.fullmatch(text.strip())
    if match is None:
        raise ZooError(
            f"--space {text!r}: write KEY=KIND(...), KIND being one of {'; '.join(KINDS.values())}"
        )
    key, kind, arguments = match["key"].lstrip("+"), match["kind"], _split(match["arguments"])
    if kind not in KINDS:
        raise ZooError(f"--space {text!r}: no such kind {kind!r}; {did_you_mean(kind, KINDS)}")
    if kind == "choice":
        if len(set(arguments)) < 2 or "" in arguments or len(set(arguments)) < len(arguments):
            raise ZooError(f"--space {text!r}: a choice is of two or more different values")
        return Choice(key, tuple(arguments))
    whole = kind.endswith("int")
    if len(arguments) not in ((2, 3) if kind == "int" else (2,)):
        raise ZooError(f"--space {text!r}: write {key}={KINDS[kind]}")
    try:
        numbers = [int(argument) if whole else float(argument) for argument in arguments]
    except ValueError:
        raise ZooError(f"--space {text!r}: takes {'whole ' if whole else ''}numbers: {KINDS[kind]}") from None
    low, high, step = numbers[0], numbers[1], int(numbers[2]) if len(numbers) == 3 else 1
    log = kind.startswith("log")
    if not low < high or not abs(low) < float("inf") or not abs(high) < float("inf"):
        raise ZooError(f"--space {text!r}: LOW must be below HIGH")
    if log and low <= 0:
        raise ZooError(f"--space {text!r}: a logarithmic range starts above 0")
    if step < 1 or ((high - low) % step and whole):
        raise ZooError(f"--space {text!r}: STEP must divide HIGH - LOW = {high - low}")
    return Range(key, low, high, log, whole, step)


def _split(text: str) -> list[str]:
    """At the commas that are in no bracket and no quotation."""
    parts, quote = [""], ""
    open_: list[str] = []
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            open_.append(character)
        elif character in _OPENING:
            if not open_ or open_.pop() != _OPENING[character]:
                raise ZooError(f"--space: {character!r} closes nothing in {text!r}")
        elif character == "," and not open_:
            parts.append("")
            continue
        parts[-1] += character
    if open_ or quote:
        raise ZooError(f"--space: a bracket or a quotation is open in {text!r}")
    return [part.strip() for part in parts]
