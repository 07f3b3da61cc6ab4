"""Rooms of a pool as view samples, and what training does to them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from zoo.data.augment_views import augment_views
from zoo.data.config import SparseConfig, ViewAugmentConfig
from zoo.data.room_pool import room_pool_writer
from zoo.data.rooms import RoomBatch
from zoo.data.sources.room_pool import RoomViews
from zoo.data.views import ViewBatch, check_view_batch
from zoo.draws import Draws
from zoo.errors import ZooError
from zoo.geometry.cameras import pixel_grid, rays
from zoo.geometry.views import relative_pose, warp

HEIGHT, WIDTH, VIEWS, SCENES = 24, 32, 3, 4


def wall(scenes: int = SCENES) -> RoomBatch:
    """A wall at z = 3 with a smooth picture on it, seen by cameras that stand side by side."""
    camera = torch.tensor([[30.0, 0, 15.5], [0, 30.0, 11.5], [0, 0, 1]]).expand(scenes, VIEWS, 3, 3)
    pose = torch.eye(4).repeat(scenes, VIEWS, 1, 1)
    pose[:, 1, 0, 3], pose[:, 2, 1, 3] = 0.2, 0.15
    point = 3 * rays(pixel_grid(HEIGHT, WIDTH), camera[:, :, None, None]) + pose[:, :, None, None, :3, 3]
    x, y = point[..., 0], point[..., 1]
    phase = torch.arange(scenes)[:, None, None, None]
    colours = [torch.sin(3 * x + phase), torch.sin(4 * y), torch.sin(2 * (x + y))]
    return RoomBatch(
        images=0.5 + 0.4 * torch.stack(colours, dim=2),
        cameras=camera.clone(),
        cam_to_world=pose,
        depth=torch.full((scenes, VIEWS, HEIGHT, WIDTH), 3.0),
        covisible=torch.full((scenes, VIEWS, HEIGHT, WIDTH), VIEWS - 1, dtype=torch.uint8),
        scene=torch.arange(scenes),
    )


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    writer = room_pool_writer(tmp_path / "pool", {"made": "here"}, SCENES, VIEWS, HEIGHT, WIDTH)
    writer.write(0, wall())
    return tmp_path / "pool"


def misfit(batch: ViewBatch) -> float:
    """Mean difference of colours between the anchor and its first source, warped by the true depth."""
    pose, camera = batch["cam_to_world"], batch["cameras"]
    relative = relative_pose(pose[:, 0], pose[:, 1])
    warped, inside = warp(batch["images"][:, 1], batch["depth"], camera[:, 0], camera[:, 1], relative)
    return float((warped - batch["images"][:, 0]).abs().mean(1)[inside].mean())


class TestRoomViews:
    def test_every_view_is_the_anchor_of_one_sample(self, pool: Path) -> None:
        source = RoomViews(pool, HEIGHT, WIDTH)
        assert len(source) == SCENES * VIEWS
        batch = source.batch(np.array([4, 0, 11]))
        check_view_batch(batch, "pool")
        assert batch["scene"].tolist() == [1, 0, 3]
        for key in ("images", "cameras", "cam_to_world"):
            stored = cast(Tensor, source.pool.batch(np.array([1]))[key])  # type: ignore[literal-required]
            shown = cast(Tensor, batch[key])[0]  # type: ignore[literal-required]
            torch.testing.assert_close(shown, stored[0, [1, 2, 0]])
        assert misfit(batch) < 0.02

    def test_smaller_samples_show_the_same(self, pool: Path) -> None:
        batch = RoomViews(pool, HEIGHT // 2, WIDTH // 2).batch(np.arange(4))
        assert batch["images"].shape == (4, VIEWS, 3, HEIGHT // 2, WIDTH // 2)
        assert batch["cameras"][0, 0, 0, 0] == 15
        assert misfit(batch) < 0.03

    def test_a_size_that_does_not_divide_the_pool_is_refused(self, pool: Path) -> None:
        with pytest.raises(ZooError, match="32x24, which is no multiple of 20x24"):
            RoomViews(pool, 24, 20)


class TestAugmentation:
    @pytest.fixture
    def batch(self, pool: Path) -> ViewBatch:
        return RoomViews(pool, HEIGHT, WIDTH).batch(np.arange(12))

    def test_off_changes_nothing(self, batch: ViewBatch) -> None:
        after = augment_views(batch, Draws(0, torch.arange(12)), ViewAugmentConfig.off())
        for key, value in batch.items():
            torch.testing.assert_close(after[key], value)  # type: ignore[literal-required]

    @pytest.mark.parametrize("change", [{"flip": 1.0}, {"world_scale": (1.3, 1.3)}])
    def test_geometry_stays_true(self, batch: ViewBatch, change: dict[str, object]) -> None:
        config = ViewAugmentConfig.off().model_copy(update=change)
        after = augment_views(batch, Draws(0, torch.arange(12)), config)
        assert not torch.equal(after["cam_to_world"], batch["cam_to_world"])
        assert misfit(after) < 0.02
        check_view_batch(after, "augmented")

    def test_a_sample_is_a_function_of_its_index(self, batch: ViewBatch) -> None:
        everything = augment_views(batch, Draws(3, torch.arange(12)), ViewAugmentConfig())
        one = cast(ViewBatch, {key: cast(Tensor, value)[7:8] for key, value in batch.items()})
        alone = augment_views(one, Draws(3, torch.tensor([7])), ViewAugmentConfig())
        for key, value in alone.items():
            torch.testing.assert_close(cast(Tensor, value)[0], everything[key][7])  # type: ignore[literal-required]

    def test_measured_depths_are_true_or_as_wrong_as_asked(self, batch: ViewBatch) -> None:
        sparse = SparseConfig(share=1.0, count=(20_000, 20_000), noise=0.0, outliers=0.0)
        config = ViewAugmentConfig.off().model_copy(update={"sparse": sparse})
        after = augment_views(batch, Draws(0, torch.arange(12)), config)
        points = after["sparse_depth"] > 0
        assert 0.05 < points.float().mean() < 0.6
        assert (after["sparse_depth"][points] == 3).all()
        assert torch.equal(after["sparse_confidence"] > 0, points)
        wrong = config.model_copy(update={"sparse": sparse.model_copy(update={"outliers": 1.0})})
        after = augment_views(batch, Draws(0, torch.arange(12)), wrong)
        apart = (after["sparse_depth"] - 3).abs()[after["sparse_depth"] > 0] > 0.3
        assert 0.15 < apart.float().mean() < 0.7

    def test_sources_are_left_out_but_never_the_anchor(self, batch: ViewBatch) -> None:
        config = ViewAugmentConfig(drop=1.0, alone=1.0, sparse=SparseConfig(share=0.5))
        valid = augment_views(batch, Draws(0, torch.arange(12)), config)["views_valid"]
        assert valid[:, 0].all()
        assert set(valid.sum(1).tolist()) == {1, 2}
