"""Projection onto the dual cone of the tasks' gradients, by non-negative least squares.

TorchJD's own projector stands on a solver under the GPL; SciPy's is under the BSD licence, and as exact.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import nnls
from torch import Tensor
from torchjd.linalg import DualConeProjector

_SMALLEST: Final = 1e-4
"""Added to the diagonal of the normalised Gramian, whose rounding may leave it with negative eigenvalues."""


class NnlsProjector(DualConeProjector):
    """Weights w >= u, for each row u, whose combination of the gradients is shortest.

    With G = L L^T and w = u + v: the v >= 0 that minimises |L^T v + L^T u|.
    """

    def __call__(self, U: Float[Tensor, "*batch T"], G: Float[Tensor, "T T"]) -> Float[Tensor, "*batch T"]:
        """The weights.

        Args:
            U: least weights.
            G: Gramian of the gradients.
        """
        gramian = G.detach().double().cpu().numpy()
        gramian = gramian / max(np.trace(gramian), 1e-30) + _SMALLEST * np.eye(len(gramian))
        factor = np.linalg.cholesky(gramian).T
        least = U.detach().double().cpu().numpy()
        rows = [row + nnls(factor, -factor @ row)[0] for row in least.reshape(-1, len(gramian))]
        return torch.as_tensor(np.stack(rows).reshape(least.shape), device=G.device, dtype=G.dtype)
