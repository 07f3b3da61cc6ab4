from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.conventions import IRIS, PUPIL
from zoo.data.sample import empty_eye_batch
from zoo.draw import draw_frames, draw_labels, labels_of, overlay, save_picture, sheet
from zoo.errors import ZooError
from zoo.predict.result import EyeResult, Glint


def test_small_frames_are_enlarged_and_large_ones_are_not() -> None:
    small = overlay(np.zeros((60, 80), dtype=np.uint8), EyeResult(60, 80))
    assert small.shape == (360 + 22, 480, 3)
    large = overlay(np.zeros((600, 900), dtype=np.uint8), EyeResult(600, 900))
    assert large.shape == (600 + 22, 900, 3)


def test_what_is_drawn_lies_where_the_result_says() -> None:
    image = np.full((120, 160), 100, dtype=np.uint8)
    result = EyeResult(
        120,
        160,
        pupil_px=(40.0, 70.0),
        pupil_major_px=30.0,
        pupil_minor_px=20.0,
        pupil_angle_deg=90.0,
        glints=(Glint(120.0, 30.0, 1.0),),
    )
    picture = overlay(image, result)[:360].astype(int)
    red = picture[:, :, 0] - picture[:, :, 1] > 60
    rows, columns = np.nonzero(red & (np.arange(480) < 240))
    assert ((columns.mean() + 0.5) / 3 - 0.5, (rows.mean() + 0.5) / 3 - 0.5) == pytest.approx(
        (40, 70), abs=0.3
    )
    assert (np.ptp(rows) / 3, np.ptp(columns) / 3) == pytest.approx(
        (30, 20), abs=1
    )  # the major axis is upright
    yellow = np.argwhere(picture[:, :, 1] - picture[:, :, 2] > 60)
    assert ((yellow.mean(0) + 0.5) / 3 - 0.5).tolist() == pytest.approx([30, 120], abs=0.3)


def test_classes_are_tinted_and_background_is_not() -> None:
    classes = np.zeros((240, 480), dtype=np.uint8)
    classes[:, 100:200], classes[:, 200:300] = IRIS, PUPIL
    picture = overlay(np.full((240, 480), 100, dtype=np.uint8), EyeResult(240, 480, segmentation=classes))
    assert (picture[:240, :100] == 100).all() and (picture[:240, 300:] == 100).all()
    assert picture[50, 150, 1] > picture[50, 150, 0] and picture[50, 250, 0] > picture[50, 250, 1]


def test_the_bar_is_as_long_as_the_eye_is_open_and_red_at_a_blink() -> None:
    image = np.zeros((480, 480), dtype=np.uint8)
    bar = overlay(image, EyeResult(480, 480, openness=0.25, blink=0.1))[-1].astype(int)
    assert (bar[:120, 1] > 150).all() and (bar[120:] == 24).all()
    bar = overlay(image, EyeResult(480, 480, openness=1.7, blink=0.9))[-1].astype(int)
    assert (bar[:, 0] > 200).all()


def test_impossible_ellipses_do_not_break_a_picture() -> None:
    result = EyeResult(
        40, 40, pupil_px=(1e12, -1e12), pupil_major_px=1e9, pupil_minor_px=1.0, pupil_angle_deg=3.0
    )
    assert overlay(np.zeros((40, 40, 3), dtype=np.float32), result).shape[2] == 3


def test_a_sheet_holds_every_picture_in_rows() -> None:
    pictures = [np.full((10, 20 + n, 3), 50 + n, dtype=np.uint8) for n in range(5)]
    result = sheet(pictures, 3)
    assert result.shape == (24, 78, 3)
    assert {50 + n for n in range(5)} <= set(np.unique(result).tolist())
    with pytest.raises(ValueError, match="at least one"):
        sheet([], 3)


def test_known_labels_are_drawn_and_unknown_ones_are_not() -> None:
    batch = empty_eye_batch(2, 40, 60)
    batch["pupil_ellipse"][:] = torch.tensor([20.0, 15.0, 12.0, 8.0, math.pi / 4])
    batch["glints_px"][:, 0] = torch.tensor([5.0, 6.0])
    batch["glints_visible"][:, 0] = True
    batch["openness"][:] = 0.5
    batch["segmentation"][:] = PUPIL
    for key in ("pupil_ellipse", "pupil_centre", "glints", "openness", "segmentation"):
        batch[f"{key}_valid"][0] = True  # type: ignore[literal-required]
    known, unknown = labels_of(batch, 0), labels_of(batch, 1)
    assert known.pupil_px == (20, 15) and known.pupil_angle_deg == pytest.approx(45)
    assert known.openness == 0.5 and known.glints == (Glint(5.0, 6.0, 1.0),)
    assert unknown.pupil_px is None and unknown.glints == () and unknown.segmentation is None
    drawn, plain = draw_labels(batch)
    assert drawn.shape == plain.shape and (drawn != plain).any()
    assert draw_frames(batch)[0].shape == (40, 60, 3)


def test_pictures_are_saved_by_their_ending(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    save_picture(tmp_path / "new" / "a.png", picture)
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")
    for name in ("a", "a.txt"):
        with pytest.raises(ZooError, match=r"\.png or \.jpg"):
            save_picture(tmp_path / name, picture)
