"""Loading what was fetched: checked, mended, never executed, and without a network of its own."""

from __future__ import annotations

import pickle
import socket
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import pytest
import safetensors.torch
import torch

import zoo
from tests.hub.served import write_checkpoint
from tests.hub.tiny import described
from zoo.errors import ZooError
from zoo.hub import checkpoint, index
from zoo.hub.cache import folder_of
from zoo.hub.describe import entry_of
from zoo.hub.metadata import Licences, Training, describe
from zoo.hub.schema import Entry, Index, write_index
from zoo.model.config import NetworkConfig, SegmentationConfig, TimmConfig
from zoo.model.network import Network


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any socket that connects fails the test, also below libraries that would hide it."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def listed(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a checkpoint that an index lists at a file location, so that it is cached."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("ZOO_INDEX", str(tmp_path / "index.json"))
    return tmp_path / "origin"


def list_it(folder: Path) -> Entry:
    entry = entry_of(folder, "tiny.noise@1", date(2026, 1, 1), locations=(folder.as_uri(),))
    write_index(folder.parent / "index.json", Index(checkpoints=(entry,)))
    return entry


def test_a_full_checkpoint_never_asks_for_the_weights_of_its_backbone(listed: Path, cache: Path) -> None:
    backbone = TimmConfig(name="lcnet_050", pretrained=True)
    network = Network(
        NetworkConfig(backbone=backbone, heads={"s": SegmentationConfig()}), fetch_weights=False
    )
    training = Training(data="Noise.", samples_seen=0, command="zoo train")
    metadata = describe("tiny", network.config, training, Licences(weights="x", training_data="y"))
    checkpoint.save(listed, network, metadata)
    list_it(listed)
    loaded, read = checkpoint.load("tiny.noise@1")  # fetched into the cache
    again, _ = checkpoint.load("tiny.noise@1")  # from the cache
    assert read.network.backbone == backbone
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor) and torch.equal(
            again.state_dict()[name], tensor
        )


def test_damage_in_the_cache_is_mended_while_loading(listed: Path, cache: Path, network: Network) -> None:
    checkpoint.save(listed, network, described("tiny"))
    entry = list_it(listed)
    model = zoo.load("tiny.noise@1", "cpu")
    for name in ("model.safetensors", "model.json"):
        path = folder_of(entry) / name
        path.write_bytes(path.read_bytes()[:-3] + b"???")
        assert zoo.load("tiny.noise@1", "cpu").metadata == model.metadata
        assert path.read_bytes() == (listed / name).read_bytes()
    assert checkpoint.verify("tiny.noise@1") == model.metadata


def test_an_index_is_given_to_load(
    listed: Path, tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(listed, network, described("tiny"))
    list_it(listed)
    monkeypatch.delenv("ZOO_INDEX")
    with pytest.raises(ZooError, match="no checkpoint"):
        zoo.load("tiny.noise@1", "cpu")
    assert zoo.load("tiny.noise@1", "cpu", index=str(tmp_path)).metadata.name == "tiny"
    assert index.find("tiny.noise@1") is None


def test_a_pickle_that_is_fetched_is_never_opened(listed: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    write_checkpoint(listed, pickle.dumps(Evil()))
    entry = list_it(listed)
    with pytest.raises(ZooError, match="not a valid safetensors file"):
        checkpoint.load("tiny.noise@1")
    assert (folder_of(entry) / "model.safetensors").is_file()  # it was fetched, and is what was listed
    assert not (tmp_path / "ran").exists()


def test_fetched_weights_whose_shapes_disagree_with_their_metadata_are_refused(
    listed: Path, network: Network
) -> None:
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    name = next(iter(state))
    state[name] = torch.zeros(2, 2)
    write_checkpoint(listed, safetensors.torch.save(state))
    list_it(listed)
    with pytest.raises(ZooError, match=rf"{name} has shape \[2, 2\], the network wants"):
        checkpoint.load("tiny.noise@1")
