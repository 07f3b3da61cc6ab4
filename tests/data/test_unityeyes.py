from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.conventions import EYE_SIDES
from zoo.data.sources.unityeyes import UnityEyes, read_labels
from zoo.errors import ZooError

H, W = 60, 80


def circle(u: float, v: float, radius_u: float, radius_v: float, count: int) -> list[str]:
    """Points as Unity writes them: text, y from the bottom, depth last."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = zip(u + radius_u * np.cos(turn), v + radius_v * np.sin(turn), strict=True)
    return [f"({x:.4f}, {H - y:.4f}, 9.1234)" for x, y in points]


def labels_v1(gaze: str = "(0.3000, -0.4000, -0.8660, 0.0000)") -> dict[str, object]:
    """An iris at (44, 35) in a lid opening 40 wide; the eye looks down and to the image's right."""
    return {
        "interior_margin_2d": circle(40, 32, 20, 10, 16),
        "caruncle_2d": circle(18, 33, 2, 2, 7),
        "iris_2d": circle(44, 35, 8, 8, 32),
        "eye_details": {"look_vec": gaze, "pupil_size": "0.1020631", "iris_size": "0.9349335"},
        "head_pose": "(355.0770, 203.8451, 0.0000)",
    }


def write(folder: Path, name: str, labels: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(labels))
    image = np.full((H, W, 3), 150, np.uint8)
    image[27:44, 36:53] = 20  # a dark iris
    Image.fromarray(image).save(folder / f"{name}.jpg", quality=95)


def test_labels_lie_on_the_picture(tmp_path: Path) -> None:
    write(tmp_path / "imgs", "10", labels_v1())
    write(tmp_path / "imgs", "9", labels_v1("(0.0000, 0.6000, -0.8000, 0.0000)"))
    data = UnityEyes(tmp_path, H, W, horizontal_fov_deg=40.0)
    batch = data.batch(np.array([1, 0]))
    expected = torch.tensor([[0.3, 0.4, -0.866], [0, -0.6, -0.8]])
    torch.testing.assert_close(batch["optical"], expected, atol=1e-3, rtol=0)
    classes = batch["segmentation"][0]
    assert classes[35, 44] == classes[35, 51] == 255 and classes[30, 28] == 1 and classes[10, 40] == 0
    assert classes[33, 18] == 255  # the caruncle
    assert batch["image"][0, 0, 28:42, 39:49][classes[28:42, 39:49] == 255].mean() < 0.2  # the dark iris
    assert batch["image"][0, 0][classes == 1].mean() > 0.4
    assert batch["eye_side"].tolist() == [EYE_SIDES.index("left")] * 2 and batch["eye_side_valid"].all()
    assert batch["camera"][0, 0, 2] == (W - 1) / 2 and batch["camera_valid"].all()
    known = {key for key, value in batch.items() if key.endswith("_valid") and value.any()}  # type: ignore[attr-defined]
    assert known == {"optical_valid", "segmentation_valid", "eye_side_valid", "camera_valid"}


def test_several_cameras_share_a_label_file(tmp_path: Path) -> None:
    cameras = {}
    for name, x in (("left_cam", 0.6), ("right", -0.6)):
        write(tmp_path, f"3_{name}", {})
        (tmp_path / f"3_{name}.json").unlink()
        gaze = f"({x:.4f}, 0.0000, -0.8000, 0.0000)"
        points = {key: value for key, value in labels_v1().items() if key.endswith("_2d")}
        cameras[name] = {**points, "ground_truth": {"iris_center": "(0.0, 0.6, 9.9)", "gaze_vec": gaze}}
    (tmp_path / "3.json").write_text(json.dumps({"cameras": cameras}))
    batch = UnityEyes(tmp_path).batch(np.arange(2))
    assert batch["optical"][:, 0].tolist() == pytest.approx([0.6, -0.6])
    assert batch["segmentation_valid"].all() and not batch["camera_valid"].any()


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"holds no picture N\.jpg"):
        UnityEyes(tmp_path)
    write(tmp_path, "1", labels_v1("(30.0, -4.0, -8.0, 0.0)"))
    with pytest.raises(ZooError, match=r"1\.json: the gaze .* is no unit vector"):
        UnityEyes(tmp_path).batch(np.array([0]))
    for content in ('{"look_vec": 3}', "{", '{"eye_details": {"look_vec": "0.3 0.4"}}'):
        (tmp_path / "1.json").write_text(content)
        with pytest.raises(ZooError, match=r"1\.json: not a label file of UnityEyes"):
            UnityEyes(tmp_path).batch(np.array([0]))
    (tmp_path / "1.json").unlink()
    with pytest.raises(ZooError, match=r"1 pictures have no \.json file, such as 1\.jpg"):
        UnityEyes(tmp_path)


def test_genuine_pictures(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("eyes/unityeyes_v2")
    data = UnityEyes(root)
    assert len(data) == 10
    batch = data.batch(np.array([0, 5, 7]))  # 30.jpg looks down, 35.jpg into the camera, 37.jpg far down
    assert batch["optical"][0, 1] > 0.3 and batch["optical"][1, 2] < -0.99 and batch["optical"][2, 1] > 0.9
    assert batch["optical_valid"].all() and not batch["segmentation_valid"].any()


def test_genuine_labels_of_the_first_version(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("eyes/unityeyes_v1_json/1.json")
    frame, mask = read_labels(path, (600, 800))
    assert frame.eye_side == "left" and mask is not None
    assert frame.optical == (0.3404, -0.3879, -0.8566)  # up and to the image's right
    v, u = np.nonzero(np.isin(mask, (1, 255)))
    assert 340 < u.min() < u.max() < 495 and 600 - 362 < v.min() < v.max() < 600 - 270
    # The iris is displaced from the middle of the lids as the gaze says.
    middle = np.array([u.min() + u.max(), v.min() + v.max()]) / 2
    iris = np.argwhere(mask[:, 370:] == 255).mean(0)[::-1]  # the caruncle is further left
    assert iris[1] < middle[1]
