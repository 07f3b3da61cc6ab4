"""From radiance to what a cheap infrared camera delivers: blur, exposure, noise, compression, eight bits."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.draws import Draws
from zoo.synth.eyes.shade import Look


def _blur_matrix(sigma: Float[Tensor, "B"], size: int) -> Float[Tensor, "B size size"]:
    """Rows are normalised Gaussian kernels: blur along one axis is a product, borders included."""
    index = torch.arange(size, device=sigma.device, dtype=torch.float32)
    squared = (index[:, None] - index[None, :]) ** 2
    kernel = torch.exp(-squared / (2 * sigma.clamp(min=0.1)[:, None, None] ** 2))
    return kernel / kernel.sum(-1, keepdim=True)


def blur(
    image: Float[Tensor, "B H W"], sigma_u: Float[Tensor, "B"], sigma_v: Float[Tensor, "B"]
) -> Float[Tensor, "B H W"]:
    """Gaussian blur with a width of its own for every sample and axis, in pixels."""
    height, width = image.shape[1:]
    across = image @ _blur_matrix(sigma_u, width).transpose(1, 2)
    return _blur_matrix(sigma_v, height) @ across


@lru_cache(maxsize=4)
def _cosines(device: torch.device) -> Float[Tensor, "8 8"]:
    """The orthonormal 8-point discrete cosine transform."""
    k = torch.arange(8, dtype=torch.float64)
    basis = torch.cos(math.pi * (2 * k[None, :] + 1) * k[:, None] / 16) * math.sqrt(2 / 8)
    basis[0] /= math.sqrt(2)
    return basis.float().to(device)


def _compress(image: Float[Tensor, "B H W"], step: Float[Tensor, "B"]) -> Float[Tensor, "B H W"]:
    """JPEG's loss: 8x8 cosine coefficients rounded to steps that grow with frequency."""
    count, height, width = image.shape
    pad_h, pad_w = -height % 8, -width % 8
    padded = torch.nn.functional.pad(image[:, None], (0, pad_w, 0, pad_h), mode="replicate")[:, 0]
    rows, columns = padded.shape[1] // 8, padded.shape[2] // 8
    blocks = padded.reshape(count, rows, 8, columns, 8).transpose(2, 3)
    basis = _cosines(image.device)
    coefficients = basis @ blocks @ basis.T
    frequency = torch.arange(8, device=image.device)
    grid = step[:, None, None, None, None] * (0.3 + 0.35 * (frequency[:, None] + frequency))
    grid = grid.clamp(min=1e-4)
    blocks = basis.T @ ((coefficients / grid).round() * grid) @ basis
    return blocks.transpose(2, 3).reshape(count, rows * 8, columns * 8)[:, :height, :width]


def expose(draws: Draws, radiance: Float[Tensor, "B H W"], sensor: Look) -> Float[Tensor, "B H W"]:
    """Image in [0, 1], rounded to eight bits."""
    count, height, width = radiance.shape
    look = {name: value[:, :, None] for name, value in sensor.items()}
    v = torch.linspace(-1, 1, height, device=radiance.device)[:, None]
    u = torch.linspace(-1, 1, width, device=radiance.device)
    tilt = draws.normal("sensor.falloff", 0.0, 0.35, 2)[:, :, None, None]
    falloff = 1 - look["vignette"] * 0.5 * ((u + tilt[:, 0]) ** 2 + (v + tilt[:, 1]) ** 2)

    base = sensor["blur"][:, 0]
    along_u = draws.chance("sensor.motion", 0.5)
    motion = sensor["motion"][:, 0]
    image = blur(radiance * falloff.clamp(min=0.2), base + motion * along_u, base + motion * ~along_u)

    # Exposure as cameras meter it, against the typical level of the frame, then contrast about that level.
    typical = image.clamp(max=1.5).mean(dim=(1, 2), keepdim=True).clamp(min=0.02)
    image = (1 + look["contrast"] * (image / typical - 1)).clamp(min=0)
    image = (look["level"] * image ** look["gamma"]).clamp(0, 1)
    shot = look["shot"] * image.sqrt()
    image = image + (look["read"] + shot) * draws.triangular("sensor.noise", height, width)
    image = image + look["rows"] * draws.normal("sensor.rows", 0.0, 1.0, height, 1)
    softened = torch.nn.functional.avg_pool2d(image[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    image = image + look["sharpen"] * (image - softened)
    image = _compress(image.clamp(0, 1), sensor["jpeg"][:, 0])
    return (image.clamp(0, 1) * 255).round() / 255
