"""Which checkpoints the page offers, and what they look at. The only file of the page that asks the hub."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from zoo.errors import ZooError
from zoo.hub.index import has_weights, known_entries, resolve
from zoo.hub.metadata import read_metadata
from zoo.predict.predictor import Predictor, load

_ROOMS = frozenset({"depth"})  # types of heads
_KEPT = 4  # predictors in memory


class Offered(NamedTuple):
    """Names of checkpoints whose weights are here."""

    eyes: list[str]
    rooms: list[str]
    chosen: str
    """The one that the page opens with."""

    @property
    def opens_rooms(self) -> bool:
        """Whether the page opens on rooms."""
        return self.chosen in self.rooms


def offered(name_or_path: str | None = None, index: str | None = None) -> Offered:
    """What is here, with `name_or_path` first.

    Raises:
        ZooError: there is no such checkpoint, or none at all.
    """
    listed = [name for name in known_entries() if has_weights(name)]
    names = list(dict.fromkeys([*([name_or_path] if name_or_path else []), *listed]))
    if not names:
        raise ZooError("no checkpoint is here; name one by the path of its folder")
    kinds = {name: set(types_of_heads(name)) for name in names}
    eyes = [name for name in names if kinds[name] - _ROOMS]
    rooms = [name for name in names if kinds[name] & _ROOMS]
    return Offered(eyes, rooms, name_or_path or _usual(eyes, rooms))


def types_of_heads(name_or_path: str) -> Iterable[str]:
    """Of a checkpoint, from its metadata.

    Raises:
        ZooError: no such checkpoint.
    """
    heads = read_metadata(resolve(name_or_path)).network.heads.values()
    return [head.type for head in heads]


@lru_cache(maxsize=_KEPT)
def predictor_of(name_or_path: str, device: str | None = None) -> Predictor:
    """A checkpoint of eyes, loaded once.

    Raises:
        ZooError: as `zoo.load`.
    """
    return load(name_or_path, device)


def _usual(eyes: list[str], rooms: list[str]) -> str:
    return "eyenet_s" if "eyenet_s" in eyes else [*eyes, *rooms][0]
