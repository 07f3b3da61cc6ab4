"""From the losses of the heads to the gradient of a step: a fixed sum, a learned one, or an aggregator."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zoo.config.balance import AggregatorBalance, BalanceConfig, UncertaintyBalance
from zoo.errors import ZooError

_LARGEST_LOG_VARIANCE: Final = 4.0


class TaskGradients(NamedTuple):
    """Gradients of each task's loss on the weights that the tasks share."""

    names: list[str]
    rows: Float[Tensor, "T P"]


class Balance(nn.Module):
    """Combines losses.

    Uncertainty: sum of exp(-s) L + s over the tasks with learned log-variances s, after Kendall et al.,
    "Multi-task learning using uncertainty to weigh losses for scene geometry and semantics", CVPR 2018. Some
    of our losses are likelihoods and go below 0, where s would run away: it is kept within ±4.

    Args:
        config: of the run.
        heads: whose losses there will be.
    """

    def __init__(self, config: BalanceConfig, heads: list[str]) -> None:
        super().__init__()
        self.config = config
        self.heads = heads
        learned = isinstance(config, UncertaintyBalance)
        self.raw = nn.Parameter(torch.zeros(len(heads))) if learned else None
        self._aggregate = _aggregator(config) if isinstance(config, AggregatorBalance) else None

    @property
    def log_variances(self) -> dict[str, float]:
        """Learned ones by head; empty where none are learnt."""
        if self.raw is None:
            return {}
        return dict(zip(self.heads, self._bounded(self.raw).tolist(), strict=True))

    def weigh(self, losses: Mapping[str, Float[Tensor, ""]]) -> dict[str, Float[Tensor, ""]]:
        """The terms of the sum, by head."""
        terms = {name: self.config.weights.get(name, 1.0) * loss for name, loss in losses.items()}
        if self.raw is None:
            return terms
        bounded = dict(zip(self.heads, self._bounded(self.raw), strict=True))
        return {name: torch.exp(-bounded[name]) * term + bounded[name] for name, term in terms.items()}

    def backward(self, terms: Mapping[str, Tensor], trunk: list[nn.Parameter]) -> None:
        """Fill the gradients of all parameters; those of `trunk` as the aggregator combines them."""
        assert self._aggregate is not None
        found = task_gradients(terms, trunk, retain_graph=True)
        torch.stack(list(terms.values())).sum().backward()
        combined = self._aggregate(found.rows)
        for parameter, piece in zip(trunk, combined.split([p.numel() for p in trunk]), strict=True):
            parameter.grad = piece.view_as(parameter).clone()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What the optimiser learns here."""
        return [] if self.raw is None else [{"params": [self.raw], "weight_decay": 0.0}]

    @staticmethod
    def _bounded(raw: Tensor) -> Tensor:
        return _LARGEST_LOG_VARIANCE * torch.tanh(raw / _LARGEST_LOG_VARIANCE)


def task_gradients(
    terms: Mapping[str, Tensor], shared: list[nn.Parameter], retain_graph: bool
) -> TaskGradients:
    """The gradient of each term on the shared weights, 0 where it does not depend on one."""
    rows = []
    names = [name for name, term in terms.items() if term.requires_grad]
    for number, name in enumerate(names):
        keep = retain_graph or number < len(names) - 1
        pieces = torch.autograd.grad(terms[name], shared, retain_graph=keep, materialize_grads=True)
        rows.append(torch.cat([piece.flatten() for piece in pieces]))
    return TaskGradients(names, torch.stack(rows))


def conflicts(found: TaskGradients) -> dict[str, float]:
    """For the logger: `gradient/<task>`, the L2 norms, and `conflict/<task>-<task>`, their cosines."""
    norms = found.rows.norm(dim=1)
    cosines = (found.rows @ found.rows.T) / (norms[:, None] * norms).clamp(min=1e-12)
    values = {f"gradient/{name}": float(norm) for name, norm in zip(found.names, norms, strict=True)}
    for (i, first), (j, second) in combinations(enumerate(found.names), 2):
        values[f"conflict/{first}-{second}"] = float(cosines[i, j])
    return values


def _aggregator(config: AggregatorBalance) -> nn.Module:
    try:
        import torchjd.aggregation as offered
    except ImportError:
        raise ZooError("balance.type=aggregator needs TorchJD: pip install 'eye-room-zoo[balance]'") from None
    if config.aggregator not in ("UPGrad", "DualProj"):
        made: nn.Module = getattr(offered, config.aggregator)()
        return made
    from zoo.train.dual_cone import NnlsProjector

    return {"UPGrad": offered.UPGrad, "DualProj": offered.DualProj}[config.aggregator](
        projector=NnlsProjector()
    )
