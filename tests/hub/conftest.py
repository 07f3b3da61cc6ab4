from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.hub.tiny import TINY, described
from zoo.hub import checkpoint
from zoo.hub.metadata import ModelMetadata
from zoo.model.network import Network


@pytest.fixture(scope="session")
def network() -> Network:
    """A tiny network whose batch statistics are not those that it was made with."""
    torch.manual_seed(0)
    network = Network(TINY).train()
    network(torch.randn(4, 1, 32, 48))
    return network.eval()


@pytest.fixture(scope="session")
def metadata() -> ModelMetadata:
    return described("tiny")


@pytest.fixture
def saved(tmp_path: Path, network: Network, metadata: ModelMetadata) -> Path:
    folder = tmp_path / "tiny"
    checkpoint.save(folder, network, metadata)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a network that may be used."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ZOO_CACHE", str(folder))
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    monkeypatch.delenv("ZOO_INDEX", raising=False)
    return folder
