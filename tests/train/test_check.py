"""`zoo check`, and the look at the data before training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from tests.data.drawn import drawn_eyes
from tests.train.conftest import NETWORK
from zoo.cli import app
from zoo.config import TrainConfig, compose
from zoo.errors import ZooError
from zoo.train.check import check, untaught
from zoo.train.run import train

COLUMNS = "file,pupil_u_px,pupil_v_px"


def write(root: Path, columns: str, row: Callable[[int], str], count: int = 20) -> None:
    eyes = drawn_eyes(count, 48, 64)
    root.mkdir(exist_ok=True)
    for i, image in enumerate(eyes["image"][:, 0]):
        cv2.imwrite(str(root / f"{i}.png"), (image * 255).round().byte().numpy())
    lines = [f"{i}.png,{row(i)}" for i in range(count)]
    (root / "labels.csv").write_text("\n".join([columns, *lines]))


def centre(i: int) -> str:
    u, v = drawn_eyes(20, 48, 64)["pupil_ellipse"][i, :2].tolist()
    return f"{u},{v}"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., TrainConfig]:
    (tmp_path / "conf" / "network").mkdir(parents=True)
    (tmp_path / "conf" / "network" / "tiny.yaml").write_text(NETWORK)

    def composed(*more: str) -> TrainConfig:
        overrides = ["network=tiny", "logger=none", "trainer=cpu", f"run_dir={tmp_path / 'run'}", *more]
        return compose("train", overrides, tmp_path / "conf")

    return composed


def test_what_a_source_has_and_who_learns_from_it(tmp_path: Path, run: Callable[..., TrainConfig]) -> None:
    write(tmp_path / "mine", COLUMNS, centre)
    config = run("data=folder", f"data.root={tmp_path / 'mine'}")
    (found,) = check(config)
    assert (found.key, found.samples, found.checked, found.people) == ("data", 20, 20, 1)
    assert found.labels == {"pupil_present": 1.0, "pupil_centre": 1.0}
    assert found.heads == {"blink": 0.0, "segmentation": 0.0, "keypoints": 1.0}
    assert untaught(config, [found]) == ["blink", "segmentation"]
    (few,) = check(run("data=folder", f"data.root={tmp_path / 'mine'}"), 5)
    assert few.checked == 5


def test_a_source_that_no_head_learns_from_is_an_error_before_training(
    tmp_path: Path, run: Callable[..., TrainConfig]
) -> None:
    write(tmp_path / "mine", "file,optical_x,optical_y,optical_z", lambda _: "0.6,0,-0.8")
    data = ["data=mixture", f"data.eyes.mine={{data: {{type: folder, root: {tmp_path / 'mine'}}}}}"]
    config = run(*data, "heads=[blink]", "samples=64", "schedule.warmup_samples=0")
    message = (
        r"data\.eyes\.mine\.data: none of 20 samples has a label for a head of this run \(blink\); its "
        r"labels: optical \(100%\)\. Directions and 3D points count with a camera"
    )
    with pytest.raises(ZooError, match=message):
        train(config)
    assert not (tmp_path / "run" / "last.ckpt").exists()
    with pytest.raises(ZooError, match=r"\(none that is trained\)|it is frozen|nothing is left"):
        check(run("data=folder", f"data.root={tmp_path / 'mine'}", "heads=[blink]", "freeze=[blink]"))


def test_the_file_and_the_rule_are_named(tmp_path: Path, run: Callable[..., TrainConfig]) -> None:
    write(
        tmp_path / "mine",
        "file,pupil_u_px,pupil_v_px,pupil_mask_u_px,pupil_mask_v_px",
        lambda i: f"{centre(i)},{'4,5' if i == 13 else centre(i)}",
    )
    with pytest.raises(ZooError, match=r"data: .*mine/13\.png: the pupil's centre .* from the centroid"):
        check(run("data=folder", f"data.root={tmp_path / 'mine'}"))
    (tmp_path / "mine" / "7.png").write_bytes(b"no picture")
    with pytest.raises(ZooError, match=r"data: .*7\.png: not a readable image"):
        check(run("data=folder", f"data.root={tmp_path / 'mine'}"))


def test_the_command(tmp_path: Path) -> None:
    write(tmp_path / "mine", COLUMNS, centre)
    command = [
        "check",
        "data=folder",
        f"data.root={tmp_path / 'mine'}",
        "network=eyenet_nano",
        "heads=[keypoints]",
    ]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "20 of 20 samples" in done.output and "learnt by keypoints" in done.output
    (tmp_path / "mine" / "labels.csv").unlink()
    done = CliRunner().invoke(app, [*command, "--all"])
    assert done.exit_code == 2 and "labels.csv: missing" in done.output


def test_an_older_run_goes_on_with_the_default_of_a_new_key(
    tmp_path: Path, run: Callable[..., TrainConfig], world: Path
) -> None:
    from omegaconf import OmegaConf

    from zoo.train.folder import open_run

    config = run(
        "data=pool",
        f"data.path={world / 'train'}",
        "validation=pool",
        f"validation.data.path={world / 'held_out'}",
    )
    open_run(config)
    (tmp_path / "run" / "last.ckpt").write_bytes(b"")
    saved = tmp_path / "run" / "config.yaml"
    values = OmegaConf.to_container(OmegaConf.load(saved))
    del values["augment"]["photometric"]["library"]
    saved.write_text(json.dumps(values))
    assert open_run(config) == tmp_path / "run" / "last.ckpt"
    values["augment"]["photometric"]["blur"] = 0.9
    saved.write_text(json.dumps(values))
    with pytest.raises(ZooError, match=r"augment\.photometric\.blur: 0\.9 then, 0\.1 now"):
        open_run(config)
