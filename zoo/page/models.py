"""Which checkpoints the page offers, and what they look at. The only file of the page that asks the hub."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from zoo.errors import ZooError
from zoo.hub.index import aliases, catalogue, resolve
from zoo.hub.metadata import read_metadata
from zoo.predict.predictor import Predictor, load

_USUAL = "eyenet_s"
_KEPT = 4  # predictors in memory


class Offered(NamedTuple):
    """Checkpoints whose weights are on this machine.

    Names are resolved once, when the page starts: the threads that answer do not know what the command line
    said about indexes.
    """

    eyes: list[str]
    """Names of those that look at eyes."""
    rooms: list[str]
    chosen: str
    """The one that the page opens with."""
    folders: dict[str, Path]

    @property
    def opens_rooms(self) -> bool:
        """Whether the page opens on rooms."""
        return self.chosen not in self.eyes

    def folder(self, name: str) -> str:
        """Where a checkpoint lies."""
        return str(self.folders[name])


def offered(name_or_path: str | None = None) -> Offered:
    """What is here, with `name_or_path` first.

    Raises:
        ZooError: there is no such checkpoint, it cannot be fetched, or there is none at all.
    """
    names = list(dict.fromkeys([*([name_or_path] if name_or_path else []), *_here()]))
    if not names:
        raise ZooError("no checkpoint is here; name one by the path of its folder")
    folders = {name: resolve(name) for name in names}
    networks = {name: read_metadata(folder).network for name, folder in folders.items()}
    eyes = [name for name in names if networks[name].heads_of("eyes")]
    rooms = [name for name in names if networks[name].heads_of("views")]
    usual = _USUAL if _USUAL in eyes else [*eyes, *rooms][0]
    return Offered(eyes, rooms, name_or_path or usual, folders)


@lru_cache(maxsize=_KEPT)
def predictor_of(name_or_path: str, device: str | None = None) -> Predictor:
    """A checkpoint of eyes, loaded once.

    Raises:
        ZooError: as `zoo.load`.
    """
    return load(name_or_path, device)


def _here() -> list[str]:
    """Listed checkpoints of this machine: by their alias, those that nothing points to by their full name."""
    pointing = {alias: targets[0] for alias, targets in aliases().items() if len(targets) == 1}
    known = {name: found for name, found in catalogue().items() if found.is_here}
    promoted = [alias for alias, target in pointing.items() if target in known]
    return [*promoted, *(name for name in known if name not in pointing.values())]
