from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor

from tests.model.small_depth import HEIGHT, WIDTH, picked, predict, room, small_network
from zoo.config import compose
from zoo.data.views import ViewBatch
from zoo.geometry.views import relative_pose, transfer
from zoo.model.config import ByobConfig, DepthConfig, NetworkConfig
from zoo.model.heads.base import ViewHead
from zoo.model.heads.depth.fill import fill, moments_of_map, moments_of_points
from zoo.model.heads.depth.matching import _peak, between
from zoo.model.heads.depth.points import cell_points, cornerness, point_loss, recognised
from zoo.model.heads.depth.sweep import GROUPS, evidence
from zoo.model.heads.depth.sweep import cast as cast_rays
from zoo.model.network import Network


@pytest.fixture(scope="module", params=["joint", "classic"])
def network(request: pytest.FixtureRequest) -> Network:
    return small_network(request.param)


class TestHead:
    def test_shapes_are_the_images(self, network: Network) -> None:
        prediction = predict(network, room())
        assert prediction["depth"].shape == prediction["sigma"].shape == (2, HEIGHT, WIDTH)
        assert (prediction["depth"] > 0).all()
        assert (prediction["sigma"] > 0).all()
        assert prediction["point_px"].shape == (2, HEIGHT * WIDTH // 64, 2)

    def test_the_order_of_the_sources_does_not_matter(self, network: Network) -> None:
        batch = room(views=4)
        here, there = predict(network, batch), predict(network, picked(batch, [0, 3, 1, 2]))
        torch.testing.assert_close(here["depth"], there["depth"], rtol=1e-4, atol=1e-4)

    def test_a_source_that_is_not_valid_is_as_if_it_were_not_there(self, network: Network) -> None:
        batch = room(views=3)
        less = predict(network, picked(batch, [0, 1]))
        batch["views_valid"][:, 2] = False
        torch.testing.assert_close(predict(network, batch)["depth"], less["depth"], rtol=1e-4, atol=1e-4)

    def test_one_view_alone_has_no_confident_points(self, network: Network) -> None:
        prediction = predict(network, picked(room(), [0]))
        assert (prediction["point_confidence"] == 0).all()
        assert prediction["depth"].isfinite().all()

    def test_a_sample_does_not_depend_on_its_batch(self, network: Network) -> None:
        batch = room(batch=3)
        alone = cast(ViewBatch, {key: cast(Tensor, value)[1:2] for key, value in batch.items()})
        torch.testing.assert_close(
            predict(network, batch)["depth"][1:2], predict(network, alone)["depth"], rtol=1e-4, atol=1e-4
        )

    def test_loss_is_one_finite_number_a_sample_and_0_without_a_label(self, network: Network) -> None:
        batch = room()
        batch["depth"][1] = 0
        batch["depth_valid"][1] = False
        head = cast(ViewHead[DepthConfig], network.head("depth"))
        loss = head.loss(network.answer(batch)["depth"], batch)
        assert loss.value.isfinite().all()
        assert loss.valid.tolist() == [True, False]
        assert loss.value[0] > 0
        assert loss.value[1] == 0

    @pytest.mark.parametrize("views", [1, 2, 3])
    def test_gradients_are_finite(self, network: Network, views: int) -> None:
        batch = picked(room(), list(range(views)))
        batch["sparse_depth"][:, ::7, ::5] = 2.0
        batch["sparse_confidence"][:, ::7, ::5] = 1.0
        loss = network.head("depth").loss(network.answer(batch)["depth"], batch).value.sum()
        gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
        assert all(g is None or g.isfinite().all() for g in gradients)

    def test_no_baseline_at_all_is_no_error(self, network: Network) -> None:
        batch = room()
        batch["cam_to_world"][:] = torch.eye(4)
        assert predict(network, batch)["depth"].isfinite().all()

    def test_errors_by_hand(self, network: Network) -> None:
        batch = room(batch=1)
        batch["depth"][:] = 2.0
        batch["depth"][:, :, : WIDTH // 2] = 0  # unknown: not scored
        prediction = predict(network, batch)
        prediction["depth"] = torch.full((1, HEIGHT, WIDTH), 2.2)
        prediction["depth"][:, : HEIGHT // 2] = 4.0
        falling = torch.linspace(0.4, 0.2, HEIGHT)[:, None]
        prediction["sigma"] = falling.expand(1, HEIGHT, WIDTH)
        errors = {k: float(v.value[0]) for k, v in network.head("depth").errors(prediction, batch).items()}
        assert errors["absrel_ratio"] == pytest.approx(0.5 * 1.0 + 0.5 * 0.1)
        assert errors["rmse_m"] == pytest.approx((0.5 * 4.0 + 0.5 * 0.04) ** 0.5)
        assert errors["delta_share"] == pytest.approx(0.5)
        assert errors["sigma_share"] == pytest.approx(0.5)
        assert errors["seen_absrel_ratio"] == errors["absrel_ratio"]
        assert errors["sure_absrel_ratio"] < errors["absrel_ratio"]

    def test_needs_a_map_at_stride_2(self) -> None:
        config = NetworkConfig(
            backbone=ByobConfig(stem=(8, 8), widths=(8,), depths=(1,)), heads={"depth": DepthConfig()}
        )
        with pytest.raises(ValueError, match="detail"):
            Network(config)


class TestSweep:
    def test_rays_meet_the_points_that_are_there(self) -> None:
        batch = room()
        relative = relative_pose(batch["cam_to_world"][:, :1], batch["cam_to_world"][:, 1:])
        pixels = torch.tensor([[10.0, 12.0], [50.0, 40.0]]).expand(2, 2, 2)
        depth = torch.tensor([[1.2, 3.4], [0.8, 9.0]])
        rays = cast_rays(pixels, batch["cameras"], relative, batch["views_valid"][:, 1:])
        found, _ = rays.at(1 / depth[..., None], (HEIGHT, WIDTH))
        camera = batch["cameras"][:, :, None]
        expected, _ = transfer(
            pixels[:, None], depth[:, None], camera[:, :1], camera[:, 1:], relative[:, :, None]
        )
        torch.testing.assert_close(found[:, :, :, 0], expected, rtol=1e-4, atol=1e-3)

    def test_the_true_depth_agrees_best(self) -> None:
        batch = room(batch=1, views=2)
        batch["cam_to_world"][:] = torch.eye(4)
        batch["cam_to_world"][:, 1, 0, 3] = 0.25  # at 2 m: 8 pixels
        g = torch.Generator().manual_seed(1)
        source = torch.nn.functional.normalize(torch.randn(1, 16, HEIGHT, WIDTH, generator=g), dim=1)
        maps = torch.stack([source.roll(8, dims=3), source], dim=1)
        relative = relative_pose(batch["cam_to_world"][:, :1], batch["cam_to_world"][:, 1:])
        pixels = torch.tensor([[[30.0, 20.0], [40.0, 30.0]]])
        rays = cast_rays(pixels, batch["cameras"], relative, batch["views_valid"][:, 1:])
        levels = torch.linspace(0.1, 1.0, 10).expand(1, 2, 10)
        own = maps[:, 0, :, [20, 30], [30, 40]]
        found, valid = evidence(maps, own, rays, levels, (HEIGHT, WIDTH))
        assert valid.all()
        assert found[0, 0, :GROUPS].sum(0).argmax(1).tolist() == [4, 4]  # 0.5 per metre


class TestFill:
    def test_planes_are_filled_exactly(self) -> None:
        g = torch.Generator().manual_seed(0)
        pixels = torch.rand(1, 60, 2, generator=g) * torch.tensor([WIDTH - 1.0, HEIGHT - 1.0])
        plane = 0.3 + 0.004 * pixels[..., 0] - 0.002 * pixels[..., 1]
        size = (HEIGHT // 4, WIDTH // 4)
        filled, near = fill(moments_of_points(pixels, plane, 20 * torch.ones_like(plane), 4, size), 0.4)
        v, u = torch.meshgrid(torch.arange(size[0]) * 4 + 1.5, torch.arange(size[1]) * 4 + 1.5, indexing="ij")
        truth = 0.3 + 0.004 * u - 0.002 * v
        assert (filled[0, 0] / truth - 1).abs().mean() < 0.02
        assert 0 < near.min() <= near.max() < 1

    def test_without_points_nothing_is_known(self) -> None:
        filled, near = fill(torch.zeros(1, 9, 6, 8), 0.4)
        torch.testing.assert_close(filled, torch.full_like(filled, 0.4))
        assert (near == 0).all()

    def test_points_and_maps_gather_alike(self) -> None:
        depth = torch.zeros(1, 16, 16)
        depth[0, 3, 5], depth[0, 12, 9], depth[0, 12, 10] = 0.5, 0.7, 0.2
        pixels = torch.tensor([[[5.0, 3.0], [9.0, 12.0], [10.0, 12.0]]])
        points = moments_of_points(pixels, torch.tensor([[0.5, 0.7, 0.2]]), torch.ones(1, 3), 4, (4, 4))
        torch.testing.assert_close(points, moments_of_map(depth, (depth > 0).float(), 4, (4, 4)))

    def test_confidence_decides(self) -> None:
        pixels = torch.tensor([[[6.0, 6.0], [6.0, 6.0]]])
        sums = moments_of_points(pixels, torch.tensor([[0.5, 2.0]]), torch.tensor([[9.0, 0.0]]), 4, (4, 4))
        filled, _ = fill(sums, 0.5)
        torch.testing.assert_close(filled, torch.full_like(filled, 0.5))


class TestMatching:
    def test_peak_is_the_mean_of_a_window(self) -> None:
        p = torch.tensor([[[0.3, 0.0, 0.0, 0.1, 0.4, 0.2, 0.0]]])
        value, mass = _peak(p, torch.arange(7.0))
        assert float(mass) == pytest.approx(0.7)
        assert float(value) == pytest.approx((0.3 + 1.6 + 1.0) / 0.7)

    def test_cross_entropy_by_hand(self) -> None:
        logits = torch.tensor([[[0.0, 1.0, 2.0]]])
        log_p = logits.log_softmax(2)[0, 0]
        value = between(logits, torch.tensor([[1.25]]))
        assert float(value) == pytest.approx(float(-(0.75 * log_p[1] + 0.25 * log_p[2])))
        assert between(logits, torch.tensor([[9.0]])).isfinite().all()


class TestPoints:
    def test_one_in_each_cell_at_its_best_pixel(self) -> None:
        logits = torch.zeros(1, 64, 2, 3)
        logits[0, 8 * 5 + 2, 1, 2] = 1
        points = cell_points(logits)
        assert points.shape == (1, 6, 2)
        assert points[0, 5].tolist() == [2 * 8 + 2, 8 + 5]
        assert points[0, 0].tolist() == [0, 0]

    def test_corners_are_corners(self) -> None:
        image = torch.zeros(1, 3, 32, 32)
        image[..., 12:, 10:] = 1
        strength = cornerness(image)[0]
        row, column = divmod(int(strength.argmax()), 32)
        assert abs(row - 12) <= 1
        assert abs(column - 10) <= 1
        assert strength[20, 10] < 0.1 * strength.max()  # an edge is none

    def test_what_no_other_view_confirms_counts_less(self) -> None:
        anchor, sources = torch.ones(1, 2, 2), torch.zeros(1, 1, 2, 2)
        inside = torch.tensor([[[[True, True], [False, False]]]])
        assert recognised(anchor, sources, inside)[0].tolist() == [[0, 0], [1, 1]]

    def test_loss_is_lowest_at_the_strongest_pixel(self) -> None:
        strength = torch.zeros(1, 8, 8)
        strength[0, 3, 4] = 10
        right, wrong = torch.zeros(2, 1, 64, 1, 1)
        right[0, 8 * 3 + 4], wrong[0, 0] = 5, 5
        assert point_loss(right, strength) < point_loss(wrong, strength)


def test_the_size_of_the_paper_runs() -> None:
    config = compose("train", ["experiment=deltas_s", "network=deltas_resnet50"])
    network = Network(config.network).eval()
    assert sum(p.numel() for p in network.parameters()) > 25e6
    assert predict(network, room(batch=1, views=2))["depth"].shape == (1, HEIGHT, WIDTH)
