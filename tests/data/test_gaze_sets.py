"""MPIIGaze, MPIIFaceGaze and the gaze track of OpenEDS 2020, on files written in their published layouts."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from tests.data.drawn import drawn_eyes
from zoo.config import compose
from zoo.data.sources.mpiifacegaze import MpiiFaceGaze, cut_eye
from zoo.data.sources.mpiigaze import MpiiGaze
from zoo.data.sources.openeds2020 import OpenEds2020Gaze
from zoo.data.sources.people import People
from zoo.errors import ZooError
from zoo.geometry.cameras import project

GAZE = {"left": np.array([0.28, -0.1, -0.955]), "right": np.array([-0.3, 0.2, -0.933])}


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def patch(side: str, k: int) -> np.ndarray:
    """A dark disc where the pupil of an eye is that looks along its gaze."""
    image = np.full((36, 60), 180 - k, np.uint8)
    x, y, _ = unit(GAZE[side])
    cv2.circle(image, (round(30 + 20 * x), round(18 + 20 * y)), 5, 20, -1)
    return image


def day(count: int) -> dict[str, Any]:
    """As loadmat gives it back: structs of arrays, without the first axis where there is one sample."""
    eyes = {}
    for side in ("left", "right"):
        images = np.stack([patch(side, k) for k in range(count)])
        gaze = np.tile(unit(GAZE[side]), (count, 1))
        pose = np.zeros((count, 3))
        eyes[side] = {"image": images, "gaze": gaze, "pose": pose}
        if count == 1:
            eyes[side] = {key: value[0] for key, value in eyes[side].items()}
    names = np.array([f"{k + 1:04d}.jpg" for k in range(count)], dtype=object)
    return {"data": eyes, "filenames": names if count > 1 else names[0]}


@pytest.fixture
def mpiigaze(tmp_path: Path) -> Path:
    lists = tmp_path / "Evaluation Subset" / "sample list for eye image"
    lists.mkdir(parents=True)
    for person, days in (("p00", (3, 1)), ("p07", (2,))):
        folder = tmp_path / "Data" / "Normalized" / person
        folder.mkdir(parents=True)
        for number, count in enumerate(days, start=1):
            savemat(folder / f"day{number:02d}.mat", day(count))
    (lists / "p00.txt").write_text("day01/0003.jpg left\nday01/0001.jpg right\nday02/0001.jpg right\n")
    (lists / "p07.txt").write_text("day01/0002.jpg left\n")
    return tmp_path


def test_mpiigaze(mpiigaze: Path) -> None:
    data = pickle.loads(pickle.dumps(MpiiGaze(mpiigaze, 72, 120)))
    assert len(data) == 4
    batch = data.batch(np.array([0, 2, 3]))
    expected = torch.from_numpy(np.stack([unit(GAZE[side]) for side in ("left", "right", "left")])).float()
    torch.testing.assert_close(batch["visual"], expected)
    assert batch["eye_side"].tolist() == [0, 1, 0] and batch["subject"].tolist() == [0, 0, 1]
    known = {key for key, value in batch.items() if key.endswith("_valid") and value.any()}
    assert known == {"visual_valid", "eye_side_valid", "camera_valid"}
    # Drawn over the picture: an eye turned that way, about its centre in front of the virtual camera.
    centre = torch.tensor([0.0, 0.0, 600.0]) + 12.5 * batch["visual"]
    seen = project(centre, batch["camera"]).round().long()
    assert batch["camera"][0, 0, 0] == 1920 and not batch["optical_valid"].any()
    for i, (u, v) in enumerate(seen.tolist()):
        assert batch["image"][i, 0, v, u] < 0.15
        assert batch["image"][i, 0, v, 119 - u] > 0.5  # the other way it would be on the skin
    assert len(MpiiGaze(mpiigaze, subset="all")) == 12
    assert MpiiGaze(mpiigaze, people=People(without=("p00",))).batch(np.arange(1))["subject"].tolist() == [1]
    assert "day01.mat: 0002.jpg, left" in data.name(3)


def test_mpiigaze_names_what_is_wrong(mpiigaze: Path) -> None:
    folder = mpiigaze / "Data" / "Normalized" / "p07"
    angles = day(2)
    angles["data"]["left"]["gaze"] = np.array([[0.1, -0.3, 0.0], [0.2, -0.3, 0.0]])
    savemat(folder / "day01.mat", angles)
    with pytest.raises(ZooError, match=r"day01\.mat: data\.left\.gaze of sample 0 is .* not angles"):
        MpiiGaze(mpiigaze)
    whole = (folder / "day01.mat").read_bytes()
    (folder / "day01.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ZooError, match=r"day01\.mat: not a readable \.mat file .*unpack it again"):
        MpiiGaze(mpiigaze)
    savemat(folder / "day01.mat", day(1))
    with pytest.raises(ZooError, match=r"day01\.mat: has no sample 0002\.jpg"):
        MpiiGaze(mpiigaze)
    savemat(folder / "day01.mat", {"data": 3})
    with pytest.raises(ZooError, match=r"day01\.mat: holds no variable filenames"):
        MpiiGaze(mpiigaze)
    (folder / "day01.mat").unlink()
    with pytest.raises(ZooError, match=r"day01\.mat: missing"):
        MpiiGaze(mpiigaze)
    with pytest.raises(ZooError, match=r"holds no Data/Normalized/p<NN>/day<NN>\.mat"):
        MpiiGaze(folder)


CAMERA = np.array([[960.0, 0, 640], [0, 955, 360], [0, 0, 1]])
DISTORTION = np.array([0.08, -0.2, 0.001, -0.002, 0.05])
HEAD = cv2.Rodrigues(np.array([0.1, -0.25, 0.15]))[0]
PLACE = np.array([40.0, -25.0, 520.0])
TARGET = np.array([-60.0, 140.0, 5.0])
EYES = {side: HEAD[:, 0] * x + PLACE for side, x in (("left", 33.2048), ("right", -33.2048))}


def seen(points: np.ndarray) -> np.ndarray:
    """Pixels of the distorted webcam picture."""
    return cv2.projectPoints(points.reshape(-1, 3), np.zeros(3), np.zeros(3), CAMERA, DISTORTION)[0][:, 0]


def marks(side: str) -> np.ndarray:
    """Three points of an eye: its centre, towards the head's right, and down from there."""
    return EYES[side] + np.stack([np.zeros(3), 8 * HEAD[:, 0], 8 * HEAD[:, 0] + 5 * HEAD[:, 1]])


@pytest.fixture
def face(tmp_path: Path) -> Path:
    folder = tmp_path / "p03"
    (folder / "Calibration").mkdir(parents=True)
    (folder / "day01").mkdir()
    savemat(folder / "Calibration" / "Camera.mat", {"cameraMatrix": CAMERA, "distCoeffs": DISTORTION[None]})
    picture = np.full((720, 1280), 200, np.uint8)
    for side in EYES:
        for u, v in seen(marks(side)):
            cv2.circle(picture, (round(u * 16), round(v * 16)), 40, 0, -1, cv2.LINE_AA, 4)
    Image.fromarray(picture).save(folder / "day01" / "0001.jpg", quality=98)
    corners = [EYES["right"] - 12 * HEAD[:, 0], EYES["right"] + 12 * HEAD[:, 0]]
    corners += [EYES["left"] - 12 * HEAD[:, 0], EYES["left"] + 12 * HEAD[:, 0]]
    landmarks = [*seen(np.stack(corners)).round().astype(int).ravel().tolist(), 600, 480, 660, 480]
    pose = [*cv2.Rodrigues(HEAD)[0].ravel(), *PLACE]
    cells = ["day01/0001.jpg", 676, 172, *landmarks, *pose, *PLACE, *TARGET, "left"]
    (folder / "p03.txt").write_text(" ".join(map(str, cells)) + "\n")
    return tmp_path


def test_mpiifacegaze_turns_picture_and_gaze_together(face: Path) -> None:
    data = MpiiFaceGaze(face, 72, 120, eyes="both")
    assert len(data) == 2 and len(MpiiFaceGaze(face)) == 1
    batch = pickle.loads(pickle.dumps(data)).batch(np.arange(2))
    assert batch["eye_side"].tolist() == [0, 1]
    for i, side in enumerate(("left", "right")):
        _, camera, turn = cut_eye(np.zeros((720, 1280), np.uint8), CAMERA, DISTORTION, EYES[side], HEAD)
        matrix = batch["camera"][i]
        assert (
            matrix[0, 0] == pytest.approx(camera[0]) == pytest.approx(120 / 37.5 * np.linalg.norm(EYES[side]))
        )
        # The marks, turned with the camera, lie on the dark discs; level with the head.
        points = project(torch.from_numpy(marks(side) @ turn.T).float(), matrix)
        for u, v in points.tolist():
            window = batch["image"][i, 0, round(v) - 6 : round(v) + 7, round(u) - 6 : round(u) + 7]
            rows, columns = (window < 0.3).nonzero(as_tuple=True)
            assert float(columns.float().mean()) == pytest.approx(6 + u - round(u), abs=0.6)
            assert float(rows.float().mean()) == pytest.approx(6 + v - round(v), abs=0.6)
        assert points[0].tolist() == pytest.approx([59.5, 35.5], abs=1e-3)
        assert float(points[1, 1] - points[0, 1]) == pytest.approx(0, abs=0.5) and points[1, 0] > points[0, 0]
        # The eye, moved along its gaze, meets the target; a rotation keeps lengths and angles.
        gaze = batch["visual"][i].numpy().astype(float)
        away = np.linalg.norm(TARGET - EYES[side])
        met = turn.T @ (np.array([0, 0, np.linalg.norm(EYES[side])]) + away * gaze)
        np.testing.assert_allclose(met, TARGET, atol=0.1)


def test_mpiifacegaze_names_what_is_wrong(face: Path) -> None:
    table = face / "p03" / "p03.txt"
    cells = table.read_text().split()

    def write(**changed: Any) -> None:
        values = list(cells)
        for place, value in changed.items():
            values[int(place[1:])] = str(value)
        table.write_text(" ".join(values) + "\n")

    write(**{f"_{k}": float(cells[k]) / 1000 for k in (18, 19, 20)})
    with pytest.raises(ZooError, match=r"p03\.txt: eyes are .* expected 150 to 2500 mm in front of it"):
        MpiiFaceGaze(face)
    write(_19=400)
    with pytest.raises(ZooError, match=r"p03\.txt: by the head pose the eyes are .* from their landmarks"):
        MpiiFaceGaze(face)
    write(_26=1500)
    with pytest.raises(ZooError, match=r"p03\.txt: the targets lie behind the eyes"):
        MpiiFaceGaze(face)
    table.write_text(" ".join(cells[:-1]) + "\n")
    with pytest.raises(ZooError, match=r"p03\.txt, line 1: is not 28 cells"):
        MpiiFaceGaze(face)
    write(_0="day01/0002.jpg")
    with pytest.raises(ZooError, match=r"1 pictures of the tables are missing, such as .*0002\.jpg"):
        MpiiFaceGaze(face)
    with pytest.raises(ZooError, match=r"holds no p<NN>/p<NN>\.txt \(the normalised faces are not read\)"):
        MpiiFaceGaze(face / "p03")


@pytest.fixture
def gaze_track(tmp_path: Path) -> Path:
    eyes = drawn_eyes(3, 64, 80)
    for k, sequence in enumerate(("12", "104")):
        folder = tmp_path / "train" / "sequences" / sequence
        folder.mkdir(parents=True)
        for i in range(3):
            Image.fromarray((eyes["image"][i, 0] * 255).byte().numpy()).save(folder / f"{i:03d}.png")
        labels = tmp_path / "train" / "labels" / f"{sequence}.txt"
        labels.parent.mkdir(exist_ok=True)
        labels.write_text(
            "".join(f"{i:03d},0.28,{0.1 * k},{(1 - 0.28**2 - 0.01 * k) ** 0.5}\r\n" for i in (0, 2))
        )
    return tmp_path


def test_openeds2020_gaze(gaze_track: Path) -> None:
    data = OpenEds2020Gaze(
        gaze_track, 64, 80, axes=("-x", "-y", "-z"), eye_side="left", horizontal_fov_deg=50.0
    )
    assert len(data) == 4
    batch = data.batch(np.array([0, 3]))  # sequences in the order 104, 12
    torch.testing.assert_close(batch["visual"][0], torch.tensor([-0.28, -0.1, -0.9548]), rtol=0, atol=1e-4)
    assert batch["subject"].tolist() == [104, 12] and batch["eye_side_valid"].all()
    assert batch["camera_valid"].all() and data.name(3).endswith("12/002.png")
    unknown = OpenEds2020Gaze(gaze_track, people=People(only=("12",))).batch(np.arange(2))
    assert not unknown["visual_valid"].any() and not unknown["camera_valid"].any()
    for axes, message in (
        (("x", "x", "z"), "name each of x, y and z once"),
        (("x", "up", "z"), "'up' is no axis"),
    ):
        with pytest.raises(ZooError, match=message):
            OpenEds2020Gaze(gaze_track, axes=axes)
    with pytest.raises(ZooError, match=r"gaze_axes=\['x', 'y', 'y'\]: name each"):
        compose("eval", ["checkpoint=a", "data=openeds2020_gaze", "data.root=b", "data.gaze_axes=[x,y,y]"])
    labels = gaze_track / "train" / "labels" / "12.txt"
    labels.write_text("000,12.5,-3.1,0\n")
    with pytest.raises(
        ZooError, match=r"12\.txt, line 1: '000,12\.5,-3\.1,0' is not frame,x,y,z with a unit"
    ):
        OpenEds2020Gaze(gaze_track)
    labels.write_text("007,0,0,1\n")
    with pytest.raises(ZooError, match=r"12\.txt: labels frame 7, which sequences/12 has not"):
        OpenEds2020Gaze(gaze_track)
    with pytest.raises(ZooError, match=r"validation: holds no labels/<sequence>\.txt"):
        OpenEds2020Gaze(gaze_track, split="validation")
