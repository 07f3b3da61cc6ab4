"""Grids of the cells of a map. The same few sizes come again and again, so each is made once and kept."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

_Make = Callable[[int, int, torch.dtype, torch.device], Tensor]


def _kept(make: _Make) -> Callable[[int, int, Tensor], Tensor]:
    """`make` with memory, for a height, a width, and a tensor whose type and device the grid is to have."""

    @functools.lru_cache(maxsize=32)
    def keep(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        with torch.inference_mode(False):  # what is made in it cannot serve a later training
            return make(height, width, dtype, device)

    def grid(height: int, width: int, like: Tensor) -> Tensor:
        if torch.compiler.is_compiling():  # sizes may be symbols then, and tensors have no values
            return make(height, width, like.dtype, like.device)
        return keep(height, width, like.dtype, like.device)

    return grid


def _cells(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Not by remainders of an index: exporters have none by a width that is open (`zoo.export`).
    rows = torch.arange(height, dtype=dtype, device=device)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=dtype, device=device).expand(height, width)
    return torch.stack([columns, rows]).flatten(1)


def _moments(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    x, y = _cells(height, width, dtype, device).unbind(0)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    return torch.stack([x, y, x * x + y * y], dim=1)


_kept_cells, _kept_moments = _kept(_cells), _kept(_moments)


def cell_grid(height: int, width: int, like: Tensor) -> Float[Tensor, "2 {height}*{width}"]:
    """Column and row of every cell, row by row, of the type of `like`; not to be written to."""
    return _kept_cells(height, width, like)


def central_moments(height: int, width: int, like: Tensor) -> Float[Tensor, "{height}*{width} 3"]:
    """As `cell_grid`, but from the middle of the map, and their sum of squares; a row for each cell.

    A variance from means of these loses fewer digits than from those of columns and rows.
    """
    return _kept_moments(height, width, like)
