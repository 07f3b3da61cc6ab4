"""Recordings of a known eye, seen by a network whose errors are known."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor
from typer.testing import CliRunner

from tests.hub.tiny import described
from zoo.cli import app
from zoo.draws import Draws
from zoo.errors import ZooError
from zoo.exam import recording as exam
from zoo.exam.recording import score
from zoo.geometry.angles import angle_between, angles_to_vector, vector_to_angles
from zoo.geometry.cameras import intrinsics, project
from zoo.geometry.distortion import distort_pixels
from zoo.geometry.ellipse import fit_ellipse
from zoo.geometry.eye import EFFECTIVE_INDEX, Eye, apply_kappa, cornea_distance
from zoo.geometry.lens import Distortion
from zoo.geometry.refraction import pupil_contour, refract_point
from zoo.geometry.rotations import listing
from zoo.geometry.vectors import transform, unit
from zoo.hub.metadata import Weights
from zoo.model.config import Eye3dConfig, GazeConfig, KeypointsConfig
from zoo.model.heads.gaze import MEAN_KAPPA
from zoo.predict import run as predict_run
from zoo.predict.calibration import run as calibrate_run
from zoo.predict.calibration.calibration import Calibration
from zoo.predict.calibration.corrections import Kappa
from zoo.predict.predictor import Predictor
from zoo.predict.recording import fit as fitting
from zoo.predict.recording.answer import answer, answer_all
from zoo.predict.recording.constants import Constants, axes_through
from zoo.predict.recording.fit import LEAST_FRAMES, fit
from zoo.predict.recording.observe import observe, steady
from zoo.predict.recording.online import OnlineFit
from zoo.predict.result import EyeResult, Vector
from zoo.predict.run import predict_sources
from zoo.synth.eyes.anatomy import ANATOMY, draw_anatomy

HEIGHT, WIDTH = 240, 320
CAMERA = intrinsics(*(torch.tensor(value, dtype=torch.float64) for value in (300.0, 300.0, 160.0, 120.0)))
SIGMA_OF_SD = 1.515
GROSS = 12.0
"""By how much an outlier's axis and cornea are worse."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations of one component; `shared_deg` is one rotation of all axes about x and y."""

    axis_deg: float = 4.0
    shared_deg: float = 0.0
    depth_mm: float = 2.0
    pupil_px: float = 0.7


EXACT = Noise(0.01, 0.0, 0.001, 0.001)


@dataclass(frozen=True, eq=False)
class Recording:
    """`results` in the order of time, the eye behind them, and which of them are no outliers."""

    eye: Eye
    results: list[EyeResult]
    good: np.ndarray


def record(
    seed: int = 0,
    frames: int = 40,
    noise: Noise = Noise(),
    outliers: float = 0.0,
    blinks: float = 0.0,
    slip_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Recording:
    """What a network with such errors answers to a random eye that looks about; the slip is at half time."""
    rng = np.random.default_rng(seed)
    whole = torch.ones(frames, dtype=torch.float64)
    slipped = (torch.arange(frames) >= frames // 2)[:, None] * torch.tensor(slip_mm, dtype=torch.float64)
    eyeball = torch.tensor(rng.uniform((-4, -4, 42), (4, 4, 52))) + slipped
    lengths = rng.uniform(4.8, 5.9), rng.normal(7.8, 0.25), rng.normal(4.4, 0.2)
    angles = torch.deg2rad(torch.tensor(rng.uniform((-15, -20), (15, 20), (frames, 2))))
    radius = torch.tensor(rng.uniform(1.2, 2.8, frames))
    rotation = listing(angles_to_vector(angles))
    eye = Eye(eyeball, rotation, 12 * whole, *(value * whole for value in lengths), radius)
    good, shut = rng.random(frames) >= outliers, rng.random(frames) < blinks
    worse = np.where(good, 1.0, GROSS)[:, None]

    ellipse = fit_ellipse(pupil_contour(eye, CAMERA, 32))
    pixels = ellipse[:, :2] + torch.tensor(rng.normal(0, noise.pupil_px, (frames, 2)) * worse)
    off = rng.normal(0, math.radians(noise.axis_deg), (frames, 2)) * worse
    off += rng.normal(0, math.radians(noise.shared_deg), 2)
    axis = unit(eye.optical + transform(rotation[:, :, :2], torch.tensor(off)))
    depth = torch.tensor(rng.normal(0, noise.depth_mm, (frames, 1)) * worse)
    cornea = eye.cornea + depth * unit(eye.cornea)
    kappa = apply_kappa(listing(axis), *MEAN_KAPPA, torch.tensor(1))
    results = [
        shut_eye()
        if shut[n]
        else EyeResult(
            HEIGHT,
            WIDTH,
            openness=0.9,
            blink=0.02,
            pupil_present=0.99,
            pupil_px=(float(pixels[n, 0]), float(pixels[n, 1])),
            cornea_mm=triple(cornea[n]),
            pupil_mm=triple(cornea[n] + 4.4 * axis[n]),
            optical=triple(axis[n]),
            visual=triple(kappa[n]),
            gaze_sigma_deg=SIGMA_OF_SD * math.hypot(noise.axis_deg, noise.shared_deg),
            roll_deg=0.0,
            camera=CAMERA.numpy(),
            camera_known=True,
            eye_side="right",
        )
        for n in range(frames)
    ]
    return Recording(eye, results, good)


def shut_eye() -> EyeResult:
    return EyeResult(
        HEIGHT,
        WIDTH,
        openness=0.05,
        blink=0.98,
        pupil_present=0.01,
        camera=CAMERA.numpy(),
        camera_known=True,
        eye_side="right",
    )


def triple(vector: Tensor) -> Vector:
    x, y, z = vector.tolist()
    return x, y, z


def errors(results: Sequence[EyeResult], made: Recording, rows: np.ndarray | None = None) -> np.ndarray:
    """Angles to the true axes in degrees, of frames that have one and are in `rows` (else: good)."""
    wanted = made.good if rows is None else rows
    shown = [n for n, result in enumerate(results) if result.optical is not None and wanted[n]]
    optical = torch.tensor([results[n].optical for n in shown], dtype=torch.float64)
    return np.asarray(torch.rad2deg(angle_between(optical, made.eye.optical[shown])))


def fitted(results: Sequence[EyeResult]) -> Constants:
    found = fit(observe([result for result in results if steady(result)]))
    assert found is not None
    return found


def improved(seeds: range, **changes: Any) -> tuple[float, float]:
    """Mean errors before and after, over several people."""
    before, after = [], []
    for seed in seeds:
        made = record(seed, **changes)
        before.append(errors(made.results, made))
        after.append(errors(answer_all(made.results, fitted(made.results)), made))
    return float(np.concatenate(before).mean()), float(np.concatenate(after).mean())


# ------------------------------------------------------------------------------------------------- the fit


@pytest.fixture(autouse=True)
def eyes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints of these tests have no file that would say what they look at."""
    monkeypatch.setattr("zoo.predict.dispatch.for_rooms", lambda *_: False)


def test_the_axis_through_a_refracted_pupil_is_the_eye_s() -> None:
    eye = record().eye
    surface = refract_point(eye.pupil, eye.cornea, torch.full_like(eye.cornea_radius, 7.8), EFFECTIVE_INDEX)
    lengths = torch.stack((eye.cornea_distance, eye.pupil_distance), dim=1)
    found = axes_through(torch.cat((eye.eyeball, lengths), dim=1), project(surface, CAMERA), CAMERA)
    assert torch.rad2deg(angle_between(found, eye.optical)).max() < 0.01


def test_exact_answers_tell_the_eye() -> None:
    made = record(noise=EXACT)
    found = fitted(made.results)
    truth = made.eye.eyeball[0]
    off = torch.tensor(found.centre_mm, dtype=torch.float64) - truth
    assert off[:2].abs().max() < 0.1 and abs(float(off[2])) < 0.06 * float(truth[2])  # no picture tells size
    assert errors(answer_all(made.results, found), made).mean() < 0.3


def test_axes_are_much_better_than_the_network_s() -> None:
    before, after = improved(range(4))
    assert after < before / 2.5


def test_outliers_and_blinks_do_not_break_it() -> None:
    before, after = improved(range(4), frames=50, outliers=0.2, blinks=0.2)
    assert after < before / 2


def test_few_frames_are_no_worse_than_the_network_alone() -> None:
    before, after = improved(range(8), frames=LEAST_FRAMES)
    assert after < before


def test_what_all_frames_get_wrong_alike_is_not_made_worse_and_stays_in_sigma() -> None:
    before, after, covered = [], [], []
    for seed in range(8):
        made = record(seed, frames=30, noise=Noise(axis_deg=3.0, shared_deg=3.0))
        results = answer_all(made.results, fitted(made.results))
        before.append(errors(made.results, made).mean())
        after.append(errors(results, made))
        covered.append(after[-1] <= [result.gaze_sigma_deg for result in results])
    assert np.concatenate(after).mean() < np.mean(before)
    assert 0.5 < np.concatenate(covered).mean() < 0.9


def test_sigma_shrinks_where_errors_scatter() -> None:
    made = record(3)
    results = answer_all(made.results, fitted(made.results))
    sigma = np.array([result.gaze_sigma_deg for result in results])
    stated = made.results[0].gaze_sigma_deg
    assert stated is not None and np.median(sigma) < 0.7 * stated
    assert (errors(results, made) <= sigma).mean() > 0.6


def test_too_few_open_eyes_and_unknown_cameras_are_left_as_they_are() -> None:
    made = record(frames=LEAST_FRAMES - 1)
    assert fit(observe(made.results)) is None
    assert answer(made.results[0], None) is made.results[0]
    unknown = replace(made.results[0], camera_known=False)
    assert not steady(unknown)
    assert answer(unknown, fitted(record().results)) is unknown


def test_what_is_known_before_is_what_people_are_drawn_from() -> None:
    people = draw_anatomy(Draws(0, torch.arange(20_000)))
    distance = cornea_distance(people.eyeball_radius, people.cornea_radius, people.limbus_radius)
    assert float(distance.mean()) == pytest.approx(fitting.MEAN_CORNEA_DISTANCE, abs=0.03)
    assert float(distance.std()) == pytest.approx(fitting.SD_CORNEA_DISTANCE, abs=0.03)
    drawn = ANATOMY["pupil_distance"]
    assert (drawn.mean, drawn.sd) == (fitting.MEAN_PUPIL_DISTANCE, fitting.SD_PUPIL_DISTANCE)


# ------------------------------------------------------------------------------------------------- answers


def test_an_answer_is_one_eye_and_blinks_stay_empty() -> None:
    made = record(blinks=0.2)
    found = fitted(made.results)
    blinks = 0
    for before, after in zip(made.results, answer_all(made.results, found), strict=True):
        if before.optical is None:
            assert after is before and after.visual is None
            blinks += 1
            continue
        optical, centre = torch.tensor(after.optical), torch.tensor(found.centre_mm)
        cornea, pupil = torch.tensor(after.cornea_mm), torch.tensor(after.pupil_mm)
        torch.testing.assert_close(cornea, centre + found.cornea_distance_mm * optical)
        torch.testing.assert_close(pupil, cornea + found.pupil_distance_mm * optical)
        kappa = [
            float(angle_between(torch.tensor(result.visual), torch.tensor(result.optical)))
            for result in (before, after)
        ]
        assert kappa[0] == pytest.approx(kappa[1], abs=1e-5)
        assert (after.pupil_px, after.roll_deg) == (before.pupil_px, before.roll_deg)
    assert blinks > 2


def test_a_wrong_pupil_leaves_the_network_s_answer_in_doubt() -> None:
    made = record(noise=Noise(axis_deg=2.0))
    result = made.results[7]
    assert result.pupil_px is not None
    u, v = result.pupil_px
    doubted = answer(replace(result, pupil_px=(u + 45, v)), fitted(made.results))
    assert doubted.optical == result.optical and doubted.cornea_mm == result.cornea_mm
    assert doubted.gaze_sigma_deg is not None and doubted.gaze_sigma_deg > 15


def test_a_lens_is_taken_off() -> None:
    made = record()
    lens = Distortion(model="radtan", coefficients=(-0.3, 0.05, 0.001, -0.002))
    straight = observe(made.results).pupil_px
    bent = distort_pixels(straight, CAMERA, lens)
    assert (bent - straight).norm(dim=1).max() > 0.3
    results = [
        replace(result, pupil_px=(u, v), distortion=lens)
        for result, (u, v) in zip(made.results, bent.tolist(), strict=True)
    ]
    torch.testing.assert_close(observe(results).pupil_px, straight, atol=1e-4, rtol=0)


# -------------------------------------------------------------------------------------------------- online


def test_online_comes_to_the_batch() -> None:
    made = record(1)
    online = OnlineFit()
    answered = [online.update(result) for result in made.results]
    late = np.arange(40) >= 25
    batch = answer_all(made.results, fitted(made.results))
    assert answered[0] is made.results[0] and not online.slips
    assert errors(answered, made, late).mean() < errors(made.results, made, late).mean() / 2
    pairs = [(a.optical, b.optical) for a, b in zip(answered[25:], batch[25:], strict=True)]
    apart = [float(torch.rad2deg(angle_between(torch.tensor(a), torch.tensor(b)))) for a, b in pairs]
    assert max(apart) < 1.5


def test_a_slip_is_noticed_and_the_centre_refitted() -> None:
    made = record(2, frames=50, slip_mm=(2.0, 0.0, 0.0))
    online = OnlineFit()
    answered = [online.update(result) for result in made.results]
    assert len(online.slips) == 1 and abs(online.slips[0] - 25) <= 2
    cut = online.slips[0]
    before, after = online.at(cut - 1), online.at(cut)
    assert before is not None and after is not None
    np.testing.assert_allclose(np.subtract(after.centre_mm, before.centre_mm)[:2], (2, 0), atol=0.6)
    assert abs(after.cornea_distance_mm - before.cornea_distance_mm) < 0.5  # the anatomy stays
    late = np.arange(50) >= 42
    assert errors(answered, made, late).mean() < errors(made.results, made, late).mean() / 1.5


def test_a_resting_gaze_is_neither_a_slip_nor_much_evidence() -> None:
    """While it rests the network errs alike: a fixation that lasts, with one large error."""
    made = record(4, frames=20)
    rng = np.random.default_rng(0)
    online = OnlineFit()
    for result in made.results[:-1]:
        online.learn(result)
    rest = replace(made.results[-1], optical=triple(unit(made.eye.optical[-1] + torch.tensor([0.15, 0, 0]))))
    assert rest.pupil_px is not None
    for _ in range(30):
        u, v = rest.pupil_px
        online.learn(replace(rest, pupil_px=(u + rng.normal(0, 0.2), v + rng.normal(0, 0.2))))
    online.refit()
    assert online.slips == () and online.constants is not None
    assert online.constants.frames < 30  # and memory is bounded


# -------------------------------------------------------------------------------------------------- in a run


class Fake(Predictor):
    """Predicts, of a frame of grey n, the n-th of `results`."""

    def __init__(self, results: Sequence[EyeResult], heads: dict[str, Any]) -> None:
        self.results = results
        base = described("fake")
        network = base.network.model_copy(update={"heads": heads})
        weights = Weights(sha256="a" * 64, size_bytes=1, parameters=1)
        self.metadata = base.model_copy(update={"network": network, "weights": weights})

    def predict(self, images: Sequence[Any], *_: Any, **__: Any) -> list[EyeResult]:
        return [self.results[round(float(image[0, 0]))] for image in images]


HEADS = {"eye3d": Eye3dConfig(), "gaze": GazeConfig(), "keypoints": KeypointsConfig()}


def frames_in(folder: Path, numbers: range) -> Path:
    folder.mkdir()
    for number in numbers:
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.full((40, 60), number, dtype=np.uint8))
    return folder


def test_predict_fits_each_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = record(0, frames=20), record(1, frames=20)
    shown = [*first.results, *second.results, *record(2, frames=3).results]
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(shown, HEADS))
    folders = [
        frames_in(tmp_path / name, rows)
        for name, rows in (("a", range(20)), ("b", range(20, 40)), ("c", range(40, 43)))
    ]
    (tmp_path / "a" / "000a.png").write_text("no image")
    console = Console(file=io.StringIO(), record=True, width=300)
    summary = predict_sources(
        "fake",
        [str(folder) for folder in folders],
        tmp_path / "out",
        overlays=False,
        camera="300,300,160,120",
        recording=True,
        console=console,
    )
    told = console.export_text()
    assert (summary.frames, summary.skipped) == (43, 1) and told.count("000a.png") == 1
    assert f"{folders[0]}: one eye fitted to 20 frames" in told
    assert f"{folders[2]}: fewer than {LEAST_FRAMES} frames with an open eye" in told
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    written = torch.tensor([[float(row[f"optical_{axis}"]) for axis in "xyz"] for row in rows])
    for start, made in ((0, first), (20, second)):
        axes = written[start : start + 20].double()
        after = torch.rad2deg(angle_between(axes, made.eye.optical)).mean()
        assert after < errors(made.results, made).mean() / 1.7
    own = torch.tensor([result.optical for result in shown[40:]])
    torch.testing.assert_close(written[40:], own, atol=1e-6, rtol=0)


def test_a_calibration_holds_after_the_recording() -> None:
    """The kappa that it states is laid on the axis that the recording found."""
    made = record(5, frames=12)
    person = Calibration(
        eye_side="right",
        camera_known=True,
        correction=Kappa(alpha_deg=7.0, beta_deg=0.0),
        used=9,
        left_out=0,
        raw_error_deg=1,
        fitted_error_deg=1,
        leave_one_out_error_deg=1,
        samples=(),
    )
    for result in answer_all(made.results, fitted(made.results)):
        visual = person.apply(result).visual
        angle = float(torch.rad2deg(angle_between(torch.tensor(visual), torch.tensor(result.optical))))
        assert angle == pytest.approx(7, abs=0.01)


def test_calibrated_with_the_recording_the_shared_error_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record(6, frames=24, noise=Noise(axis_deg=3.0, shared_deg=4.0))
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(made.results, HEADS))
    monkeypatch.setattr(calibrate_run, "load", lambda *_: Fake(made.results, HEADS))
    folder = frames_in(tmp_path / "a", range(24))
    kappa = torch.tensor(math.radians(7.0)), torch.tensor(0.0)
    visual = apply_kappa(listing(made.eye.optical), *kappa, torch.tensor(1))
    targets = torch.rad2deg(vector_to_angles(visual)).tolist()
    rows = [f"a/{n:03d}.png,{targets[n][0]},{targets[n][1]}" for n in range(9)]
    (tmp_path / "samples.csv").write_text("\n".join(["file,target_pitch_deg,target_yaw_deg", *rows]))
    options = ["--camera", "300,300,160,120", "--recording"]
    me, out = str(tmp_path / "me.json"), tmp_path / "out"
    arguments = ["calibrate", "fake", str(tmp_path / "samples.csv"), "-o", me, "--eye-side", "right"]
    ended = CliRunner().invoke(app, [*arguments, "--model", "kappa", *options])
    assert ended.exit_code == 0, ended.output
    arguments = ["predict", "fake", str(folder), "-o", str(out), "--no-overlays", "--calibration", me]
    ended = CliRunner().invoke(app, [*arguments, *options])
    assert ended.exit_code == 0 and "--recording" not in ended.output, ended.output
    with (out / "predictions.csv").open(newline="") as file:
        found = [[float(row[f"visual_{axis}"]) for axis in "xyz"] for row in csv.DictReader(file)]
    off = torch.rad2deg(angle_between(torch.tensor(found, dtype=torch.float64), visual))
    assert off[9:].mean() < 1.5 < errors(made.results, made).mean()
    ended = CliRunner().invoke(app, [*arguments, "--camera", options[1]])
    assert ended.exit_code == 0 and "was made with --recording" in " ".join(ended.output.split())


def test_the_exam_measures_frames_that_did_not_calibrate() -> None:
    made = record(7, frames=16)
    eye, seen = made.eye, torch.ones(16)
    visual = apply_kappa(eye.rotation, *MEAN_KAPPA, torch.tensor(1))
    table = score(exam.Recording(made.results, eye.optical, visual, eye.cornea, seen, seen > 0), samples=9)
    np.testing.assert_allclose(table["raw/optical_deg"], errors(made.results, made))
    means = {name: table[name].mean() for name in table.columns}
    assert means["recording/optical_deg"] < means["raw/optical_deg"] / 1.7
    assert means["recording/visual_kappa_deg"] < means["raw/visual_kappa_deg"]
    assert table["raw/visual_kappa_deg"].null_count() == table["recording/visual_deg"].null_count() == 9


def test_predict_says_what_a_recording_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = frames_in(tmp_path / "a", range(3))
    arguments = ["predict", "fake", str(folder), "-o", str(tmp_path / "out"), "--recording"]
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(record(frames=3).results, HEADS))
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 2 and "the camera of" in ended.output and "give --camera" in ended.output
    without = {name: head for name, head in HEADS.items() if name != "eye3d"}
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(record(frames=3).results, without))
    with pytest.raises(ZooError, match="has no head eye3d"):
        predict_sources("fake", [str(folder)], tmp_path / "out", camera="3,3,1,1", recording=True)
    assert not (tmp_path / "out").exists()
