"""What stands about in a room, and what is part of the building."""

from __future__ import annotations

import math
from typing import Final

from zoo.synth.rooms.build import Builder, turned
from zoo.synth.rooms.furniture.parts import Piece, Size, legs


def _plant(b: Builder) -> Size:
    r, h = b.number(0.1, 0.2), b.number(0.2, 0.4)
    b.post((0, 0, 0), r, h, b.dark() if b.chance(0.5) else b.surface("plain", "concrete", plain=0.7))
    top = h + b.number(0.3, 1.3)
    green = b.number(0.03, 0.22)
    stem = b.painted((0.05, 0.2), 0.4)
    b.rod((0, 0, h), (b.number(-0.05, 0.05), b.number(-0.05, 0.05), top), 0.012, stem)
    spread, slim = b.number(0.2, 0.45), b.number(0.008, 0.04)
    for _ in range(b.whole(18, 36)):
        shade = green * b.number(0.5, 1.6)
        leaf = b.painted().with_(
            low=(0.55 * shade, shade, 0.3 * shade), high=(0.6 * shade, shade, 0.35 * shade)
        )
        turn, pitch, long = b.number(0, 6.28), b.number(-0.9, 0.7), spread * b.number(0.5, 1.0)
        z = b.number(h + 0.4 * (top - h), top)
        reach = 0.55 * long
        at = (
            reach * math.cos(turn) * math.cos(pitch),
            reach * math.sin(turn) * math.cos(pitch),
            z - reach * math.sin(pitch),
        )
        b.ball(at, (long / 2, slim, 0.006), leaf, turned(b.number(-0.5, 0.5), pitch, turn))
    return max(r, 0.7 * spread), max(r, 0.7 * spread), top


def _boxes(b: Builder) -> Size:
    """Cardboard boxes or parcels, stacked carelessly."""
    z, wide, deep = 0.0, b.number(0.15, 0.32), b.number(0.13, 0.28)
    for _ in range(b.whole(1, 3)):
        level = b.number(0.25, 0.5)
        card = b.surface("plain", "plaster", plain=0.7).with_(
            low=(level, 0.7 * level, 0.45 * level), high=(1.1 * level, 0.78 * level, 0.5 * level)
        )
        m = card if b.chance(0.5) else (b.picture() if b.chance(0.5) else b.painted((0.05, 0.8), 0.9))
        h = b.number(0.08, 0.2)
        tilt = turned(0, 0, b.number(-0.4, 0.4))
        b.box((0, 0, z + h), (wide, deep, h), m, tilt)
        if b.chance(0.5):  # a label or print on the front
            b.box(
                (tilt[0, 1] * -deep, tilt[1, 1] * -deep, z + h),
                (0.6 * wide, 0.004, 0.6 * h),
                b.picture(),
                tilt,
            )
        z += 2 * h
        wide, deep = wide * b.number(0.7, 1.0), deep * b.number(0.7, 1.0)
    return 0.34, 0.3, z


def _bin(b: Builder) -> Size:
    r, h = b.number(0.1, 0.2), b.number(0.25, 0.65)
    m = b.dark() if b.chance(0.5) else b.surface("plain", "grid", "stripes", plain=0.5)
    b.post((0, 0, 0), r, h, m)
    return r, r, h


def _crate(b: Builder) -> Size:
    """An open basket with things in it, often on a low table."""
    z = b.number(0.35, 0.75) if b.chance(0.6) else 0.0
    if z:
        top = b.surface("wood", "plain", plain=0.4)
        b.box((0, 0, z - 0.02), (0.4, 0.32, 0.02), top)
        legs(b, 0.4, 0.32, z - 0.04, top)
    w, d, h = b.number(0.15, 0.28), b.number(0.12, 0.2), b.number(0.05, 0.14)
    m = b.surface("grid", "cloth", "wood", "plain", plain=0.3)
    b.box((0, 0, z + 0.01), (w, d, 0.01), m)
    for sx in (-1, 1):
        b.box((sx * w, 0, z + h), (0.008, d, h), m)
        b.box((0, sx * d, z + h), (w, 0.008, h), m)
    for _ in range(b.whole(4, 12)):
        r = b.number(0.03, 0.06)
        at = (b.number(-0.8, 0.8) * (w - r), b.number(-0.8, 0.8) * (d - r), z + h * b.number(0.8, 1.9))
        b.ball(at, (r, r, r * b.number(0.7, 1.1)), b.painted((0.08, 0.7), 1.4))
    return 0.42, 0.34, z + 2 * h


def _pile(b: Builder) -> Size:
    """Soft things in a heap: coats, bags, crumpled sheets."""
    z = 0.0 if b.chance(0.5) else 0.42
    if z:
        b.box((0, 0, z / 2), (0.3, 0.25, z / 2), b.surface("wood", "plain", plain=0.5))
    m = b.surface("cloth", "plain", "plaster", plain=0.3)
    for _ in range(b.whole(5, 11)):
        size = (b.number(0.05, 0.2), b.number(0.05, 0.16), b.number(0.03, 0.1))
        at = (b.number(-0.15, 0.15), b.number(-0.12, 0.12), z + b.number(0.03, 0.2))
        own = m if b.chance(0.7) else b.surface("cloth", "plain", "stripes", plain=0.3)
        b.ball(at, size, own, turned(b.number(-0.8, 0.8), b.number(-0.8, 0.8), b.number(0, 3.14)))
    return 0.32, 0.28, z + 0.3


def _lamp(b: Builder) -> Size:
    height = b.number(1.2, 1.8)
    m = b.dark() if b.chance(0.6) else b.metal()
    b.post((0, 0, 0), b.number(0.1, 0.16), 0.02, m)
    b.rod((0, 0, 0), (b.number(-0.1, 0.1), 0, height), b.number(0.008, 0.016), m)
    b.post(
        (0, 0, height),
        b.number(0.09, 0.2),
        b.number(0.15, 0.3),
        b.painted((0.5, 0.9), 0.3).with_(glow=b.number(0, 1.2)),
    )
    return 0.18, 0.18, height + 0.2


def _rug(b: Builder) -> Size:
    b.box(
        (0, 0, 0.006),
        (b.number(0.5, 1.4), b.number(0.4, 1.0), 0.006),
        b.surface("carpet", "motif", "stripes", "cloth"),
    )
    return 0.0, 0.0, 0.01  # one may stand on it


def _radiator(b: Builder) -> Size:
    """A row of thin upright tubes."""
    count, pitch = b.whole(6, 14), b.number(0.05, 0.08)
    height, m = b.number(0.4, 0.7), b.painted((0.5, 0.85), 0.1)
    for i in range(count):
        x = (i - (count - 1) / 2) * pitch
        b.box((x, 0, 0.12 + height / 2), (0.3 * pitch, 0.04, height / 2), m)
    wide = count * pitch / 2
    b.box((0, 0.01, 0.15), (wide, 0.015, 0.02), m)
    b.box((0, 0.01, 0.08 + height), (wide, 0.015, 0.02), m)
    return wide, 0.08, 0.15 + height


def _column(b: Builder) -> Size:
    r = b.number(0.08, 0.2)
    m = b.surface("plaster", "plain", "concrete", plain=0.5)
    if b.chance(0.5):
        b.post((0, 0, 0), r, 3.6, m)
    else:
        b.box((0, 0, 1.8), (r, r, 1.8), m)
    return r, r, 3.5


def _stairs(b: Builder) -> Size:
    wide, steps = b.number(0.4, 0.6), b.whole(3, 7)
    m = b.surface("wood", "concrete", "plain")
    for i in range(steps):
        h = 0.085 * (i + 1)
        b.box((0, 0.25 * i - 0.125 * steps, h), (wide, 0.125, h), m)
    return wide, 0.125 * steps + 0.2, 0.17 * steps


def _barrels(b: Builder) -> Size:
    m = b.surface("stripes", "wood", "plain")
    for x, y in ((-0.3, 0.0), (0.3, 0.05), (0.0, -0.45))[: b.whole(1, 3)]:
        r, h = b.number(0.2, 0.28), b.number(0.5, 0.9)
        b.post((x, y, 0), r, h, m)
        b.ball((x, y, h / 2), (1.12 * r, 1.12 * r, 0.75 * h), m)
    return 0.6, 0.7, 0.9


def _ladder(b: Builder) -> Size:
    m, height, wide = (
        b.metal() if b.chance(0.5) else b.surface("wood"),
        b.number(1.4, 2.3),
        b.number(0.18, 0.25),
    )
    for sx in (-1, 1):
        b.rod((sx * wide, -0.3, 0), (sx * wide, 0.3, height), 0.02, m)
        b.rod((sx * wide, 0.6, 0), (sx * wide, 0.3, height), 0.015, m)
    for i in range(1, 7):
        y, z = -0.3 + 0.6 * i / 7, height * i / 7
        b.rod((-wide, y, z), (wide, y, z), 0.016, m)
    return wide, 0.6, height


LOOSE: Final[dict[str, Piece]] = {
    "plant": _plant,
    "boxes": _boxes,
    "bin": _bin,
    "crate": _crate,
    "pile": _pile,
    "lamp": _lamp,
    "rug": _rug,
    "radiator": _radiator,
    "column": _column,
    "stairs": _stairs,
    "barrels": _barrels,
    "ladder": _ladder,
}
