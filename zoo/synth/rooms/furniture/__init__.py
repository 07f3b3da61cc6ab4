"""Pieces of furniture, by the names of `zoo.synth.rooms.families.OBJECTS`."""

from __future__ import annotations

from typing import Final

from zoo.synth.rooms.furniture.loose import LOOSE
from zoo.synth.rooms.furniture.parts import Piece
from zoo.synth.rooms.furniture.seats import SEATS
from zoo.synth.rooms.furniture.storage import STORAGE

PIECES: Final[dict[str, Piece]] = SEATS | STORAGE | LOOSE

AGAINST_WALL: Final = frozenset(
    {"sofa", "shelf", "cupboard", "counter", "radiator", "drawers", "bed", "monitor"}
)
