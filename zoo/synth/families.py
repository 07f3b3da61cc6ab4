"""Families of looks by name: what a domain may list. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import AfterValidator

from zoo.errors import did_you_mean


def known_in(families: Mapping[str, Sequence[str]], group: str) -> AfterValidator:
    """A pydantic validator: every name of a tuple is a family of the group."""

    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in families[group]:
                raise ValueError(f"no {group} family {name!r}: {did_you_mean(name, families[group])}")
        return names

    return AfterValidator(check)
