"""What furniture is put together from, and what lies on it."""

from __future__ import annotations

from collections.abc import Callable

from zoo.synth.rooms.build import Builder, Material, Number, turned

Size = tuple[Number, Number, Number]
"""Footprint (half width, half depth) and height, metres."""
Piece = Callable[[Builder], Size]
"""Puts one piece into the current frame: it stands on z = 0, its back towards +y."""


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
