"""Fetching against a real server that fails in every way there is. Imports no torch itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.served import Host, entry, serving, write_checkpoint
from zoo.errors import ZooError
from zoo.hub import cache as caching
from zoo.hub import web
from zoo.hub.fetch import fetch, is_whole
from zoo.hub.schema import Entry, Index, write_index


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A checkpoint somewhere that is not the cache."""
    write_checkpoint(tmp_path / "origin")
    return tmp_path / "origin"


@pytest.fixture
def host(origin: Path) -> Iterator[Host]:
    names = ("model.json", "model.safetensors")
    with serving(Host({name: (origin / name).read_bytes() for name in names})) as host:
        yield host


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and servers that are not waited for."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    monkeypatch.delenv("ZOO_INDEX", raising=False)
    monkeypatch.setattr(web, "FIRST_WAIT_S", 0.001)
    return tmp_path / "cache"


def holds_no_part(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if ".part" in path.name or ".tmp" in path.name]


@pytest.mark.parametrize(
    "how",
    ["good", "third", "pieces", "whole", "refuses", "another", "moved", "slow500"],
)
def test_a_server_that_can_be_lived_with_gives_a_whole_copy(
    host: Host, origin: Path, own_cache: Path, how: str
) -> None:
    folder = fetch(entry(origin), [host(how)])
    assert is_whole(folder, entry(origin)) and folder.is_relative_to(own_cache)
    assert holds_no_part(own_cache)
    assert (folder / "README.md").read_text().startswith("# tiny")
    before = host.connections
    assert fetch(entry(origin), [host(how)]) == folder
    assert host.connections == before  # what is in the cache is not asked for again


def test_a_broken_download_goes_on_where_it_ended(host: Host, origin: Path, own_cache: Path) -> None:
    fetch(entry(origin), [host("pieces")])
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in host.ranges]
    size = len(host.files["model.safetensors"])
    assert max(starts) > 0.8 * size
    assert host.counts["/pieces/model.safetensors"] > web.ATTEMPTS  # as long as something comes


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("truncated", "broke off after|ended after"),
        ("altered", "altered or damaged, so refused: SHA-256"),
        ("grown", "bytes where the index says"),
        ("endless", "sends more than the"),
        ("slow404", "404 Not Found"),
        ("busy", "503 Service Unavailable"),
        ("circle", "redirects where it must not"),
        ("abroad", "redirects where it must not"),
        ("absent", "404"),
    ],
)
def test_the_next_place_is_tried_and_every_reason_is_named(
    host: Host, origin: Path, own_cache: Path, how: str, reason: str
) -> None:
    host.files.setdefault("absent", b"")
    bad = host(how) if how != "absent" else f"{host.url}/good/nowhere"
    with pytest.raises(ZooError, match=reason) as caught:
        fetch(entry(origin), [bad])
    assert bad in str(caught.value)
    assert not (caching.folder_of(entry(origin)) / "model.safetensors").exists()
    folder = fetch(entry(origin), [bad, host("good")])
    assert is_whole(folder, entry(origin)) and holds_no_part(own_cache)


def test_a_server_that_says_nothing_is_given_up(
    host: Host, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "READ_S", 0.05)
    monkeypatch.setattr(web, "ATTEMPTS", 2)
    with pytest.raises(ZooError, match=r"cannot be reached .* \(2 attempts in a row\)"):
        fetch(entry(origin), [host("silent")])


def test_nobody_listens(origin: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ZooError, match="cannot be reached"):
        fetch(entry(origin), [f"http://127.0.0.1:{port}/x"])


def test_a_part_of_something_else_is_begun_anew(host: Host, origin: Path) -> None:
    folder = caching.folder_of(entry(origin))
    folder.mkdir(parents=True)
    (folder / "model.safetensors.part").write_bytes(b"x" * 1000)
    (folder / "model.json.part").write_bytes(b"x" * (1 << 20))  # longer than the file
    assert is_whole(fetch(entry(origin), [host("good")]), entry(origin))
    assert host.counts["/good/model.safetensors"] == 2


def test_a_file_location_is_a_place_like_others(origin: Path, tmp_path: Path) -> None:
    nowhere = (tmp_path / "nowhere").as_uri()
    with pytest.raises(ZooError, match="no such file"):
        fetch(entry(origin), [nowhere])
    assert is_whole(fetch(entry(origin), [nowhere, origin.as_uri()]), entry(origin))


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_damage_in_the_cache_is_found_and_mended(host: Host, origin: Path, name: str) -> None:
    folder = fetch(entry(origin), [host("good")])
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ZooError, match=rf"{name}: damaged, not what the index lists"):
        fetch(entry(origin), ["file:///nowhere"])
    assert is_whole(fetch(entry(origin), [host("good")]), entry(origin))
    assert host.counts[f"/good/{name}"] == 2 and sum(host.counts.values()) == 3


def test_offline_means_offline(
    host: Host, origin: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(ZooError, match="not tried, because ZOO_OFFLINE is set") as caught:
        fetch(entry(origin), [host("good"), "hf://someone/something"])
    assert "zoo fetch --to" in str(caught.value)
    assert not host.connections
    assert is_whole(fetch(entry(origin), [host("good"), origin.as_uri()]), entry(origin))
    assert fetch(entry(origin), [host("good")])  # from the cache
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    assert not caching.is_offline()


def test_metadata_of_other_weights_are_refused_before_these_are_fetched(
    host: Host, origin: Path, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "other", b"other")
    theirs, ours = entry(tmp_path / "other"), entry(origin)
    mixed = ours.model_copy(update={"files": ours.files.model_copy(update={"weights": theirs.files.weights})})
    with pytest.raises(ZooError, match=r"describes other weights than the index lists as tiny\.noise@1"):
        fetch(mixed, [host("good")])
    assert not host.counts["/good/model.safetensors"]


def test_a_checkpoint_of_a_newer_format_is_refused_before_its_weights_are_fetched(
    origin: Path, host: Host
) -> None:
    path = origin / "model.json"
    newer = path.read_text().replace('"format_version":1', '"format_version":99')
    before = entry(origin)
    path.write_text(newer)
    facts = before.files.metadata.model_copy(
        update={"sha256": caching.sha256_of(path), "size_bytes": path.stat().st_size}
    )
    later = before.model_copy(update={"files": before.files.model_copy(update={"metadata": facts})})
    host.files["model.json"] = newer.encode()
    with pytest.raises(ZooError, match="format version 99 is newer"):
        fetch(later, [host("good")])
    assert not host.counts["/good/model.safetensors"]


def test_the_hub_is_asked_for_the_revision_and_the_folder(
    origin: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def download(repository: str, filename: str, revision: str | None, local_dir: Path) -> str:
        asked.append((repository, filename, revision))
        path = Path(local_dir) / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((origin / Path(filename).name).read_bytes())
        return str(path)

    fake = types.ModuleType("huggingface_hub")
    fake.hf_hub_download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    folder = fetch(entry(origin), ["hf://someone/eyes@v2/tiny"])
    assert is_whole(folder, entry(origin)) and holds_no_part(own_cache)
    assert asked == [("someone/eyes", f"tiny/{name}", "v2") for name in ("model.json", "model.safetensors")]
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ZooError, match=r"eye-room-zoo\[hf\]"):
        fetch(entry(origin), ["hf://someone/eyes@v2/tiny"])


def test_a_cache_that_cannot_be_written_is_named(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    with pytest.raises(ZooError, match="ZOO_CACHE chooses another folder"):
        fetch(entry(origin), [origin.as_uri()])


PROCESS = """
import sys
from pathlib import Path
from zoo.hub import web
from zoo.hub.fetch import fetch
from zoo.hub.schema import read_index
web.FIRST_WAIT_S = 0.01
(entry,) = read_index(Path(sys.argv[1])).checkpoints
sys.stdin.read()  # all begin at once
print(fetch(entry, [sys.argv[2]]))
"""


def test_sixteen_processes_fetch_one_copy_while_connections_drop(
    host: Host, origin: Path, own_cache: Path, tmp_path: Path
) -> None:
    wanted: Entry = entry(origin)
    write_index(tmp_path / "index.json", Index(checkpoints=(wanted,)))
    root = str(Path(web.__file__).resolve().parents[2])
    arguments = [sys.executable, "-c", PROCESS, str(tmp_path / "index.json"), host("third")]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    processes = [
        subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": root}, text=True, **pipes)
        for _ in range(16)
    ]
    for process in processes:
        process.stdin.close()
        process.stdin = None
    results = [process.communicate() for process in processes]
    folder = caching.folder_of(wanted)
    for process, (output, errors) in zip(processes, results, strict=True):
        assert process.returncode == 0, errors
        assert output.strip() == str(folder)
    assert is_whole(folder, wanted) and holds_no_part(own_cache)
    copies = [path for path in own_cache.rglob("*") if path.is_file() and path.suffix == ".safetensors"]
    assert copies == [folder / "model.safetensors"]
    assert host.connections < 16  # one process fetched, the others waited


def test_nothing_but_the_listed_files_is_asked_for(host: Host, origin: Path) -> None:
    host.files |= {"README.md": b"<script>", "setup.py": b"raise SystemExit", "model.ckpt": b""}
    fetch(entry(origin), [host("good")])
    assert set(host.counts) == {"/good/model.json", "/good/model.safetensors"}
