from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.drawn import drawn_eyes
from zoo.data.letterbox import letterbox
from zoo.data.sample import EyeBatch
from zoo.data.sources.folder import Folder
from zoo.data.sources.people import People
from zoo.errors import ZooError
from zoo.geometry.angles import vector_to_angles
from zoo.geometry.cameras import project
from zoo.predict.result import EyeResult, Glint
from zoo.predict.table import COLUMNS as PREDICTED
from zoo.predict.table import Table

HEIGHT, WIDTH = 90, 140
AXES = ("pupil_major_px", "pupil_minor_px", "pupil_angle_deg")


@pytest.fixture
def eyes() -> EyeBatch:
    return drawn_eyes(4, HEIGHT, WIDTH, seed=3)


def row_of(eyes: EyeBatch, i: int) -> dict[str, object]:
    k, e = eyes["camera"][i], eyes["pupil_ellipse"][i].tolist()
    pitch, yaw = torch.rad2deg(vector_to_angles(eyes["visual"][i].double())).tolist()
    row: dict[str, object] = {"file": f"images/{i}.png", "mask": f"masks/{i}.png", "subject": f"p{i // 2}"}
    row |= {"split": "train" if i < 3 else "test", "eye_side": ("left", "right")[i % 2]}
    row |= {"spectacles": i % 2, "skin_tone": 0.1 + 0.2 * i}
    row |= {"fx": float(k[0, 0]), "fy": float(k[1, 1]), "cx": float(k[0, 2]), "cy": float(k[1, 2])}
    row |= {"openness": 0.8, "blink": 0, "pupil_u_px": e[0], "pupil_v_px": e[1], "pupil_major_px": e[2]}
    row |= {"pupil_minor_px": e[3], "pupil_angle_deg": math.degrees(e[4])}
    for g in range(4):
        row[f"glint{g}_u_px"], row[f"glint{g}_v_px"] = eyes["glints_px"][i, g].tolist()
    for name in ("cornea", "pupil"):
        for axis, value in zip("xyz", eyes[f"{name}_mm"][i].tolist(), strict=True):  # type: ignore[literal-required]
            row[f"{name}_{axis}_mm"] = value
    for axis, value in zip("xyz", eyes["optical"][i].tolist(), strict=True):
        row[f"optical_{axis}"] = value
    return row | {"visual_pitch_deg": pitch, "visual_yaw_deg": yaw}


def write(root: Path, rows: list[dict[str, object]]) -> None:
    with (root / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def root(tmp_path: Path, eyes: EyeBatch) -> Path:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(4):
        image = (eyes["image"][i, 0] * 255).round().byte().numpy()
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), np.repeat(image[:, :, None], 3, 2))
        mask = Image.fromarray(eyes["segmentation"][i].numpy(), "P")
        mask.putpalette([0, 0, 0, 90, 160, 255, 60, 210, 110, 255, 80, 70])
        mask.save(tmp_path / "masks" / f"{i}.png")
    write(tmp_path, [row_of(eyes, i) for i in range(4)])
    return tmp_path


def test_every_label_comes_back_at_its_own_size(root: Path, eyes: EyeBatch) -> None:
    rows = np.array([2, 0, 3])
    batch = Folder(root, HEIGHT, WIDTH).batch(rows)
    index = torch.from_numpy(rows)
    same = ("camera", "pupil_ellipse", "cornea_mm", "pupil_mm", "optical", "visual", "segmentation")
    for key in (*same, "eye_side", "openness", "blink", "glints_visible"):
        torch.testing.assert_close(batch[key], eyes[key][index], atol=2e-4, rtol=1e-5)  # type: ignore[literal-required]
    torch.testing.assert_close(batch["image"], eyes["image"][index], atol=1e-5, rtol=0)
    torch.testing.assert_close(batch["pupil_mask_px"], eyes["pupil_mask_px"][index], atol=1e-3, rtol=0)
    torch.testing.assert_close(batch["glints_px"][:, :4], eyes["glints_px"][index, :4], atol=1e-4, rtol=0)
    assert batch["subject"].tolist() == [1, 0, 1]
    assert batch["spectacles"].tolist() == [False, False, True]
    assert batch["skin_tone"].tolist() == pytest.approx([0.5, 0.1, 0.7])
    unknown = {key for key, value in batch.items() if key.endswith("_valid") and not value.all()}  # type: ignore[attr-defined]
    assert unknown == {"pupil_visible_valid"}


@pytest.mark.parametrize("size", [(60, 160), (200, 100)])
def test_labels_and_camera_follow_the_letterbox(root: Path, eyes: EyeBatch, size: tuple[int, int]) -> None:
    batch = Folder(root, *size).batch(np.arange(4))
    box = letterbox(eyes["image"][0], *size)[2]
    seen = project(batch["cornea_mm"], batch["camera"])  # drawn where the pupil is
    torch.testing.assert_close(seen, batch["pupil_ellipse"][:, :2], atol=1e-3, rtol=0)
    torch.testing.assert_close(batch["pupil_ellipse"][:, 2], eyes["pupil_ellipse"][:, 2] * box.scale)
    for i, (u, v) in enumerate(batch["pupil_ellipse"][:, :2].round().long().tolist()):
        assert batch["image"][i, 0, v, u] < 0.25 and batch["segmentation"][i, v, u] == 3
    assert (batch["segmentation"][~batch["content"]] == 255).all()


def test_empty_cells_and_absent_columns_are_unknown(root: Path, eyes: EyeBatch) -> None:
    empty: dict[str, object] = dict.fromkeys(row_of(eyes, 0), "")
    rows = [empty | {"file": "images/0.png"} for _ in range(2)]
    rows[1] |= {"pupil_u_px": 30, "pupil_v_px": 40, "optical_x": 0, "optical_y": 0, "optical_z": -1}
    rows[0]["glint_count"] = 0
    rows[1]["glint_count"] = ""
    write(root, rows)
    batch = Folder(root).batch(np.arange(2))
    masks = {key: value for key, value in batch.items() if key.endswith("_valid")}
    known = [{key for key, value in masks.items() if value[i]} for i in range(2)]  # type: ignore[index]
    assert known[0] == {"glints_valid"}
    assert known[1] == {"pupil_centre_valid", "pupil_present_valid", "optical_valid"}


def test_predictions_can_be_trained_on(root: Path) -> None:
    table = Table(root / "labels.csv")
    first = EyeResult(
        HEIGHT, WIDTH, blink=0.1, pupil_present=0.9, pupil_px=(9.0, 8.0), glints=(Glint(3.0, 4.0, 0.7),)
    )
    solid = EyeResult(
        HEIGHT, WIDTH, cornea_mm=(0.0, 1.0, 40.0), pupil_mm=(0.0, 1.0, 35.6), optical=(0.0, 0.0, -1.0)
    )
    for i, result in enumerate([first, replace(solid, pupil_present=0.2, camera_known=True), solid]):
        table.write(f"images/{i}.png", 0, None, result)
    table.close()
    batch = Folder(root, HEIGHT, WIDTH).batch(np.arange(3))
    assert batch["blink"].tolist() == [0, 0, 0] and batch["blink_valid"].tolist() == [True, False, False]
    assert batch["pupil_present"].tolist() == [1, 0, 0]
    assert batch["pupil_ellipse"][0, :2].tolist() == [9, 8]
    assert batch["glints_visible"].sum(1).tolist() == [1, 0, 0]
    assert batch["eye3d_valid"].tolist() == batch["optical_valid"].tolist() == [False, True, False]
    assert len(PREDICTED) > 50


def test_splits_and_people(root: Path) -> None:
    assert len(Folder(root, split="train")) == 3
    assert Folder(root, split="test").batch(np.array([0]))["subject"].tolist() == [1]
    assert len(Folder(root, people=People(without=("p0",)))) == 2
    with pytest.raises(ZooError, match=r"split=val \(rows by split: test: 1, train: 3\)"):
        Folder(root, split="val")
    with pytest.raises(ZooError, match=r"subjects names 'p9'; valid: p0, p1"):
        Folder(root, people=People(only=("p9",)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pupil_u": 3}, r"unknown column 'pupil_u'; did you mean 'pupil_u_px'\?"),
        ({"fx": ""}, r"line 2: fx is empty, but not all of fx, fy, cx, cy"),
        ({"openness": "1.5"}, r"line 2: openness=1.5 is not in \[0, 1\]"),
        ({"openness": "nan"}, r"line 2: openness=nan is not a number; leave unknown cells empty"),
        ({"eye_side": "L"}, r"line 2: eye_side=L; valid: left, right"),
        ({"split": "training"}, r"line 2: split=training; valid: train, val, test"),
        ({"pupil_minor_px": 900}, r"line 2: the pupil's axes are .* 0 < minor <= major"),
        ({"cornea_z_mm": 0.04}, r"line 2: cornea and pupil are .* in millimetres"),
        ({"optical_x": 30}, r"line 2: optical has length 30.*, not 1"),
        (
            {"optical_y": -0.6, "optical_x": 0, "optical_z": -0.8},
            r"line 2: optical is \d+ degrees from the line",
        ),
        ({"visual_pitch_deg": 10, "visual_yaw_deg": 150}, r"line 2: visual points away from the camera"),
        ({"cy": -60}, r"line 2: pupil_x_mm, .* are seen \d+ pixels from pupil_u_px"),
        ({"visual_pitch_deg": 500}, r"line 2: visual has pitch 500"),
        ({"file": "images/9.png"}, r"names 1 files that are missing, such as images/9.png"),
        ({"file": ""}, r"line 2: file is empty"),
        ({"frame": 7}, r"line 2: a frame of a video"),
        ({"glint_count": 2}, r"line 2: glint_count=2, but 4 glints"),
    ],
)
def test_what_is_wrong_is_said(root: Path, eyes: EyeBatch, change: dict[str, object], message: str) -> None:
    write(root, [row_of(eyes, 0) | change])
    with pytest.raises(ZooError, match=message):
        Folder(root)


def test_bad_files_are_named(root: Path) -> None:
    data = Folder(root)
    mask = np.full((HEIGHT, WIDTH), 7, np.uint8)
    for shape, message in (
        ((HEIGHT, WIDTH), "holds the class 7"),
        ((9, 9), "the mask is 9x9, its image 90x140"),
    ):
        Image.fromarray(mask[: shape[0], : shape[1]]).save(root / "masks" / "1.png")
        with pytest.raises(ZooError, match=rf"masks/1\.png: {message}"):
            data.batch(np.array([1]))
    (root / "labels.csv").write_text("file,pupil_u_px,pupil_v_px\nimages/0.png,9,1000\n")
    with pytest.raises(ZooError, match=r"0\.png: pupil_px \(9, 1000\) is far outside of 140x90"):
        Folder(root).batch(np.array([0]))
    (root / "images" / "1.png").write_bytes(b"")
    with pytest.raises(ZooError, match=r"images/1\.png: not a readable image"):
        data.batch(np.array([1]))
    with pytest.raises(ZooError, match=r"labels\.csv: missing"):
        Folder(root / "images")


@pytest.mark.parametrize(
    ("columns", "row", "message"),
    [
        (("visual_pitch_deg", "visual_yaw_deg"), lambda k: (-0.4 + 0.05 * k, 0.3 - 0.04 * k), "visual_x"),
        (("pupil_u_px", "pupil_v_px", *AXES), lambda k: (60, 40, 20, 15, 0.2 * k), "angle_deg of 15 rows"),
    ],
)
def test_radians_in_columns_of_degrees_are_found(
    root: Path, columns: tuple[str, ...], row: Callable[[int], Sequence[float]], message: str
) -> None:
    def put(count: int, times: float = 1.0) -> None:
        rows: list[dict[str, object]] = []
        for k in range(count):
            cells = zip(columns, row(k), strict=True)
            angles = {name: value * (times if "deg" in name else 1) for name, value in cells}
            rows.append({"file": "images/0.png", **angles})
        write(root, rows)

    put(15)
    with pytest.raises(ZooError, match="are they radians") as caught:
        Folder(root)
    assert message in str(caught.value)
    put(5)  # too few to tell
    assert len(Folder(root)) == 5
    put(15, math.degrees(1))
    assert len(Folder(root)) == 15
    put(15, math.degrees(1) ** 2)
    with pytest.raises(ZooError, match=r"pitch .* degrees|more than a turn"):
        Folder(root)


@pytest.mark.parametrize(
    ("column", "nearest"),
    [
        ("pitch", "'visual_pitch_deg' or 'optical_pitch_deg'"),
        ("gaze_yaw", "'visual_yaw_deg' or 'optical_yaw_deg'"),
        ("optcal_pitch_deg", "'optical_pitch_deg'?"),
        ("subjct", "'subject'?"),
    ],
)
def test_an_unknown_column_names_the_nearest(root: Path, column: str, nearest: str) -> None:
    write(root, [{"file": "images/0.png", column: 1}])
    with pytest.raises(ZooError, match="unknown column") as caught:
        Folder(root)
    assert f"did you mean {nearest}" in str(caught.value)
