"""W&B: offline where nobody is logged in, inside the run folder, one run over all slices."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.config import TrainConfig
from zoo.tracking.login import logged_in
from zoo.train.run import train


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nobody is logged in."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("API_KEY", "MODE", "DIR", "DATA_DIR", "CACHE_DIR", "CONFIG_DIR", "ARTIFACT_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", "")
        monkeypatch.delenv(f"WANDB_{name}")
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.chdir(tmp_path)
    return folder


def test_logged_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not logged_in()
    (home / ".netrc").write_text("machine api.wandb.ai login user password 0123456789\n")
    assert logged_in()
    (home / ".netrc").write_text("machine elsewhere.example login user password 0123456789\n")
    assert not logged_in()
    monkeypatch.setenv("WANDB_API_KEY", "0123456789")
    assert logged_in()


@pytest.mark.slow
def test_offline_run_stays_in_its_folder_and_keeps_its_id(
    home: Path, tmp_path: Path, config: Callable[..., TrainConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.iterdir())
    for _ in range(2):
        run = train(config("logger=wandb", "stop_after_minutes=1e-6"))
    assert "zoo sync" in capsys.readouterr().out
    identity = (run / "wandb_id.txt").read_text().strip()
    assert len(list(run.glob(f"wandb/offline-run-*-{identity}"))) >= 1
    assert list(run.glob("wandb/offline-run-*")) == list(run.glob(f"wandb/offline-run-*-{identity}"))
    assert list(home.rglob("*")) == []
    assert set(tmp_path.iterdir()) - before == {run}


def test_without_wandb_the_curves_go_to_csv(
    config: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = train(config("logger=wandb", "stop_after_minutes=1e-6"))
    assert "wandb is not installed" in capsys.readouterr().out
    assert len(list(run.glob("csv/from_0/metrics.csv"))) == 1
