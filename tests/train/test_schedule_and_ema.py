"""Against values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.train.ema import Ema
from zoo.train.schedule import learning_rate_factor


@pytest.mark.parametrize(
    ("seen", "factor"),
    [
        (0, 0.0),
        (25, 0.25),
        (100, 1.0),
        (550, 0.1 + 0.9 * 0.5),  # half way: half of what is above the floor
        (325, 0.1 + 0.9 * (2 + 2**0.5) / 4),  # a quarter: cos 45° = sqrt(2) / 2
        (1000, 0.1),
        (1064, 0.1),  # the last batch may run over
    ],
)
def test_learning_rate(seen: int, factor: float) -> None:
    assert learning_rate_factor(seen, warmup=100, total=1000, final=0.1) == pytest.approx(factor)


def test_learning_rate_without_warm_up() -> None:
    assert learning_rate_factor(0, warmup=0, total=10, final=0.0) == 1.0


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("statistic", torch.zeros(1))
        self.register_buffer("counter", torch.zeros(1, dtype=torch.int64))


def test_half_life() -> None:
    ema = Ema(Tiny(), half_life=200, ramp=0.5)
    assert ema.decay(seen=10_000, batch_size=200) == pytest.approx(0.5)
    assert ema.decay(seen=10_000, batch_size=50) == pytest.approx(0.5**0.25)
    # Early: the half-life is half of the 100 samples seen.
    assert ema.decay(seen=100, batch_size=50) == pytest.approx(0.5)


def test_averages_weights_and_statistics_and_copies_counters() -> None:
    network = Tiny()
    ema = Ema(network, half_life=100, ramp=1.0)
    with torch.no_grad():
        network.weight.fill_(8.0)
        network.statistic.fill_(4.0)
        network.counter.fill_(3)
    for step in (1, 2):
        ema.update(network, seen=10_000 + 100 * step, batch_size=100)
    average = ema.average
    assert (average.weight.item(), average.statistic.item(), average.counter.item()) == (6.0, 3.0, 3)
    assert not average.weight.requires_grad
    assert network.weight.item() == 8.0
