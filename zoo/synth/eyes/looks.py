"""Draw the parameters of appearance from the families that a domain allows."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.draws import Draws
from zoo.synth.eyes.families import FAMILIES


def draw_look(draws: Draws, group: str, names: tuple[str, ...]) -> dict[str, Tensor]:
    """One family a sample, then every parameter of the group within that family's range.

    Returns:
        Parameter name -> (B, 1) float32.
    """
    families, defaults = FAMILIES[group]
    family = draws.choice(f"{group}.family", [1.0] * len(names))
    look = {}
    for name, default in defaults.items():
        ranges = torch.tensor([families[chosen].get(name, default) for chosen in names], device=draws.device)
        low, high = ranges[family].unbind(-1)
        look[name] = draws.uniform(f"{group}.{name}", low, high)[:, None]
    return look
