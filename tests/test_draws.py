"""The counter-based generator."""

from __future__ import annotations

import torch

from zoo.draws import Draws


def test_a_draw_depends_on_seed_index_and_name_alone() -> None:
    whole = Draws(3, torch.arange(10)).unit("x", 4)
    assert torch.equal(whole[[7, 2]], Draws(3, torch.tensor([7, 2])).unit("x", 4))
    for other in (Draws(4, torch.arange(10)).unit("x", 4), Draws(3, torch.arange(10)).unit("y", 4)):
        assert not torch.equal(whole, other)


def test_draws_are_uniform_and_uncorrelated() -> None:
    draws = Draws(0, torch.arange(20_000))
    x = draws.unit("x", 3)
    assert x.min() >= 0 and x.max() < 1
    histogram = torch.histc(x, bins=20, min=0, max=1) / x.numel()
    assert (histogram - 0.05).abs().max() < 0.003
    others = torch.cat([x, draws.unit("y", 1), x.roll(1, 0)[:, :1]], dim=1)
    correlation = torch.corrcoef(others.T) - torch.eye(5)
    assert correlation.abs().max() < 0.03


def test_distributions_have_their_moments() -> None:
    draws = Draws(1, torch.arange(20_000))
    normal = draws.normal("n", 2.0, 0.5)
    assert abs(normal.mean() - 2) < 0.02 and abs(normal.std() - 0.5) < 0.02
    assert draws.normal("c", 0.0, 5.0, low=-1.0, high=1.0).abs().max() <= 1
    share = draws.choice("k", [1.0, 3.0]).float().mean()
    assert abs(share - 0.75) < 0.02


def test_forks_are_unrelated() -> None:
    draws = Draws(1, torch.arange(1000))
    assert not torch.equal(draws.fork("a").unit("x"), draws.fork("b").unit("x"))
    assert not torch.equal(draws.fork("a").unit("x"), draws.unit("x"))
