from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.page import archive
from zoo.page.archive import unpack


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, str]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in members:
            file.writestr(name, text)
    return path


def test_files_and_folders_come_out(tmp_path: Path) -> None:
    unpack(
        zipped(tmp_path / "a.zip", ("x/", ""), ("x/K.txt", "1"), ("x/images/ö.txt", "2")), tmp_path / "out"
    )
    assert (tmp_path / "out" / "x" / "K.txt").read_text() == "1"
    assert (tmp_path / "out" / "x" / "images" / "ö.txt").read_text() == "2"


@pytest.mark.parametrize("name", ["../up.txt", "x/../../up.txt", "/tmp/up.txt", "..\\up.txt", "C:/up.txt"])
def test_what_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ZooError, match="leads out of the archive"):
        unpack(zipped(tmp_path / "a.zip", (name, "no")), tmp_path / "out" / "deep")
    assert not list(tmp_path.rglob("up.txt"))


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("images")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ZooError, match="leads out of the archive"):
        unpack(zipped(tmp_path / "a.zip", (link, "/etc")), tmp_path / "out")


def test_what_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", *[(f"{i}.txt", "x" * 100) for i in range(5)])
    monkeypatch.setattr(archive, "MOST_BYTES", 499)
    with pytest.raises(ZooError, match="holds 5 files"):
        unpack(path, tmp_path / "out")
    monkeypatch.setattr(archive, "MOST_BYTES", 500)
    monkeypatch.setattr(archive, "MOST_FILES", 4)
    with pytest.raises(ZooError, match="holds 5 files"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "whole.zip", ("x.txt", "text" * 1000))
    (tmp_path / "none.zip").write_bytes(b"no zip")
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-60])
    broken = bytearray(path.read_bytes())
    broken[60:80] = b"\0" * 20
    (tmp_path / "broken.zip").write_bytes(broken)
    for name in ("none.zip", "cut.zip", "broken.zip"):
        with pytest.raises(ZooError, match=name):
            unpack(tmp_path / name, tmp_path / "out")
