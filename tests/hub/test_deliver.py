"""Indexes beside ours, of disks and hosts, and checkpoints for machines without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.hub.served import Host, entry, serving, write_checkpoint
from zoo.cli import app
from zoo.errors import ZooError
from zoo.hub import index, remote, web
from zoo.hub.cache import folder_of
from zoo.hub.fetch import is_whole
from zoo.hub.release import add, tidy
from zoo.hub.schema import Index, read_index, write_index


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no index of ours, and servers that are not waited for."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    monkeypatch.delenv("ZOO_INDEX", raising=False)
    monkeypatch.setattr(web, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(index, "_find_root", lambda: None)
    monkeypatch.setattr(index, "_remote", {})
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints with an index: two versions of a line, the second promoted."""
    for number in (1, 2):
        write_checkpoint(tmp_path / f"run{number}", b"weights" * 1000 * number)
    path = tmp_path / "mine" / "index.json"
    add(tmp_path / "run1", "tiny.noise", path)
    add(tmp_path / "run2", "tiny.noise", path, alias="tiny")
    return tmp_path / "mine"


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with serving(Host(files)) as host:
        yield host


def zoo(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def test_an_index_on_a_host_is_an_index(host: Host, own_cache: Path) -> None:
    url = f"{host('good')}/index.json"
    listed = zoo("list", "--index", url).output
    assert "tiny.noise@2" in listed and "(to be fetched)" in listed and "tiny.noise@1" not in listed
    assert "1 other version: zoo list --all" in listed
    shown = zoo("info", "tiny.noise@1", "--index", url).output
    assert "versions: tiny.noise@1, tiny.noise@2" in shown and "Samples seen: 4" in shown
    assert f"where: {host('good')}/tiny.noise@1" in shown
    assert not list(own_cache.rglob("*.safetensors"))  # looking fetches nothing
    result = zoo("fetch", "tiny", "--index", host("good"))
    assert result.exit_code == 0, result.output
    with index.using([url]):
        found = index.find("tiny")
        assert found is not None and is_whole(folder_of(found.entry), found.entry)
        assert index.resolve("tiny") == folder_of(found.entry)
    assert "(in the cache)" in zoo("list", "--index", url).output


def test_an_index_that_cannot_be_fetched_is_the_copy_of_the_last_time(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{host('good')}/index.json"
    first = remote.read_remote(url)
    host.files.pop("index.json")
    assert remote.read_remote(url) == first
    assert "using the copy of the last time" in capsys.readouterr().err
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    before = host.connections
    assert remote.read_remote(url) == first and host.connections == before
    with pytest.raises(ZooError, match=r"cannot be fetched \(ZOO_OFFLINE is set\), and was not before"):
        remote.read_remote(f"{host('good')}/other.json")


def test_an_index_of_the_network_names_no_file_of_this_machine(host: Host, folder: Path) -> None:
    raw = json.loads(host.files["index.json"])
    for item in raw["checkpoints"]:
        item["locations"] = [(folder / item["name"]).as_uri()]
    host.files["index.json"] = json.dumps(raw).encode()
    result = zoo("fetch", "tiny", "--index", host("good"))
    assert result.exit_code == 1 and "has no address for them" in result.output


def test_a_bad_index_of_the_network_is_refused_and_not_kept(host: Host, own_cache: Path) -> None:
    host.files["index.json"] = b'{"format_version": 2, "run": "rm -rf /"}'
    result = zoo("list", "--index", host("good"))
    assert result.exit_code == 2 and "run: unknown key" in result.output
    assert not list(own_cache.rglob("*.json"))
    assert "can be altered on its way" in zoo("list", "--index", "http://example.org/index.json").output
    assert "not an address" in zoo("list", "--index", "ftp://example.org/index.json").output


def test_fetch_to_a_folder_serves_a_machine_without_a_network(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    assert zoo("fetch", "--all", "--to", disk, "--index", host("good")).exit_code == 0
    assert sorted(path.name for path in disk.iterdir()) == ["index.json", "tiny.noise@2"]
    assert zoo("fetch", "tiny.noise@1", "--to", disk, "--index", host("good")).exit_code == 0
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "another"))
    monkeypatch.setenv("ZOO_INDEX", str(disk))
    assert index.resolve("tiny") == disk / "tiny.noise@2"
    assert index.resolve("tiny.noise@1") == disk / "tiny.noise@1"
    assert read_index(disk / "index.json").history == index.sources()[0].index.history


def test_fetch_names_what_is_wrong_and_goes_on(host: Host) -> None:
    result = zoo("fetch", "tiny.noise@9", "tiny", "--index", host("good"))
    assert result.exit_code == 1
    assert "tiny.noise@9: no such checkpoint; did you mean 'tiny.noise@" in result.output
    assert zoo("fetch").exit_code == 2 and zoo("fetch", "tiny", "--all").exit_code == 2


def test_a_base_url_is_tried_where_nothing_lies_beside_the_index(host: Host, tmp_path: Path) -> None:
    raw = json.loads(host.files["index.json"]) | {"base_url": host("third")}
    for item in raw["checkpoints"]:
        item["locations"] = ["elsewhere"]
    alone = tmp_path / "alone" / "index.json"
    alone.parent.mkdir()
    alone.write_text(json.dumps(raw))
    result = zoo("fetch", "tiny", "--index", alone)
    assert result.exit_code == 0, result.output
    assert host.counts["/third/tiny.noise@2/model.safetensors"]


def test_a_mirror_adds_places_and_changes_nothing(folder: Path, tmp_path: Path) -> None:
    ours = read_index(folder / "index.json")
    nowhere = tuple(e.model_copy(update={"locations": ("gone",)}) for e in ours.checkpoints)
    (tmp_path / "bare").mkdir()
    write_index(tmp_path / "bare" / "index.json", ours.model_copy(update={"checkpoints": nowhere}))
    with index.using([str(tmp_path / "bare"), str(folder)]):
        assert index.resolve("tiny") == folder / "tiny.noise@2"
        assert list(index.entries()) == ["tiny.noise@1", "tiny.noise@2"]


def test_list_filters_sorts_and_says_what_is_wrong(folder: Path) -> None:
    listed = zoo("list", "--index", folder, "--all", "--sort=-version", "--where", "size_mb < 1").output
    assert listed.index("tiny.noise@2") < listed.index("tiny.noise@1")
    assert "none of 2 checkpoints" in zoo("list", "--index", folder, "--all", "--where", "params > 1").output
    wrong = zoo("list", "--index", folder, "--where", "parms > 1")
    assert wrong.exit_code == 2 and "position 1: no field 'parms'; did you mean 'params'?" in wrong.output
    assert "pupil_px" in zoo("list", "--fields").output


def test_tidy_keeps_the_promoted_ones(folder: Path) -> None:
    done = tidy(folder / "index.json")
    assert done == ["tiny.noise@1: removed; tiny.noise@1 stays listed", "tiny.noise@2: is now tiny"]
    assert sorted(path.name for path in folder.iterdir()) == ["index.json", "tiny"]
    with index.using([str(folder)]):
        assert index.resolve("tiny") == folder / "tiny"
        with pytest.raises(ZooError, match="published nowhere"):
            index.resolve("tiny.noise@1")
    assert tidy(folder / "index.json") == []


def test_files_that_are_not_those_listed_are_not_laid_out(folder: Path, tmp_path: Path) -> None:
    path = folder / "tiny.noise@2" / "model.safetensors"
    path.write_bytes(b"!" + path.read_bytes()[1:])
    result = zoo("fetch", "tiny", "--to", tmp_path / "disk", "--index", folder)
    assert result.exit_code == 1 and "not the files that the index lists as tiny.noise@2" in result.output
    assert not (tmp_path / "disk").exists()


def test_an_entry_names_its_files_and_nothing_else(folder: Path) -> None:
    shown = entry(folder / "tiny.noise@2").files.named()
    assert list(shown) == ["model.json", "model.safetensors"]
    assert Index().entry("tiny") is None


def test_a_run_is_added_to_an_index_of_ones_own(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run" / "checkpoint")
    arguments = ["add", tmp_path / "run", "tiny.mine", "--index", tmp_path / "own"]
    assert (
        f"{tmp_path / 'own' / 'index.json'}: tiny.mine@1, eyes" in zoo(*arguments, "--alias", "eyes").output
    )
    assert "listed already, as tiny.mine@1" in zoo(*arguments).output
    write_checkpoint(tmp_path / "run" / "checkpoint", b"more")
    assert zoo(*arguments).exit_code == 0
    with index.using([str(tmp_path / "own")]):
        assert index.full_name("eyes") == "tiny.mine@1"
        assert index.resolve("tiny.mine@2") == tmp_path / "own" / "tiny.mine@2"
    assert "is no architecture.tag" in zoo("add", tmp_path / "run", "tiny", "--index", tmp_path / "x").output
