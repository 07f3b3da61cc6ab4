"""Furniture for things: shelves, and bodies with doors or drawers."""

from __future__ import annotations

from typing import Final

from zoo.synth.rooms.build import Builder
from zoo.synth.rooms.furniture.parts import Piece, Size, clutter, front


def _shelf(b: Builder) -> Size:
    wide, deep, height = b.number(0.3, 0.6), b.number(0.13, 0.2), b.number(0.8, 2.1)
    m = b.surface("wood", "plain", plain=0.6)
    for sx in (-1, 1):
        b.box((sx * wide, 0, height / 2), (0.012, deep, height / 2), m)
    if b.chance(0.6):
        b.box((0, deep, height / 2), (wide, 0.005, height / 2), m)
    boards = b.whole(2, 5)
    for i in range(boards + 1):
        z = 0.05 + (height - 0.07) * i / boards
        b.box((0, 0, z), (wide, deep, 0.012), m)
        if i == boards:
            break
        room = (height - 0.07) / boards - 0.05
        if b.chance(0.6):
            w, h = b.number(0.3, 0.95) * wide, min(room, b.number(0.2, 0.34)) / 2
            spines = b.picture("books").with_(low=(0.02, 0.02, 0.02))
            b.box((b.number(-1, 1) * (wide - w), 0.02, z + 0.012 + h), (w, 0.7 * deep, h), spines)
        elif b.chance(0.6):
            clutter(b, wide, deep, z + 0.012, b.whole(1, 3))
    return wide + 0.012, deep, height


def _cupboard(b: Builder) -> Size:
    wide, deep, height = b.number(0.3, 0.9), b.number(0.2, 0.32), b.number(0.7, 2.2)
    m = b.dark() if b.chance(0.45) else b.surface("wood", "plain", plain=0.75)
    front(b, wide, deep, 0.05, height, m, rows=1 if b.chance(0.5) else 2)
    if height < 1.4:
        clutter(b, wide, deep, height, b.whole(0, 4))
    return wide, deep + 0.03, height


def _drawers(b: Builder) -> Size:
    wide, deep, height = b.number(0.2, 0.6), b.number(0.22, 0.3), b.number(0.5, 1.1)
    m = b.dark() if b.chance(0.4) else b.surface("wood", "plain", "panels", plain=0.6)
    front(b, wide, deep, 0.04, height, m, rows=b.whole(2, 4))
    clutter(b, wide, deep, height, b.whole(1, 5))
    return wide, deep + 0.03, height


def _counter(b: Builder) -> Size:
    """A kitchen: base units with a worktop, tiles behind it, wall units above."""
    wide, deep, height = b.number(0.8, 1.4), 0.3, b.number(0.84, 0.95)
    m = b.dark() if b.chance(0.55) else b.surface("wood", "plain", plain=0.8)
    front(b, wide, deep, 0.1, height - 0.04, m, rows=b.whole(1, 3))
    top = m if b.chance(0.4) else b.surface("speckle", "wood", "concrete", "plain", plain=0.5)
    b.box((0, -0.01, height - 0.02), (wide + 0.01, deep + 0.03, 0.02), top)
    clutter(b, wide, 0.9 * deep, height, b.whole(3, 9))
    b.box(
        (0, deep + 0.005, height + 0.28), (wide, 0.01, 0.28), b.surface("tiles", "plain", "grid", plain=0.4)
    )
    if b.chance(0.6):
        with b.part(0, 0.12, height + 0.55):
            front(b, wide, 0.17, 0.0, b.number(0.5, 0.75), m, rows=1)
    return wide, deep + 0.05, 2.1


STORAGE: Final[dict[str, Piece]] = {
    "shelf": _shelf,
    "cupboard": _cupboard,
    "drawers": _drawers,
    "counter": _counter,
}
