"""`zoo predict` of rooms: what is written, how views are used, what is skipped and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from tests.data import captured
from tests.geometry.posed import room_depth
from tests.hub import tiny
from zoo.cli import app
from zoo.data.captures.capture import Frame
from zoo.data.captures.detect import open_capture
from zoo.data.captures.poses import pose_of_quaternion
from zoo.data.fit_views import Fit
from zoo.data.views import ViewSample
from zoo.errors import ZooError
from zoo.geometry.cameras import pixel_grid
from zoo.geometry.distortion import undistort_pixels
from zoo.geometry.lens import Distortion
from zoo.hub import checkpoint
from zoo.hub.metadata import Licences, Training, describe
from zoo.model.config import ByobConfig, DepthConfig, InputConfig, MatchingConfig, NeckConfig, NetworkConfig
from zoo.model.network import Network
from zoo.predict.rooms import run, view
from zoo.predict.rooms.fuse import weights
from zoo.predict.rooms.native import to_native
from zoo.predict.rooms.plan import SINGLE, input_size, network_size, plan
from zoo.predict.rooms.predictor import SINGLE_SIGMA, FittedDepth, RoomPredictor
from zoo.predict.rooms.preview import far_of, preview
from zoo.predict.run import Summary

ROOMS = NetworkConfig(
    input=InputConfig(height=32, width=48),
    backbone=ByobConfig(stem=(8, 8), widths=(8, 8), depths=(1, 1)),
    neck=NeckConfig(width=8, depth=1, detail=8),
    heads={
        "depth": DepthConfig(matching=MatchingConfig(descriptor=4, hypotheses=8, context=8), widths=(8, 8, 8))
    },
)
VOXEL = 0.05


class Truthful(RoomPredictor):
    """In place of a trained network: the true depth of the painted room."""

    def __init__(self) -> None:
        canvas = SimpleNamespace(height=40, width=56)
        self.metadata: Any = SimpleNamespace(network=SimpleNamespace(canvas=lambda kind: canvas))
        self.samples: list[ViewSample] = []
        self.unsure = slice(0)  # columns
        self._session = None  # no exported file, so any canvas

    def predict(self, samples: Sequence[ViewSample]) -> list[FittedDepth]:
        self.samples += samples
        return [self._one(sample) for sample in samples]

    def _one(self, sample: ViewSample) -> FittedDepth:
        height, width = sample["images"].shape[-2:]
        camera, pose = sample["cameras"][0].double(), sample["cam_to_world"][0].double()
        depth = room_depth(camera, pose, height, width).float().numpy()
        pixels = pixel_grid(height, width)[::8, ::8].reshape(-1, 2).numpy()
        at = depth[::8, ::8].ravel()
        confidence = np.linspace(0, 1, len(at), dtype=np.float32)
        sigma = np.full_like(depth, 0.02)
        sigma[:, self.unsure] = 0.4
        return FittedDepth(depth, sigma, pixels, at, confidence)


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Truthful:
    fake = Truthful()
    monkeypatch.setattr(run, "load", lambda *_: fake)
    return fake


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return Network(ROOMS)


@pytest.fixture(scope="module")
def weights_of_rooms(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    training = Training(data="Noise.", samples_seen=0, command="none")
    checkpoint.save(
        folder, network, describe("tiny_rooms", ROOMS, training, Licences(weights="x", training_data="x"))
    )
    return folder


def predict(*sources: Path, out: Path, **options: Any) -> tuple[Summary, str]:
    console = Console(file=io.StringIO(), record=True, width=400)
    summary = run.predict_rooms(
        "fake", [str(source) for source in sources], out, voxel_m=VOXEL, console=console, **options
    )
    return summary, console.export_text()


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_command_writes_everything_a_frame(weights_of_rooms: Path, tmp_path: Path) -> None:
    captured.hololens(tmp_path / "walk", captured.room())
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["predict", str(weights_of_rooms), str(tmp_path / "walk"), "-o", str(out)])
    assert done.exit_code == 0, done.output
    table = rows(out)
    assert [row["frame"] for row in table] == ["00003", "00005", "00007", "00009"]
    assert all(len(row["sources"].split()) == 2 and 0.1 < float(row["baseline_m"]) < 0.6 for row in table)
    for row in table:
        depth = cv2.imread(str(out / "depth" / f"{row['frame']}.png"), cv2.IMREAD_UNCHANGED)
        width = cv2.imread(str(out / "uncertainty" / f"{row['frame']}.png"), cv2.IMREAD_UNCHANGED)
        assert depth.shape == width.shape == (captured.HEIGHT, captured.WIDTH)
        assert depth.dtype == width.dtype == np.uint16
        assert (depth > 0).all() and (width > 0).all()
        assert np.isclose(np.median(depth) / 1000, float(row["median_depth_m"]), rtol=0.01)
        assert (out / "preview" / f"{row['frame']}.png").is_file()
    assert len(json.loads((out / "cameras.json").read_text())["cameras"]) == 4
    assert (out / "points.ply").is_file()


def test_depth_points_and_mesh_are_in_the_world(truth: Truthful, tmp_path: Path) -> None:
    scene = captured.room()
    captured.hololens(tmp_path / "walk", scene)
    summary, text = predict(tmp_path / "walk", out=tmp_path / "out")
    assert (summary.frames, summary.skipped) == (4, 0)
    for i, depth in enumerate(scene.depths):
        stored = cv2.imread(str(tmp_path / "out" / "depth" / f"{2 * i + 3:05d}.png"), cv2.IMREAD_UNCHANGED)
        off = np.abs(stored / 1000 / depth - 1)
        assert np.median(off) < 0.003 and off.max() < 0.1

    def away(name: str, size: int) -> np.ndarray:
        header, _, body = (tmp_path / "out" / name).read_bytes().partition(b"end_header\n")
        count = int(header.split(b"element vertex ")[1].split()[0])
        assert count > 20
        records = np.frombuffer(body, np.uint8, count * size).reshape(count, size)
        places = np.ascontiguousarray(records[:, :12]).view("<f4")
        return np.abs(np.array([2.0, 1.5, 3.0]) - np.abs(places)).min(-1)

    assert away("points.ply", 19).max() < 0.01
    assert np.quantile(away("mesh.ply", 27), 0.95) < VOXEL
    assert (tmp_path / "out" / "mesh.glb").stat().st_size > 1000
    assert "mesh of" in text


def test_points_are_kept_where_the_depth_is_sure(truth: Truthful, tmp_path: Path) -> None:
    captured.hololens(tmp_path / "walk", captured.room(count=2))
    predict(tmp_path / "walk", out=tmp_path / "out", mesh=False)
    everywhere = [int(row["points"]) for row in rows(tmp_path / "out")]
    truth.unsure = slice(0, 24)  # three of the seven columns of points
    predict(tmp_path / "walk", out=tmp_path / "out", mesh=False)
    assert everywhere == [18, 18] and [int(row["points"]) for row in rows(tmp_path / "out")] == [12, 12]
    truth.unsure = slice(None)  # as in a black frame
    predict(tmp_path / "walk", out=tmp_path / "out", mesh=False)
    assert b"element vertex 0\n" in (tmp_path / "out" / "points.ply").read_bytes()


def test_damaged_frames_are_named_and_the_rest_goes_on(truth: Truthful, tmp_path: Path) -> None:
    captured.hololens(tmp_path / "walk", captured.room(count=5))
    images = tmp_path / "walk" / "images"
    (images / "00003.png").write_bytes(b"no image")
    (images / "00005.png").write_bytes((images / "00005.png").read_bytes()[:900])
    summary, text = predict(tmp_path / "walk", out=tmp_path / "out")
    assert (summary.frames, summary.skipped) == (3, 2)
    assert "00003.png" in text and "00005.png: cannot be decoded" in text
    assert any("00005 cannot be read: not used" in row["remark"] for row in rows(tmp_path / "out"))


def test_camera_that_stands_still_is_a_single_image_with_wide_uncertainty(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = captured.room(count=3)
    still = scene._replace(poses=[scene.poses[0]] * 3)
    captured.hololens(tmp_path / "still", still)
    metadata = tiny.described("rooms").model_copy(update={"network": ROOMS})
    monkeypatch.setattr(run, "load", lambda *_: RoomPredictor(network, metadata))
    _, text = predict(tmp_path / "still", out=tmp_path / "out")
    assert "stand still" in text and "no mesh" in text
    assert all(row["remark"] == SINGLE and row["sources"] == "" for row in rows(tmp_path / "out"))
    depth, width = (
        cv2.imread(str(tmp_path / "out" / kind / "00003.png"), cv2.IMREAD_UNCHANGED).astype(float)
        for kind in ("depth", "uncertainty")
    )
    assert (width / depth > 0.98 * SINGLE_SIGMA).all()
    assert not (tmp_path / "out" / "mesh.ply").exists()


def test_views_of_a_csv_and_those_that_show_no_depth(tmp_path: Path) -> None:
    scene = captured.room()
    poses = [*scene.poses]
    poses[1] = poses[0]
    poses[3] = poses[3] @ np.diag([-1.0, 1.0, -1.0, 1.0])  # looks the other way
    captured.hololens(tmp_path / "walk", scene._replace(poses=poses))
    (tmp_path / "views.csv").write_text(
        "anchor,source_1,source_2,source_3\n00003,00005,00007,00009\n00007,00003,,\n"
    )
    capture = open_capture(tmp_path / "walk")
    first, second = plan(capture, 2, tmp_path / "views.csv")[0]
    assert [source.name for source in first.sources] == ["00007"]
    assert "00005 was taken from the same place" in first.remarks[0]
    assert "00009 does not overlap" in first.remarks[1]
    assert [source.name for source in second.sources] == ["00003"] and not second.remarks


def test_sparse_depth_of_images_without_poses(truth: Truthful, tmp_path: Path) -> None:
    scene = captured.room(count=2)
    for i, image in enumerate(scene.images):
        captured.write_image(tmp_path / "images" / f"{i}.png", image)
    points = np.zeros((captured.HEIGHT, captured.WIDTH))
    points[4::12, 5::12] = 2.5
    captured.write_depth(tmp_path / "points" / "0.png", points, 1000)
    summary, text = predict(tmp_path / "images", out=tmp_path / "out", sparse=tmp_path / "points")
    assert (summary.frames, summary.skipped) == (2, 0)
    measured = truth.samples[0]["sparse_depth"]
    assert (measured > 0).sum() == (points > 0).sum() and measured.max() == 2.5
    assert not (truth.samples[1]["sparse_depth"] > 0).any()
    assert [row["remark"] for row in rows(tmp_path / "out")] == ["", SINGLE]
    assert "have no sparse depth" in text and "field of view" in text
    stale = [tmp_path / "out" / name for name in ("points.ply", "cameras.json")]
    for path in stale:
        path.write_text("of an earlier run, whose frames had poses")
    for factor, median in ((1 / 25, "0.1"), (5, "12.5")):
        captured.write_depth(tmp_path / "points" / "0.png", points * factor, 1000)
        _, text = predict(tmp_path / "images", out=tmp_path / "out", sparse=tmp_path / "points", mesh=False)
        assert f"{median} m, which is hardly a room" in text
    assert not any(path.exists() for path in stale)
    captured.write_depth(tmp_path / "points" / "0.png", points[:20], 1000)
    summary, text = predict(tmp_path / "images", out=tmp_path / "out", sparse=tmp_path / "points", mesh=False)
    assert (summary.frames, summary.skipped) == (2, 1) and "another aspect" in text
    with pytest.raises(ZooError, match="no file of any frame"):
        predict(tmp_path / "images", out=tmp_path / "out", sparse=tmp_path / "images" / "..")


def test_depth_of_the_wrong_unit_does_not_choose_the_views(truth: Truthful, tmp_path: Path) -> None:
    captured.hololens(tmp_path / "walk", captured.room(), steps_per_metre=1)
    _, text = predict(tmp_path / "walk", out=tmp_path / "out", mesh=False)
    assert "1000 times too small" in text
    assert all(len(row["sources"].split()) == 2 for row in rows(tmp_path / "out"))


def test_an_open_unit_is_told_until_it_is_given(truth: Truthful, tmp_path: Path) -> None:
    captured.transforms(tmp_path / "walk", captured.room(count=2))
    _, text = predict(tmp_path / "walk", out=tmp_path / "out", mesh=False)
    assert "does not say whether its unit is a metre" in text and "--metres-per-unit" in text
    _, text = predict(tmp_path / "walk", out=tmp_path / "out", mesh=False, metres_per_unit=1.0)
    assert "unit" not in text


def test_what_does_not_belong_together_is_refused(weights_of_rooms: Path, tmp_path: Path) -> None:
    captured.hololens(tmp_path / "walk", captured.room(count=2))
    checkpoint.save(tmp_path / "eyes", Network(tiny.TINY), tiny.described("eyes"))

    def refused(*arguments: object) -> str:
        done = CliRunner().invoke(app, ["predict", *map(str, arguments), "-o", str(tmp_path / "out")])
        assert done.exit_code == 2, done.output
        return " ".join(done.output.split())

    eyes, walk, images = tmp_path / "eyes", tmp_path / "walk", tmp_path / "walk" / "images"
    assert "posed capture of a room (layout hololens), and eyes looks at eyes" in refused(eyes, walk)
    assert "--sparse is for rooms" in refused(eyes, images, "--sparse", images)
    assert "images without camera poses" in refused(weights_of_rooms, images)
    assert "--masks is for eyes" in refused(weights_of_rooms, walk, "--masks")
    assert "did you mean 'hololens'" in refused(weights_of_rooms, walk, "--format", "hololense")
    assert "holds 2 captures" in refused(weights_of_rooms, _two(tmp_path, walk))
    assert "0.002 to 0.5 metres" in refused(weights_of_rooms, walk, "--voxel-m", 3)


def _two(tmp_path: Path, walk: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "both").mkdir(exist_ok=True)
        (tmp_path / "both" / name).symlink_to(walk, target_is_directory=True)
    return tmp_path / "both"


def test_native_depth_of_a_lens_lies_where_the_lens_shows_it() -> None:
    lens = Distortion(model="radtan", coefficients=(-0.15, 0.02, 0.001, 0.0, 0.0))
    frame = Frame("a", Path("a.png"), (96, 64), np.array([[80.0, 0, 47], [0, 80, 31], [0, 0, 1]]), lens)
    height, width = 32, 48
    ramp = np.tile(1 + 0.01 * np.arange(width, dtype=np.float32), (height, 1))
    depth, sigma = to_native(frame, ramp, np.full_like(ramp, 0.1))
    grid = pixel_grid(64, 96, dtype=torch.float64)
    straight = undistort_pixels(grid, torch.from_numpy(frame.camera), lens).numpy()
    expected = 1 + 0.01 * Fit.cover(frame.size, height, width).to_fitted(straight)[..., 0]
    assert depth.shape == (64, 96)
    assert np.allclose(depth[8:-8, 8:-8], expected[8:-8, 8:-8], atol=1e-3)
    assert (depth[0, 0], sigma[0, 0]) == (0, 0)  # the straight frame has no place for a barrel's corner


def test_depth_is_not_interpolated_across_a_border() -> None:
    frame = Frame("a", Path("a.png"), (96, 64), np.array([[80.0, 0, 47], [0, 80, 31], [0, 0, 1]]))
    depth = np.where(np.arange(48) < 20, 1.0, 3.0).astype(np.float32) * np.ones((32, 1), np.float32)
    native, _ = to_native(frame, depth, np.full_like(depth, 0.1))
    assert set(np.unique(native)) == {1.0, 3.0}
    counted = weights(depth, np.full_like(depth, 0.02)) > 0
    assert not counted[:, 19:21].any() and counted[:, :18].all()
    assert not weights(depth, np.full_like(depth, 0.5)).any()


@pytest.mark.parametrize(
    ("frame", "expected"), [((640, 480), (240, 320)), ((540, 360), (224, 336)), ((1920, 1080), (208, 370))]
)
def test_input_keeps_the_aspect_and_the_pixels(frame: tuple[int, int], expected: tuple[int, int]) -> None:
    assert network_size(frame, (240, 320)) == expected


def test_frames_of_two_aspects_are_told() -> None:
    wide, tall = (640, 480), (480, 640)
    size, said = input_size([tall, wide, wide], (240, 320), None)
    assert size == (240, 320) and "1 of 3 frames" in said and "44% of a frame, at the top and below" in said
    assert input_size([wide, (320, 240)], (240, 320), None) == ((240, 320), "")


def test_preview_shows_three_parts_and_unknown_black() -> None:
    depth = np.full((30, 40), 2.0, np.float32)
    depth[:10] = 0
    assert far_of(depth) == 3.0
    picture = preview(np.full((30, 40, 3), 99, np.uint8), depth, np.full_like(depth, 0.1), 3.0)
    assert picture.shape[1] == 120 and (picture[:30, :40] == 99).all()
    assert (picture[:10, 40:] == 0).all() and (picture[10:30, 40:].max(-1) > 0).all()


def test_viewer_says_what_is_missing_and_places_the_cameras(
    truth: Truthful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ZooError, match=r"holds no cameras\.json"):
        view.build(tmp_path, "127.0.0.1", 8080)
    for damaged in ("[]", '{"cameras": []}', '{"cameras": [{"cam_to_world": [1]}]}'):
        (tmp_path / "cameras.json").write_text(damaged)
        with pytest.raises(ZooError, match="not what `zoo predict` writes"):
            view.build(tmp_path, "127.0.0.1", 8080)
    scene = captured.room(count=2)
    captured.hololens(tmp_path / "walk", scene)
    predict(tmp_path / "walk", out=tmp_path / "out", mesh=False)
    monkeypatch.setattr(view, "import_module", _missing)
    with pytest.raises(ZooError, match=r"eye-room-zoo\[view\]"):
        view.build(tmp_path / "out", "127.0.0.1", 8080)
    calls: list[tuple[str, dict[str, Any]]] = []
    stage = SimpleNamespace(
        set_up_direction=lambda _: None,
        add_point_cloud=lambda *_, **__: None,
        add_camera_frustum=lambda name, **options: calls.append((name, options)),
    )
    first_look = SimpleNamespace()
    fakes = {
        "viser": SimpleNamespace(
            ViserServer=lambda **_: SimpleNamespace(scene=stage, initial_camera=first_look)
        ),
        "trimesh": SimpleNamespace(load=lambda *_, **__: SimpleNamespace(vertices=[])),
    }
    monkeypatch.setattr(view, "import_module", fakes.__getitem__)
    view.build(tmp_path / "out", "127.0.0.1", 8080)
    assert [name for name, _ in calls] == ["/cameras/00003", "/cameras/00005"]
    assert np.allclose(calls[1][1]["position"], scene.poses[1][:3, 3])
    turn = pose_of_quaternion(*calls[1][1]["wxyz"], scene.poses[1][:3, 3])
    assert np.allclose(turn, scene.poses[1], atol=1e-6)
    assert np.isclose(calls[0][1]["aspect"], captured.WIDTH / captured.HEIGHT)
    assert calls[0][1]["image"].shape[1] == 160
    look = first_look.look_at - first_look.position
    assert look @ scene.poses[0][:3, 2] / np.linalg.norm(look) > 0.9


def _missing(name: str) -> None:
    raise ModuleNotFoundError(name)
