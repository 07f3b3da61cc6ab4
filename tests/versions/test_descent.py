"""Parents, what changed, merges and the family tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

from tests.hub.tiny import TINY, described
from zoo.errors import ZooError
from zoo.hub import checkpoint, index, release
from zoo.hub.changes import changes_from, lines, recorded
from zoo.hub.metadata import Training, describe, read_metadata
from zoo.model.network import Network
from zoo.versions.family import draw
from zoo.versions.merge import merge


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two versions of one network."""
    made = []
    for seed, name in enumerate(("a", "b")):
        torch.manual_seed(seed)
        network = Network(TINY).train()
        network(torch.randn(4, 1, 32, 48))
        for _ in range(seed):
            network(torch.randn(4, 1, 32, 48))
        checkpoint.save(tmp_path / name, network.eval(), described(name))
        made.append(tmp_path / name)
    return made[0], made[1]


def test_a_merge_lies_between_its_parents(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = (checkpoint.load(path)[0].state_dict() for path in pair)
    for alpha in (0.0, 0.5, 1.0):
        made = merge(str(pair[0]), str(pair[1]), alpha, tmp_path / f"m{alpha}")
        state = checkpoint.load(tmp_path / f"m{alpha}")[0].state_dict()
        for name, tensor in state.items():
            if alpha == 0.5 and tensor.is_floating_point():
                torch.testing.assert_close(tensor, (a[name] + b[name]) / 2)
            elif alpha != 0.5:
                assert torch.equal(tensor, (b if alpha else a)[name]), name
        assert (made.parent, made.other_parents) == (str(pair[0]), (str(pair[1]),))
        assert made.metrics == {}  # what the parents got is not what it gets
        assert lines(made)[-1:] == (f"merge.alpha: 0.0 -> {alpha}",)
    checkpoint.verify(tmp_path / "m0.5")


def test_different_networks_are_not_merged(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = TINY.model_copy(update={"heads": {"blink": TINY.heads["blink"]}})
    metadata = described("c")
    facts = (metadata.training, metadata.licences)
    checkpoint.save(tmp_path / "c", Network(other), describe("c", other, *facts))
    with pytest.raises(ZooError, match=r"different networks(.|\n)*network|heads\.keypoints"):
        merge(str(pair[0]), str(tmp_path / "c"), 0.5, tmp_path / "m")
    with pytest.raises(ZooError, match=r"--alpha 1\.5"):
        merge(str(pair[0]), str(pair[1]), 1.5, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_child_records_what_it_changed(tmp_path: Path) -> None:
    run = tmp_path / "parent"
    checkpoint.save(run / "checkpoint", Network(TINY), described("parent"))
    old = {
        "seed": 3,
        "optimizer": {"lr": 0.002, "betas": [0.9, 0.99]},
        "trainer": {"threads": 1},
        "init": None,
    }
    (run / "config.yaml").write_text(yaml.safe_dump(old))
    new = {
        "seed": 3,
        "retain": None,
        "optimizer": {"lr": 0.001, "betas": [0.9, 0.99]},
        "freeze": ["neck"],
        "init": str(run),
    }
    own = recorded({**new, "trainer": {"threads": 8}}, {"trainer"})
    training = Training(
        data="Noise, brighter.", samples_seen=2, command="zoo train init=parent", commit="def"
    )
    changes = changes_from(str(run), training, own, {"trainer"})
    assert changes.config == {"optimizer.lr": (0.002, 0.001), "freeze": ("nothing", ["neck"])}
    assert changes.data == ("Noise.", "Noise, brighter.")
    assert changes.commit == ("abc", "def")

    base = described("child")
    metadata = describe("child", TINY, training, base.licences, parent=str(run), changes=changes, config=own)
    child = tmp_path / "child"
    checkpoint.save(child, Network(TINY), metadata)
    read = read_metadata(child)
    assert read.changes == changes
    told = lines(read)
    assert told[0] == "data: Noise. -> Noise, brighter."
    assert "optimizer.lr: 0.002 -> 0.001" in told
    # The child's own record serves its children, wherever it lies.
    assert changes_from(str(child), training, {**own, "seed": 4}, ()).config == {"seed": (3, 4)}


def test_a_parent_without_a_record_gives_data_and_command(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "parent", Network(TINY), described("parent"))
    training = Training(data="Noise.", samples_seen=2, command="zoo train init=parent", commit="abc")
    changes = changes_from(str(tmp_path / "parent"), training, {"seed": 1}, ())
    assert (changes.config, changes.data, changes.commit) == (None, None, None)
    assert changes.command == ("zoo train name=tiny", "zoo train init=parent")


def test_the_tree_of_versions_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, runs = tmp_path / "zoo" / "index.json", tmp_path / "runs"
    monkeypatch.setattr(index, "_find_root", lambda: path.parent if path.is_file() else None)

    def run(name: str, parent: str | None) -> Path:
        base = described(name)
        metadata = describe(name, TINY, base.training, base.licences, parent=parent)
        checkpoint.save(runs / name / "checkpoint", Network(TINY), metadata)
        return runs / name / "checkpoint"

    release.add(run("first", None), "tiny.own", path, "tiny")
    release.add(run("second", "tiny"), "tiny.own", path)
    run("third", str(runs / "second"))  # by the path of a run that is listed by now
    run("stray", "gone.away@1")
    damaged = runs / "damaged" / "checkpoint"
    damaged.mkdir(parents=True)
    (damaged / "model.json").write_text("{")

    def shown(name: str) -> list[str]:
        Console(width=400).print(draw(name, runs), highlight=False)
        return capsys.readouterr().out.splitlines()

    text = "\n".join(shown("tiny"))
    assert shown("tiny.own@2") == shown(str(runs / "third")) == text.splitlines()
    first, second, third, *moves = text.splitlines()
    assert first.startswith("tiny.own@1  <- tiny") and first.endswith("first")
    assert second.startswith("└── tiny.own@2")
    assert third == f"    └── {runs / 'third'}"
    assert "release tiny to tiny.own@1" in moves[0]
    assert shown(str(runs / "stray")) == ["gone.away@1  (not listed here)", f"└── {runs / 'stray'}"]
    with pytest.raises(ZooError, match="neither a listed name nor a checkpoint; did you mean 'tiny'"):
        draw("tinny", runs)

    own = tmp_path / "own" / "index.json"
    release.add(runs / "second" / "checkpoint", "tiny.copy", own)  # the same weights, in another index
    with index.using([str(own)]):
        tree = "\n".join(shown("tiny.copy@1"))
    assert "    ├── tiny.copy@1" in tree and "the same weights" in tree and "tiny.own@1" in tree


def test_the_tree_needs_no_torch() -> None:
    modules = "zoo.cli.versions, zoo.versions.family, zoo.versions.promote, zoo.versions.session"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
