"""Labels of unlabelled frames: what glints and pupil say of an eye, and frames that cannot be relied on."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from tests.geometry.random_eyes import random_eyes
from tests.predict.fakes import Thresholds, disc, predictor
from zoo.config.rendering import load_rig
from zoo.data.sources.folder import Folder
from zoo.draws import Draws
from zoo.errors import ZooError
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import project, unit_rays
from zoo.geometry.eye import EFFECTIVE_INDEX, Eye
from zoo.geometry.reflection import glint
from zoo.geometry.refraction import pupil_centre_px
from zoo.geometry.vectors import dot, unit
from zoo.hub.metadata import Licences, Training, describe
from zoo.model.config import KeypointsConfig, SegmentationConfig
from zoo.predict.predictor import Predictor
from zoo.predict.pseudolabel import run
from zoo.predict.pseudolabel.run import pseudolabel
from zoo.predict.pseudolabel.solve import REASONS, Labels, Seen, solve
from zoo.predict.rig import read_rig

RIG = read_rig("headset")
CAMERA = torch.from_numpy(RIG.camera.matrix)
SIGMA = 0.3


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def headset_eyes(count: int) -> Eye:
    eyes = random_eyes(count, max_angle_deg=25.0)
    return eyes._replace(
        eyeball=torch.tensor([1.0, -2.0, 42.0]) + 2 * normal(1, count, 3),
        cornea_radius=7.8 + 0.27 * normal(2, count).clamp(-2, 2),
        pupil_distance=4.4 + 0.25 * normal(3, count).clamp(-2, 2),
        refractive_index=torch.full((count,), EFFECTIVE_INDEX, dtype=torch.float64),
    )


def seen(eyes: Eye) -> Seen:
    """Glints with noise, and a whole pupil that is as round as its axis lets it look."""
    count = len(eyes.eyeball)
    glints = project(glint(eyes.cornea[:, None], eyes.cornea_radius[:, None], RIG.leds_mm), CAMERA)
    pupil = pupil_centre_px(eyes, CAMERA)
    ratio = -dot(eyes.optical, unit_rays(pupil, CAMERA))
    return Seen(
        glints_px=glints + SIGMA * normal(4, count, 6, 2),
        sigma_px=torch.full((count, 6), SIGMA, dtype=torch.float64),
        valid=torch.ones(count, 6, dtype=torch.bool),
        pupil_px=pupil,
        centroid_px=pupil.clone(),
        axes_px=torch.stack([torch.full_like(ratio, 40.0), 40 * ratio], dim=1),
        located=torch.ones(count, dtype=torch.bool),
    )


def labelled(what: Seen) -> Labels:
    draws = Draws(3, torch.arange(len(what.pupil_px)))
    return solve(what, RIG.leds_mm, CAMERA, RIG.place, draws)


def test_labels_are_the_eye_up_to_noise_and_the_persons_anatomy() -> None:
    eyes = headset_eyes(60)
    labels = labelled(seen(eyes))
    good = labels.reason == -1
    assert good.double().mean() > 0.9
    assert (labels.cornea_mm - eyes.cornea).norm(dim=1)[good].median() < 1.2
    axis = unit(labels.pupil_mm - labels.cornea_mm)
    assert torch.rad2deg(angle_between(axis, eyes.optical))[good].median() < 2.0
    # Drawn, not the mean of adults: as wide as people are.
    distance = (labels.pupil_mm - labels.cornea_mm).norm(dim=1)[good]
    assert distance.std().item() == pytest.approx(0.25, rel=0.3)
    assert 0.1 < labels.cornea_radius_mm[good].std() < 0.35


def test_frames_that_contradict_themselves_are_left_out_with_the_reason() -> None:
    eyes = headset_eyes(12)
    what = seen(eyes)
    what.located[0] = False
    what.centroid_px[1] += 8.0  # a lid cuts the pupil
    what.valid[2, 2:] = False
    what.glints_px[3] = what.glints_px[3].mean(0) + 30 * normal(8, 6, 2)
    what.axes_px[4] = torch.tensor([40.0, 12.0])
    reason = labelled(what).reason
    assert reason[[0, 1, 2, 4]].tolist() == [0, 0, 1, 3] and reason[3] in (1, 2)
    assert (reason[5:] == -1).double().mean() > 0.7


def test_glints_that_fit_badly_are_left_out() -> None:
    what = seen(headset_eyes(24))
    what.glints_px[:] += 3.5 * SIGMA * normal(9, 24, 6, 2).sign()
    reason = labelled(what).reason
    assert (reason == -1).double().mean() < 0.3 and (reason == 2).any()


class Facing(Thresholds):
    """Finds the glints of one eye, which looks into the camera."""

    def __init__(self) -> None:
        super().__init__()
        eye = headset_eyes(1)
        self.cornea = torch.tensor([[0.8, -1.5, 37.0]], dtype=torch.float64)
        self.optical = -unit(self.cornea)
        self.glints = project(glint(self.cornea[:, None], eye.cornea_radius[:, None], RIG.leds_mm), CAMERA)[0]
        self.pupil = project(self.cornea, CAMERA)[0]

    def forward(self, image: Tensor, *known: object, **more: object) -> dict[str, dict[str, Tensor]]:
        heads = super().forward(image, *known, **more)  # type: ignore[arg-type]
        points = heads["points"]
        canvas = (self.glints + 0.5) / 2 - 0.5
        points["glints_px"][:, :6] = canvas.to(points["glints_px"])
        points["glint_scores"][:] = 0.9 * (torch.arange(8) < 6)
        return heads


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Facing:
    network = Facing()
    heads = {"keypoints": KeypointsConfig(), "segmentation": SegmentationConfig()}
    config = network.config.model_copy(update={"heads": heads})
    licences = Licences(weights="Apache-2.0", training_data="none")
    training = Training(data="None.", samples_seen=0, command="none")
    made = Predictor(network, describe("facing", config, training, licences))
    monkeypatch.setattr(run, "load", lambda *_: made)
    return made.network  # type: ignore[return-value]


@pytest.fixture
def frames(tmp_path: Path, model: Facing) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    u, v = model.pupil.round().int().tolist()
    cv2.imwrite(str(folder / "open.png"), disc(240, 320, u, v, 30))
    cv2.imwrite(str(folder / "shut.png"), np.full((240, 320), 90, dtype=np.uint8))
    return folder


QUIET = Console(file=io.StringIO())


def test_a_folder_of_frames_becomes_one_that_is_trained_on(
    frames: Path, model: Facing, tmp_path: Path
) -> None:
    made = pseudolabel("facing", [str(frames)], tmp_path / "labels", "headset", console=QUIET)
    assert (made.labelled, made.frames, made.left_out) == (1, 2, {REASONS[0]: 1})
    batch = Folder(tmp_path / "labels").batch(np.array([0]))
    assert batch["eye3d_valid"].all() and batch["optical_valid"].all() and batch["camera_valid"].all()
    assert batch["pupil_present"].tolist() == [1.0] and not batch["pupil_centre_valid"].any()
    assert (batch["cornea_mm"] - model.cornea).norm() < 3.0
    assert torch.rad2deg(angle_between(batch["optical"], model.optical.float())) < 2.5
    again = pseudolabel("facing", [str(frames)], tmp_path / "again", "headset", console=QUIET)
    assert again.table.read_text() == made.table.read_text()
    with pytest.raises(ZooError, match="there already"):
        pseudolabel("facing", [str(frames)], tmp_path / "labels", "headset", console=QUIET)


def test_what_cannot_be_labelled_is_refused(frames: Path, model: Facing, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    (frames / "open.png").unlink()
    with pytest.raises(ZooError, match=r"none of 1 frames .* 1 no pupil"):
        pseudolabel("facing", [str(frames)], out, "headset", console=QUIET)
    (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(ZooError, match="is no image"):
        pseudolabel("facing", [str(tmp_path / "clip.mp4")], out, "headset", console=QUIET)
    bent = load_rig("headset").model_dump(mode="json")
    bent["distortion"] = {"model": "radtan", "coefficients": [-0.1, 0.0, 0.0, 0.0]}
    (tmp_path / "bent.yaml").write_text(str(bent))
    with pytest.raises(ZooError, match="straighten the images"):
        pseudolabel("facing", [str(frames)], out, str(tmp_path / "bent.yaml"), console=QUIET)
    assert not out.exists()


def test_a_checkpoint_that_finds_no_glints_is_refused(
    frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "load", lambda *_: predictor())
    with pytest.raises(ZooError, match="has the heads blink"):
        pseudolabel("plain", [str(frames)], tmp_path / "out", "headset", console=QUIET)
