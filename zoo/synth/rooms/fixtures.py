"""What hangs on walls or stands along them.

The frame stands on the floor at the middle of the wall's free
stretch; the wall's face is the plane y = 0, the room is at y < 0. Each returns the half width it takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from zoo.synth.rooms.build import Builder, Material
from zoo.synth.rooms.furniture.parts import front

Fixture = Callable[[Builder, float, float], float]
"""(builder, free half width, height of the room) -> half width that is taken."""


def _door(b: Builder, free: float, height: float) -> float:
    wide, tall = min(b.number(0.38, 0.5), free), min(b.number(1.95, 2.15), height - 0.1)
    m = b.dark() if b.chance(0.45) else b.surface("wood", "plain", "panels", plain=0.75)
    frame = m if b.chance(0.3) else b.painted((0.2, 0.85), 0.2)
    b.box((0, 0, tall / 2), (wide - 0.05, 0.025, tall / 2), m)
    for sx in (-1, 1):
        b.box((sx * wide, 0, tall / 2), (0.05, 0.045, tall / 2), frame)
    b.box((0, 0, tall + 0.04), (wide + 0.05, 0.045, 0.05), frame)
    side = wide - 0.13
    b.box((side, -0.06, 1.02), (0.07, 0.012, 0.011), b.metal())
    b.post((side + 0.05, -0.035, 1.0), 0.02, 0.03, b.metal())
    if b.chance(0.2):
        b.box((0, -0.027, tall * 0.62), (0.1, 0.002, 0.13), b.picture("page", "code"))
    return wide + 0.1


def _window(b: Builder, free: float, height: float) -> float:
    """Bright panes between bars over a sill; what is behind is a picture at the wall's depth."""
    wide, low = min(b.number(0.4, 1.1), free), b.number(0.6, 1.0)
    tall = min(b.number(1.0, 1.6), height - low - 0.15)
    glow = b.number(0.8, 3.0)
    sky = b.painted((0.7, 0.95), 0.15)
    if b.chance(0.5):  # houses and trees in the haze
        haze = b.number(0.3, 0.7)
        sky = b.picture("photo").with_(low=(haze, haze, haze), high=(0.95, 0.97, 1.0), dirt=0.0)
    b.box((0, 0, low + tall / 2), (wide, 0.01, tall / 2), sky.with_(glow=glow))
    m = b.painted((0.3, 0.85), 0.1)
    bars = b.whole(1, 3)
    for i in range(bars + 1):
        b.box((-wide + 2 * wide * i / bars, -0.02, low + tall / 2), (0.03, 0.05, tall / 2), m)
    for z in (low, low + tall, low + tall * b.number(0.5, 0.75)):
        b.box((0, -0.02, z), (wide, 0.045, 0.03), m)
    b.box((0, -0.08, low - 0.03), (wide + 0.05, 0.12, 0.02), m)
    return wide + 0.1


def _posters(b: Builder, free: float, height: float) -> float:
    """One to four pictures, with or without frames."""
    taken = 0.0
    for _ in range(b.whole(1, 4)):
        w = b.number(0.1, 0.55) if b.chance(0.5) else b.number(0.08, 0.2)
        h = w * b.number(0.7, 1.6)
        if w > free:
            continue
        x = b.number(-1, 1) * (free - w)
        z = b.number(1.0 + 0.3 * h, max(1.1 + 0.3 * h, height - h - 0.1))
        if b.chance(0.4):
            b.box((x, 0, z), (w + 0.02, 0.015, h + 0.02), b.dark() if b.chance(0.6) else b.surface("wood"))
        b.box((x, 0, z), (w, 0.018, h), b.picture("photo", "page", "poster", "code", "comic", "map"))
        taken = max(taken, abs(x) + w)
    return taken


def _pipes(b: Builder, free: float, height: float) -> float:
    """Pipes, cables and switches."""
    m = b.painted((0.3, 0.85), 0.2)
    x = b.number(-0.8, 0.8) * free
    for i in range(b.whole(1, 3)):
        r = b.number(0.008, 0.035)
        b.post((x + 0.09 * i, -2 * r, 0), r, height, m)
    if b.chance(0.5):
        z = b.number(0.1, 2.2)
        b.rod((-free, -0.04, z), (free, -0.04, z), b.number(0.008, 0.03), m)
    for _ in range(b.whole(0, 3)):
        b.box(
            (b.number(-1, 1) * free, 0, b.number(0.3, 1.4)),
            (0.04, 0.012, b.number(0.04, 0.08)),
            b.painted((0.6, 0.9), 0.1),
        )
    return free


def _curtain(b: Builder, free: float, height: float) -> float:
    wide = min(b.number(0.25, 0.8), free)
    m = b.surface("cloth", "plain", "stripes", "motif", plain=0.5)
    folds = max(3, int(wide / b.number(0.05, 0.09)))
    low = b.number(0.02, 0.8)
    for i in range(folds):
        x = -wide + 2 * wide * (i + 0.5) / folds
        tall = (height - 0.1 - low) / 2
        _tube(b, (x, -0.1 - b.number(0, 0.03), low + tall), 1.25 * wide / folds, 0.05, tall, m)
    b.rod((-wide - 0.1, -0.1, height - 0.08), (wide + 0.1, -0.1, height - 0.08), 0.015, b.metal())
    return wide


def _tube(b: Builder, at: tuple[float, float, float], rx: float, ry: float, tall: float, m: Material) -> None:
    b.ball(at, (rx, ry, 1.6 * tall), m) if tall < 0.1 else b.post(
        (at[0], at[1], at[2] - tall), min(rx, ry), 2 * tall, m
    )


def _wardrobe(b: Builder, free: float, height: float) -> float:
    """A wall of tall, flat doors: dark ones are what depth networks fail on."""
    wide, deep, tall = min(b.number(0.6, 1.6), free), 0.28, min(b.number(1.9, 2.4), height)
    m = b.dark() if b.chance(0.6) else b.surface("plain", "wood", plain=0.9)
    with b.part(0, -deep):
        front(b, wide, deep, 0.05, tall, m, rows=1 if b.chance(0.6) else 2)
    return wide


def _lattice(b: Builder, free: float, height: float) -> float:
    """A screen of bars that one looks through."""
    wide, tall = min(b.number(0.4, 0.9), free), b.number(1.2, 1.9)
    m = b.surface("wood")
    n = int(2 * wide / 0.12)
    for i in range(n + 1):
        b.box((-wide + 2 * wide * i / n, -0.5, tall / 2), (0.015, 0.015, tall / 2), m)
    for z in (0.1, tall / 2, tall):
        b.box((0, -0.5, z), (wide, 0.02, 0.02), m)
    return wide


def _niche(b: Builder, free: float, height: float) -> float:
    """Piers that stand out of the wall, with boards between them."""
    wide, deep = min(b.number(0.5, 1.0), free), b.number(0.15, 0.35)
    m = b.surface("bricks", "plain")
    for sx in (-1, 1):
        b.box((sx * wide, -deep / 2, height / 2), (0.12, deep / 2, height / 2), m)
    for i in range(3):
        b.box((0, -deep / 2, 0.5 + 0.5 * i), (wide - 0.12, deep / 2, 0.02), b.surface("wood"))
    b.box((0, -0.02, math.fmod(height, 0.4) + 1.2), (0.3, 0.02, 0.2), b.picture())
    return wide + 0.12


FIXTURES: Final[dict[str, Fixture]] = {
    "door": _door, "window": _window, "posters": _posters, "pipes": _pipes, "curtain": _curtain,
    "wardrobe": _wardrobe, "lattice": _lattice, "niche": _niche,
}  # fmt: skip
