"""OpenEDS 2019, LPW and NVGaze, on files written in their published layouts."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.drawn import drawn_eyes
from zoo.data.sources.lpw import Lpw
from zoo.data.sources.nvgaze import NvGaze
from zoo.data.sources.openeds import OpenEds2019
from zoo.data.sources.people import People
from zoo.errors import ZooError

H, W = 64, 80
EYES = drawn_eyes(6, H, W, seed=5)


def pixels(i: int) -> np.ndarray:
    return (EYES["image"][i, 0] * 255).round().byte().numpy()


@pytest.fixture
def openeds(tmp_path: Path) -> Path:
    owners: dict[str, list[str]] = {"U111": [], "U222": []}
    for i in range(5):
        folder = tmp_path / ("train" if i < 4 else "test")
        for name in ("images", "labels"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(i)).save(folder / "images" / f"{i:06d}.png")
        if i != 1:  # a picture whose labels are withheld
            classes = EYES["segmentation"][i].numpy()
            np.save(
                folder / "labels" / f"{i:06d}.npy", np.where(classes == 3, 2, classes) if i == 2 else classes
            )
        owners["U222" if i == 3 else "U111"].append(f"{i:06d}.png")
    people = [{"id": name, "semantic_segmenation_images": files} for name, files in owners.items()]
    (tmp_path / "OpenEDS_train_userID_mapping_to_images.json").write_text(json.dumps(people))
    return tmp_path


def test_openeds(openeds: Path) -> None:
    batch = OpenEds2019(openeds, H, W).batch(np.arange(3))  # 0, 2 and 3
    assert torch.equal(batch["segmentation"][[0, 2]], EYES["segmentation"][[0, 3]])
    assert batch["pupil_present"].tolist() == [1, 0, 1]
    assert batch["pupil_mask_px_valid"].tolist() == [True, False, True]
    assert (batch["pupil_mask_px"][[0, 2]] - EYES["pupil_mask_px"][[0, 3]]).abs().max() < 1e-3
    assert batch["subject"].tolist() == [0, 0, 1]
    assert OpenEds2019(openeds, split="test").batch(np.array([0]))["subject"].tolist() == [0]
    assert len(OpenEds2019(openeds, people=People(without=("U222",)))) == 2
    with pytest.raises(ZooError, match=r"validation: holds no images/\*\.png with labels/\*\.npy"):
        OpenEds2019(openeds, split="validation")
    np.save(openeds / "train" / "labels" / "000000.npy", np.full((H, W), 4, np.uint8))
    with pytest.raises(ZooError, match=r"000000\.npy: holds the class 4; valid: 0 background"):
        OpenEds2019(openeds).batch(np.array([0]))


def video(path: Path, frames: list[np.ndarray], rate: int = 95) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=rate)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuvj420p"
        stream.options = {"qscale": "2"}
        for frame in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(frame, "gray").reformat(format="yuvj420p"))
            )
        container.mux(stream.encode(None))


@pytest.fixture
def lpw(tmp_path: Path) -> Path:
    for person, order in (("1", [0, 1, 2, 3]), ("10", [4, 5]), ("2", [3, 2])):
        video(tmp_path / person / "4.avi", [pixels(i) for i in order])
        points = [EYES["pupil_ellipse"][i, :2].tolist() for i in order] + [(1.0, 1.0)]  # one line too many
        (tmp_path / person / "4.txt").write_text("".join(f"{u:.6f} {v:.6f}\n" for u, v in points))
    return tmp_path


def test_lpw(lpw: Path) -> None:
    data = Lpw(lpw, H, W)
    assert len(data) == 8
    rows = np.array([7, 2, 0, 4, 2])  # videos in the order 1, 10, 2
    for source in (data, pickle.loads(pickle.dumps(data))):
        batch = source.batch(rows)
        shown = torch.tensor([2, 2, 0, 4, 2])
        assert (batch["image"] - EYES["image"][shown]).abs().mean() < 0.02
        torch.testing.assert_close(batch["pupil_ellipse"][:, :2], EYES["pupil_ellipse"][shown, :2])
        assert batch["subject"].tolist() == [2, 1, 1, 10, 1]
    assert batch["pupil_centre_valid"].all() and not batch["pupil_ellipse_valid"].any()
    assert len(Lpw(lpw, people=People(only=("1",)), every=3)) == 2
    (lpw / "2" / "4.txt").write_text("3.0 4.0\n5.0\n")
    with pytest.raises(ZooError, match=r"4\.txt, line 2: '5\.0' is not x y in pixels"):
        Lpw(lpw)
    with pytest.raises(ZooError, match=r"holds no <person>/<video>\.avi"):
        Lpw(lpw / "1")


COLOURS = np.array([[255, 0, 0], [255, 215, 0], [255, 255, 0], [0, 255, 0]], np.uint8)


@pytest.fixture
def nvgaze(tmp_path: Path) -> Path:
    """Anti-aliased masks at twice the size; the upper half of the first eye is under the skin."""
    for face, indices in (("female_01", [0, 1]), ("male_03", [2])):
        folder = tmp_path / f"nvgaze_{face}_public_50K_1"
        folder.mkdir()
        with zipfile.ZipFile(folder / "footage_image_data.zip", "w") as archive:
            for n, i in enumerate(indices):
                whole = COLOURS[EYES["segmentation"][i].numpy()]
                covered = whole.copy()
                if i == 0:
                    covered[: round(float(EYES["pupil_ellipse"][0, 1]))] = COLOURS[0]
                pictures = {"img": pixels(i), "maskWithSkin": covered, "maskWithoutSkin": whole}
                for kind, picture in pictures.items():
                    large = Image.fromarray(picture).resize((2 * W, 2 * H), Image.Resampling.BILINEAR)
                    data = io.BytesIO()
                    large.save(data, "png")
                    archive.writestr(f"type_{kind}_frame_{n}.png", data.getvalue())
    return tmp_path


def test_nvgaze(nvgaze: Path) -> None:
    data = pickle.loads(pickle.dumps(NvGaze(nvgaze, H, W)))
    batch = data.batch(np.arange(3))
    error = (batch["pupil_ellipse"] - EYES["pupil_ellipse"][:3]).abs()
    assert error[:, :2].max() < 0.3  # whole, although the first is half covered
    assert error[:, 2:4].max() < 1.5  # the mixed border is left out
    classes, drawn = batch["segmentation"][1:], EYES["segmentation"][1:3]
    sure = classes != 255
    assert sure.float().mean() > 0.85 and (classes == drawn)[sure].float().mean() > 0.98
    assert batch["pupil_mask_px"][0, 1] > batch["pupil_ellipse"][0, 1] + 1
    assert batch["subject"].tolist() == [0, 0, 1] and batch["pupil_ellipse_valid"].all()
    assert len(NvGaze(nvgaze, people=People(without=("female_01",)))) == 1


def test_damaged_archives_are_named(nvgaze: Path) -> None:
    path = nvgaze / "nvgaze_male_03_public_50K_1" / "footage_image_data.zip"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ZooError, match=r"footage_image_data\.zip: not a readable zip file"):
        NvGaze(nvgaze)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("type_img_frame_0.png", cv2.imencode(".png", pixels(0))[1].tobytes())
    with pytest.raises(ZooError, match=r"type_img_frame_0\.png has no type_maskWithSkin_frame_0\.png"):
        NvGaze(nvgaze)
    path.unlink()
    with pytest.raises(ZooError, match=r"footage_image_data\.zip: missing"):
        NvGaze(nvgaze)
