from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import AdamW

from zoo.train.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(8, 8), (16, 72), (40, 6)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(-1, 1, shape[1]))
    before, after = (torch.linalg.svdvals(m) for m in (matrix, orthogonalised(matrix)))
    assert before.max() / before.min() > 3
    assert after.min() > 0.5
    assert after.max() < 1.3


def test_directions_stay() -> None:
    """The nearest orthogonal matrix has the singular vectors of the matrix."""
    torch.manual_seed(0)
    matrix = torch.randn(6, 20)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    between = u.T @ orthogonalised(matrix) @ v.T
    torch.testing.assert_close(between - torch.diag(between.diag()), torch.zeros(6, 6), atol=1e-3, rtol=0)


def test_other_groups_take_the_steps_of_adamw() -> None:
    torch.manual_seed(0)
    ours = nn.Linear(3, 2)
    theirs = nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    kernel = nn.Parameter(torch.randn(4, 8, 3, 3))
    options = {"lr": 0.01, "weight_decay": 0.1}
    muon = Muon([{"params": [kernel], "orthogonal": True}, {"params": list(ours.parameters())}], **options)
    adamw = AdamW(theirs.parameters(), **options)
    x = torch.randn(5, 3)
    for _ in range(3):
        kernel.grad = torch.randn_like(kernel)
        for network, optimiser in ((ours, muon), (theirs, adamw)):
            network.zero_grad()
            network(x).square().sum().backward()
            optimiser.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_the_size_of_a_step_does_not_depend_on_the_size_of_the_gradient() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(16, 8, 3, 3)
    steps = []
    for factor in (1.0, 1e-3):
        kernel = nn.Parameter(torch.zeros(16, 8, 3, 3))
        optimiser = Muon([{"params": [kernel], "orthogonal": True}], lr=0.1, weight_decay=0.0)
        kernel.grad = factor * gradient
        optimiser.step()
        steps.append(kernel.detach().clone())
    torch.testing.assert_close(steps[0], steps[1], rtol=1e-3, atol=1e-5)
    rms = steps[0].square().mean().sqrt()
    assert 0.1 * 0.2 * 0.7 < rms < 0.1 * 0.2 * 1.3


def test_a_stopped_run_goes_on_alike() -> None:
    torch.manual_seed(0)
    gradients = torch.randn(4, 6, 4, 3, 3)
    whole = nn.Parameter(torch.ones(6, 4, 3, 3))
    halves = nn.Parameter(torch.ones(6, 4, 3, 3))
    one, two = (Muon([{"params": [p], "orthogonal": True}], lr=0.1) for p in (whole, halves))
    for step, gradient in enumerate(gradients):
        if step == 2:
            state = two.state_dict()
            two = Muon([{"params": [halves], "orthogonal": True}], lr=0.1)
            two.load_state_dict(state)
        for p, optimiser in ((whole, one), (halves, two)):
            p.grad = gradient.clone()
            optimiser.step()
    torch.testing.assert_close(whole, halves, rtol=0, atol=0)
