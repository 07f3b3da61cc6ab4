"""`zoo sync` around W&B's own command, which a stand-in replaces here. No account was tried."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import ZooError
from zoo.tracking import sync as module
from zoo.tracking.sync import runs_in, sync
from zoo.tracking.transactions import write


@pytest.fixture
def sweep_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs below a folder; the first has two offline parts."""
    monkeypatch.setenv("WANDB_API_KEY", "0123456789")
    for run, parts in (("000", ("20260101_000000", "20260102_000000")), ("001", ("20260103_000000",))):
        folder = tmp_path / "sweep" / "trials" / run
        for part in parts:
            path = folder / "wandb" / f"offline-run-{part}-{run}" / f"run-{run}.wandb"
            path.parent.mkdir(parents=True)
            write(path, [b""])
        (folder / "wandb_id.txt").write_text(run)
    return tmp_path / "sweep"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """What was run instead of `wandb sync`; it marks what it was given, as W&B does."""
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append((command, env))
        for folder in command[command.index("sync") + 1 :]:
            (file,) = Path(folder).glob("*.wandb")
            if "20260103" not in folder:
                file.with_name(f"{file.name}.synced").touch()
        return subprocess.CompletedProcess(command, 0, "one\ntwo\n", "network is unreachable\n")

    monkeypatch.setattr(module.subprocess, "run", run)
    return calls


def test_every_part_of_a_run_in_its_order_and_once(
    sweep_dir: Path, commands: list[tuple[list[str], dict[str, str]]]
) -> None:
    first = sweep_dir / "trials" / "000"
    lines: list[str] = []
    sync([first], lines.append)
    sync([first], lines.append)
    ((command, env),) = commands
    assert [Path(folder).name for folder in command[command.index("sync") + 1 :]] == [
        "offline-run-20260101_000000-000",
        "offline-run-20260102_000000-000",
    ]
    assert Path(env["WANDB_DATA_DIR"]).is_relative_to(first.resolve())
    assert "2 offline parts uploaded" in lines[0] and "0 offline parts" in lines[1]


def test_what_was_not_uploaded_is_an_error(
    sweep_dir: Path, commands: list[tuple[list[str], dict[str, str]]]
) -> None:
    with pytest.raises(ZooError, match=r"did not upload 1 of 1 files:\n(.*\n)*network is unreachable"):
        sync([sweep_dir], lambda line: None)
    assert len(commands) == 2


def test_where_runs_are_found(sweep_dir: Path, tmp_path: Path) -> None:
    assert [run.name for run in runs_in(sweep_dir)] == ["000", "001"]
    assert [run.name for run in runs_in(sweep_dir / "trials" / "001")] == ["001"]
    with pytest.raises(ZooError, match="no such folder"):
        runs_in(tmp_path / "nothing")
    with pytest.raises(ZooError, match="no run here was logged with W&B"):
        runs_in(sweep_dir / "trials" / "000" / "wandb")


def test_nobody_is_logged_in(sweep_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", str(sweep_dir / "none"))
    with pytest.raises(ZooError, match="run `wandb login`"):
        sync([sweep_dir], lambda line: None)
