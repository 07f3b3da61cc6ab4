"""Likelihoods by which a head learns how wrong it is: Laplace densities, robust to outliers."""

from __future__ import annotations

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

SIGMA_OF_SCALE: Final = 2.3508
"""68.27 % of the distances from the centre of a plane Laplace density of scale b are below this times b: the
root q of 1 - (1 + q) exp(-q) = 0.6827."""
_LOG_SCALE: Final = 7.0


def bounded(log_scale: Tensor) -> Tensor:
    """A logarithm of a scale, kept where exponents are safe."""
    return _LOG_SCALE * torch.tanh(log_scale / _LOG_SCALE)


def tempered(value: Tensor, log_scale: Tensor) -> Tensor:
    """A negative log-likelihood weighted by the square root of its own scale, as a constant.

    Its minimum is the same, but samples and tasks that are known well no longer drown the others (M. Seitzer
    et al., "On the pitfalls of heteroscedastic uncertainty estimation", 2022).
    """
    return value * torch.exp(0.5 * log_scale.detach())


def laplace(error: Float[Tensor, "B"], log_scale: Float[Tensor, "B"]) -> Float[Tensor, "B"]:
    """Tempered negative log-likelihood of an error on a line: density exp(-|e| / b) / (2 b)."""
    return tempered(error.abs() * torch.exp(-log_scale) + log_scale + math.log(2), log_scale)


def plane_laplace(distance: Float[Tensor, "B"], log_scale: Float[Tensor, "B"]) -> Float[Tensor, "B"]:
    """Tempered negative log-likelihood of a point in a plane: density exp(-r / b) / (2 pi b^2)."""
    return tempered(distance * torch.exp(-log_scale) + 2 * log_scale + math.log(2 * math.pi), log_scale)


def smooth_angle(a: Float[Tensor, "B 3"], b: Float[Tensor, "B 3"]) -> Float[Tensor, "B"]:
    """About the angle in radians between unit vectors, with a gradient where they coincide.

    The length of the chord, which falls short of the angle by 1 % at 28 degrees, rounded off below 0.06
    degrees.
    """
    return ((a - b).square().sum(1) + 1e-6).sqrt()
