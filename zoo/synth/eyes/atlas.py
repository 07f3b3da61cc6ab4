"""Tileable noise textures, made once from a fixed seed, that the shader looks up by nearest texel."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

SIZE = 512
FBM, GRAIN, RIDGES, BLOBS = range(4)
CHANNELS = 4


def _spectrum(generator: torch.Generator, low: float, high: float, slope: float) -> Tensor:
    """Periodic Gaussian noise with power ~ f^-2*slope between two frequencies (cycles per tile), unit sd."""
    frequency = torch.fft.fftfreq(SIZE, dtype=torch.float64) * SIZE
    radius = torch.hypot(frequency[:, None], frequency[None, :]).clamp(min=1e-6)
    gain = torch.where((radius >= low) & (radius <= high), radius**-slope, 0.0)
    white = torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64)
    field = torch.fft.ifft2(torch.fft.fft2(white) * gain).real
    return (field - field.mean()) / field.std()


@lru_cache(maxsize=4)
def noise_atlas(device: torch.device) -> Float[Tensor, "texels channels"]:
    """(SIZE * SIZE, CHANNELS) float32 rows of noise, each about in [-1, 1] with zero mean.

    FBM: cloudy, all scales. GRAIN: fine and isotropic. RIDGES: 1 on thin winding lines (vessels,
    wrinkles), 0 elsewhere. BLOBS: 1 inside sparse round spots, 0 elsewhere.
    """
    generator = torch.Generator().manual_seed(20_061)
    fbm = (_spectrum(generator, 2.0, 120.0, 1.5) / 2).clamp(-1, 1)
    grain = (_spectrum(generator, 40.0, 140.0, 0.3) / 2).clamp(-1, 1)
    winding = _spectrum(generator, 3.0, 40.0, 1.3)
    strength = torch.sigmoid(3 * _spectrum(generator, 1.0, 8.0, 1.0))
    ridges = torch.exp(-((winding / 0.07) ** 2)) * strength
    blobs = torch.sigmoid(12 * (_spectrum(generator, 8.0, 24.0, 0.5) - 1.7))
    planes = torch.stack([fbm, grain, ridges, blobs], dim=-1)
    return planes.reshape(SIZE * SIZE, CHANNELS).float().to(device)


def look_up(
    atlas: Float[Tensor, "texels channels"], x: Float[Tensor, "B P"], y: Float[Tensor, "B P"]
) -> Float[Tensor, "B P channels"]:
    """Nearest texel at (x, y), in tiles (period 1)."""
    column = (x * SIZE).floor().long() & (SIZE - 1)
    row = (y * SIZE).floor().long() & (SIZE - 1)
    return atlas[row * SIZE + column]
