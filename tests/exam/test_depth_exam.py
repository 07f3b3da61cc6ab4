"""The exam of depth: interpolation, sparse points, which samples count, baselines, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import table_parts
import tables_depth
import torch
from torch import Tensor

from tests.data import captured
from tests.data.captured import room
from tests.geometry.posed import pose, room_depth
from zoo.data.views import ViewBatch, empty_view_batch
from zoo.draws import Draws
from zoo.exam.depth.baselines import epipolar_distance, measure_baselines, median_depth, sift_points
from zoo.exam.depth.interpolate import interpolate
from zoo.exam.depth.measure import complete, measure_depth, spread
from zoo.exam.depth.samples import RealCapture, room_exams, sources_keep_rule
from zoo.exam.depth.sparse import OUTLIER_M, Protocol, sparse_points, with_points
from zoo.geometry.cameras import project, rays
from zoo.geometry.views import transform_points
from zoo.model.heads.depth.scores import dense_errors, point_errors
from zoo.model.network import Network


def batch_of(depth: Tensor, seen: Tensor | None = None) -> ViewBatch:
    batch = empty_view_batch(len(depth), 2, *depth.shape[1:])
    batch["depth"] = depth
    batch["depth_valid"][:] = True
    if seen is not None:
        batch["seen"], batch["seen_valid"] = seen, torch.ones(len(depth), dtype=torch.bool)
    return batch


def test_dense_scores_by_hand() -> None:
    truth = torch.tensor([[[1.0, 2.0], [4.0, 0.0]]])
    depth = torch.tensor([[[1.1, 2.0], [2.0, 9.0]]])
    sigma = torch.tensor([[[0.2, 0.05], [0.3, 0.0]]])
    seen = torch.tensor([[[1, 2], [0, 0]]], dtype=torch.uint8)
    errors = dense_errors(depth, sigma, batch_of(truth, seen))
    found = {key: (round(float(e.value), 4), bool(e.valid)) for key, e in errors.items()}
    assert found["absrel_ratio"] == (0.2, True)  # (0.1 + 0 + 0.5) / 3
    assert found["rmse_m"] == (round(float(np.sqrt((0.01 + 4) / 3)), 4), True)
    assert found["delta_share"] == (0.6667, True)
    assert found["seen_absrel_ratio"] == (0.05, True)
    assert found["seen_pixels_share"] == (0.6667, True)
    assert found["sigma_share"] == (0.6667, True)
    assert found["sure_absrel_ratio"] == (0.2, True)  # 80 % of three pixels, rounded up, are three


def test_frames_without_depth_or_without_sources_count_for_nothing() -> None:
    batch = batch_of(torch.ones(2, 2, 2))
    batch["depth"][1], batch["depth_valid"][1] = 0.0, False
    errors = dense_errors(torch.ones(2, 2, 2), torch.ones(2, 2, 2), batch)
    assert errors["absrel_ratio"].valid.tolist() == [True, False]
    assert errors["seen_absrel_ratio"].valid.tolist() == [False, False]


def test_points_are_scored_by_the_most_confident_quarter_of_those_with_a_label() -> None:
    truth = torch.full((1, 2, 8), 2.0)
    truth[0, 0, 7] = 0.0
    pixels = torch.tensor([[[float(u), 0.0] for u in range(8)] + [[0.0, 1.0]]])
    depth = torch.tensor([[2.05, 2.2, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 3.0]])
    confidence = torch.tensor([[0.9, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0, 0.0]])
    errors = point_errors(pixels, depth, confidence, batch_of(truth))
    # Seven points have a label and a confidence: a quarter of them, rounded up, is two.
    assert errors["point_count"].value.item() == 2
    assert errors["point_share"].value.item() == pytest.approx(0.5)
    assert errors["point_absrel_ratio"].value.item() == pytest.approx((0.025 + 0.1) / 2, rel=1e-4)


@pytest.mark.parametrize("whole", [True, False])
def test_a_plane_is_interpolated_exactly_inside_the_hull(whole: bool) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, [63, 47], (60, 2))
    pixels = np.rint(pixels) if whole else pixels
    pixels = np.concatenate([pixels, [[0, 0], [63, 0], [0, 47], [63, 47]]])

    def plane(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return 1 + 0.03 * u - 0.01 * v

    found = interpolate(pixels, plane(*pixels.T), 48, 64)
    v, u = np.indices((48, 64))
    np.testing.assert_allclose(found, plane(u, v), atol=2e-4)


def test_beyond_the_hull_the_nearest_point_counts_and_few_points_do() -> None:
    corner = np.array([[1.0, 1.0], [3.0, 1.0], [1.0, 3.0]])
    found = interpolate(corner, np.array([1.0, 2.0, 3.0]), 8, 8)
    assert found[1, 2] == pytest.approx(1.5) and found[2, 1] == pytest.approx(2.0)
    assert found[1, 7] == 2 and found[7, 1] == 3 and found[0, 0] == 1
    assert (interpolate(corner[:1], np.array([5.0]), 4, 4) == 5).all()
    with pytest.raises(ValueError, match="no point"):
        interpolate(np.zeros((0, 2)), np.zeros(0), 4, 4)


def test_sparse_points_are_true_but_for_noise_and_outliers_and_the_same_each_time() -> None:
    depth = torch.full((2, 40, 50), 3.0)
    depth[:, :, :25] = 0.0
    draws = Draws(7, torch.tensor([3, 4]))
    clean = sparse_points(depth, Protocol(100), draws)
    assert (clean > 0).flatten(1).sum(1).tolist() == [100, 100]
    assert (clean[clean > 0] == 3).all() and (clean[:, :, :25] == 0).all()
    assert not torch.equal(clean[0], clean[1])
    torch.testing.assert_close(
        sparse_points(depth[1:], Protocol(100), Draws(7, torch.tensor([4])))[0], clean[1]
    )
    noisy = sparse_points(depth, Protocol(400, noise=0.05, outliers=0.1), draws)
    values = noisy[0][noisy[0] > 0]
    assert len(values) == 400 and values.min() > OUTLIER_M[0] * 0.99 and values.max() < OUTLIER_M[1]
    apart = (values / 3 - 1).abs()
    assert 25 <= int((apart > 0.25).sum()) <= 40  # of 40 outliers, those far off
    assert float(apart.median()) == pytest.approx(0.05 * 0.6745 * 1.15, rel=0.25)
    few = sparse_points(depth[:, :2], Protocol(500), draws)
    assert (few > 0).flatten(1).sum(1).tolist() == [50, 50]


def test_completion_sees_no_source() -> None:
    batch = batch_of(torch.ones(1, 8, 8))
    batch["images"][:, 1] = 1.0
    given = with_points(batch, torch.eye(8)[None])
    assert given["views_valid"].tolist() == [[True, False]]
    assert (given["images"][:, 1] == given["images"][:, 0]).all()
    assert (given["sparse_confidence"] == torch.eye(8)).all()


def test_rooms_whose_views_are_too_near_too_far_or_turned_away_do_not_count() -> None:
    size = (48, 64)
    camera = torch.tensor([[55.0, 0, 31.5], [0, 55.0, 23.5], [0, 0, 1]])
    places = [
        pose((0.0, 0, 0), (0.0, 0, 0)),
        pose((0.0, 0, 0), (0.15, 0, 0)),
        pose((0.0, 0, 0), (0.05, 0, 0)),
        pose((0.0, 0, 0), (0.3, 0, 0)),
        pose((0.0, 0.5, 0), (0.15, 0, 0)),
    ]
    depth = room_depth(camera, places[0], *size)
    sample = {
        "cameras": camera.expand(1, 5, 3, 3),
        "cam_to_world": torch.stack(places)[None],
        "depth": depth.float().expand(1, 5, *size),
    }
    assert sources_keep_rule(sample).tolist() == [[True, False, False, False]]


def test_the_exams_are_read_as_they_were_written() -> None:
    exams = room_exams()
    assert set(exams) == {"unseen", "shifted"}
    assert exams["unseen"].seed == 4301 and (exams["unseen"].height, exams["unseen"].width) == (240, 320)


def test_true_matches_lie_on_their_epipolar_lines() -> None:
    camera = torch.tensor([[55.0, 0, 31.5], [0, 55.0, 23.5], [0, 0, 1]], dtype=torch.float64)
    relative = pose((0.05, 0.1, 0.02), (0.2, 0.03, -0.05))
    pixels = torch.tensor([[3.0, 4.0], [40.0, 20.0]], dtype=torch.float64)
    points = rays(pixels, camera) * torch.tensor([[2.0], [3.0]], dtype=torch.float64)
    there = project(transform_points(relative, points), camera)
    on = epipolar_distance(pixels, there, camera, camera, relative)
    off = epipolar_distance(pixels, there + torch.tensor([0.0, 2.0]), camera, camera, relative)
    assert (on < 1e-9).all() and (off > 1).all() and (off <= 2 + 1e-9).all()


def textured_wall() -> ViewBatch:
    """Three views of a textured wall at 2 m, the cameras 0.1 m apart."""
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.random((1, 1, 60, 90))).float()
    wall = torch.nn.functional.interpolate(noise, scale_factor=4, mode="bicubic").clamp(0, 1)[0, 0]
    batch = empty_view_batch(1, 3, 120, 160)
    for view in range(3):
        shift = 20 + 8 * view  # 160 px * 0.1 m / 2 m
        batch["images"][0, view] = wall[20:140, shift : shift + 160]
        batch["cam_to_world"][0, view, 0, 3] = 0.1 * view
    batch["cameras"][..., 0, 0] = batch["cameras"][..., 1, 1] = 160.0
    batch["cameras"][..., 0, 2], batch["cameras"][..., 1, 2] = 79.5, 59.5
    batch["views_valid"][:] = True
    batch["depth"][:] = 2.0
    batch["depth_valid"][:] = True
    return batch


def test_sift_finds_the_depth_of_a_textured_wall() -> None:
    batch = textured_wall()
    points = sift_points(batch)
    assert len(points.depth) > 50
    assert np.median(np.abs(points.depth / 2 - 1)) < 0.02
    batch["images"][:] = 0.5
    assert len(sift_points(batch).depth) == 0


class Wall:
    """One sample, as `DepthSamples`."""

    rows = [0]
    comparable = [0]
    left_out = 2

    def batch(self, rows: list[int], views: int) -> ViewBatch:
        whole = textured_wall()
        for key in ("images", "cameras", "cam_to_world", "views_valid"):
            whole[key] = whole[key][:, :views]  # type: ignore[literal-required]
        return whole

    def native(self, row: int, views: int) -> ViewBatch:
        return self.batch([row], views)

    def describe(self) -> dict[str, str]:
        return {"type": "wall"}


def test_baselines_of_a_wall_are_right_wherever_they_can_be() -> None:
    wall = Wall()
    assert median_depth(wall) == 2
    found = measure_baselines(wall)
    assert found["constant"]["depth/absrel_ratio"] == 0
    assert found["truth_512"]["depth/absrel_ratio"] == pytest.approx(0, abs=1e-6)
    assert found["truth_at_sift"]["depth/absrel_ratio"] == pytest.approx(0, abs=1e-6)
    assert found["sift"]["depth/absrel_ratio"] < 0.05 and found["sift"]["depth/delta_share"] > 0.9
    assert found["sift"]["depth/point_share"] > 0.9 and found["sift"]["depth/point_count"] > 50
    assert not any("sigma" in key or "sure" in key for key in found["sift"])


@pytest.fixture(scope="module")
def network() -> Network:
    from zoo.model.config import ByobConfig, DepthConfig, NeckConfig, NetworkConfig

    torch.manual_seed(0)
    return Network(
        NetworkConfig(
            backbone=ByobConfig(stem=(8, 8), widths=(8, 16), depths=(1, 1)),
            neck=NeckConfig(width=8, depth=1, detail=8),
            heads={"depth": DepthConfig(widths=(8, 8, 8))},
        )
    ).eval()


def tables_of(report: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the tables of rooms, for two checkpoints that did alike."""
    monkeypatch.setattr(table_parts, "METRICS", folder)
    monkeypatch.setattr(tables_depth, "METRICS", folder)
    for name in tables_depth.DEPTH_NAMES:
        (folder / name).mkdir()
        for part in ("rooms_unseen", "hololens"):
            (folder / name / f"depth_{part}.json").write_text(report)
    methods = {"sift": {"depth/absrel_ratio": 0.118, "depth/point_count": 300.0}}
    (folder / "baselines_depth.json").write_text(json.dumps({"hololens": {"methods": methods}}))
    sections = (tables_depth.depth, tables_depth.depth_views, tables_depth.depth_completion)
    lines: list[str] = [line for section in sections for line in section()]
    assert any("0.118" in line and "≤ 0.085" in line for line in lines)
    assert lines.count("") == 3  # real and rendered results stand in tables of their own
    return lines


def test_a_report_holds_what_the_tables_need(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = measure_depth(network, Wall(), checkpoint="tiny", command="none")
    found = json.loads(report.to_json())
    assert found["samples"] == 1 and found["left_out"] == 2
    assert set(found["views"]) == {"2", "3", "5"}
    for key in ("absrel_ratio", "rmse_m", "delta_share", "sigma_share", "sure_absrel_ratio", "point_count"):
        assert np.isfinite(found["metrics"][f"depth/{key}"])
    one = found["completion"]["500_noisy"]
    assert one["over_linear"]["absrel_ratio"] == pytest.approx(
        one["network"]["depth/absrel_ratio"] / one["linear"]["absrel_ratio"]
    )
    assert "2 views" in "".join(tables_of(report.to_json(), tmp_path, monkeypatch))
    again = complete(network, Wall(), [0])
    assert again["500_noisy"] == one  # the same points every time


def test_samples_are_spread_evenly() -> None:
    assert spread([5, 6, 7], 4) == [5, 6, 7]
    assert spread(list(range(11)), 3) == [0, 5, 10]


def test_captures_tell_which_pixels_their_sources_see(tmp_path: Path) -> None:
    captured.hololens(tmp_path, room())
    from zoo.data.sources.capture import CaptureViews

    views = CaptureViews(tmp_path, height=48, width=64, views=3, min_kept=1)
    batch = views.batch(np.arange(1))
    count = int(batch["views_valid"].sum()) - 1
    assert batch["seen_valid"].all() and batch["seen"].max() == count
    assert 0.5 < (batch["seen"] > 0).float().mean() < 1  # the walk leaves some of it outside
    for path in (tmp_path / "depth").glob("*.png"):
        path.unlink()
    (tmp_path / "depth").rmdir()
    assert not CaptureViews(tmp_path, height=48, width=64).batch(np.arange(1))["seen_valid"].any()


def test_the_genuine_frames_are_cropped_and_most_pixels_are_seen(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("depth/hololens")
    samples = RealCapture(folder)
    assert 80 <= len(samples.rows) <= 95 and len(samples.rows) + samples.left_out == 112
    batch = samples.batch(samples.rows[:2], 3)
    known = batch["depth"] > 0
    assert batch["images"].shape == (2, 3, 3, 240, 320) and batch["seen_valid"].all()
    assert 0.7 < (batch["seen"] > 0)[known].float().mean() < 1
