"""Which parameters learn how."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from zoo.config import TrainConfig
from zoo.config.schema import OptimizerConfig
from zoo.errors import ZooError
from zoo.model.network import Network
from zoo.train.groups import parameter_groups


@pytest.fixture
def network(config: Callable[..., TrainConfig]) -> Network:
    """The tiny one."""
    return Network(config().network)


def by_name(network: nn.Module, groups: list[dict[str, object]], key: str) -> dict[str, object]:
    of = {id(p): group[key] for group in groups for p in group["params"]}  # type: ignore[attr-defined]
    return {name: of[id(p)] for name, p in network.named_parameters() if id(p) in of}


def test_norms_and_biases_do_not_decay(network: Network) -> None:
    decay = by_name(network, parameter_groups(network, OptimizerConfig(weight_decay=0.1)), "weight_decay")
    assert set(decay) == {name for name, _ in network.named_parameters()}
    for name, parameter in network.named_parameters():
        assert decay[name] == (0.1 if parameter.ndim > 1 else 0.0), name


def test_kernels_between_the_image_and_the_heads_take_orthogonal_steps(network: Network) -> None:
    inner, *others = parameter_groups(network, OptimizerConfig(type="muon"))
    assert inner["orthogonal"] and not any("orthogonal" in group for group in others)
    assert all(p.ndim == 4 and p.shape[1] > 3 for p in inner["params"])
    heads = {id(p) for p in network.heads.parameters()}
    assert not any(id(p) in heads for p in inner["params"])
    counted = sum(len(group["params"]) for group in (inner, *others))
    assert counted == len(list(network.parameters()))


def test_parts_and_levels_learn_at_their_own_rates(network: Network) -> None:
    options = OptimizerConfig(lr=1.0, rates={"backbone": 0.1, "blink": 3.0}, layer_decay=0.5)
    rate = by_name(network, parameter_groups(network, options), "lr")
    assert rate[_any(rate, "heads.blink")] == 3.0
    assert rate[_any(rate, "heads.segmentation")] == rate[_any(rate, "neck")] == 1.0
    levels = [
        "backbone.body.stages.1",
        "backbone.body.stages.0",
        "backbone.body.stem.1",
        "backbone.body.stem.0",
    ]
    assert [rate[_any(rate, level)] for level in levels] == pytest.approx([0.1, 0.05, 0.025, 0.0125])


def test_the_parts_of_a_run_move_at_their_rates(config: Callable[..., TrainConfig]) -> None:
    from zoo.train.module import ZooModule

    run = config("optimizer.rates={backbone: 1e-12}", "optimizer.weight_decay=1e-12")
    torch.manual_seed(0)
    network = Network(run.network)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    module = ZooModule(network, run, lambda first, last, split: [], lambda step: [])
    optimizer = module.configure_optimizers()["optimizer"]
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    moved = {name for name, p in network.named_parameters() if not torch.allclose(p, before[name], atol=1e-9)}
    assert moved == {name for name in before if not name.startswith("backbone")}


def test_an_unknown_part_is_named(config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match=r"optimizer\.rates=backbon: .*did you mean 'backbone'"):
        config("optimizer.rates={backbon: 0.1}")


def _any(names: dict[str, object], prefix: str) -> str:
    return next(name for name in names if name.startswith(f"{prefix}."))
