"""Groups of parameters for the optimiser: what decays, what takes orthogonal steps, how fast parts learn."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from torch import nn

from zoo.config.schema import OptimizerConfig
from zoo.model.config import TRUNK


class _Key(NamedTuple):
    orthogonal: bool
    decays: bool
    rate: float


def parameter_groups(network: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Groups with `params`, `weight_decay`, `lr` and, for `Muon`, `orthogonal`.

    Decay is for matrices and kernels only: norms and biases have one dimension. Orthogonal steps are for the
    kernels between the image and the heads. The learning rate of a parameter is that of its part
    (`config.rates`), for the backbone times `config.layer_decay` once for each of its levels from the last
    one down (Howard and Ruder, "Universal language model fine-tuning", ACL 2018).
    """
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    levels = {level: i for i, level in enumerate(dict.fromkeys(_level(name) for name in trained)) if level}
    groups: dict[_Key, list[nn.Parameter]] = defaultdict(list)
    for name, p in trained.items():
        inner = p.ndim == 4 and not name.startswith("heads.") and p.shape[1] > 3
        rate = config.rates.get(_part(name), 1.0)
        if level := _level(name):
            rate *= config.layer_decay ** (max(levels.values()) - levels[level])
        groups[_Key(inner and config.type == "muon", p.ndim > 1, rate)].append(p)
    made: list[dict[str, Any]] = []
    for key, parameters in sorted(groups.items(), key=lambda item: item[0], reverse=True):
        group: dict[str, Any] = {"params": parameters, "lr": config.lr * key.rate}
        group["weight_decay"] = config.weight_decay if key.decays else 0.0
        made.append(group | ({"orthogonal": True} if key.orthogonal else {}))
    return made


def _part(name: str) -> str:
    """`backbone`, `neck`, or the name of a head."""
    first, second, *_ = name.split(".")
    return first if first in TRUNK else second


def _level(name: str) -> str | None:
    """What stands for a level of the backbone, such as `backbone.body.stages.2`; None elsewhere."""
    parts = name.split(".")
    if parts[0] != "backbone":
        return None
    numbered = len(parts) > 3 and parts[3].isdigit()
    return ".".join(parts[: 4 if numbered else 3])
