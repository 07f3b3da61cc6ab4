"""Pieces of furniture.

Each builder puts one piece into the current frame: it stands on z = 0, its back towards +y. It returns the
footprint (half width, half depth) and the height in metres.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

from zoo.synth.rooms.build import Builder, Material, Number, turned

Size = tuple[Number, Number, Number]
Piece = Callable[[Builder], Size]


def clutter(b: Builder, wide: float, deep: float, z: float, count: int) -> None:
    """Small things on a board of half lengths `wide` and `deep` at height `z`."""
    for _ in range(count):
        x, y = b.number(-0.85, 0.85) * wide, b.number(-0.8, 0.8) * deep
        kind = b.rng.random()
        if kind < 0.18:  # bottle
            r, h = b.number(0.025, 0.045), b.number(0.12, 0.24)
            m = b.painted((0.03, 0.6), 1.0)
            b.post((x, y, z), r, h, m)
            b.post((x, y, z + h), 0.4 * r, 0.4 * h, m)
        elif kind < 0.34:  # mug, tin
            b.post(
                (x, y, z),
                b.number(0.03, 0.06),
                b.number(0.06, 0.16),
                b.picture() if b.chance(0.3) else b.painted((0.05, 0.85), 1.0),
            )
        elif kind < 0.5:  # book or sheet of paper, lying
            w, d = b.number(0.07, 0.16), b.number(0.09, 0.2)
            h = 0.002 if b.chance(0.4) else b.number(0.01, 0.04)
            b.box((x, y, z + h), (w, d, h), b.picture(), turned(0, 0, b.number(0, 3.14)))
        elif kind < 0.75:  # packet
            w, d, h = b.number(0.03, 0.14), b.number(0.03, 0.1), b.number(0.03, 0.16)
            m = b.picture() if b.chance(0.5) else b.painted((0.05, 0.8), 1.0)
            b.box((x, y, z + h), (w, d, h), m, turned(0, 0, b.number(0, 3.14)))
        elif kind < 0.8:  # a bag, crumpled
            m = b.surface("cloth", "plain", "speckle", plain=0.5)
            for _ in range(3):
                r = b.number(0.04, 0.1)
                at = (x + b.number(-0.07, 0.07), y + b.number(-0.07, 0.07), z + 0.7 * r)
                b.ball(
                    at,
                    (r, 0.8 * r, 0.7 * r),
                    m,
                    turned(b.number(-0.6, 0.6), b.number(-0.6, 0.6), b.number(0, 3.14)),
                )
        elif kind < 0.9:  # fruit, bowl
            r = b.number(0.03, 0.09)
            b.ball((x, y, z + 0.9 * r), (r, r, 0.9 * r), b.painted((0.1, 0.7), 1.2))
        else:  # plate
            b.post((x, y, z), b.number(0.06, 0.13), 0.015, b.painted((0.3, 0.85), 0.4))


def legs(b: Builder, wide: float, deep: float, height: float, material: Material) -> None:
    """Four legs, round or square."""
    r, round_ = b.number(0.012, 0.035), b.chance(0.5)
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (wide - 1.5 * r), sy * (deep - 1.5 * r)
            if round_:
                b.post((x, y, 0.0), r, height, material)
            else:
                b.box((x, y, height / 2), (r, r, height / 2), material)


def _table(b: Builder) -> Size:
    wide, deep, height = b.number(0.35, 1.1), b.number(0.3, 0.5), b.number(0.4, 0.8)
    top = b.surface("wood", "plain", "concrete", "speckle", plain=0.3)
    if b.chance(0.25):
        r = b.number(0.35, 0.6)
        b.post((0, 0, height - 0.03), r, 0.03, top)
        b.post((0, 0, 0), b.number(0.03, 0.06), height - 0.03, b.metal())
        wide = deep = r
    else:
        b.box((0, 0, height - 0.02), (wide, deep, 0.02), top)
        legs(b, wide, deep, height - 0.04, b.metal() if b.chance(0.5) else top)
    clutter(b, wide, deep, height, b.whole(0, 8))
    if height > 0.6 and "chair" in b.domain.objects and b.chance(0.6):
        _chairs(b, wide, deep)
        wide, deep = wide + 0.3, deep + 0.3
    return wide, deep, height


def _chairs(b: Builder, wide: float, deep: float) -> None:
    """A set of like chairs round a table, pushed in more or less."""
    style = b.whole(0, 1 << 30)
    for sx, sy, turn in (
        (0, 1, 0.0),
        (0, -1, math.pi),
        (-0.5, 1, 0.0),
        (-0.5, -1, math.pi),
        (1, 0, -math.pi / 2),
    ):
        if not b.chance(0.6):
            continue
        x, y = sx * (wide + 0.12) if sy == 0 else sx * wide, sy * (deep + b.number(0.0, 0.25))
        with b.part(x + b.number(-0.1, 0.1), y, 0, turn + b.number(-0.3, 0.3)):
            after, b.rng = b.rng, random.Random(style)
            b.instance += 1
            _chair(b)
            b.rng = after


def _chair(b: Builder) -> Size:
    w, h = b.number(0.19, 0.25), b.number(0.42, 0.48)
    m = b.dark() if b.chance(0.45) else b.surface("wood", "cloth", "plain", plain=0.5)
    frame = b.metal() if b.chance(0.6) else m
    b.box((0, 0, h), (w, w, b.number(0.012, 0.04)), m)
    r = b.number(0.009, 0.018)
    if b.chance(0.4):  # cantilever
        for sx in (-1, 1):
            b.rod((sx * w, -w, h), (sx * w, -w, 0.01), r, frame)
            b.rod((sx * w, -w, r), (sx * w, w, r), r, frame)
    else:
        for sx in (-1, 1):
            for sy in (-1, 1):
                b.rod((0.85 * sx * w, 0.85 * sy * w, h), (sx * w, sy * w, 0.0), r, frame)
    back = b.number(0.75, 0.95)
    for sx in (-1, 1):
        b.rod((0.92 * sx * w, w, h), (0.92 * sx * w, 1.15 * w, back), r, frame)
    low = b.number(0.55, 0.7)
    b.box((0, 1.1 * w, (low + back) / 2), (w, 0.012, (back - low) / 2), m)
    return w, 1.2 * w, back


def _sofa(b: Builder) -> Size:
    wide, deep = b.number(0.45, 1.1), b.number(0.38, 0.48)
    m = b.surface("cloth", "plain", "carpet", plain=0.6)
    seat, back, arm = b.number(0.36, 0.46), b.number(0.7, 0.9), b.number(0.07, 0.13)
    b.box((0, 0, seat / 2 + 0.03), (wide, deep, seat / 2 - 0.03), m)
    b.box((0, deep - 0.1, back / 2), (wide, 0.1, back / 2), m, turned(-0.08, 0, 0))
    for sx in (-1, 1):
        b.box((sx * (wide - arm), 0, 0.3), (arm, deep, 0.27), m)
        b.rod((sx * (wide - arm), -deep, 0.57), (sx * (wide - arm), deep, 0.57), arm, m)
    for _ in range(b.whole(0, 3)):
        cushion = b.surface("cloth", "stripes", "motif", "plain")
        tilt = turned(b.number(-0.4, 0.0) + 1.2, 0, b.number(-0.5, 0.5))
        b.ball((b.number(-0.7, 0.7) * wide, deep - 0.27, seat + 0.19), (0.22, 0.2, 0.08), cushion, tilt)
    return wide, deep, back


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


def front(b: Builder, wide: float, deep: float, low: float, height: float, m: Material, rows: int) -> None:
    """A body with doors or drawers on its -y face, gaps between them, and handles."""
    b.box((0, 0.01, (low + height) / 2), (wide, deep - 0.01, (height - low) / 2), m)
    columns = max(1, round(wide / b.number(0.22, 0.4)))
    handle, upright, wide_handle = (b.metal() if b.chance(0.7) else m), b.chance(0.5), b.number(0.04, 0.1)
    has_handle = b.chance(0.85)
    cw, ch = 2 * wide / columns, (height - low) / rows
    for i in range(columns):
        for j in range(rows):
            x, z = -wide + (i + 0.5) * cw, low + (j + 0.5) * ch
            b.box((x, -deep, z), (cw / 2 - 0.004, 0.012, ch / 2 - 0.004), m)
            if has_handle and upright:
                side = (1 if i % 2 == 0 else -1) * (cw / 2 - 0.05)
                b.box((x + side, -deep - 0.03, z), (0.007, 0.012, wide_handle), handle)
            elif has_handle:
                b.box((x, -deep - 0.03, z + ch / 2 - 0.06), (wide_handle, 0.012, 0.006), handle)


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


def _monitor(b: Builder) -> Size:
    """A desk with a screen, a keyboard and clutter."""
    wide, deep, height = b.number(0.5, 0.9), b.number(0.3, 0.42), b.number(0.68, 0.76)
    top = b.surface("wood", "plain", plain=0.6)
    b.box((0, 0, height - 0.015), (wide, deep, 0.015), top)
    legs(b, wide, deep, height - 0.03, b.metal())
    black = b.dark()
    for _ in range(b.whole(1, 2)):
        x, y, w, h, turn = (
            b.number(-0.5, 0.5) * wide,
            b.number(0.1, 0.5) * deep,
            b.number(0.2, 0.34),
            b.number(0.13, 0.2),
            b.number(-0.4, 0.4),
        )
        tilt = turned(0, 0, turn)
        z = height + 0.12 + h
        b.box((x, y, z), (w, 0.015, h), black, tilt)
        shown = (
            b.picture("page", "photo").with_(glow=b.number(0.2, 0.9))
            if b.chance(0.4)
            else b.dark().with_(gloss=0.8)
        )
        b.box(
            (x + math.sin(turn) * 0.016, y - math.cos(turn) * 0.016, z),
            (w - 0.01, 0.002, h - 0.01),
            shown,
            tilt,
        )
        b.box((x, y + 0.02, height + 0.07), (0.025, 0.01, 0.07), black)
        b.post((x, y + 0.02, height), 0.1, 0.01, black)
    b.box(
        (b.number(-0.3, 0.3) * wide, -0.5 * deep, height + 0.01),
        (0.22, 0.07, 0.01),
        b.surface("grid", plain=0.0),
    )
    clutter(b, wide, deep, height, b.whole(1, 4))
    return wide, deep, 1.2


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


def _rug(b: Builder) -> Size:
    b.box(
        (0, 0, 0.006),
        (b.number(0.5, 1.4), b.number(0.4, 1.0), 0.006),
        b.surface("carpet", "motif", "stripes", "cloth"),
    )
    return 0.0, 0.0, 0.01  # one may stand on it


def _column(b: Builder) -> Size:
    r = b.number(0.08, 0.2)
    m = b.surface("plaster", "plain", "concrete", plain=0.5)
    if b.chance(0.5):
        b.post((0, 0, 0), r, 3.6, m)
    else:
        b.box((0, 0, 1.8), (r, r, 1.8), m)
    return r, r, 3.5


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


def _bed(b: Builder) -> Size:
    wide, deep = b.number(0.45, 0.8), 1.0
    b.box((0, 0, 0.18), (wide, deep, 0.1), b.surface("wood", "plain"))
    b.box((0, 0, 0.36), (wide - 0.02, deep - 0.02, 0.09), b.surface("cloth"))
    b.box((0, deep, 0.5), (wide, 0.03, 0.5), b.surface("wood"))
    for x in (-0.45, 0.45):
        b.ball((x * wide, deep - 0.25, 0.5), (0.4 * wide, 0.2, 0.09), b.surface("cloth"))
    return wide, deep, 1.0


PIECES: Final[dict[str, Piece]] = {
    "table": _table, "chair": _chair, "sofa": _sofa, "shelf": _shelf, "cupboard": _cupboard,
    "counter": _counter, "plant": _plant, "boxes": _boxes, "bin": _bin, "monitor": _monitor,
    "radiator": _radiator, "rug": _rug, "column": _column, "crate": _crate, "lamp": _lamp, "pile": _pile,
    "drawers": _drawers, "stairs": _stairs, "barrels": _barrels, "ladder": _ladder, "bed": _bed,
}  # fmt: skip

AGAINST_WALL: Final = frozenset(
    {"sofa", "shelf", "cupboard", "counter", "radiator", "drawers", "bed", "monitor"}
)
