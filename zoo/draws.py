"""Random numbers that are a function of (seed, index, name) alone.

A counter-based generator: the draw for a sample does not depend on which other samples share its batch,
on the worker or process that makes it, or on where a run was resumed. Batched, on any device.
"""

from __future__ import annotations

import hashlib
import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_MASK32 = 0xFFFFFFFF


def _mix(x: Int[Tensor, "*s"]) -> Int[Tensor, "*s"]:
    """splitmix64's finaliser on int64 (wrapping) tensors, with logical shifts.

    Constants: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * -4658895280553007687  # 0xBF58476D1CE4E5B9
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * -7723592293110705685  # 0x94D049BB133111EB
    return x ^ ((x >> 31) & 0x1FFFFFFFF)


def _key(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


class Draws:
    """Named draws for a batch of sample indices.

    Args:
        seed: any integer; streams of different seeds are unrelated.
        index: (B,) int64, the global index of each sample (or identity).
    """

    def __init__(self, seed: int, index: Int[Tensor, "B"]) -> None:
        self.seed = seed
        self.index = index
        self.device = index.device

    def unit(self, name: str, *shape: int) -> Float[Tensor, "B *shape"]:
        """Uniform in [0, 1), (B, *shape) float32."""
        bits = (self._bits(name, *shape) >> 40) & 0xFFFFFF
        return bits.float() * 2.0**-24

    def _bits(self, name: str, *shape: int) -> Int[Tensor, "B *shape"]:
        element = torch.arange(math.prod(shape), device=self.device, dtype=torch.int64)
        counter = _mix(self.index + _key(self.seed, name))[:, None] + element * -7046029254386353131
        return _mix(counter).reshape(len(self.index), *shape)

    def uniform(self, name: str, low: float | Tensor, high: float | Tensor, *shape: int) -> Tensor:
        """Uniform in [low, high), (B, *shape)."""
        return low + (high - low) * self.unit(name, *shape)

    def log_uniform(self, name: str, low: float, high: float, *shape: int) -> Tensor:
        """Uniform in the logarithm, in [low, high), (B, *shape)."""
        return torch.exp(self.uniform(name, math.log(low), math.log(high), *shape))

    def normal(
        self,
        name: str,
        mean: float,
        sd: float,
        *shape: int,
        low: float | None = None,
        high: float | None = None,
    ) -> Tensor:
        """Normal by the inverse distribution function, clamped to [low, high], (B, *shape)."""
        unit = self.unit(name, *shape).clamp(1e-6, 1 - 1e-6)
        value = mean + sd * math.sqrt(2.0) * torch.erfinv(2 * unit - 1)
        return value if low is None and high is None else value.clamp(low, high)

    def chance(self, name: str, probability: float | Tensor, *shape: int) -> Bool[Tensor, "B *shape"]:
        """True with the given probability, (B, *shape)."""
        return self.unit(name, *shape) < probability

    def choice(self, name: str, weights: list[float], *shape: int) -> Int[Tensor, "B *shape"]:
        """Index drawn with probability proportional to `weights`, (B, *shape)."""
        edges = torch.tensor(weights, device=self.device, dtype=torch.float32).cumsum(0)
        return torch.bucketize(self.unit(name, *shape) * edges[-1], edges[:-1], right=True)

    def fork(self, name: str, index: Int[Tensor, "B"] | None = None) -> Draws:
        """An unrelated stream, over the same indices or over others (identities, say)."""
        return Draws(_key(self.seed, name) & _MASK32, self.index if index is None else index)
