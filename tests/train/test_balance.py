"""From the heads' losses to the gradient of a step."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from zoo.config import TrainConfig
from zoo.config.balance import AggregatorBalance, FixedBalance, UncertaintyBalance
from zoo.errors import ZooError
from zoo.hub.checkpoint import load
from zoo.train.balance import Balance, conflicts, task_gradients
from zoo.train.run import train


def test_fixed_weights_multiply() -> None:
    balance = Balance(FixedBalance(weights={"a": 2.0}), ["a", "b"])
    terms = balance.weigh({"a": torch.tensor(3.0), "b": torch.tensor(5.0)})
    assert {name: float(term) for name, term in terms.items()} == {"a": 6.0, "b": 5.0}
    assert not list(balance.parameters())


def test_a_learned_uncertainty_settles_at_the_log_of_the_loss() -> None:
    """d/ds of exp(-s) L + s is 0 at s = log L."""
    balance = Balance(UncertaintyBalance(type="uncertainty"), ["a", "b"])
    optimizer = torch.optim.Adam([p for g in balance.parameter_groups() for p in g["params"]], lr=0.05)
    for _ in range(600):
        terms = balance.weigh({"a": torch.tensor(0.25), "b": torch.tensor(5.0)})
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
    learned = balance.log_variances
    assert learned["a"] == pytest.approx(torch.tensor(0.25).log().item(), abs=0.01)
    assert learned["b"] == pytest.approx(torch.tensor(5.0).log().item(), abs=0.01)


def test_a_negative_likelihood_does_not_run_away() -> None:
    balance = Balance(UncertaintyBalance(type="uncertainty"), ["a"])
    optimizer = torch.optim.SGD(balance.parameters(), lr=10.0)
    for _ in range(200):
        term = balance.weigh({"a": torch.tensor(-2.0)})["a"]
        optimizer.zero_grad()
        term.backward()
        optimizer.step()
    assert -4.0 <= balance.log_variances["a"] <= 4.0


def test_an_aggregator_harms_no_task() -> None:
    """On two losses that pull apart, the sum goes against the weaker one and UPGrad does not."""

    def gradient(aggregator: str) -> tuple[torch.Tensor, torch.Tensor]:
        weight = nn.Parameter(torch.zeros(3))
        terms = {
            "strong": (weight * torch.tensor([-10.0, 1.0, 0.0])).sum(),
            "weak": (weight * torch.tensor([1.0, 0.5, 0.0])).sum(),
        }
        rows = task_gradients(terms, [weight], retain_graph=True).rows
        config = AggregatorBalance.model_validate({"type": "aggregator", "aggregator": aggregator})
        Balance(config, list(terms)).backward(terms, [weight])
        assert weight.grad is not None
        return weight.grad, rows

    summed, rows = gradient("Sum")
    assert torch.equal(summed, rows.sum(0))
    assert (rows @ summed).min() < 0
    combined, rows = gradient("UPGrad")
    assert (rows @ combined).min() > -1e-3


def test_conflicts_are_cosines() -> None:
    weight = nn.Parameter(torch.ones(2))
    terms = {"a": 3 * weight[0], "b": -weight[0] + weight[1], "c": torch.tensor(1.0)}
    values = conflicts(task_gradients(terms, [weight], retain_graph=False))
    assert values["gradient/a"] == pytest.approx(3.0)
    assert values["conflict/a-b"] == pytest.approx(-(0.5**0.5))
    assert "gradient/c" not in values  # it depends on nothing


def test_the_sum_of_gradients_trains_as_the_sum_of_losses(
    config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    weights = "balance.weights={blink: 2}"
    base = train(config(weights))
    other = train(config("balance=upgrad", "balance.aggregator=Sum", weights, f"run_dir={tmp_path / 'b'}"))
    one, two = (load(run)[0].state_dict() for run in (base, other))
    vectors = [torch.cat([w[name].float().flatten() for name in one]) for w in (one, two)]
    assert (vectors[0] - vectors[1]).norm() < 1e-3 * vectors[0].norm()


@pytest.mark.parametrize("choice", ["uncertainty", "upgrad"])
def test_a_balanced_run_goes_on_as_if_it_had_not_stopped(
    config: Callable[..., TrainConfig], tmp_path: Path, choice: str
) -> None:
    options = (f"balance={choice}", "balance.watch_every=2", "logger=csv")
    whole = train(config(*options))
    parts = (*options, f"run_dir={tmp_path / 'parts'}")
    train(config(*parts, "stop_after_minutes=1e-6"))
    stopped = train(config(*parts))
    one, two = (load(run)[0].state_dict() for run in (whole, stopped))
    assert all(torch.equal(one[name], two[name]) for name in one)
    with next(whole.glob("csv/*/metrics.csv")).open() as file:
        columns = set(next(csv.reader(file)))
    assert {"gradient/blink", "conflict/blink-segmentation"} <= columns
    assert ("log_variance/blink" in columns) == (choice == "uncertainty")


def test_bad_choices_are_named(config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match=r"balance\.aggregator=UpGrad"):
        config("balance=upgrad", "balance.aggregator=UpGrad")
    with pytest.raises(ZooError, match="nothing is shared"):
        config("balance=upgrad", "freeze=[backbone,neck]")
    with pytest.raises(ValidationError):
        FixedBalance(weights={"a": -1.0})


def test_the_projection_is_the_shortest_allowed_combination() -> None:
    """Against the conditions of optimality (Karush, Kuhn and Tucker) on Gramians of random gradients."""
    from zoo.train.dual_cone import NnlsProjector

    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        gradients = torch.randn(4, 6, generator=generator, dtype=torch.float64)
        gramian = gradients @ gradients.T
        least = torch.rand(3, 4, generator=generator, dtype=torch.float64)
        weights = NnlsProjector()(least, gramian)
        slope = weights @ (gramian / gramian.trace() + 1e-4 * torch.eye(4, dtype=torch.float64))
        assert (weights >= least - 1e-9).all()
        assert (slope >= -1e-9).all()  # no weight is worth raising,
        assert (slope * (weights - least)).abs().max() < 1e-9  # and none that was raised worth lowering
