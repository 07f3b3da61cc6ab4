"""Image operations that the renderer's sensor and the augmentation share: blur, compression, noise."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zoo.draws import Draws

_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps of the 8x8 cosine coefficients at quality 50: ITU-T T.81 (JPEG), table K.1."""


def gaussian_blur(
    image: Float[Tensor, "B C H W"], sd_u: Float[Tensor, "B"], sd_v: Float[Tensor, "B"]
) -> Float[Tensor, "B C H W"]:
    """Blur by each image's own standard deviations along u and v, in pixels; borders keep their mean level.

    By products with band matrices: one kernel call for all images, whatever their number and their blur.
    """
    columns = _gaussian_matrix(sd_u, image.shape[3])
    rows = _gaussian_matrix(sd_v, image.shape[2])
    return rows @ (image @ columns.mT)


def _gaussian_matrix(sd: Tensor, size: int) -> Tensor:
    """(B, 1, size, size): row i holds the weights of a line's pixels in the blur of pixel i."""
    x = torch.arange(size, dtype=sd.dtype, device=sd.device)
    squared = ((x - x[:, None]) / sd.clamp(min=0.1)[:, None, None]).square()
    # Cut off at four standard deviations: what follows ends in denormal numbers, which are slow to multiply.
    weights = torch.exp(-0.5 * squared.clamp(max=16)).where(squared < 16, 0)
    return (weights / weights.sum(-1, keepdim=True))[:, None]


def compress(image: Float[Tensor, "B 1 H W"], quality: Float[Tensor, "B"]) -> Float[Tensor, "B 1 H W"]:
    """Round the cosine coefficients of 8x8 blocks as a baseline JPEG of that quality (1 to 100) does."""
    height, width = image.shape[-2:]
    padded = F.pad(image, (0, -width % 8, 0, -height % 8), mode="replicate") * 255 - 128
    blocks = padded.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)  # (B, 1, rows, columns, 8, 8)
    basis = _cosines(image)
    # The scaling of quality is that of the Independent JPEG Group's library.
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = torch.tensor(_LUMINANCE, dtype=image.dtype, device=image.device)
    step = (table * percent[:, None, None] / 100).round_().clamp_(1, 255)[:, None, None, None]
    coefficients = (basis @ blocks @ basis.mT).div_(step).round_().mul_(step)
    restored = (basis.mT @ coefficients @ basis).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return restored[..., :height, :width].add(128).div_(255).clamp_(0, 1)


def normal_noise(draws: Draws, name: str, like: Float[Tensor, "B *s"]) -> Float[Tensor, "B *s"]:
    """Standard normal noise like `like`: a window into a long fixed row of it, ten times cheaper than new."""
    count = like[0].numel()
    size = 1 << (16 * count - 1).bit_length()
    start = (draws.unit(name) * (size - count)).long()
    windows = _noise_bank(size, like.device).as_strided((size - count + 1, count), (1, 1))
    return windows.index_select(0, start).view_as(like)


@lru_cache(maxsize=4)
def _noise_bank(size: int, device: torch.device) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(0)).to(device)


def _cosines(like: Tensor) -> Tensor:
    """(8, 8) orthonormal cosine transform, a frequency a row."""
    frequency = torch.arange(8, dtype=like.dtype, device=like.device)[:, None]
    basis = torch.cos(torch.pi / 8 * frequency * (frequency.T + 0.5)) / 2
    basis[0] /= 2**0.5
    return basis
