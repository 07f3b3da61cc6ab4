"""Checkpoints as artifacts, told by a W&B run that writes down what it is asked. No account was tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import ZooError
from zoo.hub.checkpoint import save
from zoo.hub.metadata import Licences, Training, describe
from zoo.model.config import NetworkConfig
from zoo.model.network import Network
from zoo.tracking import artifacts
from zoo.tracking.artifacts import read, record, upload

NETWORK = NetworkConfig.model_validate(
    {
        "input": {"height": 32, "width": 32},
        "backbone": {"type": "byob", "stem": [8, 8], "widths": [8, 8], "depths": [1, 1]},
        "neck": {"width": 8},
        "heads": {"blink": {"type": "blink"}},
    }
)


class Logged:
    def __init__(self, artifact: Any, version: str) -> None:
        self.name, self.metadata, self.version = artifact.name, artifact.metadata, version
        self.files = sorted(artifact.manifest.entries)

    def wait(self) -> None: ...


class Run:
    """As much of `wandb.Run` as is used."""

    def __init__(self) -> None:
        self.logged: list[tuple[Logged, list[str]]] = []
        self.used: list[Any] = []

    def log_artifact(self, artifact: Any, aliases: list[str]) -> Logged:
        self.logged.append((Logged(artifact, f"v{len(self.logged)}"), aliases))
        return self.logged[-1][0]

    def use_artifact(self, artifact: Any) -> None:
        self.used.append(artifact)


def checkpoint(folder: Path, network: Network, parent: str | None = None) -> None:
    training = Training(data="discs", samples_seen=8, command="zoo train")
    licences = Licences(weights="Apache-2.0", training_data="Apache-2.0")
    metrics = {"validation": {"blink/openness_mae": 0.1}}
    save(folder, network, describe("mine", network.config, training, licences, metrics, parent))


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with the weights of its end and its best ones, trained from another run."""
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    network, other = Network(NETWORK), Network(NETWORK)
    checkpoint(tmp_path / "parent" / "checkpoint", network)
    record(tmp_path / "parent", "first", {"latest": "checkpoint"})
    checkpoint(tmp_path / "run" / "checkpoint", network, str(tmp_path / "parent"))
    checkpoint(tmp_path / "run" / "best", other, str(tmp_path / "parent"))
    record(tmp_path / "run", "mine", {"best": "best", "latest": "checkpoint"})
    return tmp_path / "run"


def test_aliases_parent_and_metadata_go_along_once(run_dir: Path) -> None:
    run = Run()
    lines = upload(run, run_dir)
    assert [(logged.name, aliases) for logged, aliases in run.logged] == [
        ("mine", ["best"]),
        ("mine", ["latest"]),
    ]
    assert run.logged[0][0].files == ["README.md", "model.json", "model.safetensors"]
    assert run.logged[0][0].metadata["metrics"] == {"validation": {"blink/openness_mae": 0.1}}
    assert [parent.name for parent in run.used] == ["first"]  # as its own run names it
    assert any("mine:v1 (latest)" in line for line in lines)
    assert list((run_dir.parent / "data").rglob("tmp*")) == []  # no second copy of the weights
    again = Run()
    assert upload(again, run_dir) == [] and again.logged == []


def test_a_new_checkpoint_is_waiting_and_an_old_one_is_not(run_dir: Path) -> None:
    upload(Run(), run_dir)
    checkpoint(run_dir / "checkpoint", Network(NETWORK))
    record(run_dir, "mine", {"best": "best", "latest": "checkpoint"})
    assert [(item.folder, item.uploaded) for item in read(run_dir)] == [("best", "v0"), ("checkpoint", None)]


def test_equal_weights_are_one_artifact_with_both_aliases(run_dir: Path) -> None:
    network = Network(NETWORK)
    for folder in ("best", "checkpoint"):
        checkpoint(run_dir / folder, network)
    record(run_dir, "mine", {"best": "best", "latest": "checkpoint"})
    assert [item.aliases for item in read(run_dir)] == [["best", "latest"]]


def test_a_parent_that_is_elsewhere_is_said(run_dir: Path) -> None:
    (run_dir.parent / "parent").rename(run_dir.parent / "moved")
    run = Run()
    assert "not here" in upload(run, run_dir)[0]
    assert run.used == [] and len(run.logged) == 2


def test_an_interrupted_upload_goes_on(run_dir: Path) -> None:
    class Broken(Run):
        def log_artifact(self, artifact: Any, aliases: list[str]) -> Logged:
            if self.logged:
                raise ConnectionError
            return super().log_artifact(artifact, aliases)

    with pytest.raises(ConnectionError):
        upload(Broken(), run_dir)
    rest = Run()
    upload(rest, run_dir)
    assert [aliases for _, aliases in rest.logged] == [["latest"]]


def test_a_damaged_list_is_named(run_dir: Path) -> None:
    (run_dir / artifacts.MANIFEST).write_text(json.dumps([{"name": "x"}]))
    with pytest.raises(ZooError, match=r"wandb_artifacts\.json: not a list of artifacts"):
        read(run_dir)
