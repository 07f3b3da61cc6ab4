from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from tests.predict.fakes import disc, ellipse, predictor
from zoo.conventions import PUPIL
from zoo.errors import ZooError
from zoo.geometry.cameras import default_camera
from zoo.predict.predictor import pick_device

SIZES = [(120, 160), (128, 128), (480, 640), (97, 61), (61, 201), (33, 47), (301, 299), (540, 960)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_disc_is_found_in_native_pixels_at_any_size_and_aspect(height: int, width: int) -> None:
    u, v, radius = 0.37 * width, 0.58 * height, 0.2 * min(height, width)
    result = predictor()(disc(height, width, u, v, radius))
    scale = max(1.0, height / 120, width / 160)  # native pixels per pixel of the canvas
    assert (result.height, result.width) == (height, width)
    assert result.pupil_present == pytest.approx(0.99)
    assert result.pupil_px == pytest.approx((u, v), abs=0.12 * scale)
    assert result.pupil_mask_px == pytest.approx((u, v), abs=0.08 * scale)
    assert result.pupil_major_px == pytest.approx(2 * radius, abs=0.5 * scale)
    assert result.pupil_minor_px == pytest.approx(2 * radius, abs=0.5 * scale)
    assert result.pupil_area_px == pytest.approx(np.pi * radius**2, rel=0.04)
    assert result.segmentation is not None and result.segmentation.shape == (height, width)
    rows, columns = np.nonzero(result.segmentation == PUPIL)
    assert (columns.mean(), rows.mean()) == pytest.approx((u, v), abs=0.15 * scale)
    assert len(rows) == pytest.approx(np.pi * radius**2, rel=0.06)


@pytest.mark.parametrize("angle", [0.0, 30.0, 75.0, 90.0, 120.0, 179.0])
def test_the_ellipse_turns_from_x_towards_y(angle: float) -> None:
    result = predictor()(ellipse(240, 320, 150, 110, 90, 60, angle))
    assert result.pupil_angle_deg is not None and 0 <= result.pupil_angle_deg < 180
    assert abs((result.pupil_angle_deg - angle + 90) % 180 - 90) < 1.0
    assert result.pupil_major_px == pytest.approx(90, abs=1)
    assert result.pupil_minor_px == pytest.approx(60, abs=1)


def test_no_pupil_leaves_its_fields_unknown() -> None:
    result = predictor()(np.full((90, 90), 128, dtype=np.uint8))
    assert result.pupil_present == pytest.approx(0.01)
    assert result.pupil_px is None and result.pupil_mask_px is None and result.pupil_area_px is None
    assert result.pupil_major_px is None and result.pupil_minor_px is None and result.pupil_angle_deg is None
    assert result.openness == 0 and result.blink == 1


def test_a_second_dark_blob_is_no_pupil() -> None:
    image = np.minimum(disc(120, 160, 60, 60, 20), disc(120, 160, 130, 60, 6))
    result = predictor()(image)
    assert result.pupil_mask_px == pytest.approx((60, 60), abs=0.1)
    assert result.segmentation is not None and not (result.segmentation[:, 110:] == PUPIL).any()


def test_padding_is_never_part_of_the_answer() -> None:
    image = disc(100, 40, 20, 50, 10, background=20, level=200)  # dark at the border of the frame
    result = predictor()(image)
    assert result.segmentation is not None and result.segmentation.shape == (100, 40)
    assert result.pupil_area_px is not None and result.pupil_area_px <= 40 * 100


def test_glints_come_in_native_pixels_with_their_scores() -> None:
    image = disc(240, 320, 160, 120, 40)
    image[80:82, 40:42] = 255
    (glint,) = predictor()(image).glints
    assert (glint.u, glint.v) == pytest.approx((40.5, 80.5), abs=0.01)
    assert glint.score == pytest.approx(0.9)


def test_depth_colour_and_type_do_not_change_the_answer() -> None:
    image = disc(96, 128, 70, 40, 15)
    colour = np.repeat(image[:, :, None], 3, axis=2)
    same = [
        image.astype(np.uint16) * 257,
        image.astype(np.uint16) * 16,  # 12 bits in 16
        image.astype(np.float32) / 255,
        image.astype(np.float64) / 255,
        image[:, :, None],
        colour,
        np.concatenate([colour, np.zeros_like(image)[:, :, None]], axis=2),
        torch.from_numpy(image),
        torch.from_numpy(colour).float() / 255,
    ]
    model = predictor()
    expected = model(image)
    for result in model(same):
        assert result.pupil_px == pytest.approx(expected.pupil_px, abs=0.02)
        assert result.pupil_area_px == pytest.approx(expected.pupil_area_px, rel=0.01)


def test_a_list_of_different_sizes_is_one_batch_with_the_answers_of_single_images() -> None:
    model = predictor()
    images = [disc(h, w, 0.4 * w, 0.5 * h, 0.2 * h) for h, w in SIZES[:4]]
    together = model(images)
    assert [result.pupil_px for result in together] == [model(image).pupil_px for image in images]
    assert model([]) == []


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 100), dtype=np.uint8), "too small"),
        (np.zeros((10, 6000), dtype=np.uint8), "too elongated"),
        (np.zeros((2, 3, 40, 40), dtype=np.uint8), "HxW or HxWxC"),
        (np.zeros((5, 40, 40), dtype=np.uint8), "HxW or HxWxC"),
        (np.zeros((40, 40), dtype=np.int64), "uint8, uint16 or float"),
        (np.full((40, 40), 128.0), r"in \[0, 1\]"),
        (np.full((40, 40), np.nan), "finite"),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predictor()(image)


def test_the_camera_is_the_one_given_or_a_stated_default() -> None:
    image = disc(120, 160, 80, 60, 20)
    given = np.array([[200.0, 0, 70], [0, 210, 50], [0, 0, 1]])
    model = predictor()
    assert not model(image).camera_known
    assert model(image).camera == pytest.approx(
        np.asarray(default_camera(160, 120, 40.0, dtype=torch.float64))
    )
    focal = model(image).camera[0, 0]
    assert np.degrees(2 * np.arctan(80 / focal)) == pytest.approx(40)
    result = model(image, camera=torch.from_numpy(given), eye_side="left")
    assert result.camera_known and result.camera == pytest.approx(given) and result.eye_side == "left"
    with pytest.raises(ValueError, match="intrinsics"):
        model(image, camera=-given)


def test_a_device_that_is_not_here_is_named_with_those_that_are() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(ZooError, match="valid: auto, cpu"):
        pick_device("cuda:99")


def test_a_network_with_one_head_answers_only_that() -> None:
    model = predictor()
    model._run.forward = lambda image, *_: {"lids": {"openness": torch.ones(1), "blink": torch.zeros(1)}}  # type: ignore[method-assign]
    result = model(disc(120, 160, 80, 60, 20))
    assert result.openness == 1 and result.blink == 0
    assert result.pupil_present is None and result.segmentation is None and result.glints == ()


def test_the_package_offers_load_without_importing_torch_first() -> None:
    with pytest.raises(ZooError, match="no checkpoint 'nothing_like_this'"):
        zoo.load("nothing_like_this", device="cpu")
