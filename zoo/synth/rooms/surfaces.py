"""Repeated patterns of walls, floors and objects: tiles of texture, made once from a fixed seed.

A texture has four channels in [0, 1]: three say how far each colour channel lies between the material's two
colours, the fourth is a detail of brightness about 0.5. All are periodic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

SIZE: Final = 512
Maker = Callable[[torch.Generator], tuple[Tensor, Tensor]]


def cloud(
    g: torch.Generator, low: float | int, high: float | int, slope: float | int, stretch: float | int = 1.0
) -> Tensor:
    """Periodic Gaussian noise with amplitude ~ f^-slope between two frequencies, sd 1; stretched along u."""
    down, across = torch.fft.fftfreq(SIZE) * SIZE, torch.fft.rfftfreq(SIZE) * SIZE
    radius = torch.hypot(down[:, None], across[None] * stretch).clamp(min=1e-6)
    gain = torch.where((radius >= low) & (radius <= high), radius**-slope, 0.0)
    field = torch.fft.irfft2(torch.fft.rfft2(torch.randn(SIZE, SIZE, generator=g)) * gain)
    return (field - field.mean()) / field.std().clamp(min=1e-9)


def number(g: torch.Generator, low: float | int, high: float | int) -> float:
    """One uniform number."""
    return low + (high - low) * float(torch.rand((), generator=g))


def whole(g: torch.Generator, low: int, high: int) -> int:
    """One whole number in [low, high]."""
    return int(torch.randint(low, high + 1, (), generator=g))


def grid() -> tuple[Tensor, Tensor]:
    """(u, v) in [0, 1) of the texels."""
    axis = (torch.arange(SIZE) + 0.5) / SIZE
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    return u, v


def cells(
    u: Tensor, v: Tensor, columns: int, rows: int, shift: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cells in rows that are shifted against each other: (column, row, place in the cell: u, v in [0, 1))."""
    y = v * rows
    row = y.floor()
    x = u * columns + shift * row
    column = x.floor()
    return column % columns, row % rows, x - column, y - row


def per_cell(g: torch.Generator, column: Tensor, row: Tensor) -> Tensor:
    """One uniform number per cell."""
    table = torch.rand(64, 64, generator=g)
    return table[row.long() % 64, column.long() % 64]


def joint(x: Tensor, y: Tensor, across: float, along: float) -> Tensor:
    """1 inside of cells, 0 on their joints of the given widths (in cells), soft over a texel or two."""
    inner_x = torch.minimum(x, 1 - x) / across - 0.5
    inner_y = torch.minimum(y, 1 - y) / along - 0.5
    return torch.minimum(inner_x, inner_y).clamp(0, 1)


def grain(g: torch.Generator) -> Tensor:
    """Wood grain along u, in [0, 1]."""
    warp = cloud(g, 1, 12, 1.6, 6)
    _, v = grid()
    rings = torch.sin(2 * math.pi * (v * whole(g, 3, 14) + number(g, 0.2, 0.7) * warp))
    return (0.5 + 0.18 * rings + 0.16 * cloud(g, 8, 240, 0.7, 14)).clamp(0, 1)


def _plain(g: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(0.7 * cloud(g, 1, 8, 1.5)), 0.5 + 0.08 * cloud(g, 2, 60, 1.2)


def _plaster(g: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(cloud(g, 1, 20, 1.2)), 0.5 + 0.17 * cloud(g, 20, 200, number(g, 0.2, 0.9))


def _boards(g: torch.Generator, columns: int, rows: int) -> tuple[Tensor, Tensor]:
    u, v = grid()
    column, row, x, y = cells(u, v, columns, rows, number(g, 0.2, 0.8))
    tone = per_cell(g, column, row)
    base = grain(g)
    moved = base[
        ((v * SIZE).long() + (tone * 251).long() * 2) % SIZE, ((u * SIZE).long() + (tone * 997).long()) % SIZE
    ]
    seam = joint(x, y, 0.004 * columns, 0.007 * rows)
    return (0.25 + 0.5 * tone + 0.9 * (moved - 0.5)), (0.55 + 0.35 * (moved - 0.5)) * (0.25 + 0.75 * seam)


def _planks(g: torch.Generator) -> tuple[Tensor, Tensor]:
    return _boards(g, whole(g, 1, 2), whole(g, 6, 12))


def _parquet(g: torch.Generator) -> tuple[Tensor, Tensor]:
    return _boards(g, whole(g, 4, 6), whole(g, 14, 22))


def _tiles(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    n = whole(g, 4, 9)
    column, row, x, y = cells(u, v, n, n * whole(g, 1, 2), 0.5 * whole(g, 0, 1))
    tone = per_cell(g, column, row)
    inner = joint(x, y, 0.008 * n, 0.008 * n)
    alternate = ((column + row) % 2) * whole(g, 0, 1)
    a = 0.2 * tone + 0.15 * cloud(g, 3, 40, 1.4).abs() + 0.7 * alternate
    return a * inner + number(g, 0, 1) * (1 - inner), 0.5 + 0.05 * cloud(g, 4, 80, 1) - 0.25 * (1 - inner)


def _carpet(g: torch.Generator) -> tuple[Tensor, Tensor]:
    fibre = cloud(g, 30, 256, 0.2)
    return torch.sigmoid(fibre + 0.5 * cloud(g, 2, 30, 1)), 0.5 + 0.2 * fibre + 0.08 * cloud(g, 2, 20, 1.2)


def _concrete(g: torch.Generator) -> tuple[Tensor, Tensor]:
    pores = torch.sigmoid(8 * (cloud(g, 20, 90, 0.5) - 2))
    stains = cloud(g, 1, 60, 1.3)
    return torch.sigmoid(1.3 * stains), 0.5 + 0.1 * cloud(g, 3, 200, 0.9) - 0.35 * pores


def _wood(g: torch.Generator) -> tuple[Tensor, Tensor]:
    base = grain(g)
    return base, 0.5 + 0.35 * (base - 0.5) + 0.04 * cloud(g, 2, 20, 1)


def _cloth(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    n = whole(g, 30, 70)
    weave = torch.sin(2 * math.pi * n * u) * torch.sin(2 * math.pi * n * v)
    folds = cloud(g, 1, 14, 1.6, number(g, 0.5, 2))
    return torch.sigmoid(folds + 0.5 * weave), 0.5 + 0.1 * weave + 0.13 * folds + 0.05 * cloud(
        g, 60, 250, 0.2
    )


def _stripes(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, _ = grid()
    n = whole(g, 4, 24)
    wave = torch.sin(2 * math.pi * n * u) + number(g, -0.8, 0.8)
    return torch.sigmoid(number(g, 3, 14) * wave), 0.5 + 0.05 * cloud(g, 2, 150, 0.8)


def _panels(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    columns = whole(g, 2, 12)
    column, row, x, y = cells(u, v, columns, 1, 0.0)
    seam = joint(x, torch.full_like(y, 0.5), 0.008 * columns, 1.0)
    tone = per_cell(g, column, row)
    return 0.5 * tone + 0.1 * cloud(g, 1, 20, 1.3), (0.5 + 0.04 * cloud(g, 4, 80, 1)) * (0.3 + 0.7 * seam)


def _motif(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    n = whole(g, 3, 9)
    _, _, x, y = cells(u, v, n, n, 0.5 * whole(g, 0, 1))
    x, y = 2 * x - 1, 2 * y - 1
    angle, radius = torch.atan2(y, x), torch.hypot(x, y)
    petals = number(g, 0.3, 0.8) * (1 + 0.4 * torch.cos(whole(g, 2, 7) * angle))
    return torch.sigmoid(25 * (petals - radius)) * (radius > 0.15), 0.5 + 0.06 * cloud(g, 3, 120, 0.9)


def _speckle(g: torch.Generator) -> tuple[Tensor, Tensor]:
    level = number(g, 0.3, 1.5)
    spots = torch.sigmoid(9 * (cloud(g, 30, 160, 0.5) - level))
    return spots, 0.5 + 0.08 * cloud(g, 8, 120, 0.6)


def _grid(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    n, m = whole(g, 6, 24), whole(g, 1, 3)
    _, _, x, y = cells(u, v, n, n * m, 0.0)
    inner = joint(x, y, number(g, 0.15, 0.5), number(g, 0.15, 0.5))
    return 1 - inner, 0.55 - 0.3 * (1 - inner) + 0.04 * cloud(g, 3, 80, 1)


def _bricks(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    column, row, x, y = cells(u, v, whole(g, 3, 5), whole(g, 10, 16), 0.5)
    inner = joint(x, y, 0.05, 0.16)
    tone = per_cell(g, column, row)
    return (0.2 + 0.6 * tone) * inner, 0.5 + (0.14 * cloud(g, 8, 220, 0.6)) * inner + 0.2 * (1 - inner)


def _plaid(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    n = whole(g, 2, 5)

    def bands(x: Tensor) -> Tensor:
        wave = torch.sin(2 * math.pi * n * x)
        return torch.sigmoid(14 * (wave - 0.2)) + 0.5 * torch.sigmoid(
            20 * (torch.sin(2 * math.pi * 3 * n * x) - 0.8)
        )

    return (bands(u) + bands(v)) / 2.5, 0.5 + 0.1 * cloud(g, 80, 250, 0.1)


def _terrazzo(g: torch.Generator) -> tuple[Tensor, Tensor]:
    chips = cloud(g, 14, 60, 0.4)
    return torch.sigmoid(20 * (chips - 0.9)) + 0.5 * torch.sigmoid(20 * (-1.0 - chips)), 0.5 + 0.05 * cloud(
        g, 20, 200, 0.4
    )


def _herringbone(g: torch.Generator) -> tuple[Tensor, Tensor]:
    u, v = grid()
    n = whole(g, 3, 5)
    zigzag = ((u * 2 * n) % 2 - 1).abs()
    y = v * 4 * n + zigzag * 2
    board = y.floor()
    side = (u * 2 * n).floor()
    tone = per_cell(g, side, board % (4 * n))
    place = y - board
    seam = (torch.minimum(place, 1 - place) / 0.12).clamp(0, 1)
    return 0.2 + 0.6 * tone + 0.1 * cloud(g, 8, 100, 0.8), 0.55 * (0.35 + 0.65 * seam)


MAKERS: Final[dict[str, Maker]] = {
    "plain": _plain, "plaster": _plaster, "planks": _planks, "parquet": _parquet, "tiles": _tiles,
    "carpet": _carpet, "concrete": _concrete, "wood": _wood, "cloth": _cloth, "stripes": _stripes,
    "panels": _panels, "motif": _motif, "speckle": _speckle, "grid": _grid, "bricks": _bricks,
    "plaid": _plaid, "terrazzo": _terrazzo, "herringbone": _herringbone,
}  # fmt: skip
