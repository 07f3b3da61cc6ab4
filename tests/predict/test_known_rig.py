"""Answers refined by glints of known LEDs: alone, behind the predictor, and through `zoo predict --rig`."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

import zoo
from tests.geometry.random_eyes import random_eyes
from tests.predict.fakes import Thresholds, disc, predictor
from zoo.config import compose
from zoo.config.rendering import load_rig
from zoo.errors import ZooError
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import intrinsics, project
from zoo.geometry.eye import EFFECTIVE_INDEX, Eye
from zoo.geometry.reflection import glint
from zoo.geometry.refraction import pupil_centre_px
from zoo.geometry.rotations import listing, rotation_from_axis_angle
from zoo.geometry.vectors import transform, unit
from zoo.hub.metadata import Licences, Training, describe
from zoo.model.config import Eye3dConfig, GazeConfig, KeypointsConfig
from zoo.model.heads.likelihood import SIGMA_OF_SCALE
from zoo.predict import run
from zoo.predict.precision import glint_sigma_px, pupil_sigma_px
from zoo.predict.predictor import Predictor
from zoo.predict.refine import axis_of_cornea, fuse_axes, refine
from zoo.predict.rig import checked_leds, read_rig
from zoo.predict.run import predict_sources
from zoo.train.data import batches_of

RIG = read_rig("headset")
LEDS = RIG.leds_mm
HALF = intrinsics(*torch.tensor([165.0, 165.0, 80.25, 58.75], dtype=torch.float64))
"""The rig's camera on the canvas of the networks."""
REFINED = ("cornea_mm", "pupil_mm", "geometric_axis", "optical", "visual", "gaze_sigma")
LATERAL_MM, DEPTH, AXIS = 0.6, 0.05, math.radians(4.0)
"""Standard deviations of the network of these tests; of the depth, relative."""

Heads = dict[str, dict[str, Tensor]]


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def headset_eyes(count: int) -> Eye:
    eyes = random_eyes(count, max_angle_deg=25.0)
    place = torch.tensor([1.0, -2.0, 42.0]) + 2 * normal(1, count, 3)
    return eyes._replace(
        eyeball=place,
        cornea_radius=7.8 + 0.27 * normal(2, count),
        pupil_distance=4.4 + 0.25 * normal(3, count),
        refractive_index=torch.full((count,), EFFECTIVE_INDEX, dtype=torch.float64),
    )


def turned(axis: Tensor, sd: float, seed: int, alike: Tensor | None = None) -> Tensor:
    """With errors of deviation `sd`, which correlate by 0.3 with those of a pupil in the image, `alike`."""
    flat = sd * normal(seed, len(axis), 2)
    if alike is not None:
        along = transform(listing(axis)[..., :2].mT, torch.nn.functional.pad(alike, (0, 1)))
        flat = math.sqrt(1 - 0.3**2) * flat + 0.3 * sd * along
    turn = transform(listing(axis)[..., :2], flat)
    return transform(rotation_from_axis_angle(torch.linalg.cross(axis, turn)), axis)


def answer(eyes: Eye, seed: int = 10) -> Heads:
    """Of a network with errors as it states them, glints in random order, some missing and one false."""
    count = len(eyes.eyeball)
    generator = torch.Generator().manual_seed(seed)
    of_pupil = normal(seed + 6, count, 2)
    cornea, optical = eyes.cornea, turned(eyes.optical, AXIS, seed + 1, of_pupil)
    across = transform(listing(eyes.optical)[..., :2], LATERAL_MM * normal(seed + 2, count, 2))
    network = (cornea + across) * (1 + DEPTH * normal(seed + 3, count, 1))
    mm_per_px = network[:, 2] / HALF[0, 0]
    seen = project(glint(cornea[:, None], eyes.cornea_radius[:, None], LEDS), HALF)
    seen = seen + glint_sigma_px(torch.tensor(0.9)) * normal(seed + 4, count, 6, 2)
    across_px = torch.tensor([0.35, 0.0])  # the two places of the pupil
    pupil = pupil_centre_px(eyes, HALF) + pupil_sigma_px(across_px, torch.zeros(2)) * of_pupil
    false = seen.mean(1, keepdim=True) + 30 * normal(seed + 5, count, 1, 2)
    order = torch.rand(count, 6, generator=generator).argsort(1)[..., None]
    kept = 2 + torch.randint(0, 5, (count, 1), generator=generator)
    slots = torch.cat([torch.take_along_dim(seen, order, dim=1), false, torch.zeros(count, 1, 2)], dim=1)
    scores = (0.9 * (torch.arange(8) < kept)).double()
    scores[::3, 6] = 0.8
    falling = scores.argsort(dim=1, descending=True, stable=True)
    scales = torch.zeros(count, 5, dtype=torch.float64)
    scales[:, 0] = (LATERAL_MM / mm_per_px / math.sqrt(3)).log()
    scales[:, 1] = math.log(DEPTH / math.sqrt(2))
    scales[:, 2] = math.log(0.27 / 7.8 / math.sqrt(2))
    scales[:, 3] = math.log(0.25 / 4.4 / math.sqrt(2))
    return {
        "points": {
            "glints_px": torch.take_along_dim(slots, falling[..., None], dim=1),
            "glint_scores": torch.take_along_dim(scores, falling, dim=1),
            "pupil_px": pupil,
        },
        "solid": {
            "cornea_mm": network,
            "pupil_mm": network + 4.4 * optical,
            "geometric_axis": optical,
            "pupil_ray_px": pupil + across_px,
            "cornea_radius_mm": torch.full((count,), 7.8, dtype=torch.float64),
            "pupil_distance_mm": torch.full((count,), 4.4, dtype=torch.float64),
            "log_scales": scales,
        },
        "gaze": {
            "optical": optical,
            "visual": optical,
            "roll": torch.zeros(count, dtype=torch.float64),
            "gaze_sigma": torch.full((count,), AXIS * SIGMA_OF_SCALE / math.sqrt(3), dtype=torch.float64),
        },
    }


def refined(heads: Heads, **options: Any) -> Heads:
    count = len(heads["gaze"]["optical"])
    return refine(heads, HALF.expand(count, 3, 3), LEDS, torch.zeros(count, dtype=torch.int64), **options)


def degrees(heads: Heads, eyes: Eye) -> Tensor:
    return torch.rad2deg(angle_between(heads["gaze"]["optical"], eyes.optical))


def test_cornea_and_axis_get_better_and_the_new_sigma_is_true() -> None:
    eyes = headset_eyes(250)
    heads = answer(eyes)
    better = refined(heads)
    used = better["solid"]["glints_used"]
    assert ((used == 0) | (used >= 2)).all() and (used > 0).double().mean() > 0.85 and used.max() == 6
    apart = (better["solid"]["cornea_mm"] - eyes.cornea).norm(dim=1)
    assert apart.median() < 0.5 * (heads["solid"]["cornea_mm"] - eyes.cornea).norm(dim=1).median()
    geometry = torch.rad2deg(angle_between(better["solid"]["geometric_axis"], eyes.optical))[used > 0]
    after, before = degrees(better, eyes)[used > 0], degrees(heads, eyes)[used > 0]
    assert after.mean() < 0.75 * before.mean() and after.mean() < geometry.mean()
    sigma = better["gaze"]["gaze_sigma"]
    covered = angle_between(better["gaze"]["optical"], eyes.optical) <= sigma
    assert covered[used > 0].double().mean().item() == pytest.approx(0.68, abs=0.08)
    assert (sigma[used > 0] < heads["gaze"]["gaze_sigma"][used > 0]).all()
    torch.testing.assert_close(sigma[used == 0], heads["gaze"]["gaze_sigma"][used == 0])


def test_the_answer_stands_where_glints_are_few_unknown_or_contradict_it() -> None:
    eyes = headset_eyes(40)
    heads = answer(eyes)
    points, solid = heads["points"], heads["solid"]
    points["glint_scores"][:10, 1:] = 0.1  # one glint
    known = torch.arange(40) >= 20  # of the next ten the camera is not known
    # The glints of the last twenty are of another eye than the network's.
    solid["cornea_mm"][20:] += torch.tensor([4.0, 3.0, 0.0])
    kept = refined(heads, known=known)
    assert (kept["solid"]["glints_used"] == 0).all()
    for name, head in heads.items():
        for key, value in head.items():
            assert torch.equal(kept[name][key], value)
    assert not any("glints_used" in head for head in heads.values())


def test_rows_are_independent_and_types_are_kept() -> None:
    eyes = headset_eyes(12)
    narrow = {name: {key: v.float() for key, v in head.items()} for name, head in answer(eyes).items()}
    whole = refined(narrow)
    for row in (0, 7):
        alone = refined(
            {name: {k: v[row : row + 1] for k, v in head.items()} for name, head in narrow.items()}
        )
        for name, head in alone.items():
            for key, value in head.items():
                torch.testing.assert_close(value[0], whole[name][key][row], rtol=1e-4, atol=1e-4)
    assert all(whole["solid"][key].dtype == torch.float32 for key in ("cornea_mm", "pupil_mm"))


def test_a_network_without_glints_or_3d_is_refused() -> None:
    heads = answer(headset_eyes(2))
    del heads["points"]
    with pytest.raises(ValueError, match="keypoints, eye3d, gaze"):
        refined(heads)


def test_two_axes_become_one_by_their_covariances() -> None:
    first = turned(torch.tensor([[0.2, 0.1, -0.97]], dtype=torch.float64).repeat(5000, 1), 0.0, 0)
    first = first / first.norm(dim=1, keepdim=True)
    truth = first
    sd, other = 0.05, 0.03
    one, two = turned(truth, sd, 3), turned(truth, other, 4)
    across = torch.eye(3, dtype=torch.float64) - two[:, :, None] * two[:, None, :]
    fused = fuse_axes(one, torch.full((5000,), sd, dtype=torch.float64), two, other**2 * across)
    angle = angle_between(fused.optical, truth)
    expected = sd * other / math.hypot(sd, other)
    assert angle.square().mean().div(2).sqrt().item() == pytest.approx(expected, rel=0.05)
    assert (angle <= fused.sigma).double().mean().item() == pytest.approx(0.6827, abs=0.02)
    assert fused.apart.mean().item() == pytest.approx(2, rel=0.05)

    common = 0.02 * normal(5, 5000, 2)  # half of either's, of both
    basis = listing(truth)[..., :2]
    near = [unit(axis + transform(basis, common)) for axis in (one, two)]
    sds = math.hypot(sd, 0.02), math.hypot(other, 0.02)
    across = torch.eye(3, dtype=torch.float64) - near[1][:, :, None] * near[1][:, None, :]
    first_sd = torch.full((5000,), sds[0], dtype=torch.float64)
    alike = fuse_axes(near[0], first_sd, near[1], sds[1] ** 2 * across, 0.02**2)
    assert (angle_between(alike.optical, truth) <= alike.sigma).double().mean().item() == pytest.approx(
        0.6827, abs=0.02
    )
    assert alike.apart.mean().item() == pytest.approx(2, rel=0.05)

    sure = fuse_axes(one, torch.full((5000,), sd, dtype=torch.float64), two, 1e-12 * across)
    assert angle_between(sure.optical, two).max() < 1e-6
    behind = fuse_axes(one[:3], torch.full((3,), sd, dtype=torch.float64), -one[:3], other**2 * across[:3])
    assert torch.isinf(behind.apart).all() and torch.isfinite(behind.optical).all()


def test_the_covariance_of_an_axis_is_that_of_its_errors() -> None:
    eye = headset_eyes(1)
    lengths = torch.tensor([0.1, 0.05, 0.6], dtype=torch.float64)
    count, pupil_sd = 4000, 0.3
    pupil = pupil_centre_px(eye, HALF)
    covariance = torch.diag(lengths**2)[None]
    one = torch.ones(1, dtype=torch.float64)
    found = axis_of_cornea(
        eye.cornea, covariance, pupil, pupil_sd * one, 4.4 * one, 0.25 * one, HALF[None], 7.8 * one
    )
    assert found.ok.all()
    many = axis_of_cornea(
        eye.cornea + lengths * normal(1, count, 3),
        covariance.expand(count, 3, 3),
        pupil + pupil_sd * normal(2, count, 2),
        one.expand(count),
        4.4 + 0.25 * normal(3, count),
        0.25 * one.expand(count),
        HALF.expand(count, 3, 3),
        7.8 * one.expand(count),
    )
    sampled = torch.cov(many.optical.T)
    torch.testing.assert_close(found.covariance[0], sampled, rtol=0.1, atol=0.05 * sampled.max().item())


class Solid(Thresholds):
    """Answers for one eye of the headset rig, whatever it is shown, where there is a pupil."""

    def __init__(self) -> None:
        super().__init__()
        self.eyes = headset_eyes(6)
        self.heads_of_eye = answer(self.eyes)

    def forward(self, image: Tensor, *known: object, **more: object) -> dict[str, dict[str, Tensor]]:
        heads = super().forward(image, *known, **more)  # type: ignore[arg-type]
        rows = [5] * len(image)
        own = {
            name: {k: v[rows].float() for k, v in head.items()} for name, head in self.heads_of_eye.items()
        }
        heads["points"] |= own["points"]
        heads["solid"] |= own["solid"] | own["gaze"]
        return heads


@pytest.fixture
def model() -> Predictor:
    network = Solid()
    every = {"keypoints": KeypointsConfig(), "eye3d": Eye3dConfig(), "gaze": GazeConfig()}
    config = network.config.model_copy(update={"heads": every})
    training = Training(data="None.", samples_seen=0, command="none")
    licences = Licences(weights="Apache-2.0", training_data="none")
    return Predictor(network, describe("solid", config, training, licences))


FRAME = disc(240, 320, 160, 120, 30)
EMPTY = np.full((240, 320), 90, dtype=np.uint8)


def test_the_predictor_refines_frames_whose_camera_is_known(model: Predictor) -> None:
    assert isinstance(model.network, Solid)
    camera = RIG.camera.matrix
    plain, unknown, known, empty = (
        model(FRAME, camera),
        *model([FRAME, FRAME, EMPTY], [None, camera, camera], leds_mm=LEDS.numpy()),
    )
    assert plain.glints_used is None and empty.glints_used is None and empty.optical is None
    assert unknown.glints_used == 0 and unknown.cornea_mm == plain.cornea_mm
    assert known.glints_used is not None and known.glints_used >= 2
    truth = model.network.eyes.cornea[5].tolist()
    assert known.cornea_mm is not None and plain.cornea_mm is not None
    assert math.dist(known.cornea_mm, truth) < 0.5 * math.dist(plain.cornea_mm, truth)
    assert known.optical is not None and math.hypot(*known.optical) == pytest.approx(1)
    assert known.gaze_sigma_deg is not None and plain.gaze_sigma_deg is not None
    assert known.gaze_sigma_deg < plain.gaze_sigma_deg
    assert known.glints == plain.glints and known.pupil_px == plain.pupil_px


@pytest.mark.parametrize(
    ("leds", "message"),
    [
        ([[0.014, 0.0, 0.0], [-0.014, 0.0, 0.0]], "metres"),
        ([[14.0, 0.0, 0.0]], "1 of the two"),
        ([[14.0, 0.0, 0.0]] * 3, "one place"),
        ([14.0, 0.0, 0.0], "shape"),
        ([[math.nan, 0.0, 0.0], [1.0, 2.0, 3.0]], "nan"),
        ([[14e3, 0.0, 0.0], [1.0, 2.0, 3.0]], "2000"),
    ],
)
def test_leds_that_tell_no_cornea_are_refused(leds: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_leds(np.array(leds))


def test_leds_are_refused_by_a_predictor_without_3d() -> None:
    with pytest.raises(ValueError, match="eye3d"):
        predictor()(FRAME, RIG.camera.matrix, leds_mm=LEDS)


def predicted(
    model: Predictor, out: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> list[dict[str, str]]:
    monkeypatch.setattr(run, "load", lambda *_: model)
    cv2.imwrite(str(out / "a.png"), FRAME)
    predict_sources(
        "solid", [str(out / "a.png")], out / "out", console=Console(file=io.StringIO()), **options
    )
    with (out / "out" / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_rig_gives_leds_and_camera_unless_another_is_given(
    model: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (without,) = predicted(model, tmp_path, monkeypatch, camera="330,330,161,118")
    (row,) = predicted(model, tmp_path, monkeypatch, rig="headset")
    assert without["glints_used"] == "" and int(row["glints_used"]) >= 2
    assert row["camera_known"] == "1" and row["cornea_z_mm"] != without["cornea_z_mm"]
    (both,) = predicted(model, tmp_path, monkeypatch, rig="headset", camera="330,330,161,118")
    assert both == row
    cameras = tmp_path / "cameras.csv"
    cameras.write_text("file,fx,fy,cx,cy\nother.png,330,330,161,118\n")
    (unknown,) = predicted(model, tmp_path, monkeypatch, rig="headset", camera=str(cameras))
    assert (unknown["camera_known"], unknown["glints_used"]) == ("0", "0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leds_mm": [[14.0, -16.0, 8.0]]}, "1 of the two"),
        ({"leds_mm": []}, "0 of the two"),
        ({"leds_mm": [[0.014, -0.016, 0.008], [0.0, -0.019, 0.01]]}, "metres"),
        ({"eye_mm": [0.001, -0.002, 0.042]}, "millimetres"),
        ({"width": 640, "height": 480}, "640x480"),
    ],
)
def test_a_rig_that_does_not_fit_is_refused(
    model: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(str(load_rig("headset").model_dump(mode="json", exclude={"distortion"}) | change))
    with pytest.raises(ZooError, match=message):
        predicted(model, tmp_path, monkeypatch, rig=str(path))


def test_rigs_and_checkpoints_without_what_it_takes_are_named(
    model: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ZooError, match="random: has other LEDs"):
        predicted(model, tmp_path, monkeypatch, rig="random")
    with pytest.raises(ZooError, match="headset"):
        predicted(model, tmp_path, monkeypatch, rig="hedset")
    with pytest.raises(ZooError, match="has the heads blink"):
        predicted(predictor(), tmp_path, monkeypatch, rig="headset")


def test_the_released_network_gets_better_on_the_reference_rig() -> None:
    data = compose("eval", ["checkpoint=eyenet_s", "exam=headset"]).data
    released = zoo.load("eyenet_s", "cpu")
    (batch,) = batches_of(data, 7, 48, 48, released.metadata.network.input, torch.device("cpu"))
    with torch.inference_mode():
        heads = released.network.eval().answer(batch)
        better = refine(heads, batch["camera"], LEDS, batch["eye_side"])
    used = (better["eye3d"]["glints_used"] > 0) & batch["eye3d_valid"]
    assert used.sum() >= 12
    # The cornea gains most; the axis hangs on the pupil, too, which the glints do not show.
    for name, key, share in (("eye3d", "cornea_mm", 0.7), ("gaze", "optical", 0.9)):
        before, after = ((part[name][key] - batch[key])[used].norm(dim=1).mean() for part in (heads, better))
        assert after < share * before
