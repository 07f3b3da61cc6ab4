"""Networks between two networks."""

from __future__ import annotations

import copy

import torch

from zoo.model.network import Network


@torch.no_grad()
def interpolate(first: Network, second: Network, share: float) -> Network:
    """`1 - share` times the weights and statistics of `first` plus `share` times those of `second`.

    Between a parent and its fine-tuned child this often keeps what both can (Wortsman et al., "Robust
    fine-tuning of zero-shot models", CVPR 2022). What only `first` has, such as a new head, stays its own.

    Raises:
        ValueError: the networks share no tensor, or one of another shape.
    """
    made = copy.deepcopy(first)
    own, others = made.state_dict(), second.state_dict()
    common = own.keys() & others.keys()
    if not common:
        raise ValueError("the networks have nothing in common")
    for name in common:
        if own[name].shape != others[name].shape:
            shapes = f"{tuple(own[name].shape)} and {tuple(others[name].shape)}"
            raise ValueError(f"{name} has the shapes {shapes}: nothing lies between them")
        if own[name].is_floating_point():
            own[name].lerp_(others[name].to(own[name]), share)
    return made
