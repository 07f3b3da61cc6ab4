"""Frames of a lens: the network sees a pinhole's, the user gets the answer on the frame as it came."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.predict.fakes import Thresholds, ellipse, predictor
from zoo.conventions import PUPIL
from zoo.draw import overlay
from zoo.errors import ZooError
from zoo.geometry.cameras import pixel_grid, unit_rays
from zoo.geometry.distortion import distort_pixels, undistort_pixels
from zoo.geometry.lens import Distortion
from zoo.predict import run
from zoo.predict.cameras import read_cameras
from zoo.predict.predictor import Predictor
from zoo.predict.result import EyeResult
from zoo.predict.run import predict_sources

HEIGHT, WIDTH = 240, 320
CAMERA = np.array([[260.0, 0, 163], [0, 264, 117], [0, 0, 1]])
LENSES = [
    Distortion(model="radtan", coefficients=(-0.35, 0.1, 0.004, -0.003, 0.0)),
    Distortion(model="radtan", coefficients=(0.3, 0.05, 0.0, 0.002)),
    Distortion(model="fisheye", coefficients=(0.05, -0.02, 0.01, -0.002)),
]
RIG = (Path(__file__).parents[2] / "conf" / "rig" / "headset.yaml").read_text()


class Rays(Thresholds):
    """Also finds the pupil at 40 mm on its ray, which the camera decides."""

    def forward(self, image: Tensor, *known: object, **more: object) -> dict[str, dict[str, Tensor]]:
        heads = super().forward(image, *known, **more)
        camera = known[0]
        assert isinstance(camera, Tensor)
        ray = unit_rays(heads["points"]["pupil_px"], camera)
        return heads | {"eye3d": {"pupil_mm": 40 * ray, "cornea_mm": 44 * ray, "optical": -ray}}


@pytest.fixture
def model() -> Predictor:
    return Predictor(Rays(), predictor().metadata)


def seen_through(lens: Distortion, straight: np.ndarray) -> np.ndarray:
    """The frame of a lens from the pinhole's."""
    grid = pixel_grid(HEIGHT, WIDTH, dtype=torch.float64)
    places = undistort_pixels(grid, torch.from_numpy(CAMERA), lens).float().numpy()
    return cv2.remap(
        straight, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def turned(a: float | None, b: float | None) -> float:
    assert a is not None and b is not None
    return abs((a - b + 90) % 180 - 90)


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: f"{lens.model}{lens.coefficients[0]:+g}")
def test_a_lens_changes_nothing_in_3d_and_results_lie_on_the_frame_as_it_came(
    model: Predictor, lens: Distortion
) -> None:
    straight = ellipse(HEIGHT, WIDTH, 236, 61, 76, 52, 20)
    cv2.circle(straight, (90, 170), 3, 255, -1)
    frame = seen_through(lens, straight)
    pinhole = model(straight, CAMERA)
    ignored = model(frame, CAMERA)  # in pixels, the fake measures whatever it is shown
    found = model(frame, CAMERA, distortion=lens)

    for name in ("pupil_mm", "cornea_mm", "optical"):
        expected, answer, wrong = (getattr(result, name) for result in (pinhole, found, ignored))
        scale = math.hypot(*expected)
        assert math.dist(answer, expected) < 0.002 * scale
        assert math.dist(wrong, expected) > 0.012 * scale
    assert found.pupil_mask_px is not None and ignored.pupil_mask_px is not None
    assert pinhole.pupil_mask_px is not None
    assert found.pupil_mask_px == pytest.approx(ignored.pupil_mask_px, abs=0.4)
    assert math.dist(found.pupil_mask_px, pinhole.pupil_mask_px) > 3
    assert found.pupil_px == pytest.approx(ignored.pupil_px, abs=0.5)
    assert found.pupil_area_px == pytest.approx(ignored.pupil_area_px, rel=0.02)
    assert found.pupil_area_px != pytest.approx(pinhole.pupil_area_px, rel=0.05)
    assert found.pupil_major_px == pytest.approx(ignored.pupil_major_px, abs=0.8)
    assert found.pupil_minor_px == pytest.approx(ignored.pupil_minor_px, abs=0.8)
    assert turned(found.pupil_angle_deg, ignored.pupil_angle_deg) < 1.5
    glints = [(glint.u, glint.v) for result in (found, ignored) for glint in result.glints]
    assert glints[0] == pytest.approx(glints[1], abs=3)
    assert found.segmentation is not None and ignored.segmentation is not None
    pupil, same = found.segmentation == PUPIL, ignored.segmentation == PUPIL
    assert (pupil & same).sum() > 0.97 * (pupil | same).sum()
    assert found.distortion == lens and pinhole.distortion is None


def test_frames_with_and_without_a_lens_go_through_as_one_batch(model: Predictor) -> None:
    frame = ellipse(HEIGHT, WIDTH, 236, 61, 76, 52, 20)
    cameras, lenses = [CAMERA, None, CAMERA], [LENSES[0], None, LENSES[2]]
    together = model([frame] * 3, cameras, distortion=lenses)
    for result, camera, lens in zip(together, cameras, lenses, strict=True):
        assert result.pupil_px == pytest.approx(model(frame, camera, distortion=lens).pupil_px)
    assert len({result.pupil_px for result in together}) == 3


def test_no_pupil_through_a_lens(model: Predictor) -> None:
    result = model(np.full((HEIGHT, WIDTH), 90, dtype=np.uint8), CAMERA, distortion=LENSES[0])
    assert result.pupil_px is None and result.pupil_area_px is None and result.pupil_mm is None


def test_a_lens_needs_its_camera_and_holds_all_over_the_frame(model: Predictor) -> None:
    frame = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    with pytest.raises(ValueError, match="intrinsics"):
        model(frame, distortion=LENSES[0])
    with pytest.raises(ValueError, match="320x240"):
        model(frame, CAMERA, distortion=Distortion(model="radtan", coefficients=(-0.9, 0, 0, 0)))


def test_axes_are_drawn_where_the_lens_shows_them() -> None:
    pupil, axis = (10.0, -6.0, 40.0), (0.6, 0.0, -0.8)
    camera = torch.from_numpy(CAMERA)
    tip = np.add(pupil, np.multiply(12.0, axis))
    end = torch.tensor([260 * tip[0] / tip[2] + 163, 264 * tip[1] / tip[2] + 117], dtype=torch.float64)
    for lens in (None, LENSES[0]):
        result = EyeResult(
            HEIGHT, WIDTH, pupil_mm=pupil, optical=axis, camera=CAMERA, distortion=lens, camera_known=True
        )
        picture = overlay(np.zeros((HEIGHT, WIDTH), dtype=np.uint8), result)
        u, v = (2 * (end if lens is None else distort_pixels(end, camera, lens)) + 0.5).tolist()
        blue = np.argwhere(picture[: 2 * HEIGHT, :, 2] > 200)
        assert np.hypot(*(blue - (v, u)).T).min() < 3
        assert abs(blue[:, 1].max() - u) < 4


TABLE = "file,fx,fy,cx,cy,eye_side,distortion_model,k1,k2,p1,p2,k3,k4\n"
NUMBERS = "260,264,163,117"


def test_a_table_of_cameras_says_the_lens_of_each_file(tmp_path: Path) -> None:
    path = tmp_path / "cameras.csv"
    path.write_text(
        TABLE
        + f"a.png,{NUMBERS},left,radtan,-0.3,0.1,0.01,-0.02,0.001,\n"
        + f"b.png,{NUMBERS},,radtan,-0.3,0.1,0,0,,\n"
        + f"c.png,{NUMBERS},,fisheye,1e-2,2e-2,,,3e-2,4e-2\n"
        + f"d.png,{NUMBERS},,,,,,,,\n"
    )
    cameras = [read_cameras(str(path)).of(f"x/{name}.png") for name in "abcd"]
    assert [camera.distortion if camera else "unknown" for camera in cameras] == [
        Distortion(model="radtan", coefficients=(-0.3, 0.1, 0.01, -0.02, 0.001)),
        Distortion(model="radtan", coefficients=(-0.3, 0.1, 0, 0)),
        Distortion(model="fisheye", coefficients=(0.01, 0.02, 0.03, 0.04)),
        None,
    ]
    assert cameras[0] is not None and cameras[0].eye_side == "left"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("radtam,-0.3,0.1,0,0,,", "line 2: distortion_model 'radtam' is not valid; did you mean 'radtan'?"),
        (",-0.3,0.1,0,0,,", "line 2: distortion_model '' is not valid; valid: fisheye, radtan"),
        ("radtan,-0.3,0.1,0,,,", "line 2: radtan has the coefficients k1, k2, p1, p2, k3, not k1, k2, p1"),
        ("fisheye,1,2,3,4,5,6", "line 2: fisheye has the coefficients k1, k2, k3, k4, not k1, k2, p1, p2"),
        ("fisheye,0.1,x,,,0,0", "line 2: coefficients are finite numbers, not 0.1, x, 0, 0"),
        ("fisheye,0.1,nan,,,0,0", "line 2: coefficients are finite numbers, not 0.1, nan, 0, 0"),
    ],
)
def test_a_lens_that_is_none_is_told_with_its_line(tmp_path: Path, cells: str, message: str) -> None:
    path = tmp_path / "cameras.csv"
    path.write_text(f"{TABLE}a.png,{NUMBERS},,{cells}\n")
    with pytest.raises(ZooError) as caught:
        read_cameras(str(path))
    assert message in str(caught.value)


def test_a_rig_or_its_camera_alone_is_a_camera(tmp_path: Path) -> None:
    lens = "distortion: {model: radtan, coefficients: [-0.2, 0.05, 0.001, 0.0]}\n"
    alone = "{width: 320, height: 240, fx: 330, fy: 330, cx: 161, cy: 118, eye_side: right,\n distortion: "
    texts = {
        "rig.yaml": RIG + lens,
        "bare.yml": RIG,
        "camera.yaml": alone + "{model: fisheye, coefficients: [0.1, 0, 0, 0]}}",
    }
    found = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        found[name] = read_cameras(str(tmp_path / name)).of("any.png")
        camera = found[name]
        assert camera is not None and camera.size == (320, 240)
        assert camera.matrix.tolist() == [[330, 0, 161], [0, 330, 118], [0, 0, 1]]
    rig, bare, camera = found.values()
    assert rig and rig.distortion == Distortion(model="radtan", coefficients=(-0.2, 0.05, 0.001, 0.0))
    assert rig.eye_side is None and bare and bare.distortion is None
    assert camera and camera.eye_side == "right" and camera.distortion
    assert camera.distortion.model == "fisheye"


@pytest.mark.parametrize(
    ("lens", "message"),
    [
        ("{model: radtn, coefficients: [0, 0, 0, 0]}", "distortion.model=radtn: .*did you mean 'radtan'"),
        ("{model: radtan, coefficients: [0, 0, 0]}", "radtan has 4 or 5 coefficients .*not 3"),
        ("{model: radtan, coefs: [0, 0, 0, 0]}", "distortion.coefs=.*did you mean 'distortion.coefficients'"),
        ("{model: radtan, coefficients: [-2, 0, 0, 0]}", "cannot be inverted beyond .* of 320x240 pixels"),
    ],
)
def test_a_file_with_a_wrong_lens_says_what_is_right(tmp_path: Path, lens: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"{RIG}distortion: {lens}\n")
    with pytest.raises(ZooError, match=message) as caught:
        read_cameras(str(path))
    assert str(path) in str(caught.value)


def test_predicting_with_a_lens(model: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "load", lambda *_: model)
    straight = ellipse(HEIGHT, WIDTH, 236, 61, 76, 52, 20)
    cv2.imwrite(str(tmp_path / "a.png"), seen_through(LENSES[0], straight))
    cells = ",".join(map(str, LENSES[0].coefficients))
    (tmp_path / "cameras.csv").write_text(f"{TABLE}a.png,{NUMBERS},,radtan,{cells},\n")
    source, table = [str(tmp_path / "a.png")], str(tmp_path / "cameras.csv")
    predict_sources("fake", source, tmp_path / "out", camera=table, masks=True)
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    expected = model(straight, CAMERA).pupil_mm
    assert [float(row[f"pupil_{axis}_mm"]) for axis in "xyz"] == pytest.approx(expected, abs=0.05)

    (tmp_path / "cameras.csv").write_text(f"{TABLE}a.png,{NUMBERS},,radtan,-0.9,0,0,0,,\n")
    with pytest.raises(ZooError, match=r"a\.png: radtan distortion -0\.9, .*320x240"):
        predict_sources("fake", source, tmp_path / "out2", camera=table)
    small = tmp_path / "small.yaml"
    small.write_text("{width: 160, height: 120, fx: 130, fy: 132, cx: 81, cy: 58}")
    with pytest.raises(ZooError, match=r"a\.png: has 320x240 pixels, but its camera holds for 160x120"):
        predict_sources("fake", source, tmp_path / "out3", camera=str(small))


@pytest.mark.parametrize("camera", ["0.9,1.2,0.5,0.5", "3,3,160,120", "330,330,9000,120"])
def test_a_camera_of_other_units_is_refused(
    model: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, camera: str
) -> None:
    monkeypatch.setattr(run, "load", lambda *_: model)
    cv2.imwrite(str(tmp_path / "a.png"), ellipse(HEIGHT, WIDTH, 236, 61, 76, 52, 20))
    with pytest.raises(ZooError, match=r"a\.png: fx .* is no camera of 320x240 frames: they are pixels"):
        predict_sources("fake", [str(tmp_path / "a.png")], tmp_path / "out", camera=camera)
    fx, fy, cx, cy = camera.split(",")
    rig = tmp_path / "rig.yaml"
    rig.write_text(f"{{width: 320, height: 240, fx: {fx}, fy: {fy}, cx: {cx}, cy: {cy}}}")
    with pytest.raises(ZooError, match=r"rig\.yaml:\nfx .* is no camera of 320x240 frames"):
        read_cameras(str(rig))
