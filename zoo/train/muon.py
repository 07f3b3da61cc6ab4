"""Muon: steps of equal size in every direction for the matrices of a network, AdamW for the rest.

After K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024): the momentum of a
weight matrix is replaced by the nearest orthogonal matrix, found by a Newton-Schulz iteration. A convolution
is the matrix of its kernels, one row for each output channel. `torch.optim.Muon` takes matrices alone and
iterates in bfloat16, which most CPUs are many times slower in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import AdamW

_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_ITERATIONS: Final = 5
_RMS: Final = 0.2
"""Root mean square of an update of AdamW, to which those of the matrices are scaled, so that one learning
rate serves both (J. Liu et al., "Muon is scalable for LLM training", 2025)."""


class Muon(AdamW):
    """AdamW whose groups with ``orthogonal=True`` take Muon's steps; one learning rate for both."""

    def __init__(self, params: Any, momentum: float = 0.95, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group.setdefault("orthogonal", False)
            group.setdefault("momentum", momentum)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure` computes the loss and the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        taken = []
        for group in (g for g in self.param_groups if g["orthogonal"]):
            for p in (p for p in group["params"] if p.grad is not None):
                assert p.grad is not None
                self._orthogonal_step(p, p.grad, group)
                taken.append((p, p.grad))
                p.grad = None  # AdamW passes over it
        super().step()
        for p, gradient in taken:
            p.grad = gradient
        return loss

    def _orthogonal_step(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros(())  # AdamW looks for it when a state is loaded
            state["momentum_buffer"] = torch.zeros_like(p)
        buffer = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(buffer, group["momentum"]).flatten(1)
        update = orthogonalised(ahead) * (_RMS * max(ahead.shape) ** 0.5)
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.sub_(update.view(p.shape), alpha=group["lr"])


def orthogonalised(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "m n"]:
    """About the nearest matrix with orthonormal rows or columns: all singular values near 1."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
