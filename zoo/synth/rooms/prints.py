"""Pictures that are not repeated: posters, pages, book spines, codes; made once from a fixed seed."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from zoo.synth.rooms.surfaces import SIZE, Maker, cloud, grid, number, whole


def _colour(g: torch.Generator, saturation: float = 0.7) -> Tensor:
    value = torch.rand(3, generator=g)
    grey = value.mean()
    return (grey + (value - grey) * (0.15 + 0.9 * saturation)).clamp(0, 1)[:, None, None]


def _shape(g: torch.Generator, size: tuple[float, float]) -> Tensor:
    """Mask of one turned rectangle or ellipse somewhere."""
    u, v = grid()
    turn = number(g, 0, math.pi) if number(g, 0, 1) < 0.6 else 0.0
    x, y = u - number(g, 0, 1), v - number(g, 0, 1)
    a = (math.cos(turn) * x + math.sin(turn) * y) / number(g, *size)
    b = (math.cos(turn) * y - math.sin(turn) * x) / number(g, *size)
    return a * a + b * b < 1 if number(g, 0, 1) < 0.5 else torch.maximum(a.abs(), b.abs()) < 1


def _collage(g: torch.Generator, count: int, size: tuple[float, float], saturation: float) -> Tensor:
    u, v = grid()
    picture = _colour(g, saturation) + (v if number(g, 0, 1) < 0.7 else u) * (_colour(g) - 0.5)
    for _ in range(count):
        colour = _colour(g, saturation)
        if number(g, 0, 1) < 0.1:
            colour = colour + 0.15 * cloud(g, 3, 120, 1.2)
        picture = torch.where(_shape(g, size), colour, picture)
    return picture


def _photo(g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Something like a photograph: large things, small things, soft clouds over all of it."""
    picture = _collage(g, 14, (0.04, 0.35), number(g, 0.0, 0.55))
    small = _collage(g, 60, (0.006, 0.06), number(g, 0.1, 0.8))
    picture = torch.where((cloud(g, 2, 9, 1) > 0.6)[None], small, picture)
    return picture + 0.09 * torch.stack([cloud(g, 2, 200, 1.1) for _ in range(3)]), torch.full(
        (SIZE, SIZE), 0.5
    )


def _words(g: torch.Generator, rows: int, ink: float) -> Tensor:
    """Lines of words as seen from afar: runs of ragged strokes; 1 on ink."""
    mask = torch.zeros(SIZE, SIZE)
    height = SIZE // rows
    margin = int(0.08 * SIZE)
    strokes = torch.rand(SIZE, SIZE, generator=g) < 0.55
    for row in range(1, rows - 1):
        u = margin
        top, low = row * height, row * height + max(2, int(height * ink))
        end = SIZE - margin - (whole(g, 0, SIZE // 2) if number(g, 0, 1) < 0.25 else 0)
        while u < end:
            run = whole(g, height, 5 * height)
            wide = max(1, height // 8)
            letters = strokes[top:low:wide, u : min(u + run, end) : wide]
            letters = letters.repeat_interleave(wide, 0).repeat_interleave(wide, 1)
            part = mask[top:low, u : min(u + run, end)]
            part.copy_(letters[: part.shape[0], : part.shape[1]])
            u += run + height // 2
    return mask


def _page(g: torch.Generator) -> tuple[Tensor, Tensor]:
    ink = _words(g, whole(g, 10, 30), 0.55)
    paper, colour = 0.75 + 0.25 * _colour(g, 0.1), 0.25 * _colour(g, 0.5)
    page = torch.where(ink[None] > 0, colour, paper.expand(3, SIZE, SIZE))
    if number(g, 0, 1) < 0.6:
        top, left, side = whole(g, 20, 300), whole(g, 20, 250), whole(g, 100, 200)
        picture, _ = _photo(g)
        page[:, top : top + side, left : left + side] = picture[:, :side, :side]
    return page, torch.full((SIZE, SIZE), 0.5)


def _poster(g: torch.Generator) -> tuple[Tensor, Tensor]:
    picture, _ = _photo(g)
    band = whole(g, 60, 140)
    top = 0 if number(g, 0, 1) < 0.5 else SIZE - band
    ground, colour = _colour(g, 0.9), _colour(g, 0.9)
    words = _words(g, whole(g, 4, 9), 0.7)[:band]
    picture = picture.clone()
    picture[:, top : top + band] = torch.where(words[None] > 0, colour, ground.expand(3, *words.shape))
    return picture, torch.full((SIZE, SIZE), 0.5)


def _books(g: torch.Generator) -> tuple[Tensor, Tensor]:
    """A row of spines, upright, of differing heights."""
    picture = torch.full((3, SIZE, SIZE), 0.05)
    u = 0
    saturation = number(g, 0.0, 0.6)
    while u < SIZE:
        width = whole(g, 10, 38)
        top = whole(g, 0, 110)
        spine = _colour(g, saturation).expand(3, SIZE - top, width).clone()
        for _ in range(whole(g, 0, 3)):
            at, tall = whole(g, 0, SIZE - top - 20), whole(g, 4, 60)
            spine[:, at : at + tall, 2 : width - 2] = _colour(g, saturation)
        spine[:, :, :2] *= 0.5
        part = picture[:, top:, u : u + width]
        part.copy_(spine[:, :, : part.shape[2]])
        u += width
    return picture.flip(1), torch.full((SIZE, SIZE), 0.5)  # v counts upwards on walls


def _code(g: torch.Generator) -> tuple[Tensor, Tensor]:
    """A square code of black and white cells on paper, or a keyboard-like field."""
    n = whole(g, 12, 33)
    bits = (torch.rand(n, n, generator=g) < 0.5).float()
    side = int(SIZE * number(g, 0.5, 0.95))
    code = torch.nn.functional.interpolate(bits[None, None], (side, side))[0, 0]
    picture = torch.full((3, SIZE, SIZE), 0.95)
    at = (SIZE - side) // 2
    picture[:, at : at + side, at : at + side] = 0.05 + 0.9 * code
    return picture, torch.full((SIZE, SIZE), 0.5)


def _comic(g: torch.Generator) -> tuple[Tensor, Tensor]:
    picture = _collage(g, 14, (0.03, 0.25), 1.2)
    n = whole(g, 2, 4)
    u, v = grid()
    lines = ((u * n) % 1 < 0.04) | ((v * (n + 1)) % 1 < 0.04)
    ink = cloud(g, 3, 16, 1.2).abs() < 0.04
    return torch.where((lines | ink)[None], 0.03, picture), torch.full((SIZE, SIZE), 0.5)


def _map(g: torch.Generator) -> tuple[Tensor, Tensor]:
    height = cloud(g, 1, 30, 1.6)
    water, land = _colour(g, 0.4), _colour(g, 0.4)
    roads = cloud(g, 2, 16, 1.3).abs() < 0.03
    contour = (height * 4) % 1 < 0.12
    picture = torch.where((height > 0)[None], land, water)
    picture = torch.where(contour[None], picture * 0.7, picture)
    return torch.where(roads[None], 0.95, picture), torch.full((SIZE, SIZE), 0.5)


MAKERS: Final[dict[str, Maker]] = {
    "photo": _photo, "page": _page, "poster": _poster, "books": _books, "code": _code, "comic": _comic,
    "map": _map,
}  # fmt: skip
