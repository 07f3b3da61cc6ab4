from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
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
from zoo.config.rendering import load_rig
from zoo.conventions import EYE_SIDES, EyeSide
from zoo.errors import ZooError
from zoo.geometry.angles import angle_between, angles_to_vector, vector_to_angles
from zoo.geometry.eye import apply_kappa
from zoo.geometry.rotations import listing, rotation_about
from zoo.hub.metadata import Weights
from zoo.model.config import Eye3dConfig, GazeConfig, KeypointsConfig
from zoo.model.heads.gaze import MEAN_KAPPA, visual_axis
from zoo.predict import run as predict_run
from zoo.predict.calibration import run as calibrate_run
from zoo.predict.calibration.calibration import Calibration
from zoo.predict.calibration.corrections import MODELS, Affine, Kappa, Model, Offset
from zoo.predict.calibration.file import read, save
from zoo.predict.calibration.fit import fit
from zoo.predict.calibration.robust import robust_line
from zoo.predict.calibration.run import calibrate
from zoo.predict.calibration.samples import Angles, Point, Samples, gather
from zoo.predict.calibration.targets import read_targets
from zoo.predict.predictor import Predictor
from zoo.predict.result import EyeResult
from zoo.predict.run import predict_sources

GRID = [(float(pitch), float(yaw)) for pitch in (-12, 0, 12) for yaw in (-15, 0, 15)]
SHA = "a" * 64


@pytest.fixture(autouse=True)
def eyes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints of these tests have no file that would say what they look at."""
    monkeypatch.setattr("zoo.predict.dispatch.for_rooms", lambda *_: False)


def vector(pitch_deg: float, yaw_deg: float) -> tuple[float, float, float]:
    x, y, z = angles_to_vector(
        torch.deg2rad(torch.tensor([pitch_deg, yaw_deg], dtype=torch.float64))
    ).tolist()
    return x, y, z


def angles(direction: Sequence[float] | Tensor) -> tuple[float, float]:
    pitch, yaw = torch.rad2deg(vector_to_angles(torch.as_tensor(direction, dtype=torch.float64))).tolist()
    return pitch, yaw


def result(pitch_deg: float, yaw_deg: float, **fields: Any) -> EyeResult:
    known = {"gaze_sigma_deg": 1.0, "roll_deg": 0.0, "camera_known": True, **fields}
    return EyeResult(120, 160, optical=vector(pitch_deg, yaw_deg), **known)


def kappa_target(predicted: EyeResult, alpha_deg: float, beta_deg: float, side: EyeSide) -> Angles:
    """Where an eye with this kappa looks, by the geometry alone."""
    optical = torch.tensor(predicted.optical, dtype=torch.float64)
    roll = torch.tensor(math.radians(predicted.roll_deg or 0), dtype=torch.float64)
    rotation = listing(optical) @ rotation_about("z", roll)
    which = torch.tensor(EYE_SIDES.index(side))
    return Angles(*angles(apply_kappa(rotation, math.radians(alpha_deg), math.radians(beta_deg), which)))


def joined(results: Sequence[EyeResult], targets: Sequence[Any]) -> Samples:
    samples, skipped = gather([f"{n}.png" for n in range(len(results))], results, targets)
    assert not skipped
    return samples


def shifted(
    seen: Sequence[tuple[float, float]] = GRID,
    shift: tuple[float, float] = (2.0, -4.0),
    noise: float = 0.0,
    seed: int = 0,
    **fields: Any,
) -> Samples:
    """Predictions at `seen`, targets at a shift from them, with noise in degrees."""
    drawn = noise * np.random.default_rng(seed).standard_normal((len(seen), 2))
    targets = [Angles(p + shift[0] + a, y + shift[1] + b) for (p, y), (a, b) in zip(seen, drawn, strict=True)]
    return joined([result(*angle, **fields) for angle in seen], targets)


# ------------------------------------------------------------------------------------------ the parameters


def test_offset_is_recovered() -> None:
    made = fit("offset", shifted())
    assert isinstance(made.correction, Offset)
    assert (made.correction.pitch_deg, made.correction.yaw_deg) == pytest.approx((2, -4), abs=1e-9)
    assert (made.used, made.left_out, made.warnings) == (9, 0, ())
    assert made.fitted_error_deg < 1e-6 and made.leave_one_out_error_deg == pytest.approx(0, abs=1e-6)
    assert 3.5 < made.raw_error_deg < 4.6


def test_affine_is_recovered() -> None:
    matrix = np.array([[1.1, -0.08], [0.05, 0.85]])
    targets = [Angles(*(matrix @ seen + (2, -4))) for seen in np.array(GRID)]
    made = fit("affine", joined([result(*seen) for seen in GRID], targets))
    assert isinstance(made.correction, Affine)
    np.testing.assert_allclose(made.correction.matrix, matrix, atol=1e-9)
    assert (made.correction.pitch_deg, made.correction.yaw_deg) == pytest.approx((2, -4), abs=1e-9)
    assert made.leave_one_out_error_deg == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("side", EYE_SIDES)
def test_kappa_is_recovered_for_both_eyes_whatever_their_roll(side: EyeSide) -> None:
    rolls = np.random.default_rng(0).uniform(-20, 20, len(GRID))
    results = [result(*seen, roll_deg=roll, eye_side=side) for seen, roll in zip(GRID, rolls, strict=True)]
    made = fit("kappa", joined(results, [kappa_target(seen, 6.5, -1.0, side) for seen in results]))
    assert isinstance(made.correction, Kappa)
    assert (made.correction.alpha_deg, made.correction.beta_deg) == pytest.approx((6.5, -1), abs=1e-9)
    assert made.eye_side == side and made.fitted_error_deg < 1e-6


def test_kappa_is_nasal_in_both_eyes() -> None:
    for side, sign in (("left", 1), ("right", -1)):  # nasal is image left, a positive yaw, for a left eye
        results = [result(*seen, eye_side=side) for seen in GRID]
        made = fit("kappa", joined(results, [Angles(p, y + 5 * sign) for p, y in GRID]))
        assert isinstance(made.correction, Kappa) and made.correction.alpha_deg == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("side", EYE_SIDES)
def test_mean_kappa_is_what_the_gaze_head_predicts(side: EyeSide) -> None:
    samples = shifted(eye_side=side)
    roll = torch.linspace(-0.3, 0.3, 9, dtype=torch.float64)
    alpha, beta = (math.degrees(angle) for angle in MEAN_KAPPA)
    ours = Kappa(alpha_deg=alpha, beta_deg=beta).visual(samples.optical, roll, side)
    sides = torch.full((9,), EYE_SIDES.index(side))
    torch.testing.assert_close(ours, visual_axis(samples.optical, roll, sides))


def test_points_are_seen_from_the_cornea() -> None:
    cornea = (5.0, -3.0, 40.0)
    results = [result(*seen, cornea_mm=cornea) for seen in GRID]
    points = []
    for pitch, yaw in GRID:
        direction = np.array(vector(pitch + 2, yaw - 4))
        points.append(Point(*(np.array(cornea) + 600 * direction).tolist()))
    made = fit("offset", joined(results, points))
    assert isinstance(made.correction, Offset)
    assert (made.correction.pitch_deg, made.correction.yaw_deg) == pytest.approx((2, -4), abs=1e-9)


def test_the_network_s_doubt_counts() -> None:
    """Of nine predictions four are a degree off to the other side, and say that they may be."""
    off = [1.0] * 5 + [-1.0] * 4
    targets = [Angles(p + error, y) for (p, y), error in zip(GRID, off, strict=True)]
    sure = [result(*angle, gaze_sigma_deg=0.5) for angle in GRID]
    doubting = [*sure[:5], *(replace(one, gaze_sigma_deg=4.0) for one in sure[5:])]
    pitches = []
    for seen in (sure, doubting):
        correction = fit("offset", joined(seen, targets)).correction
        assert isinstance(correction, Offset)
        pitches.append(correction.pitch_deg)
    assert pitches[0] < 0.75 and pitches[1] == pytest.approx(1, abs=0.2)


# -------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(("model", "limit"), [("offset", 0.6), ("kappa", 0.6), ("affine", 1.1)])
def test_nine_noisy_samples_are_enough(model: Model, limit: float) -> None:
    """A degree of noise in each angle: the correction itself is then off by a fraction of it."""
    clean = shifted([(p + 3, y - 5) for p, y in GRID], eye_side="right")
    off = []
    for seed in range(10):
        made = fit(model, shifted(noise=1.0, seed=seed, eye_side="right"))
        visual = made.correction.visual(clean.optical, clean.roll, "right")
        off.append(float(torch.rad2deg(angle_between(visual, clean.target)).mean()))
    assert np.mean(off) < limit


@pytest.mark.parametrize("model", MODELS)
def test_gross_errors_are_left_out_and_named(model: Model) -> None:
    samples = shifted(noise=0.5, eye_side="left")
    wrong = samples.target.clone()
    wrong[2], wrong[7] = (
        torch.tensor(vector(*angle), dtype=torch.float64) for angle in ((-30, 20), (25, -25))
    )
    made = fit(model, replace(samples, target=wrong))
    clean = fit(model, samples)
    assert [row.name for row in made.samples if row.outlier] == ["2.png", "7.png"]
    assert (made.used, made.left_out) == (7, 2)
    visual = made.correction.visual(samples.optical, samples.roll, "left")
    assert (
        float(torch.rad2deg(angle_between(visual, samples.target)).mean()) < 2 * clean.fitted_error_deg + 0.3
    )
    assert made.leave_one_out_error_deg is not None and made.leave_one_out_error_deg < 2


@pytest.mark.parametrize("model", MODELS)
def test_the_error_of_samples_left_out_is_larger_than_the_fitted_one(model: Model) -> None:
    for seed in range(5):
        made = fit(model, shifted(noise=1.0, seed=seed, eye_side="left"))
        assert made.leave_one_out_error_deg is not None
        assert made.leave_one_out_error_deg > made.fitted_error_deg


def test_each_sample_is_left_out_by_refitting_without_it() -> None:
    samples = shifted(noise=1.0)
    made = fit("affine", samples)
    for row in range(9):
        others = np.arange(9) != row
        correction = fit("affine", samples.take(others)).correction
        visual = correction.visual(samples.optical[row : row + 1], samples.roll[row : row + 1], None)
        expected = float(torch.rad2deg(angle_between(visual, samples.target[row]))[0])
        assert made.samples[row].left_out_deg == pytest.approx(expected)


def test_frames_of_one_target_are_left_out_together() -> None:
    """Nine frames of three targets: what is predicted of one is off by the same amount in all its frames."""
    seen = [angle for angle in GRID[:3] for _ in range(3)]
    targets = [Angles(p + n // 3, y) for n, (p, y) in enumerate(seen)]  # errors of 0, 1, 2 degrees
    made = fit("offset", joined([result(*angle) for angle in seen], targets))
    assert [row.left_out_deg for row in made.samples[::3]] == pytest.approx([1.5, 0, 1.5], abs=0.01)


def test_one_target_gives_an_offset_of_unknown_error() -> None:
    made = fit("offset", shifted([(3.0, 4.0)] * 5))
    assert made.leave_one_out_error_deg is None and made.fitted_error_deg < 1e-6
    assert any("close together" in text for text in made.warnings)


def test_few_samples_do_affine_no_harm() -> None:
    """Four noisy samples without any gain: the ridge keeps the matrix near the identity."""
    corners = [(-8.0, -8.0), (-8.0, 8.0), (8.0, -8.0), (8.0, 8.0)]
    for seed in range(10):
        correction = fit("affine", shifted(corners, noise=1.5, seed=seed)).correction
        assert isinstance(correction, Affine)
        assert np.abs(np.array(correction.matrix) - np.eye(2)).max() < 0.2


def test_the_fit_ends_where_all_samples_contradict_each_other() -> None:
    angle = np.random.default_rng(0).uniform(-1, 1, (2, 30, 2))
    line, kept = robust_line(angle[0], angle[1], np.ones(30), with_gain=True)
    assert np.isfinite(line.gain).all() and np.isfinite(line.shift).all() and kept.max() > 0


# --------------------------------------------------------------------------------------------------- apply


@pytest.mark.parametrize("model", MODELS)
def test_apply_replaces_the_visual_axis_alone(model: Model) -> None:
    made = fit(model, shifted(noise=0.3, eye_side="right"))
    frame = result(4, 40, eye_side="right", cornea_mm=(1.0, 2.0, 40.0), roll_deg=5.0)
    applied = made.apply(frame)
    assert applied.visual is not None and np.linalg.norm(applied.visual) == pytest.approx(1, abs=1e-12)
    assert replace(applied, visual=None).__dict__ == frame.__dict__
    optical = torch.tensor([frame.optical], dtype=torch.float64)
    roll = torch.tensor([math.radians(5)], dtype=torch.float64)
    np.testing.assert_allclose(applied.visual, made.correction.visual(optical, roll, "right")[0])


def test_a_shut_eye_stays_without_gaze() -> None:
    shut = EyeResult(120, 160, eye_side="left")
    assert fit("offset", shifted(eye_side="left")).apply(shut).visual is None


def test_the_other_eye_is_refused() -> None:
    made = fit("kappa", shifted(eye_side="left"))
    assert made.apply(result(0, 0)).visual is not None  # of unknown side: the calibration's
    with pytest.raises(ZooError, match="shows the right eye; the calibration was made with the left"):
        made.apply(result(0, 0, eye_side="right"))


# ---------------------------------------------------------------------------------- samples that cannot be


def test_samples_without_a_prediction_are_named() -> None:
    shut = EyeResult(120, 160, camera_known=True)
    open_ = result(0, 0)
    samples, skipped = gather(
        ["a", "b", "c"], [shut, open_, open_], [Angles(0, 0), Angles(1, 2), Point(0, 0, 0)]
    )
    assert samples.names == ("b",)
    assert [name for name, _ in skipped] == ["a", "c"]
    assert "shut" in skipped[0].reason and "position of the eye" in skipped[1].reason


@pytest.mark.parametrize(
    ("model", "samples", "message"),
    [
        ("offset", shifted([]), "0 usable samples: offset needs at least 1"),
        ("affine", shifted(GRID[:2]), "2 usable samples: affine needs at least 3; use --model offset"),
        ("affine", shifted([(p / 20, y / 20) for p, y in GRID]), "too close together.*use --model offset"),
        ("affine", shifted([(y, y) for _, y in GRID]), "on one line.*use --model offset"),
        ("kappa", shifted(), "needs the eye's side: give --eye-side"),
    ],
)
def test_samples_that_do_not_determine_the_model_are_refused(
    model: Model, samples: Samples, message: str
) -> None:
    with pytest.raises(ZooError, match=message):
        fit(model, samples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, y: (p, -y), "is yaw mirrored.*towards image left"),
        (lambda p, y: (-p, y), "is pitch mirrored.*upwards"),
        (lambda p, y: (y, p), "are pitch and yaw swapped"),
        (lambda p, y: (-y, p), "are pitch and yaw swapped"),
        (lambda p, y: (math.radians(p), math.radians(y)), "are they in radians"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_targets_in_other_conventions_are_refused(model: Model, change: Any, message: str) -> None:
    """Also where the predictions are noisy and one is quite wrong."""
    drawn = np.random.default_rng(0).normal(0, 1.5, (9, 2))
    drawn[3] = (15, -20)
    seen = [result(p + a, y + b, eye_side="left") for (p, y), (a, b) in zip(GRID, drawn, strict=True)]
    with pytest.raises(ZooError, match=message):
        fit(model, joined(seen, [Angles(*change(p, y)) for p, y in GRID]))


def test_noise_is_not_taken_for_wrong_conventions() -> None:
    for seed in range(20):
        drawn = np.random.default_rng(seed).normal(0, 3, (9, 2))
        seen = [result(p + a, y + b) for (p, y), (a, b) in zip(GRID, drawn, strict=True)]
        fit("offset", joined(seen, [Angles(*angle) for angle in GRID]))
        fit("offset", joined(seen[3:6], [Angles(*angle) for angle in GRID[3:6]]))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Point(0, 0, 600), "behind the eye, which is at z = 40"),
        (Point(5000, 0, 0), "a yaw of -89.* is outside the field: at most 75"),
        (Angles(80, 0), "a pitch of 80.0 degrees is outside the field"),
    ],
)
def test_targets_where_no_eye_looks_are_refused(target: Any, message: str) -> None:
    with pytest.raises(ZooError, match=message):
        gather(["a"], [result(0, 0, cornea_mm=(0.0, 0.0, 40.0))], [target])


def test_two_eyes_are_refused() -> None:
    with pytest.raises(ZooError, match=r"different eye_side \(left, right\)"):
        joined([result(0, 0, eye_side=side) for side in EYE_SIDES], [Angles(0, 0)] * 2)


@pytest.mark.parametrize(("model", "count"), [("offset", 2), ("kappa", 2), ("affine", 5)])
def test_few_samples_are_warned_of(model: Model, count: int) -> None:
    seen = [GRID[n] for n in (0, 2, 4, 6, 8)][:count]
    made = fit(model, shifted(seen, eye_side="left"))
    assert any(f"only {count} samples" in text for text in made.warnings)


def test_doubtful_corrections_are_warned_of() -> None:
    far = fit("kappa", shifted(shift=(0, -20), eye_side="left"))
    assert any("alpha of -" in text and "no eye's" in text for text in far.warnings)
    noise = fit("offset", shifted(shift=(0, 0), noise=2.0))
    assert any("it does no good" in text for text in noise.warnings)


# ----------------------------------------------------------------------------------------------- the table


def written(path: Path, head: str, *lines: str) -> Path:
    for line in lines:
        name = line.split(",")[0]
        if name.endswith(".png") and not name.startswith("missing"):
            (path.parent / name).touch()
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_a_table_of_angles_and_one_of_points(tmp_path: Path) -> None:
    (tmp_path / "b.png").touch()
    head = "\ufefftarget_yaw_deg, file,target_pitch_deg,eye_side"
    lines = ("3,a.png,-2,Left", f"4,{tmp_path / 'b.png'},5,")
    (tmp_path / "a.png").touch()
    one, two = read_targets(written(tmp_path / "a.csv", head, *lines))
    assert (one.path, one.target, one.eye_side) == (tmp_path / "a.png", Angles(-2, 3), "left")
    assert (two.path, two.eye_side) == (tmp_path / "b.png", None)
    (row,) = read_targets(
        written(tmp_path / "b.csv", "file,target_x_mm,target_y_mm,target_z_mm", "a.png,1,2,-3")
    )
    assert row.target == Point(1, 2, -3)


@pytest.mark.parametrize(
    ("head", "lines", "message"),
    [
        (
            "file,target_pitch,target_yaw_deg",
            [],
            r"lacks the columns target_pitch_deg \(it has 'target_pitch'\)",
        ),
        ("frame,target_x_mm,target_y_mm,target_z", [], r"columns file, target_z_mm \(it has 'target_z'\)"),
        ("file,a", [], "lacks the columns target_pitch_deg, target_yaw_deg; valid: file,target_pitch_deg"),
        ("", [], "lacks the columns file"),
        ("file,target_pitch_deg,target_yaw_deg,target_x_mm,target_y_mm,target_z_mm", [], "has both"),
        ("file,target_pitch_deg,target_yaw_deg", [], "has no samples"),
        (
            "file,target_pitch_deg,target_yaw_deg",
            ["a.png,up,2"],
            "line 2: target_pitch_deg is a number, not 'up'",
        ),
        ("file,target_pitch_deg,target_yaw_deg", ["a.png,1"], "line 2: target_yaw_deg is a number, not ''"),
        ("file,target_pitch_deg,target_yaw_deg", ["a.png,1,nan"], "line 2: target_yaw_deg is finite"),
        (
            "file,target_pitch_deg,target_yaw_deg",
            ["a.png,1,2", "b.png,1,180"],
            "line 3: a yaw of 180.0 degrees",
        ),
        ("file,target_pitch_deg,target_yaw_deg", [",1,2"], "line 2: names no file"),
        ("file,target_pitch_deg,target_yaw_deg", ["a.png,1,2", "a.png,3,4"], "a.png stands in lines 2 and 3"),
        (
            "file,target_pitch_deg,target_yaw_deg",
            ["a.png,1,2", "missing.png,1,2"],
            r"no such file: missing.png \(line 3\); relative files are looked up in",
        ),
        ("file,target_pitch_deg,target_yaw_deg,eye_side", ["a.png,1,2,lft"], "did you mean 'left'"),
    ],
)
def test_tables_that_are_not_valid(tmp_path: Path, head: str, lines: list[str], message: str) -> None:
    with pytest.raises(ZooError, match=message):
        read_targets(written(tmp_path / "samples.csv", head, *lines))


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="cannot be read"):
        read_targets(tmp_path / "none.csv")


# ------------------------------------------------------------------------------------------------ the file


@pytest.mark.parametrize("model", MODELS)
def test_a_calibration_comes_back_from_its_file_unchanged(model: Model, tmp_path: Path) -> None:
    made = fit(model, shifted(noise=1.0, eye_side="left"))
    save(tmp_path / "me.json", made)
    assert read(tmp_path / "me.json") == made
    assert [path.name for path in tmp_path.iterdir()] == ["me.json"]


def altered(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"correction": {"model": "offset", "pitch_deg": 3.0, "yaw_deg": 0.0}},
            "altered after it was written",
        ),
        ({"used": 100}, "altered after it was written"),
        ({"checksum": None}, "altered after it was written"),
        ({"format_version": 2}, "format version 2, but this version of zoo reads 1"),
        ({"format_version": "1"}, "is not a calibration"),
    ],
)
def test_a_changed_file_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    save(path, fit("offset", shifted()))
    altered(path, **changes)
    with pytest.raises(ZooError, match=message):
        read(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    with pytest.raises(ZooError, match="cannot be read"):
        read(path)
    for text, message in (
        ("{", "not valid JSON"),
        ("[]", "is not a calibration"),
        ("{}", "is not a calibration"),
    ):
        path.write_text(text)
        with pytest.raises(ZooError, match=message):
            read(path)
    odd = fit("offset", shifted()).model_copy(update={"used": 0})  # with the right checksum
    save(path, odd)
    with pytest.raises(ZooError, match="used: Input should be greater than or equal to 1; calibrate again"):
        read(path)


# --------------------------------------------------------------------------------------------- as commands


class Fake(Predictor):
    """Predicts, of a frame of grey 10 n, the n-th of `results`, with the side that it is told."""

    def __init__(self, results: Sequence[EyeResult], sha256: str = SHA) -> None:
        self.results = results
        base = described("fake")
        heads = {"gaze": GazeConfig(), "eye3d": Eye3dConfig(), "keypoints": KeypointsConfig()}
        network = base.network.model_copy(update={"heads": heads})
        weights = Weights(sha256=sha256, size_bytes=1, parameters=1)
        self.metadata = base.model_copy(update={"network": network, "weights": weights})

    def predict(
        self,
        images: Sequence[Any],
        cameras: Sequence[Any],
        eye_sides: Sequence[Any],
        segmentation: bool = True,
        distortions: Sequence[Any] = (),
        leds_mm: Any = None,
    ) -> list[EyeResult]:
        self.leds_mm = leds_mm
        return [
            replace(self.results[int(image[0, 0]) // 10], eye_side=side, camera_known=camera is not None)
            for image, camera, side in zip(images, cameras, eye_sides, strict=True)
        ]


SHUT = 9


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake([*(result(*seen, cornea_mm=(0.0, 0.0, 40.0)) for seen in GRID), EyeResult(120, 160)])
    monkeypatch.setattr(calibrate_run, "load", lambda *_: made)
    monkeypatch.setattr(predict_run, "load", lambda *_: made)
    return made


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Nine frames, a shut eye and a file that is no image; targets are 2 up and 4 right of predictions."""
    for number in range(10):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 60), 10 * number, dtype=np.uint8))
    (tmp_path / "bad.png").write_text("no image")
    lines = [f"{n}.png,{p + 2},{y - 4}" for n, (p, y) in enumerate(GRID)] + ["9.png,0,0", "bad.png,0,0"]
    (tmp_path / "samples.csv").write_text("\n".join(["file,target_pitch_deg,target_yaw_deg", *lines]))
    return tmp_path / "samples.csv"


def calibrated(table: Path, **options: Any) -> tuple[Calibration, str]:
    console = Console(file=io.StringIO(), record=True, width=300)
    made = calibrate("fake", table, table.parent / "me.json", console=console, **options)
    return made, console.export_text()


def test_calibrate_and_predict_from_the_command_line(fake: Fake, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "me.json"
    options = ["--model", "offset", "--camera", "100,100,30,20", "--eye-side", "left", "--device", "cpu"]
    ended = CliRunner().invoke(app, ["calibrate", "fake", str(table), "-o", str(out), *options])
    assert ended.exit_code == 0, ended.output
    assert (
        "skipped: 9.png: no gaze is predicted" in ended.output
        and "skipped: bad.png: not an im" in ended.output
    )
    assert "offset: pitch +2.00, yaw -4.00 degrees; left eye, 9 samples used, 2 left out" in ended.output
    content = json.loads(out.read_text())
    assert content["checkpoint"] == {"name": "fake", "sha256": SHA} and len(content["date"]) == 10
    assert (content["used"], content["left_out"], content["skipped"]) == (9, 2, ["bad.png", "9.png"])
    assert content["leave_one_out_error_deg"] < 1e-4 and content["raw_error_deg"] > 3

    arguments = [
        "predict",
        "fake",
        str(tmp_path / "4.png"),
        str(tmp_path / "9.png"),
        "-o",
        str(tmp_path / "out"),
    ]
    ended = CliRunner().invoke(app, [*arguments, "--no-overlays", "--calibration", str(out)])
    assert ended.exit_code == 0, ended.output
    assert "are taken for the left eye" in ended.output and "was made with --camera" in ended.output
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        row, shut = csv.DictReader(file)
    assert angles([float(row[f"visual_{axis}"]) for axis in "xyz"]) == pytest.approx((2, -4), abs=0.01)
    assert float(row["optical_pitch_deg"]) == 0 and shut["visual_x"] == ""


def test_calibrate_tells_mistakes_without_a_stack_trace(fake: Fake, table: Path) -> None:
    for arguments, message in (
        (["--model", "ofset"], "--model 'ofset' is not valid; did you mean 'offset'?"),
        (["--eye-side", "L"], "--eye-side 'L' is not valid; valid: left, right"),
        (["--model", "kappa"], "needs the eye's side"),
        (["--camera", "1,2"], "neither four numbers"),
    ):
        ended = CliRunner().invoke(
            app, ["calibrate", "fake", str(table), "-o", str(table.parent / "x"), *arguments]
        )
        assert ended.exit_code == 2 and message in ended.output and "Traceback" not in ended.output
    assert not (table.parent / "x").exists()


def test_a_calibration_of_other_weights_is_refused(fake: Fake, table: Path, monkeypatch: Any) -> None:
    calibrated(table)
    monkeypatch.setattr(predict_run, "load", lambda *_: Fake(fake.results, sha256="b" * 64))
    frame, out = str(table.parent / "4.png"), table.parent / "out"
    with pytest.raises(
        ZooError, match="SHA-256 aaaaaaaaaaaa, not for fake with bbbbbbbbbbbb; calibrate again"
    ):
        predict_sources("fake", [frame], out, calibration=table.parent / "me.json")
    assert not out.exists()


def test_a_calibration_of_the_other_eye_is_refused_before_anything_is_written(
    fake: Fake, table: Path
) -> None:
    calibrated(table, eye_side="right")
    cameras, out = table.parent / "cameras.csv", table.parent / "out"
    cameras.write_text("file,fx,fy,cx,cy,eye_side\n4.png,100,100,30,20,left\n")
    with pytest.raises(ZooError, match=r"4\.png shows the left eye"):
        predict_sources(
            "fake",
            [str(table.parent / "4.png")],
            out,
            camera=str(cameras),
            calibration=table.parent / "me.json",
        )
    assert not out.exists()


def test_of_a_table_of_both_eyes_one_is_taken(fake: Fake, table: Path) -> None:
    lines = [f"{n}.png,{p + 2},{y - 4},{EYE_SIDES[n % 2]}" for n, (p, y) in enumerate(GRID)]
    table.write_text("\n".join(["file,target_pitch_deg,target_yaw_deg,eye_side", *lines]))
    with pytest.raises(ZooError, match="different eye_side"):
        calibrated(table)
    made, shown = calibrated(table, eye_side="left", model="kappa")
    assert (made.used, made.eye_side) == (5, "left") and "4 samples of the other eye are not used" in shown


def test_names_that_are_not_utf8(fake: Fake, table: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    cv2.imwrite(str(table.parent / "0.png"), np.zeros((40, 60), dtype=np.uint8))
    (table.parent / "0.png").rename(table.parent / name)
    table.write_bytes(b"file,target_pitch_deg,target_yaw_deg\n\xff.png,-10,-19\n")
    made, _ = calibrated(table)
    assert [row.name for row in made.samples] == ["\ufffd.png"] and read(table.parent / "me.json") == made


def test_table_and_camera_must_agree_on_the_side(fake: Fake, table: Path) -> None:
    cameras = table.parent / "cameras.csv"
    cameras.write_text("file,fx,fy,cx,cy,eye_side\n0.png,100,100,30,20,left\n")
    table.write_text("file,target_pitch_deg,target_yaw_deg,eye_side\n0.png,0,0,right\n")
    with pytest.raises(ZooError, match=r"0\.png: is the right eye in the table and the left one of --camera"):
        calibrated(table, camera=str(cameras))


def test_a_calibration_on_a_known_rig_says_so_where_it_is_used_without(fake: Fake, table: Path) -> None:
    rig = table.parent / "rig.yaml"
    headset = load_rig("headset").model_dump(mode="json") | {"width": 60, "height": 40}
    rig.write_text(json.dumps(headset))
    made, _ = calibrated(table, rig=str(rig))
    assert made.leds_known and made.camera_known and len(fake.leds_mm) == 6
    for options, told in (({"rig": str(rig)}, False), ({"camera": str(rig)}, True)):
        console = Console(file=io.StringIO(), record=True, width=300)
        sources = [str(table.parent / "0.png")]
        predict_sources(
            "fake",
            sources,
            table.parent / "out",
            calibration=table.parent / "me.json",
            console=console,
            **options,  # type: ignore[arg-type]
        )
        assert ("was made with --rig" in console.export_text()) == told


def test_a_checkpoint_without_gaze_is_refused(fake: Fake, table: Path) -> None:
    fake.metadata = described("fake").model_copy(update={"weights": fake.metadata.weights})
    with pytest.raises(ZooError, match="predicts no gaze"):
        calibrated(table)


def test_only_shut_eyes_are_too_few(fake: Fake, table: Path) -> None:
    table.write_text(f"file,target_pitch_deg,target_yaw_deg\n{SHUT}.png,0,0\n")
    with pytest.raises(ZooError, match="0 usable samples"):
        calibrated(table)
    assert not (table.parent / "me.json").exists()
