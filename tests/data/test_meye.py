from __future__ import annotations

import json
import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.drawn import drawn_eyes
from zoo.conventions import PUPIL
from zoo.data.batches import Batches
from zoo.data.config import AugmentConfig
from zoo.data.sample import check_eye_batch
from zoo.data.sources.meye import Meye
from zoo.errors import ZooError

HEADER = "filename,sub,eye,blink,pupil_area_px,n_components,cx,cy,"
HEADER += "ell_major,ell_minor,ell_angle,touches_border,group"
# Person, blink, has a mask. The third row contradicts itself, the fifth is a lid that closes over a pupil.
ROWS = [(42, 0, True), (42, 1, False), (44, 0, False), (44, 0, True), (44, 1, True), (42, 0, True)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The published layout: grey JPEGs, masks of 0 and 1, empty cells where there is no pupil."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    eyes = drawn_eyes(len(ROWS), 128, 128, seed=1)
    lines = [HEADER]
    for i, (person, blink, has_mask) in enumerate(ROWS):
        mask = (eyes["segmentation"][i] == PUPIL).numpy() & has_mask
        stem = f"H-crop_s{person}_{i:04d}"
        Image.fromarray((eyes["image"][i, 0] * 255).byte().numpy()).save(
            tmp_path / "images" / f"{stem}.jpg", quality=95
        )
        Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "masks" / f"{stem}.png")
        v, u = mask.nonzero()
        centre = f"{u.mean():.2f},{v.mean():.2f},30,20,10" if has_mask else ",,,,"
        lines.append(f"{stem}.jpg,{person},1,{blink},{mask.sum()},{int(has_mask)},{centre},0,crop_s{person}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_labels_count_where_they_mean_something(root: Path) -> None:
    data = Meye(root)
    batch = data.batch(np.arange(6))
    check_eye_batch(batch, "meye")
    assert batch["blink"].tolist() == [0, 1, 0, 0, 1, 0]
    assert batch["blink_valid"].tolist() == [True, True, False, True, True, True]
    assert batch["pupil_mask_px_valid"].tolist() == [True, False, False, True, False, True]
    assert batch["subject"].tolist() == [42, 42, 44, 44, 44, 42]
    assert (batch["domain"] == 0).all()
    known = {key for key, value in batch.items() if key.endswith("_valid") and value.any()}  # type: ignore[attr-defined]
    assert known == {"blink_valid", "pupil_mask_px_valid"}


@pytest.mark.parametrize("size", [(120, 160), (96, 96), (200, 100)])
def test_labels_lie_on_the_letterboxed_pupil(root: Path, size: tuple[int, int]) -> None:
    data = Meye(root, *size)
    rows = np.array([5, 0, 3])
    batch = data.batch(rows)
    assert batch["image"].shape == (3, 1, *size)
    for i in range(3):
        u, v = batch["pupil_mask_px"][i].round().long().tolist()
        assert batch["image"][i, 0, v - 1 : v + 2, u - 1 : u + 2].max() < 0.2  # drawn 0.1 in an iris of 0.4
    native = data.letterbox.to_native(batch["pupil_mask_px"].double())
    for mask, point in zip(data.masks(rows), native, strict=True):
        v, u = mask.nonzero(as_tuple=True)
        centroid = torch.stack([u.double().mean(), v.double().mean()])
        assert (centroid - point).abs().max() < 0.01  # the table has two decimals


def test_white_stays_white_when_resampled(root: Path) -> None:
    for name in Meye(root).labels.names:
        Image.new("L", (128, 128), 255).save(root / "images" / name)
    for size in ((120, 160), (96, 96), (64, 64)):
        assert Meye(root, *size).batch(np.arange(6))["image"].max() == 1


def test_trains_through_the_usual_batches(root: Path) -> None:
    batch = Batches(Meye(root), 4, seed=0, augmentation=AugmentConfig())[1]
    check_eye_batch(batch, "augmented meye")
    assert not batch["segmentation_valid"].any()


def _drop_column(root: Path) -> None:
    path = root / "labels.csv"
    path.write_text(path.read_text().replace(",blink,", ",blinks,"))


def _bad_number(root: Path) -> None:
    path = root / "labels.csv"
    path.write_text(path.read_text().replace("_0003.jpg,44,1,0", "_0003.jpg,44,1,2"))


def _outside(root: Path) -> None:
    path = root / "labels.csv"
    line = path.read_text().splitlines()[4]
    cells = line.split(",")
    path.write_text(path.read_text().replace(line, ",".join([*cells[:6], "nan", *cells[7:]])))


def _empty_table(root: Path) -> None:
    (root / "labels.csv").write_text(HEADER + "\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop_column, r"labels\.csv: has no column blink; needed: filename, sub"),
        (_bad_number, r"labels\.csv, line 5: .* blink is 0 or 1"),
        (_outside, r"labels\.csv, line 5: .* lie in \[0, 128\)"),
        (_empty_table, r"labels\.csv: has no rows"),
        (lambda root: (root / "labels.csv").unlink(), r"labels\.csv: missing; the root of MEYE holds"),
        (
            lambda root: (root / "masks" / "H-crop_s44_0003.png").unlink(),
            r"1 files that are missing, such as masks/",
        ),
        (
            lambda root: [p.unlink() for p in (root / "images").iterdir()],
            r"6 files that are missing, such as images/",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(root: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    damage(root)
    with pytest.raises(ZooError, match=message):
        Meye(root)


def test_damaged_images_are_named(root: Path) -> None:
    data = Meye(root)
    path = root / "images" / "H-crop_s42_0000.jpg"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no image", b""):
        path.write_bytes(content)
        with pytest.raises(ZooError, match=r"_0000\.jpg: not a readable image"):
            data.batch(np.array([0]))
    Image.new("L", (64, 128)).save(path)
    with pytest.raises(ZooError, match=r"_0000\.jpg: is 64x128 L, not 128x128 grey"):
        data.batch(np.array([0]))


def test_baselines_find_drawn_pupils(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(__file__).resolve().parents[2] / "scripts" / "baselines_meye.py"
    output = tmp_path / "out" / "baselines.json"
    monkeypatch.setattr(sys, "argv", [str(script), str(root), str(output)])
    runpy.run_path(str(script), run_name="__main__")
    results = json.loads(output.read_text())
    fit = results["label_fit"]["all_frames"]
    assert fit["frames"] == 3
    assert fit["median_px"] < 0.3
    assert fit["iou"] > 0.9
    assert results["darkest_blob"]["mean_over_people"]["within_2_px"] == 1
    assert results["darkest_blob"]["by_person"].keys() == {"42", "44"}
    assert results["blink_share"]["all_frames"] == 0.4


def test_real_files(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("eyes/meye")
    data = Meye(root)
    labels = data.labels
    assert len(data) == 2575
    assert labels.pupil_valid.sum() == 2122
    assert (~labels.blink_valid).sum() == 2
    rows = np.flatnonzero(labels.pupil_valid)[::150]
    masks, points = data.masks(rows), torch.from_numpy(labels.pupil_px[rows])
    v, u = torch.arange(128.0)[:, None], torch.arange(128.0)
    area = masks.sum((1, 2))
    centroid = torch.stack([(masks * u).sum((1, 2)) / area, (masks * v).sum((1, 2)) / area], -1)
    assert (centroid - points).abs().max() < 0.01
    batch = data.batch(rows)
    check_eye_batch(batch, "meye")
    darker = 0
    for i, (u_, v_) in enumerate(batch["pupil_mask_px"].round().long().tolist()):
        around = batch["image"][i, 0][batch["content"][i]].median()
        darker += bool(batch["image"][i, 0, v_, u_] < around)
    assert darker >= math.floor(0.8 * len(rows))  # a glint may sit on the centre
