"""TEyeD and the segmentation track of OpenEDS 2020, on files written in their published layouts."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.drawn import drawn_eyes
from tests.data.test_eye_sets import EYES, H, W, pixels, video
from zoo.data.sources.openeds2020 import OpenEds2020Segmentation
from zoo.data.sources.people import People
from zoo.data.sources.teyed import Teyed
from zoo.data.sources.video import first_frames
from zoo.errors import ZooError
from zoo.geometry.ellipse import ellipse_points

UNKNOWN = "-1;-1;-1;-1;-1"


def ellipse(i: int, factor: float = 1.0) -> str:
    """The width may be the longer or the shorter axis; the angle is the width's."""
    u, v, major, minor, angle = EYES["pupil_ellipse"][i].tolist()
    degrees = math.degrees(angle)
    if i % 2:
        return f"{degrees};{u};{v};{major * factor};{minor * factor}"
    return f"{(degrees + 90) % 180};{u};{v};{minor * factor};{major * factor}"


def gaze(i: int) -> str:
    """Out of the eye, x right, y down, z towards the camera."""
    x, y, z = EYES["optical"][i].tolist()
    return f"{x};{y};{-z}"


def lids(i: int) -> str:
    points = ellipse_points(EYES["pupil_ellipse"][i] * torch.tensor([1, 1, 3.2, 3.2, 1]), 34).reshape(-1)
    return "0.7;" + ";".join(f"{value:.4f}" for value in points.tolist())


@pytest.fixture
def teyed(tmp_path: Path) -> Path:
    """Frame 1 of the first video has no valid pupil; its lids are not labelled."""
    for name, order in (("DikablisT_26_13", [0, 1, 2]), ("DikablisT_26_2", [3]), ("DikablisT_4_1", [4, 5])):
        folder = tmp_path / "Dikablis"
        video(folder / "VIDEOS" / f"{name}.mp4", [pixels(i) for i in order])
        invalid = [name.endswith("13") and place == 1 for place in range(len(order))]

        def write(
            suffix: str,
            header: str,
            cell: Callable[[int], str],
            unknown: str,
            name: str = name,
            order: list[int] = order,
            invalid: list[bool] = invalid,
        ) -> None:
            lines = [
                f"{place + 1};{unknown if gone else cell(i)};"
                for place, (i, gone) in enumerate(zip(order, invalid, strict=True))
            ]
            path = tmp_path / "Dikablis" / "ANNOTATIONS" / f"{name}.mp4{suffix}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join([header, *lines, f"{len(order) + 1};{unknown};", ""]))

        write("pupil_eli", "FRAME;ANGLE;CENTER X;CENTER Y;WIDTH;HEIGHT;", ellipse, UNKNOWN)
        write("iris_eli", "FRAME;ANGLE;CENTER X;CENTER Y;WIDTH;HEIGHT;", lambda i: ellipse(i, 2.0), UNKNOWN)
        write("gaze_vec", "FRAME;X;Y;Z;", gaze, "-1.000;-1.000;-1.000")
        write("lid_lm_2D", "FRAME;AVG INACCURACY;LM X;LM Y;", lids, "-1" + ";-1" * 68)
        write(
            "eye_movements",
            "eye movement type to number: Error = 1,Blink = 2\n\nFRAME;Type;",
            lambda _: "3",
            "2",
        )
        for part in ("pupil", "iris", "lid"):
            write(f"validity_{part}", "FRAME;VALIDITY;", lambda _: "1", "-1")
    return tmp_path


def test_teyed(teyed: Path) -> None:
    for data in (Teyed(teyed, H, W, horizontal_fov_deg=40.0), Teyed(teyed / "Dikablis", H, W)):
        assert len(data) == 6
        batch = pickle.loads(pickle.dumps(data)).batch(np.array([5, 0, 1, 3]))
        order = [5, 0, 1, 3]
        assert (batch["image"] - EYES["image"][order]).abs().mean() < 0.02
        assert (
            batch["pupil_ellipse_valid"].tolist()
            == batch["optical_valid"].tolist()
            == [True, True, False, True]
        )
        for row, i in ((0, 5), (1, 0), (3, 3)):
            got, true = batch["pupil_ellipse"][row], EYES["pupil_ellipse"][i]
            torch.testing.assert_close(got[:4], true[:4], rtol=0, atol=1e-3)
            turn = (got[4] - true[4]) % math.pi
            assert min(float(turn), math.pi - float(turn)) < 1e-4
        torch.testing.assert_close(batch["optical"][[0, 1, 3]], EYES["optical"][[5, 0, 3]], rtol=0, atol=1e-4)
        assert batch["blink"].tolist() == [0, 0, 1, 0] and batch["blink_valid"].all()
        assert batch["subject"].tolist() == [1, 0, 0, 0]  # DikablisT_26 and DikablisT_4
        assert batch["segmentation_valid"].tolist() == [True, True, False, True]
        drawn = EYES["segmentation"][[5, 0, 3]]
        assert (batch["segmentation"][[0, 1, 3]] == drawn).float().mean() > 0.97
        pupil = batch["segmentation"][[0, 1, 3]] == 3
        assert float((pupil & (drawn == 3)).sum() / (pupil | (drawn == 3)).sum()) > 0.85
    assert Teyed(teyed, horizontal_fov_deg=40.0).batch(np.arange(1))["camera_valid"].all()
    assert len(Teyed(teyed, people=People(without=("DikablisT_26",)), every=2)) == 1
    assert data.name(1).endswith("DikablisT_26_13.mp4, frame 2")
    assert data.cheap_rows(3).tolist() == [0, 3, 4]


def test_teyed_names_what_is_wrong(teyed: Path) -> None:
    labels = teyed / "Dikablis" / "ANNOTATIONS"
    (labels / "DikablisT_26_13.mp4gaze_vec.txt").write_text(
        "FRAME;X;Y;Z;\n1;17.2;-3.0;0;\n2;-1;-1;-1;\n3;-1;-1;-1;\n"
    )
    with pytest.raises(ZooError, match=r"DikablisT_26_13\.mp4gaze_vec\.txt, frame 1: .* is no unit vector"):
        Teyed(teyed).batch(np.array([0]))
    (labels / "DikablisT_26_13.mp4gaze_vec.txt").write_text("FRAME;X;Y;Z;\n1;0;0;1;\n3;0;0;1;\n")
    with pytest.raises(ZooError, match=r"gaze_vec\.txt: frame 2 is missing or has 3 cells, not 3"):
        Teyed(teyed).batch(np.array([0]))
    (labels / "DikablisT_26_13.mp4validity_pupil.txt").unlink()
    with pytest.raises(
        ZooError, match=r"validity_pupil\.txt: missing beside the other labels .*half unpacked"
    ):
        Teyed(teyed).batch(np.array([0]))
    with pytest.raises(ZooError, match=r"holds no VIDEOS/<video>\.mp4 with ANNOTATIONS"):
        Teyed(labels)


def test_first_frames() -> None:
    videos = np.repeat(np.arange(4), [5, 1, 7, 3])
    assert first_frames(videos, 8).tolist() == [0, 1, 5, 6, 7, 13, 14]
    assert first_frames(videos, 2).tolist() == [0, 13]
    assert first_frames(videos, 99).tolist() == list(range(16))


def test_openeds2020_segmentation(tmp_path: Path) -> None:
    eyes = drawn_eyes(4, 64, 80)
    for i, (sequence, picture, labelled) in enumerate(
        [("S_0", "7", True), ("S_0", "8", False), ("S_12", "019", True), ("S_3", "2", True)]
    ):
        folder = tmp_path / sequence
        folder.mkdir(exist_ok=True)
        Image.fromarray((eyes["image"][i, 0] * 255).round().byte().numpy()).save(folder / f"{picture}.png")
        if labelled:
            np.save(folder / f"label_{int(picture)}.npy", eyes["segmentation"][i].numpy())
    data = OpenEds2020Segmentation(tmp_path, 64, 80)
    batch = data.batch(np.arange(len(data)))
    assert batch["subject"].tolist() == [0, 12, 3]
    assert torch.equal(batch["segmentation"], eyes["segmentation"][[0, 2, 3]])
    assert (batch["pupil_mask_px"] - eyes["pupil_mask_px"][[0, 2, 3]]).abs().max() < 1e-3
    assert len(OpenEds2020Segmentation(tmp_path, people=People(without=("S_0",)))) == 2
    (tmp_path / "S_3" / "2.png").unlink()
    with pytest.raises(ZooError, match=r"label_2\.npy: its picture 2\.png is missing beside it"):
        OpenEds2020Segmentation(tmp_path)
    with pytest.raises(ZooError, match=r"holds no S_<n>/label_<k>\.npy"):
        OpenEds2020Segmentation(tmp_path / "S_0")
