from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hub.tiny import listed
from zoo.errors import ZooError
from zoo.hub import checkpoint, describe, index, release
from zoo.hub.cache import sha256_of
from zoo.hub.metadata import ModelMetadata
from zoo.hub.schema import Index, parse_index, read_index, write_index
from zoo.model.network import Network

ROOT = Path(index.__file__).resolve().parents[2] / "checkpoints"


@pytest.fixture
def released(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of released checkpoints that takes the place of the repository's."""
    listed(saved)
    monkeypatch.setattr(index, "_find_root", lambda: saved.parent)
    return saved.parent


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def shift(network: Network, by: float) -> None:
    for parameter in network.parameters():
        parameter.data += by


def test_the_index_says_what_the_metadata_say(released: Path, metadata: ModelMetadata) -> None:
    (entry,) = index.entries().values()
    assert (entry.name, entry.tasks) == ("tiny.noise@1", ("blink", "keypoints", "segmentation"))
    assert (entry.input.height, entry.input.width) == (32, 48)
    assert entry.metrics == metadata.metrics
    assert entry.licences == metadata.licences
    assert entry.sha256 == sha256_of(released / "tiny" / "model.safetensors")


def test_names_resolve_and_wrong_ones_suggest_the_nearest(released: Path) -> None:
    assert index.resolve("tiny") == index.resolve("tiny.noise@1") == released / "tiny"
    with pytest.raises(ZooError, match="did you mean 'tiny'"):
        index.resolve("tinny")
    with pytest.raises(ZooError, match=r"did you mean 'tiny\.noise@1'"):
        index.resolve("tiny.noise@12")
    with pytest.raises(ZooError, match=r"say which version; valid: tiny\.noise@1; promoted: tiny"):
        index.resolve("tiny.noise")
    with pytest.raises(ZooError, match="not a checkpoint"):
        index.resolve(released)


def test_a_listed_checkpoint_without_weights_says_where_to_get_them(released: Path, cache: Path) -> None:
    (released / "tiny" / "model.safetensors").unlink()
    (released / "tiny" / "model.json").unlink()
    (released / "tiny" / "README.md").unlink()
    (released / "tiny").rmdir()
    assert not index.catalogue()["tiny.noise@1"].is_here
    with pytest.raises(ZooError, match=r"weights of tiny\.noise@1 are not in this installation"):
        index.resolve("tiny")
    edit(released / "index.json", lambda raw: raw["checkpoints"][0].update(locations=[]))
    with pytest.raises(ZooError, match="its weights are published nowhere"):
        index.resolve("tiny")


BAD: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda raw: raw.update(extra=1), "extra: unknown key"),
    (lambda raw: raw["checkpoints"][0].update(url="x"), r"checkpoints\.0\.url: unknown key"),
    (lambda raw: raw["checkpoints"].append(raw["checkpoints"][0]), r"tiny\.noise@1 is listed 2 times"),
    (lambda raw: raw["checkpoints"][0].update(name="../tiny.noise@1"), r"name: String should match"),
    (lambda raw: raw["checkpoints"][0].update(name="tiny.noise@0"), r"name: String should match"),
    (lambda raw: raw["checkpoints"][0].update(locations=["../../etc"]), "never climbs"),
    (lambda raw: raw["checkpoints"][0].update(locations=["a/../../etc"]), "never climbs"),
    (lambda raw: raw["checkpoints"][0].update(locations=["/etc"]), "never climbs"),
    (lambda raw: raw["checkpoints"][0].update(locations=["~/x"]), "never climbs"),
    (lambda raw: raw["checkpoints"][0].update(locations=["a\\..\\b"]), "never climbs"),
    (lambda raw: raw["checkpoints"][0].update(locations=["https://h/a/../../b"]), "not a plain address"),
    (lambda raw: raw["checkpoints"][0].update(locations=["https://h/%2e%2e/b"]), "not a plain address"),
    (lambda raw: raw["checkpoints"][0].update(locations=["file:///a/../b"]), "file:///absolute/path"),
    (lambda raw: raw["checkpoints"][0].update(locations=["hf://me/../x"]), "a location of the hub is"),
    (lambda raw: raw["checkpoints"][0].update(locations=["ftp://h/a"]), "'ftp' is not supported; valid:"),
    (lambda raw: raw["checkpoints"][0].update(locations=["s3://h/a"]), "'s3' is not supported; valid:"),
    (lambda raw: raw["checkpoints"][0].update(locations=["http://h.org/a"]), "can be altered on its way"),
    (lambda raw: raw["checkpoints"][0].update(parent="tiny.noise@1"), "its own parent"),
    (lambda raw: raw["checkpoints"][0]["files"]["model.json"].update(sha256="0"), "sha256: String should"),
    (lambda raw: raw["checkpoints"][0]["files"].update({"run.py": {}}), r"files\.run\.py: unknown key"),
    (lambda raw: raw["aliases"].update(other="tiny.noise@2"), "tiny.noise@2 is not listed"),
    (lambda raw: raw["aliases"].update(other="tiny.noise@1"), "its history ends at None"),
    (lambda raw: raw.update(history=[]), "aliases.tiny: is tiny.noise@1, but its history ends at None"),
    (lambda raw: raw["history"][0].update({"from": "tiny.noise@7"}), "but it pointed to None"),
    (lambda raw: raw.update(base_url="http://example.org"), "can be altered on its way"),
    (lambda raw: raw.update(format_version=3), "newer than 2, the newest"),
    (lambda raw: raw.update(format_version=1), "no longer read"),
    (lambda raw: raw.pop("format_version"), "has no format_version"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_an_index_that_must_not_be_followed_is_refused_with_the_reason(
    released: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    edit(released / "index.json", change)
    with pytest.raises(ZooError, match=message) as caught:
        index.entries()
    assert str(released / "index.json") in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "{", "[" * 100_000])
def test_a_damaged_index_is_an_error_for_the_user(released: Path, text: str) -> None:
    (released / "index.json").write_text(text)
    with pytest.raises(ZooError, match="not an index"):
        index.entries()


def test_a_name_given_twice_in_one_object_is_refused() -> None:
    text = '{"format_version": 2, "aliases": {"a": "a.b@1", "a": "a.b@2"}}'
    with pytest.raises(ZooError, match="x: 'a' is given twice"):
        parse_index(text, "x")


def test_ancestors_do_not_go_in_circles(released: Path) -> None:
    def circle(raw: dict[str, Any]) -> None:
        (first,) = raw["checkpoints"]
        raw["checkpoints"] = [
            {**first, "name": f"tiny.noise@{v}", "parent": f"tiny.noise@{3 - v}"} for v in (1, 2)
        ]

    edit(released / "index.json", circle)
    with pytest.raises(ZooError, match="its own ancestor"):
        index.entries()


def test_writing_and_reading_gives_the_same_index(tmp_path: Path) -> None:
    known = read_index(ROOT / "index.json")
    write_index(tmp_path / "index.json", known)
    assert read_index(tmp_path / "index.json") == known
    assert (tmp_path / "index.json").read_text() == (ROOT / "index.json").read_text()


def test_a_released_checkpoint_must_have_the_checksum_of_the_index(
    released: Path, network: Network, metadata: ModelMetadata
) -> None:
    checkpoint.load("tiny")
    shift(network, 1)
    checkpoint.save(released / "tiny", network, metadata)  # consistent in itself, but not what was released
    shift(network, -1)
    for name in ("tiny", "tiny.noise@1", str(released / "tiny")):
        with pytest.raises(ZooError, match="the index of checkpoints says"):
            checkpoint.load(name)


def test_verify_wants_the_metrics_of_the_index(
    released: Path, network: Network, metadata: ModelMetadata
) -> None:
    checkpoint.verify("tiny")
    checkpoint.save(released / "tiny", network, metadata.model_copy(update={"metrics": {}}))
    with pytest.raises(ZooError, match=r"says something else of tiny\.noise@1: metrics, files"):
        checkpoint.verify("tiny")
    release.refresh(released / "index.json")
    assert checkpoint.verify("tiny").metrics == {}


def test_an_index_of_ones_own_stands_beside_ours(
    released: Path, tmp_path: Path, network: Network, metadata: ModelMetadata
) -> None:
    mine = tmp_path / "mine"
    shift(network, 1)
    checkpoint.save(mine / "w", network, metadata.model_copy(update={"parent": "tiny"}))
    shift(network, -1)
    entry = listed(mine / "w", "tiny.mine", "my_eyes")
    assert entry.parent == "tiny.noise@1"
    assert index.find("my_eyes") is None
    with index.using([str(mine / "index.json")]):
        assert index.resolve("my_eyes") == index.resolve("tiny.mine@1") == mine / "w"
        assert list(index.entries()) == ["tiny.noise@1", "tiny.mine@1"]
    assert index.find("my_eyes") is None


def test_an_index_of_ones_own_cannot_shadow_ours(
    released: Path, tmp_path: Path, network: Network, metadata: ModelMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    shift(network, 1)
    checkpoint.save(mine / "w", network, metadata)
    shift(network, -1)
    listed(mine / "w", "tiny.mine", "tiny")  # an alias of ours
    monkeypatch.setenv("ZOO_INDEX", f"{mine}, {mine / 'index.json'}")
    with pytest.raises(ZooError, match=r"of several indexes, of tiny\.noise@1 and of tiny\.mine@1"):
        index.resolve("tiny")
    assert index.resolve("tiny.noise@1") == released / "tiny"

    def rename(raw: dict[str, Any]) -> None:
        raw["checkpoints"][0]["name"] = raw["aliases"]["tiny"] = raw["history"][0]["to"] = "tiny.noise@1"

    edit(mine / "index.json", rename)
    with pytest.raises(ZooError, match=r"other weights for tiny\.noise@1, a name of"):
        index.resolve("tiny.noise@1")


def test_a_line_of_another_index_is_not_continued(released: Path, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"tiny\.noise is a line of another index"):
        release.add(saved, "tiny.noise", tmp_path / "mine" / "index.json")


def test_the_next_version_keeps_the_alias_and_the_history(
    released: Path, tmp_path: Path, network: Network, metadata: ModelMetadata
) -> None:
    with pytest.raises(ZooError, match=r"listed already, as tiny\.noise@1"):
        release.add(released / "tiny", "tiny.noise", released / "index.json")
    shift(network, 1)
    checkpoint.save(tmp_path / "run", network, metadata.model_copy(update={"parent": "tiny"}))
    shift(network, -1)
    with pytest.raises(ZooError, match=r"tiny points to tiny\.noise@1; `zoo promote tiny\.noise@2`"):
        release.add(tmp_path / "run", "tiny.noise", released / "index.json", alias="tiny")
    entry = release.add(tmp_path / "run", "tiny.noise", released / "index.json")
    assert (entry.name, entry.parent) == ("tiny.noise@2", "tiny.noise@1")
    assert index.full_name("tiny") == "tiny.noise@1"
    assert index.resolve("tiny.noise@2") == released / "tiny.noise@2"
    checkpoint.verify("tiny.noise@2")


@pytest.mark.parametrize(("arguments", "shown"), [(["list"], "tiny"), (["info", "tiny"], "Samples seen: 4")])
def test_looking_at_checkpoints_loads_no_torch(released: Path, arguments: list[str], shown: str) -> None:
    code = f"""
import sys
from pathlib import Path
from zoo.hub import index
index._find_root = lambda: Path({str(released)!r})
from zoo.cli import app
app({arguments!r}, standalone_mode=False)
heavy = {{"torch", "numpy", "cv2", "av", "polars", "requests", "filelock", "huggingface_hub"}}
loaded = heavy & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, zoo; assert not {'torch', 'numpy', 'pydantic', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=_environment())


def test_the_committed_index_is_that_of_the_committed_checkpoints() -> None:
    listed_here = [found for found in index.catalogue().values() if found.folder is not None]
    assert {found.folder.name for found in listed_here if found.folder} == {
        path.parent.name for path in ROOT.glob("*/model.json")
    }
    for found in listed_here:
        assert found.folder is not None
        checkpoint.verify(found.entry.name)
        assert describe.refreshed(found.entry, found.folder) == found.entry


def test_every_alias_of_the_committed_index_has_its_weights() -> None:
    known = index.catalogue()
    for targets in index.aliases().values():
        assert all(known[target].folder is not None for target in targets)


def test_an_empty_index_is_one() -> None:
    assert parse_index('{"format_version": 2}', "x") == Index()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(index.__file__).resolve().parents[2])}
