from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.hub import checkpoint, index
from zoo.hub.metadata import ModelMetadata
from zoo.model.network import Network


@pytest.fixture
def release(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of released checkpoints that takes the place of the repository's."""
    index.write_index(saved.parent)
    monkeypatch.setattr(index, "_find_root", lambda: saved.parent)
    return saved.parent


def test_the_index_says_what_the_metadata_say(release: Path, metadata: ModelMetadata) -> None:
    (entry,) = index.entries().values()
    assert (entry.name, entry.tasks) == ("tiny", ["blink", "keypoints", "segmentation"])
    assert (entry.input_height, entry.input_width) == (32, 48)
    assert entry.metrics == metadata.metrics
    assert entry.licence == "Apache-2.0"


def test_names_resolve_and_wrong_ones_suggest_the_nearest(release: Path) -> None:
    assert index.resolve("tiny") == release / "tiny"
    with pytest.raises(ZooError, match="did you mean 'tiny'"):
        index.resolve("tinny")
    with pytest.raises(ZooError, match="not a checkpoint"):
        index.resolve(release)


def test_a_listed_checkpoint_without_weights_says_where_to_get_them(release: Path) -> None:
    (release / "tiny" / "model.safetensors").unlink()
    assert not index.has_weights("tiny")
    with pytest.raises(ZooError, match="weights are not in this installation"):
        index.resolve("tiny")


def test_a_name_cannot_leave_the_folder(release: Path) -> None:
    path = release / "index.json"
    path.write_text(path.read_text().replace('"tiny"', '"../tiny"'))
    with pytest.raises(ZooError, match="not a valid name"):
        index.entries()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "checkpoints": [{"name": "a"}]}'])
def test_a_damaged_index_is_an_error_for_the_user(release: Path, text: str) -> None:
    (release / "index.json").write_text(text)
    with pytest.raises(ZooError, match="not an index"):
        index.entries()


def test_a_released_checkpoint_must_have_the_checksum_of_the_index(
    release: Path, network: Network, metadata: ModelMetadata
) -> None:
    checkpoint.load("tiny")
    for parameter in network.parameters():
        parameter.data += 1
    checkpoint.save(release / "tiny", network, metadata)  # consistent in itself, but not what was released
    with pytest.raises(ZooError, match="the index of checkpoints says"):
        checkpoint.load("tiny")
    for parameter in network.parameters():
        parameter.data -= 1


def test_verify_wants_the_metrics_of_the_index(
    release: Path, network: Network, metadata: ModelMetadata
) -> None:
    checkpoint.verify("tiny")
    checkpoint.save(release / "tiny", network, metadata.model_copy(update={"metrics": {}}))
    with pytest.raises(ZooError, match="the index of checkpoints says something else"):
        checkpoint.verify("tiny")


def test_a_misnamed_folder_is_not_indexed(release: Path) -> None:
    (release / "tiny").rename(release / "huge")
    with pytest.raises(ZooError, match="lies in the folder 'huge'"):
        index.write_index(release)


@pytest.mark.parametrize(("arguments", "shown"), [(["list"], "tiny"), (["info", "tiny"], "Samples seen: 4")])
def test_looking_at_checkpoints_loads_no_torch(release: Path, arguments: list[str], shown: str) -> None:
    code = f"""
import sys
from pathlib import Path
from zoo.hub import index
index._find_root = lambda: Path({str(release)!r})
from zoo.cli import app
app({arguments!r}, standalone_mode=False)
loaded = {{"torch", "numpy", "cv2", "av", "polars"}} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, zoo; assert not {'torch', 'numpy', 'pydantic', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=_environment())


def test_the_committed_index_is_that_of_the_committed_checkpoints() -> None:
    root = Path(index.__file__).resolve().parents[2] / "checkpoints"
    if not (root / "index.json").is_file():
        pytest.skip("no checkpoints in this checkout")
    before = (root / "index.json").read_text()
    listed = [
        index.entry_of(checkpoint.verify(root / item["name"])) for item in json.loads(before)["checkpoints"]
    ]
    assert {entry.name: entry for entry in listed} == index.entries()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(index.__file__).resolve().parents[2])}
