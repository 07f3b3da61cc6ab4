"""W&B: offline where nobody is logged in, inside the run folder, one run over all slices."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from wandb.proto.wandb_internal_pb2 import Record

from tests.train.conftest import HEIGHT, WIDTH, discs
from zoo.config import TrainConfig
from zoo.data.pool import PoolWriter
from zoo.errors import ZooError
from zoo.hub.checkpoint import load
from zoo.tracking.artifacts import read
from zoo.tracking.login import logged_in
from zoo.tracking.transactions import records, relocate
from zoo.train.overlays import may_show
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


def read_back(run: Path) -> list[Record]:
    """What W&B's own files of a run hold, in their order."""
    files = sorted(run.glob("wandb/offline-run-*/run-*.wandb"))
    return [record for file in files for record in _complete(file)]


def _complete(file: Path) -> list[Record]:
    """The records up to the closing one: W&B's process may still write when `finish` returns."""
    for _ in range(100):
        found = [Record.FromString(message) for message in records(file)]
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.2)
    raise AssertionError(f"{file} has no closing record after 20 s")


def history(recorded: list[Record]) -> list[dict[str, Any]]:
    """The rows of the curves, by key; keys of media are joined with dots."""
    rows = [r.history.item for r in recorded if r.WhichOneof("record_type") == "history"]
    return [{".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in row} for row in rows]


@pytest.fixture
def people(world: Path, tmp_path: Path) -> Path:
    """A pool of eight samples that count as real."""
    writer = PoolWriter(tmp_path / "people", {}, 8, HEIGHT, WIDTH)
    batch = discs(torch.arange(2000, 2008))
    batch["domain"] = torch.zeros(8, dtype=torch.int64)
    writer.write(0, batch)
    return tmp_path / "people"


@pytest.mark.slow
def test_an_offline_run_holds_everything_and_stays_in_its_folder(
    home: Path,
    tmp_path: Path,
    people: Path,
    config: Callable[..., TrainConfig],
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = set(tmp_path.iterdir())
    settings = (
        "logger=wandb",
        "logger.worst=3",
        "logger.group=trials",
        "validation.overlays=2",
        f"validation.more.people={{data: {{type: pool, path: {people}}}}}",
        "checkpoint.best=keypoints/pupil_px_mean",
    )
    train(config(*settings, "stop_after_minutes=1e-6"))
    run = train(config(*settings))

    assert f"zoo sync {run}" in capsys.readouterr().out
    identity = (run / "wandb_id.txt").read_text().strip()
    parts = list(run.glob("wandb/offline-run-*"))
    assert parts == list(run.glob(f"wandb/offline-run-*-{identity}"))
    assert list(home.rglob("*")) == []
    assert set(tmp_path.iterdir()) - before == {run}

    recorded = read_back(run)
    begun = [r.run for r in recorded if r.WhichOneof("record_type") == "run"]
    assert {(r.run_id, r.run_group) for r in begun} == {(identity, "trials")}
    said = {i.key: json.loads(i.value_json) for i in begun[-1].config.update}
    assert said["optimizer"]["lr"] == 2e-3 and said["seed"] == 0
    rows = history(recorded)
    measured = [row for row in rows if "validation/frames" in row]
    assert [row["samples"] for row in measured] == [48, 96]
    last = measured[-1]
    assert last["validation/on_people/frames"] == 8
    assert "validation/by_openness/blink/openness_mae/below_0.1" in last
    points = "keypoints/pupil_px_mean"
    assert last[f"validation/by_domain/{points}/real"] == last[f"validation/on_people/{points}"]
    assert last[f"validation/by_source/{points}/validation"] == last[f"validation/{points}"]
    assert any("loss/keypoints/synthetic" in row for row in rows)

    # The worst samples of all sources: only rendered ones have pictures.
    tables = sorted(run.glob("wandb/offline-run-*/files/media/table/validation/worst/*.table.json"))
    heads = {file.name.split("_")[0] for file in tables}
    assert heads == {"blink", "segmentation", "keypoints"}
    for file in tables:
        table = json.loads(file.read_text())
        assert len(table["data"]) == 3
        for values in table["data"]:
            row = dict(zip(table["columns"], values, strict=True))
            assert (row["prediction"] is None) == (row["domain"] == "real") == (row["label"] is None)
    assert len(list(run.glob("wandb/offline-run-*/files/media/images/validation/overlays*.png"))) == 4
    artifacts = [r.artifact for r in recorded if r.WhichOneof("record_type") == "artifact"]
    staged = [e.local_path for a in artifacts for e in a.manifest.contents if e.local_path]
    assert len(artifacts) == 6 and staged
    assert all(Path(path).is_relative_to(run.resolve()) and Path(path).is_file() for path in staged)

    # The folder can be copied elsewhere before it is uploaded.
    moved = run.rename(tmp_path / "moved")
    found = [
        relocate(file, moved.resolve() / "wandb" / "data" / "artifacts" / "staging")
        for file in moved.glob("wandb/offline-run-*/run-*.wandb")
    ]
    assert sum(found) == len(staged)
    uploads = [(item.folder, item.aliases, item.uploaded) for item in read(moved)]
    assert sorted(uploads)[-1][2] is None
    assert {alias for _, aliases, _ in uploads for alias in aliases} == {"best", "latest"}
    values = [json.loads(line)[points] for line in (moved / "metrics.jsonl").read_text().splitlines()]
    assert load(moved / "best")[1].metrics["validation"][points] == min(values)


def test_a_metric_that_is_not_measured_cannot_be_the_best(config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(ZooError, match=r"best=keypoints/pupil_px_men: .*'keypoints/pupil_px_mean'"):
        train(config("checkpoint.best=keypoints/pupil_px_men"))


def test_real_people_are_shown_only_when_asked_for(world: Path) -> None:
    batch = discs(torch.arange(2))
    batch["domain"] = torch.tensor([0, 1])
    assert may_show(batch, real_images=False) == [False, True]
    assert may_show(batch, real_images=True) == [True, True]


def test_without_wandb_the_curves_go_to_csv(
    config: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = train(config("logger=wandb", "stop_after_minutes=1e-6"))
    assert "wandb is not installed" in capsys.readouterr().out
    assert len(list(run.glob("csv/from_0/metrics.csv"))) == 1
