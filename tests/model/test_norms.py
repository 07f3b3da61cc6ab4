"""Norms of eyes and of views on one trunk."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.model.small_depth import room
from zoo.hub import checkpoint
from zoo.hub.metadata import Licences, Training, describe
from zoo.model.config import NetworkConfig
from zoo.model.fuse import fused
from zoo.model.network import Network
from zoo.model.norms import NormPerKind, unsplit_name
from zoo.train.weights import load_matching

CONFIG = NetworkConfig.model_validate(
    {
        "input": {"height": 48, "width": 64},
        "views_input": {"height": 96, "width": 128},
        "norms": "per_kind",
        "backbone": {"type": "byob", "stem": [8, 8], "widths": [8, 16], "depths": [1, 1]},
        "neck": {"width": 8, "detail": 8},
        "heads": {
            "segmentation": {"type": "segmentation", "reads": "stride4"},
            "depth": {
                "type": "depth",
                "width": 16,
                "matching": {"descriptor": 8, "hypotheses": 8, "context": 8},
                "widths": [8, 8, 8],
            },
        },
    }
)


@pytest.fixture
def network() -> Network:
    """One that has seen both kinds."""
    torch.manual_seed(0)
    network = Network(CONFIG)
    for parameter in network.parameters():  # also those that start at 0
        nn.init.normal_(parameter, std=0.2) if parameter.ndim > 1 else nn.init.uniform_(parameter, 0.5, 1.0)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(0.3 * torch.randn(4, 1, 48, 64))
            network.views(room())
    return network.eval()


def statistics(network: Network, kind: str) -> dict[str, torch.Tensor]:
    """Those of the backbone, all of which both kinds need."""
    return {
        name: value.clone()
        for name, value in network.state_dict().items()
        if name.startswith("backbone.") and f".of.{kind}." in name and "running" in name
    }


def test_each_kind_moves_its_own_statistics(network: Network) -> None:
    network.train()
    eyes, views = statistics(network, "eyes"), statistics(network, "views")
    with torch.no_grad():
        network(torch.randn(4, 1, 48, 64) + 3)
    assert not any(torch.equal(value, eyes[name]) for name, value in statistics(network, "eyes").items())
    assert all(torch.equal(value, views[name]) for name, value in statistics(network, "views").items())
    eyes = statistics(network, "eyes")
    with torch.no_grad():
        network.views(room())
    assert all(torch.equal(value, eyes[name]) for name, value in statistics(network, "eyes").items())


def test_the_kinds_answer_differently_and_in_any_order(network: Network) -> None:
    image = torch.randn(2, 1, 48, 64)
    with torch.no_grad():
        first = network(image)["segmentation"]["logits"]
        network.views(room())
        assert torch.equal(network(image)["segmentation"]["logits"], first)


def test_folding_takes_the_norms_of_the_kind(network: Network) -> None:
    image, views = torch.randn(2, 1, 48, 64), room()
    eyes_only, views_only = fused(network), fused(network, "views")
    assert not any(isinstance(m, NormPerKind) for folded in (eyes_only, views_only) for m in folded.modules())
    with torch.no_grad():
        whole = network(image)["segmentation"]["logits"]
        assert torch.allclose(eyes_only(image)["segmentation"]["logits"], whole, atol=1e-4)
        depth = network.views(views)["depth"]["log_depth"]
        assert torch.allclose(views_only.views(views)["depth"]["log_depth"], depth, atol=1e-3)


def test_split_norms_start_from_whole_ones() -> None:
    there = {"neck.smooth.0.bn.weight", "heads.gaze.hidden.weight"}
    for kind in ("eyes", "views"):
        assert unsplit_name(f"neck.smooth.0.bn.of.{kind}.weight", there) == "neck.smooth.0.bn.weight"
    assert unsplit_name("heads.gaze.hidden.weight", there) == "heads.gaze.hidden.weight"
    assert unsplit_name("neck.other.bn.of.eyes.weight", there) == "neck.other.bn.of.eyes.weight"


def test_the_canvas_of_each_kind() -> None:
    assert (CONFIG.canvas("eyes").width, CONFIG.canvas("views").width) == (64, 128)


def test_a_network_of_both_starts_as_its_eye_parent(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = NetworkConfig.model_validate(
        CONFIG.model_dump() | {"norms": "shared", "heads": {"segmentation": CONFIG.heads["segmentation"]}}
    )
    torch.manual_seed(1)
    parent = Network(whole)
    with torch.no_grad():
        parent.train()(torch.randn(4, 1, 48, 64))
    folder = tmp_path_factory.mktemp("parent") / "checkpoint"
    training = Training(data="none", samples_seen=0, command="none")
    metadata = describe("parent", whole, training, Licences(weights="Apache-2.0", training_data="none"))
    checkpoint.save(folder, parent, metadata)
    child = Network(CONFIG)
    result = load_matching(child, str(folder))
    assert not result.skipped
    assert {name.split(".")[1] for name in result.new if name.startswith("heads.")} == {"depth"}
    image = torch.randn(2, 1, 48, 64)
    with torch.no_grad():
        answers = [n.eval()(image, heads=["segmentation"])["segmentation"]["logits"] for n in (parent, child)]
    assert torch.equal(*answers)
