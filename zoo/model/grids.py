"""Grids of the cells of a map. The same few sizes come again and again, so each is made once and kept."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float
from torch import Tensor

_Size = int | torch.SymInt
"""Of a map; a symbol while an exporter traces."""


def cell_grid(height: _Size, width: _Size, like: Tensor) -> Float[Tensor, "2 cells"]:
    """Column and row of every cell, row by row, of the type and device of `like`; not to be written to."""
    if torch.compiler.is_compiling():  # sizes may be symbols then, and tensors have no values
        return _made(height, width, like.dtype, like.device)
    return _kept(height, width, like.dtype, like.device)


@functools.lru_cache(maxsize=32)
def _kept(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # what is made in it cannot serve a later training
        return _made(height, width, dtype, device)


def _made(height: _Size, width: _Size, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Not by remainders of an index: exporters have none by a width that is open (`zoo.export`).
    rows = torch.arange(height, dtype=dtype, device=device)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=dtype, device=device).expand(height, width)
    return torch.stack([columns, rows]).flatten(1)
