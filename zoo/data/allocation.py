"""Which source each sample of a run is drawn from: exact in the shares, by the sample's number alone.

Tijdeman's rule for the chairman assignment problem (R. Tijdeman, "The chairman assignment problem", Discrete
Mathematics 32, 1980): of the sources that are owed enough, the one whose next sample is due first. However
the shares change, after any number of samples each source has given what its shares add up to, give or take
one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_BLOCK = 8192  # samples that are assigned together; another number gives the same assignment

Knots = Sequence[tuple[float, float]]
"""(samples seen, share): linear in between, constant outside."""


class Assigned(NamedTuple):
    """The source of each sample, and how many samples that source has given before."""

    source: Int[np.ndarray, "N"]
    place: Int[np.ndarray, "N"]


class _State(NamedTuple):
    counts: Int[np.ndarray, "K"]  # samples of each source so far
    owed: list[float]  # what its shares add up to, less that


class Allocation:
    """An assignment of the samples 0, 1, ... to K sources.

    What is asked for may come in any order, but numbers far beyond all earlier ones are walked to (about a
    microsecond for each sample and source).

    Args:
        shares: (N,) numbers of samples -> (N, K) their shares, none negative, rows that add up to 1.
        sources: K.
    """

    def __init__(
        self, shares: Callable[[Int[np.ndarray, "N"]], Float[np.ndarray, "N K"]], sources: int
    ) -> None:
        self._shares = shares
        self._sources = sources
        self._starts = [_State(np.zeros(sources, dtype=np.int64), [0.0] * sources)]  # of each block
        self._last: tuple[int, Assigned] | None = None  # block, and what is in it

    def __getitem__(self, index: Int[np.ndarray, "N"]) -> Assigned:
        """Where these samples come from."""
        source, place = np.empty_like(index), np.empty_like(index)
        block = index // _BLOCK
        for number in np.unique(block):
            chosen = block == number
            found = self._block(int(number))
            within = index[chosen] % _BLOCK
            source[chosen], place[chosen] = found.source[within], found.place[within]
        return Assigned(source, place)

    def counts(self, samples: int) -> Int[np.ndarray, "K"]:
        """How many of the first `samples` each source gives."""
        number, within = divmod(samples, _BLOCK)
        begun = np.bincount(self._block(number).source[:within], minlength=self._sources)
        return self._starts[number].counts + begun

    def _block(self, number: int) -> Assigned:
        if self._last is not None and self._last[0] == number:
            return self._last[1]
        for earlier in range(min(number, len(self._starts) - 1), number):
            self._assign(earlier)
        found = self._assign(number)
        self._last = (number, found)
        return found

    def _assign(self, number: int) -> Assigned:
        start = self._starts[number]
        shares = self._shares(np.arange(number * _BLOCK, (number + 1) * _BLOCK))
        source, owed = _tijdeman(shares, start.owed)
        given = np.cumsum(source[:, None] == np.arange(self._sources), axis=0)
        if number + 1 == len(self._starts):
            self._starts.append(_State(start.counts + given[-1], owed))
        return Assigned(source, start.counts[source] + given[np.arange(_BLOCK), source] - 1)


def _tijdeman(
    shares: Float[np.ndarray, "N K"], owed: list[float]
) -> tuple[Int[np.ndarray, "N"], list[float]]:
    """The source of each sample, and what every source is owed after the last."""
    sources = shares.shape[1]
    enough = 0.5 / max(sources - 1, 1)
    chosen = np.empty(len(shares), dtype=np.int64)
    for i, row in enumerate(shares.tolist()):
        owed = [o + share for o, share in zip(owed, row, strict=True)]
        # A source whose share is 0 is not drawn from, whatever it is owed from before.
        live = [k for k, share in enumerate(row) if share > 0]
        due = [k for k in live if owed[k] >= enough]
        if due:
            best = min(due, key=lambda k: (1 - enough - owed[k]) / row[k])
        else:
            best = max(live, key=lambda k: owed[k])
        owed[best] -= 1
        chosen[i] = best
    return chosen, owed


def shares_at(seen: Float[np.ndarray, "N"], knots: Sequence[Knots]) -> Float[np.ndarray, "N K"]:
    """The shares of K sources after so many samples, each row adding up to 1.

    Args:
        seen: samples seen.
        knots: of each source, its share before it is divided by the sum of all; not all 0 at any time.
    """
    raw = [np.interp(seen, [t for t, _ in source], [share for _, share in source]) for source in knots]
    weights = np.stack(raw, axis=-1)
    return weights / weights.sum(axis=-1, keepdims=True)
