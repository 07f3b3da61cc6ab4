"""Furniture for people: tables and desks, and what one sits or lies on."""

from __future__ import annotations

import math
import random
from typing import Final

from zoo.synth.rooms.build import Builder, turned
from zoo.synth.rooms.furniture.parts import Piece, Size, clutter, legs


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


def _bed(b: Builder) -> Size:
    wide, deep = b.number(0.45, 0.8), 1.0
    b.box((0, 0, 0.18), (wide, deep, 0.1), b.surface("wood", "plain"))
    b.box((0, 0, 0.36), (wide - 0.02, deep - 0.02, 0.09), b.surface("cloth"))
    b.box((0, deep, 0.5), (wide, 0.03, 0.5), b.surface("wood"))
    for x in (-0.45, 0.45):
        b.ball((x * wide, deep - 0.25, 0.5), (0.4 * wide, 0.2, 0.09), b.surface("cloth"))
    return wide, deep, 1.0


SEATS: Final[dict[str, Piece]] = {
    "table": _table,
    "chair": _chair,
    "sofa": _sofa,
    "monitor": _monitor,
    "bed": _bed,
}
