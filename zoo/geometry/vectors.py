"""Small vector helpers that the other modules of this package share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Scalar = Float[Tensor, "*#b"] | float
"""One number for the whole batch, or one per item."""


def dot(a: Float[Tensor, "*#b n"], b: Float[Tensor, "*#b n"]) -> Float[Tensor, "*b"]:
    """Scalar product over the last dimension."""
    product: Tensor = torch.linalg.vecdot(a, b)
    return product


def norm(v: Float[Tensor, "*b n"]) -> Float[Tensor, "*b"]:
    """Euclidean length; its gradient at the zero vector is 0, not NaN."""
    length: Tensor = torch.linalg.vector_norm(v, dim=-1)
    return length


def unit(v: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
    """`v` scaled to length 1; the zero vector stays zero."""
    length: Tensor = torch.linalg.vector_norm(v, dim=-1, keepdim=True)
    return v / length.clamp_min(1e-12)


def transform(matrix: Float[Tensor, "*#b m n"], vector: Float[Tensor, "*#b n"]) -> Float[Tensor, "*b m"]:
    """`matrix` applied to `vector`."""
    return (matrix @ vector[..., None])[..., 0]


def broadcast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors, expanded to their common shape."""
    return tuple(torch.broadcast_tensors(*tensors))


def matrix(rows: Sequence[Sequence[Float[Tensor, "*#b"]]]) -> Float[Tensor, "*b m n"]:
    """Matrices from their entries, row by row."""
    entries = broadcast(*(entry for row in rows for entry in row))
    return torch.stack(entries, dim=-1).reshape(*entries[0].shape, len(rows), len(rows[0]))


def column(value: Tensor | float) -> Tensor | float:
    """A per-item scalar (*b,) as (*b, 1), to multiply vectors with; a plain number as it is."""
    return value[..., None] if isinstance(value, Tensor) else value


def safe_sqrt(value: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Square root with value and gradient 0 where `value` is not positive."""
    positive = value > 0
    return torch.where(positive, value, 1.0).sqrt() * positive
