from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.hub.tiny import TINY, described
from tests.versions.tables import table
from zoo.config.gate import load_gate
from zoo.errors import ZooError
from zoo.hub import checkpoint, index, release
from zoo.hub.schema import read_index
from zoo.model.network import Network
from zoo.versions import session
from zoo.versions.compare import compare
from zoo.versions.gate import GateReport
from zoo.versions.measure import Measured
from zoo.versions.paired import pair
from zoo.versions.promote import move, plan, rollback, standing


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index with three versions of one line, of which the first is promoted."""
    monkeypatch.setattr(index, "_find_root", lambda: None)
    path = tmp_path / "mine" / "index.json"
    for version in (1, 2, 3):
        folder = tmp_path / f"run{version}"
        checkpoint.save(folder, Network(TINY), described("tiny"))
        release.add(folder, "tiny.own", path, "tiny" if version == 1 else None)
    return path


def history(path: Path) -> list[tuple[str, str | None, str, bool]]:
    return [(m.action, m.from_, m.to, m.forced) for m in read_index(path).history]


def gate_says(monkeypatch: pytest.MonkeyPatch, holds: bool) -> list[tuple[str, str]]:
    """Let the gate answer without measuring; returns who was compared."""
    asked: list[tuple[str, str]] = []

    def compared(a: str, b: str, *_: Any, **__: Any) -> list[Any]:
        asked.append((a, b))
        one, other = table(0, 1), table(0, 2)
        paired = pair(one, other, ["gaze/optical_deg_mean"], {}, draws=100, min_samples=1, min_groups=2)
        report = GateReport(holds, (), () if holds else ("gaze/optical_deg_mean",), (), 0.95, 100, 3.0)
        return [(Measured((a, b), ("", ""), {}, one, other), compare(paired, 0.95), report)]

    monkeypatch.setattr(session, "compared", compared)
    return asked


def promote(path: Path, name: str, **options: Any) -> Any:
    return session.promote(path, name, [], Console(), **options)[0]


def test_there_and_back(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = mine.read_text()
    asked = gate_says(monkeypatch, True)
    promote(mine, "tiny.own@2")
    promote(mine, "tiny@3", reason="brighter")
    assert asked == [("tiny.own@1", "tiny.own@2"), ("tiny.own@2", "tiny.own@3")]
    assert read_index(mine).aliases == {"tiny": "tiny.own@3"}
    assert read_index(mine).history[-1].reason == "the gate held: 0 rows, 1200 samples; brighter"
    assert rollback(mine, "tiny", "worse in the dark").to == "tiny.own@2"
    assert rollback(mine, "tiny").to == "tiny.own@1"
    assert history(mine)[1:] == [
        ("promote", "tiny.own@1", "tiny.own@2", False),
        ("promote", "tiny.own@2", "tiny.own@3", False),
        ("rollback", "tiny.own@3", "tiny.own@2", False),
        ("rollback", "tiny.own@2", "tiny.own@1", False),
    ]
    with pytest.raises(ZooError, match="nothing to go back to"):
        rollback(mine, "tiny")
    assert json.loads(mine.read_text())["aliases"] == json.loads(before)["aliases"]
    assert sorted(p.name for p in mine.parent.iterdir() if p.is_file()) == ["index.json"]


def test_a_rollback_is_not_what_the_next_one_goes_back_to(mine: Path) -> None:
    for to, came in (("tiny.own@2", "tiny.own@1"), ("tiny.own@3", "tiny.own@2")):
        move(mine, "tiny", to, came, "promote")
    rollback(mine, "tiny")
    move(mine, "tiny", "tiny.own@3", "tiny.own@2", "promote")
    assert standing(read_index(mine).history, "tiny") == ["tiny.own@1", "tiny.own@2", "tiny.own@3"]
    assert rollback(mine, "tiny").to == "tiny.own@2"


def test_without_the_gate_nothing_moves_but_by_force(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = gate_says(monkeypatch, False)
    before = mine.read_bytes()
    assert promote(mine, "tiny.own@2") is None
    assert mine.read_bytes() == before
    with pytest.raises(ZooError, match="--force needs --reason"):
        promote(mine, "tiny.own@2", force=True)
    assert promote(mine, "tiny.own@2", force=True, reason="a demo tonight").forced
    assert read_index(mine).history[-1].reason == "a demo tonight"
    assert history(mine)[-1] == ("promote", "tiny.own@1", "tiny.own@2", True)
    assert len(asked) == 1


def test_a_new_alias_is_released(mine: Path) -> None:
    assert promote(mine, "tiny.own@2", alias="trial").action == "release"
    assert read_index(mine).aliases == {"tiny": "tiny.own@1", "trial": "tiny.own@2"}
    with pytest.raises(ZooError, match=r"several aliases point to tiny\.own: say --alias"):
        plan(read_index(mine), "tiny.own@3")


@pytest.mark.parametrize(
    ("name", "alias", "message"),
    [
        ("tiny.own@1", None, r"tiny points to tiny\.own@1 already"),
        ("tiny.own@9", None, r"no such version in this index; did you mean 'tiny\.own@"),
        ("tiny", None, "a version is named"),
        ("tiny.own@2", "../tiny", "letters, digits"),
    ],
)
def test_what_cannot_be_promoted_is_told(mine: Path, name: str, alias: str | None, message: str) -> None:
    with pytest.raises(ZooError, match=message):
        plan(read_index(mine), name, alias)


def test_an_alias_that_was_moved_meanwhile_stays(mine: Path) -> None:
    move(mine, "tiny", "tiny.own@2", "tiny.own@1", "promote")
    with pytest.raises(ZooError, match=r"was moved to tiny\.own@2 meanwhile"):
        move(mine, "tiny", "tiny.own@3", "tiny.own@1", "promote")
    with pytest.raises(ZooError, match="did you mean 'tiny'"):
        rollback(mine, "tinny")


def test_a_tampered_index_is_refused(mine: Path) -> None:
    raw = json.loads(mine.read_text())
    raw["aliases"]["tiny"] = "tiny.own@3"  # without a move
    mine.write_text(json.dumps(raw))
    for act in (lambda: rollback(mine, "tiny"), lambda: promote(mine, "tiny.own@2")):
        with pytest.raises(ZooError, match=r"is tiny\.own@3, but its history ends at tiny\.own@1"):
            act()


def test_tampered_weights_are_not_compared(mine: Path) -> None:
    weights = mine.parent / "tiny.own@2" / "model.safetensors"
    blob = bytearray(weights.read_bytes())
    blob[-5] ^= 1
    weights.write_bytes(blob)
    options = ["data=render", "data.domain=unseen", "count=600", "device=cpu"]
    with pytest.raises(ZooError, match="altered or damaged"):
        session.promote(mine, "tiny.own@2", options, Console())
    assert read_index(mine).aliases == {"tiny": "tiny.own@1"}


def test_checkpoints_are_compared_on_what_both_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # without the pool of the gate
    gate = load_gate()
    (eyes,) = session.configs("zoo_s", "eyenet_nano", [], gate)
    assert eyes.data.type == "render"
    with pytest.raises(ZooError, match=r"rooms_gate is missing: render it .zoo render rooms"):
        session.configs("zoo_s", "deltas_s", [], gate)
    with pytest.raises(ZooError, match=r"eyenet_nano looks at eyes, deltas_s at views"):
        session.configs("eyenet_nano", "deltas_s", [], gate)
    options: Any = {"confidence": 0.95, "draws": 100, "min_samples": 2, "min_people": 2}
    with pytest.raises(ZooError, match="zoo_s has heads that read views, and eyenet_nano has none"):
        session.compared("zoo_s", "eyenet_nano", [], gate, Console(), ask_gate=True, **options)
    few = ["data=render", "data.domain=gate", "count=599"]
    with pytest.raises(ZooError, match="count=599: the gate judges at least 600 samples"):
        session.compared("eyenet_nano", "zoo_s", few, gate, Console(), ask_gate=True, **options)
