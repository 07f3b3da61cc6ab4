"""Batch normalisation per kind of input: eyes and views differ in everything that it counts."""

from __future__ import annotations

import copy
from collections.abc import Collection

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.conventions import KINDS, Kind


class Switch:
    """Which kind is being looked at; shared by all norms of a network."""

    def __init__(self) -> None:
        self.kind: Kind = "eyes"


class NormPerKind(nn.Module):
    """The norm that it replaces, once for each kind, as domain-specific batch normalisation has it.

    Source: Chang et al., "Domain-specific batch normalization for unsupervised domain adaptation", CVPR 2019.
    """

    def __init__(self, norm: nn.Module, switch: Switch) -> None:
        super().__init__()
        self.of = nn.ModuleDict({kind: copy.deepcopy(norm) for kind in KINDS})
        self._switch = switch

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.of[self._switch.kind](x)
        return normed


def split_norms(module: nn.Module, switch: Switch) -> None:
    """Replace every batch norm below `module` by a `NormPerKind`."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            setattr(module, name, NormPerKind(child, switch))
        else:
            split_norms(child, switch)


def unsplit_name(name: str, there: Collection[str]) -> str:
    """The tensor that `name` starts from in weights `there`, whose norms may serve all kinds alike."""
    if name in there:
        return name
    for kind in KINDS:
        shared = name.replace(f".of.{kind}.", ".", 1)
        if shared != name and shared in there:
            return shared
    return name
