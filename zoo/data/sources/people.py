"""Who is in a data set: numbers for the names of people, and the choice of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from zoo.errors import ZooError, did_you_mean


class People(NamedTuple):
    """Which people a source yields: hold one out by `without` in training and `only` in evaluation."""

    only: tuple[str, ...] = ()
    """None named: everybody."""
    without: tuple[str, ...] = ()

    def rows(self, names: Sequence[str], source: str) -> list[int]:
        """Indices of the samples of these people; ZooError for one who is not there, or if none is left."""
        present = set(names)
        for key, wanted in (("subjects", self.only), ("without_subjects", self.without)):
            for name in wanted:
                if name not in present:
                    raise ZooError(f"{source}: {key} names {name!r}; {did_you_mean(name, present)}")
        chosen = [
            i
            for i, name in enumerate(names)
            if (not self.only or name in self.only) and name not in self.without
        ]
        if not chosen:
            raise ZooError(f"{source}: no sample is left of subjects and without_subjects")
        return chosen

    def numbered(self, names: Sequence[str], source: str) -> list[tuple[int, int]]:
        """What `rows` gives, with the number of each sample's subject (`subject_numbers`)."""
        numbers = subject_numbers(names)
        return [(i, numbers[i]) for i in self.rows(names, source)]


def subject_numbers(names: Sequence[str]) -> list[int]:
    """A number for each name: itself where all names are whole numbers, else its place in sorted order.

    From the names of the whole data set, so that a part of it has the same numbers.
    """
    if all(name.isdecimal() for name in names):
        return [int(name) for name in names]
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    return [places[name] for name in names]
