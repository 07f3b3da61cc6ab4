"""Every mistake in a config is one sentence with the key, the value, and what would be right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from zoo.config import EvalConfig, PoolData, TrainConfig, choices, compose, config_folder
from zoo.config.rendering import load_domain, load_rig
from zoo.errors import ZooError
from zoo.hub.metadata import Licences, Training, describe
from zoo.model.config import NetworkConfig

TINY = """
input: {height: 48, width: 64}
heads:
  blink: {type: blink}
  keypoints: {type: keypoints}
"""
BASE = [
    "network=tiny",
    "data=pool",
    "data.path=some/pool",
    "validation=pool",
    "validation.data.path=other/pool",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's own config folder."""
    (tmp_path / "network").mkdir()
    (tmp_path / "network" / "tiny.yaml").write_text(TINY)
    return tmp_path


def error_of(folder: Path, *overrides: str) -> str:
    with pytest.raises(ZooError) as caught:
        compose("train", [*BASE, *overrides], folder)
    return str(caught.value)


def test_overrides(folder: Path) -> None:
    config = compose("train", [*BASE, "samples=3e5", "optimizer.lr=1e-3", "heads=[blink]"], folder)
    assert isinstance(config, TrainConfig)
    assert (config.samples, config.optimizer.lr) == (300_000, 1e-3)
    assert config.data == PoolData(type="pool", path=Path("some/pool"))
    assert list(config.used_network.heads) == ["blink"]
    assert compose("train", [*BASE, "samples=100", "schedule.warmup_samples=0"], folder).steps == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.lrr=1", "optimizer.lrr=1: there is no key 'optimizer.lrr'; did you mean 'optimizer.lr'?"),
        (
            "+optimizer.lrr=1",
            "optimizer.lrr=1: there is no key 'optimizer.lrr'; did you mean 'optimizer.lr'?",
        ),
        (
            "++optimizer.lrr=1",
            "optimizer.lrr=1: there is no key 'optimizer.lrr'; did you mean 'optimizer.lr'?",
        ),
        ("batch_sise=8", "batch_sise=8: there is no key 'batch_sise'; did you mean 'batch_size'?"),
        ("lr=1", "lr=1: there is no key 'lr'; did you mean 'optimizer.lr'?"),
        ("zzz=1", "zzz=1: there is no key 'zzz'; valid in the config: augment, balance, batch_size, "),
        ("network.heads.blink.hiden=4", "did you mean 'network.heads.blink.hidden'?"),
        (
            "network.heads.blink.type=blnk",
            "network.heads.blink.type=blnk: valid: blink, segmentation, keypoints, eye3d, ",
        ),
        ("data.rig=mine", "data.rig=mine: there is no key 'data.rig'; valid in data: path, type"),
        ("data.type=pol", "data.type=pol: valid: pool, render, meye, folder, "),
        ("data.type=pol", "mixture; did you mean 'pool'?"),
        ("optimizer.lr=-1", "optimizer.lr=-1: must be greater than 0"),
        ("optimizer.lr=fast", "optimizer.lr=fast: must be a valid number"),
        ("optimizer.betas=[0.9]", "optimizer.betas.1: required, but not given"),
        ("optimizer.betas=[0.9,1.5]", "optimizer.betas.1=1.5: must be less than or equal to 1"),
        ("samples=1.5", "samples=1.5: must be a valid integer"),
        ("samples=true", "samples=true: true and false are not valid here"),
        ("network.input.height=true", "network.input.height=true: true and false are not valid here"),
        ("trainer.accelerator=gpx", "gpx: must be 'auto', 'cpu', 'gpu' or 'mps'; did you mean 'gpu'?"),
        ("augment.geometric.flip=2", "augment.geometric.flip=2: must be less than or equal to 1"),
        ("heads=[blnk]", "heads=blnk: the network has no such head; did you mean 'blink'?"),
        (
            "balance.weights={blnk: 2}",
            "balance.weights=blnk: the network has no such head; did you mean 'blink'?",
        ),
        (
            "schedule.warmup_samples=1e9",
            "schedule.warmup_samples=1000000000: longer than the run (samples=2000000)",
        ),
        ("name=../up", "name=../up: String should match pattern"),
        ("network=tinny", "network=tinny: no such choice of network; did you mean 'tiny'? choices: "),
        ("+network=tinny", "network=tinny: no such choice of network; did you mean 'tiny'? choices: "),
        ("experiment=finetun", "experiment=finetun: no such choice of experiment; did you mean 'finetune'?"),
        ("rig=headset", "rig=headset: rig is no group here; did you mean data.rig=...? (groups: augment, "),
        ("data=meye", "data.root has no default here: give it as data.root=..."),
        ("samples=1,2", "'samples=1,2' gives several values"),
        ("samples", "cannot read the override 'samples' (expected key=value)"),
        ("run_dir=${nam}", "Interpolation key 'nam' not found"),
        ("~nam", "Could not delete from config. 'nam' does not exist"),
        ("hydra.run.dir=x", "settings of Hydra itself are not used here"),
    ],
)
def test_mistakes_on_the_command_line(override: str, message: str, folder: Path) -> None:
    assert message in error_of(folder, override)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    lines = error_of(folder, "optimizer.lr=-1", "batch_sise=3", "samples=true").splitlines()
    assert [line.split("=")[0] for line in lines] == ["samples", "optimizer.lr", "batch_sise"]


def test_mistakes_in_yaml(folder: Path) -> None:
    path = folder / "network" / "tiny.yaml"
    path.write_text(TINY + "neck: {widht: 32}\n")
    assert (
        "network.neck.widht=32: there is no key 'network.neck.widht'; did you mean 'network.neck.width'?"
        in (error_of(folder))
    )
    path.write_text("input: {height: [}\n")
    message = error_of(folder)
    assert "cannot compose train.yaml" in message
    assert "tiny.yaml" in message


def test_missing_config_folder(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"--config-dir .*nothing is not a folder"):
        compose("train", [], tmp_path / "nothing")


def test_rendered_validation_holds_other_people(folder: Path) -> None:
    config = compose("train", ["network=tiny"], folder)
    assert config.data.type == config.validation.data.type == "render"
    with pytest.raises(
        ZooError, match=r"validation\.data\.people=None: these are the people of the training"
    ):
        compose("train", ["network=tiny", "validation.data.people=null"], folder)


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_recipe_composes(name: str, folder: Path) -> None:
    child = ["init=eyenet_nano", "data.path=pools/mine"]
    more = {
        "continue": child,
        "finetune": ["init=eyenet_nano", "network=tiny"],
        "headset": child,
        "staged": ["init=eyenet_nano"],
        "unlabelled": ["init=eyenet_nano", "data.root=pseudo"],
    }.get(name, [])
    config = compose("train", [f"experiment={name}", *more], folder)
    assert config.name == name or more
    assert config.validation.data.type == ("room_pool" if name == "deltas_s" else "render")


@pytest.mark.parametrize("group", ["trainer", "logger", "augment", "optimizer", "balance"])
def test_every_choice_composes(group: str, folder: Path) -> None:
    for choice in choices(group):
        compose("train", [*BASE, f"{group}={choice}"], folder)


def test_defaults_of_the_schema_are_those_of_the_yaml(folder: Path) -> None:
    """Whoever builds a part of the config in Python gets what the command line gets."""
    config = compose("train", BASE, folder)
    for part in (
        config.optimizer,
        config.schedule,
        config.ema,
        config.balance,
        config.checkpoint,
    ):
        assert part == type(part)()


def test_every_part_of_the_exam_composes() -> None:
    for name in choices("exam"):
        config = compose("eval", ["checkpoint=x", f"exam={name}"])
        assert config.count is not None and config.count >= 2000
        assert config.data.type == "render"


def test_perturbations_are_those_that_exist() -> None:
    from zoo.config.sources import Perturbation
    from zoo.data.perturb import Kind

    assert get_args(Perturbation) == get_args(Kind)


def test_eval() -> None:
    config = compose("eval", ["checkpoint=eyenet_s", "data=meye", "data.root=eyes"])
    assert isinstance(config, EvalConfig)
    assert config.data.type == "meye"
    with pytest.raises(ZooError, match=r"checkpoint has no default here: give it as checkpoint=\.\.\."):
        compose("eval", [])


def test_a_checkpoint_brings_its_network(folder: Path) -> None:
    network = NetworkConfig.model_validate({"heads": {"only": {"type": "blink", "hidden": 8}}})
    metadata = describe(
        "old", network, Training(data="", samples_seen=0, command=""), Licences(weights="", training_data="")
    )
    weights = {"sha256": "0" * 64, "size_bytes": 1, "parameters": 1}
    saved = folder / "old"
    saved.mkdir()
    (saved / "model.json").write_text(
        metadata.model_validate({**metadata.model_dump(), "weights": weights}).model_dump_json()
    )
    assert compose("train", [*BASE[1:], "network=tiny", f"init={saved}"], folder).network != network
    brought = [*BASE[1:], "experiment=finetune", f"init={saved}"]
    assert compose("train", brought, folder).network == network
    more = compose("train", [*brought, "network.heads.extra={type: keypoints}"], folder).network
    assert list(more.heads) == ["only", "extra"]
    more = compose("train", [*brought, "network.heads.only.hidden=16"], folder).network
    assert more.heads["only"].model_dump() == {"type": "blink", "hidden": 16}
    for line in ("network.backbone.stem=[8,8]", "network.backbone={type: timm, name: resnet18}"):
        with pytest.raises(ZooError, match=rf"^{re.escape(line)}: init=.* brings its own backbone"):
            compose("train", [*brought, line], folder)
    kept = f"network.backbone.stem={list(network.model_dump()['backbone']['stem'])}".replace(" ", "")
    assert compose("train", [*brought, kept], folder).network == network


def test_a_value_with_another_type_takes_the_place_of_the_old_one() -> None:
    """The overrides of CONTRIBUTING.md and docs/mixtures.md: Hydra itself would merge them."""
    timm = "network.backbone={type:timm,name:mobilenetv4_conv_small}"
    config = compose("train", [timm, "network.backbone.name=resnet18"])
    assert config.network.backbone.model_dump()["name"] == "resnet18"
    source = "data.eyes.rendered.data={type: folder, root: mine}"
    mixed = compose("train", ["mixture=eyes_mixed", "data.eyes.real.data.root=x", source])
    assert mixed.sources["data.eyes.rendered.data"].type == "folder"


def test_domains_and_rigs(tmp_path: Path) -> None:
    for name in choices("domain"):
        assert load_domain(name).identities > 0
    for name in choices("rig"):
        load_rig(name)
    with pytest.raises(ZooError, match=r"no domain 'trian': did you mean 'train'\?"):
        load_domain("trian")
    path = tmp_path / "mine.yaml"
    text = (config_folder() / "domain" / "train.yaml").read_text()
    path.write_text(re.sub(r"^identities", "identites", text, flags=re.MULTILINE))
    with pytest.raises(ZooError, match=r"mine\.yaml:\n(?s:.*)did you mean 'identities'\?"):
        load_domain(str(path))


def test_no_torch() -> None:
    code = (
        "import sys, zoo.config as c; c.compose('eval', ['checkpoint=x']); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[1])


def test_a_network_must_read_what_it_is_given() -> None:
    with pytest.raises(ZooError, match=r"data\.type=room_pool: the network has no head that reads rooms"):
        compose("train", ["data=room_pool", "data.path=nowhere"])
    with pytest.raises(ZooError, match=r"validation\.data\.type=render: .* no head that reads eyes"):
        compose("train", ["network=deltas_s", "data=room_pool", "data.path=nowhere"])
