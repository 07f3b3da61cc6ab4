"""The bank of textures with their reduced copies, and its look-up."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Final

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from zoo.synth.rooms import prints, surfaces
from zoo.synth.rooms.surfaces import SIZE, cloud

VARIANTS: Final = 5
LEVELS: Final = 10  # from 512 texels a side down to 1
LAYER: Final = (4**LEVELS - 1) // 3
NOISES: Final = 4


def noise_layer(variant: int) -> int:
    """Layer of any bank that holds a cloudy noise in its fourth channel."""
    return variant % NOISES


def layer_of(families: tuple[str, ...], family: str, variant: int) -> int:
    """Layer that holds a variant (taken modulo their number) of a family in the bank of `families`."""
    return NOISES + families.index(family) * VARIANTS + variant % VARIANTS


@lru_cache(maxsize=2)
def texture_bank(families: tuple[str, ...], device: torch.device) -> UInt8[Tensor, "texels 4"]:
    """Layers one after the other, each with its reduced copies, row by row: noises, then the families."""
    g = torch.Generator().manual_seed(7)
    layers = []
    for spectrum in ((1, 200, 1.3), (2, 30, 1.0), (8, 250, 0.7), (1, 100, 1.7)):
        noise = 0.5 + 0.2 * cloud(g, *spectrum)
        layers.append(_pyramid(noise.expand(4, SIZE, SIZE)))
    for name in families:
        maker = (surfaces.MAKERS | prints.MAKERS)[name]
        for variant in range(VARIANTS):
            g = torch.Generator().manual_seed(zlib.crc32(f"{name}/{variant}".encode()))
            share, detail = maker(g)
            layers.append(_pyramid(torch.cat([share.expand(3, SIZE, SIZE), detail[None]])))
    return torch.cat(layers).to(device)


def _pyramid(texture: Float[Tensor, "4 H W"]) -> UInt8[Tensor, "texels 4"]:
    texture = texture.clamp(0, 1)
    levels = []
    for _ in range(LEVELS):
        levels.append((texture * 255).round().to(torch.uint8).permute(1, 2, 0).reshape(-1, 4))
        texture = torch.nn.functional.avg_pool2d(texture, 2) if texture.shape[-1] > 1 else texture
    return torch.cat(levels)


def look_up(
    bank: UInt8[Tensor, "texels 4"],
    layer: Int[Tensor, "*b"],
    u: Float[Tensor, "*b"],
    v: Float[Tensor, "*b"],
    footprint: Float[Tensor, "*b"],
) -> Int[Tensor, "*b"]:
    """Index of the nearest texel at (u, v), of period 1, in the copy whose texels are about `footprint`."""
    level = torch.log2((footprint * SIZE).clamp(min=1.0)).add(0.3).clamp(0, LEVELS - 1).int()
    side = torch.bitwise_right_shift(torch.full_like(level, SIZE), level)
    column = torch.bitwise_and((u * side).floor().int(), side - 1)
    row = torch.bitwise_and((v * side).floor().int(), side - 1)
    start = (SIZE * SIZE - side * side) // 3 * 4
    return layer.long() * LAYER + (start + row * side + column).long()
