from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import ZooError
from zoo.hub import card, checkpoint
from zoo.hub.metadata import ModelMetadata, read_metadata
from zoo.model.config import DepthConfig, InputConfig
from zoo.model.network import Network


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "model.json"
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def replace_weights(folder: Path, blob: bytes) -> None:
    """Another file of weights with the checksum to go with it."""
    (folder / "model.safetensors").write_bytes(blob)
    identity = {"sha256": hashlib.sha256(blob).hexdigest(), "size_bytes": len(blob)}
    edit(folder, lambda raw: raw["weights"].update(identity))


def test_a_loaded_network_is_the_saved_one_bit_for_bit(saved: Path, network: Network) -> None:
    loaded, _ = checkpoint.load(saved)
    state = network.state_dict()
    assert {name: tensor.dtype for name, tensor in loaded.state_dict().items()} == {
        name: tensor.dtype for name, tensor in state.items()
    }
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.state_dict().items())
    image = torch.randn(2, 1, 32, 48)
    with torch.no_grad():
        ours, theirs = network(image), loaded(image)
    assert not loaded.training
    assert all(torch.equal(ours[head][key], theirs[head][key]) for head in ours for key in ours[head])


def test_metadata_survive_and_name_the_weights(
    saved: Path, network: Network, metadata: ModelMetadata
) -> None:
    read = read_metadata(saved)
    blob = (saved / "model.safetensors").read_bytes()
    assert read.weights is not None
    assert read.weights.sha256 == hashlib.sha256(blob).hexdigest()
    assert read.weights.size_bytes == len(blob)
    assert read.weights.parameters == sum(p.numel() for p in network.parameters())
    assert read.model_copy(update={"weights": None}) == metadata
    assert read.metrics == {"unseen": {"segmentation/miou": 0.5, "blink/blink_ap": None}}
    assert (saved / "README.md").read_text() == card.render(read)
    assert sorted(path.name for path in saved.iterdir()) == ["README.md", "model.json", "model.safetensors"]


def test_a_file_inside_the_folder_names_the_checkpoint(saved: Path) -> None:
    for path in (saved / "model.json", saved / "model.safetensors"):
        assert checkpoint.load(path)[1].name == "tiny"


def test_a_run_folder_names_its_checkpoint(saved: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    saved.rename(run / "checkpoint")
    assert checkpoint.load(str(run))[1].name == "tiny"


def test_a_failed_save_leaves_the_earlier_checkpoint(
    saved: Path, network: Network, metadata: ModelMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}

    def full(_: ModelMetadata) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(card, "render", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(saved, network, metadata.model_copy(update={"parent": "other"}))
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_metadata_of_another_network_are_not_saved(
    tmp_path: Path, network: Network, metadata: ModelMetadata
) -> None:
    other = metadata.network.model_copy(update={"heads": {"blink": metadata.network.heads["blink"]}})
    with pytest.raises(ValueError, match="another network"):
        checkpoint.save(tmp_path, network, metadata.model_copy(update={"network": other}))


def test_truncated_weights_are_refused(saved: Path) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ZooError, match="truncated or replaced"):
        checkpoint.load(saved)


def test_altered_weights_are_refused(saved: Path) -> None:
    path = saved / "model.safetensors"
    blob = bytearray(path.read_bytes())
    blob[-5] ^= 1
    path.write_bytes(blob)
    with pytest.raises(ZooError, match="altered or damaged"):
        checkpoint.load(saved)


def test_what_is_no_safetensors_file_is_refused(saved: Path) -> None:
    for blob in (pickle.dumps({"weight": 1}), b"\xff" * 64):
        replace_weights(saved, blob)
        with pytest.raises(ZooError, match="not a valid safetensors file"):
            checkpoint.load(saved)


def test_weights_of_another_network_are_refused_by_name(saved: Path, network: Network) -> None:
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    first, second, *_ = state
    state["stray.weight"] = state.pop(first)
    state[second] = torch.zeros(3, 3)
    replace_weights(saved, safetensors.torch.save(state))
    with pytest.raises(ZooError) as caught:
        checkpoint.load(saved)
    text = str(caught.value)
    assert f"{first} is missing" in text
    assert "stray.weight is not part of the network" in text
    assert f"{second} has shape [3, 3], the network wants" in text


def test_missing_weights_and_pickles_beside_them_are_named(saved: Path) -> None:
    (saved / "model.safetensors").rename(saved / "last.ckpt")
    with pytest.raises(ZooError, match=r"missing \(last\.ckpt beside it: pickles are never loaded\)"):
        checkpoint.load(saved)


@pytest.mark.parametrize("name", ["model.ckpt", "model.pt", "weights.pth", "pytorch_model.bin", "x.PKL"])
def test_pickles_are_refused(tmp_path: Path, name: str) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ZooError, match="never loads"):
        checkpoint.load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.update(format_version=2), "newer than 1"),
        (lambda raw: raw.pop("format_version"), "no format_version"),
        (lambda raw: raw.pop("preprocessing"), "preprocessing: Field required"),
        (lambda raw: raw.pop("conventions"), "conventions: Field required"),
        (lambda raw: raw.pop("weights"), "does not name the checksum"),
        (lambda raw: raw["conventions"].update(classes=["skin", "eye"]), "its classes are"),
        (
            lambda raw: raw["preprocessing"].update(standardisation="imagenet"),
            "standardisation: Input should be",
        ),
        (lambda raw: raw["preprocessing"].update(height=64), "the network takes 32x48"),
        (lambda raw: raw["network"]["heads"]["blink"].update(type="blnk"), "did you mean 'blink'"),
        (lambda raw: raw["network"]["backbone"].update(type="resnet"), "not installed here"),
        (lambda raw: raw["network"].update(_target_="os.system"), "_target_: unknown key"),
        (lambda raw: raw.update(name="../../etc/passwd"), "name: String should match"),
        (lambda raw: raw["weights"].update(file="../other.safetensors"), "weights.file: unknown key"),
        (
            lambda raw: raw["network"].update(
                backbone={"type": "timm", "name": "lcnet_050", "options": {"checkpoint_path": "/tmp/x.pth"}}
            ),
            "would load another file",
        ),
        (
            lambda raw: raw["network"].update(backbone={"type": "timm", "name": "hf-hub:someone/model"}),
            "cannot be built",
        ),
    ],
)
def test_metadata_that_cannot_be_followed_are_refused(
    saved: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    edit(saved, change)
    with pytest.raises(ZooError, match=message):
        checkpoint.load(saved)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\x80\x04\x95", b"[" * 100_000, b" " * (5 << 20)]
)
def test_damaged_metadata_are_refused(saved: Path, text: bytes) -> None:
    (saved / "model.json").write_bytes(text)
    with pytest.raises(ZooError, match=r"model\.json"):
        checkpoint.load(saved)


@given(st.data())
def test_any_damage_to_metadata_is_an_error_for_the_user(
    tmp_path_factory: pytest.TempPathFactory, network: Network, metadata: ModelMetadata, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    checkpoint.save(folder, network, metadata)
    path = folder / "model.json"
    blob = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(blob) - 1))
    blob[position] = data.draw(st.integers(0, 255))
    path.write_bytes(blob)
    try:
        checkpoint.load(folder)  # damage to a free text, or none at all, is not seen
    except ZooError as error:
        assert str(folder) in str(error)


def test_a_card_says_all_that_a_network_takes(saved: Path) -> None:
    described = read_metadata(saved)
    network = described.network.model_copy(
        update={
            "heads": {**described.network.heads, "depth": DepthConfig()},
            "views_input": InputConfig(height=64, width=96),
        }
    )
    text = card.render(described.model_copy(update={"network": network}))
    assert "near-eye image, letterboxed to 48x32, or posed colour pictures" in text and "as 96x64" in text
    assert " FRAMES -o" in text and " CAPTURE -o" in text


def test_a_card_is_described_anew_beside_weights_that_stay(saved: Path) -> None:
    metadata = read_metadata(saved).model_copy(update={"metrics": {"export": {"fp32/deg": 0.003}}})
    before = (saved / "model.safetensors").stat()
    checkpoint.describe_anew(saved, metadata)
    assert (saved / "model.safetensors").stat() == before
    assert "| fp32/deg | 0.003 |" in (saved / "README.md").read_text()
    assert checkpoint.load(saved)[1].metrics["export"] == {"fp32/deg": 0.003}


def test_verify_wants_the_card_of_the_metadata(saved: Path) -> None:
    assert checkpoint.verify(saved).name == "tiny"
    (saved / "README.md").write_text("The best model ever.")
    with pytest.raises(ZooError, match="not the card"):
        checkpoint.verify(saved)
