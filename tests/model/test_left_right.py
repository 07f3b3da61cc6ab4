from __future__ import annotations

from typing import cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.model.small_depth import HEIGHT, WIDTH, picked, predict, room, small_network
from zoo.geometry.views import relative_pose
from zoo.model.heads.depth.head import DepthHead
from zoo.model.heads.depth.left_right import WayBack, doubted, refined_peak, way_back
from zoo.model.heads.depth.sweep import cast as cast_rays
from zoo.model.network import Network
from zoo.model.views import ViewFeatures

LEVELS = torch.linspace(0.1, 1.0, 10)
STEP_PX = 1.6  # of the hypotheses, at a baseline of 25 cm and a focal length of 64 pixels
AT_2_M = 8  # pixels
BASELINE = 0.25


def fronto_parallel(sources: int = 1) -> tuple[ViewFeatures, Tensor]:
    """Features and descriptors of noise at 2 m, from cameras to the right and, second, to the left."""
    batch = room(batch=1, views=1 + sources)
    batch["cam_to_world"][:] = torch.eye(4)
    sides = torch.tensor([0.0, 1.0, -1.0])[: 1 + sources]
    batch["cam_to_world"][0, :, 0, 3] = BASELINE * sides
    g = torch.Generator().manual_seed(1)
    wall = F.normalize(torch.randn(16, HEIGHT, WIDTH, generator=g), dim=0)
    descriptors = torch.stack([wall.roll(-AT_2_M * int(side), dims=2) for side in sides])[None]
    views = ViewFeatures(
        (HEIGHT, WIDTH),
        batch["images"],
        batch["cameras"],
        relative_pose(batch["cam_to_world"][:, :1], batch["cam_to_world"][:, 1:]),
        batch["views_valid"][:, 1:],
        *(torch.empty(0), torch.empty(0), torch.empty(0), descriptors),
    )
    return views, descriptors


def ask(views: ViewFeatures, descriptors: Tensor, pixels: Tensor, inverse_depth: Tensor) -> WayBack:
    rays = cast_rays(pixels, views.cameras, views.source_from_anchor, views.usable)
    return way_back(views, descriptors, rays, pixels, inverse_depth, LEVELS)


PIXELS = torch.tensor([[[30.0, 20.0], [40.0, 30.0], [25.0, 9.0]]])


class TestWayBack:
    def test_right_matches_are_kept_and_a_wrong_one_is_caught(self) -> None:
        views, descriptors = fronto_parallel()
        back = ask(views, descriptors, PIXELS, torch.tensor([[0.5, 0.3, 0.5]]))
        assert back.asked.all()
        assert back.consistent().tolist() == [[True, False, True]]
        # Taken for 0.3 / m it lands where the source shows the anchor's pixel two steps further on.
        torch.testing.assert_close(back.apart[0, 0, 1], torch.tensor(2 * STEP_PX), atol=0.4, rtol=0)

    def test_what_another_thing_hides_in_the_source_is_not_confirmed(self) -> None:
        views, descriptors = fronto_parallel()
        landed = int(PIXELS[0, 0, 0]) - AT_2_M
        here = descriptors[:, 1, :, 20]
        here[..., landed - 2 : landed + 3] = here[..., landed + 10 : landed + 15].clone()
        back = ask(views, descriptors, PIXELS, torch.full((1, 3), 0.5))
        assert back.consistent().tolist() == [[False, True, True]]

    def test_one_source_that_confirms_is_enough(self) -> None:
        views, descriptors = fronto_parallel(sources=2)
        descriptors[:, 1] = descriptors[:, 1].flip(-1)
        back = ask(views, descriptors, PIXELS, torch.full((1, 3), 0.5))
        assert (back.apart[0, 0] > 0.5).all()
        assert (back.apart[0, 1] < 0.5).all()
        assert back.consistent().all()

    def test_sources_that_cannot_be_asked_confirm_nothing(self) -> None:
        views, descriptors = fronto_parallel()
        outside = torch.tensor([[[1.0, 20.0]]])  # lands at -7
        assert not ask(views, descriptors, outside, torch.tensor([[0.5]])).consistent().any()
        back = ask(
            views._replace(usable=torch.zeros(1, 1, dtype=torch.bool)), descriptors, PIXELS, LEVELS[:3][None]
        )
        assert not back.asked.any()
        assert back.apart.isfinite().all()

    def test_without_a_baseline_every_way_leads_back(self) -> None:
        views, descriptors = fronto_parallel()
        still = views._replace(source_from_anchor=torch.eye(4).expand(1, 1, 4, 4))
        assert (ask(still, descriptors, PIXELS, torch.full((1, 3), 0.5)).apart < 1e-3).all()


class TestRules:
    def test_peaks_lie_between_hypotheses(self) -> None:
        place = torch.tensor([3.3, 5.0, 7.7])
        scores = -(torch.arange(12.0) - place[:, None]).square()
        torch.testing.assert_close(refined_peak(scores), place)

    def test_peaks_at_an_end_or_beside_what_is_not_seen_stay_where_they_are(self) -> None:
        scores = torch.tensor([[5.0, 4.0, 1.0, 0.0], [-1e4, 1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]])
        assert refined_peak(scores).tolist() == [0, 1, 0]

    def test_the_odds_against_a_point_double(self) -> None:
        confidence = torch.tensor([0.0, 0.5, 0.9, 0.9, 1.0])
        consistent = torch.tensor([False, False, False, True, False])
        lowered = doubted(confidence, consistent)
        torch.testing.assert_close(lowered, torch.tensor([0.0, 1 / 3, 9 / 11, 0.9, 1.0]))


@pytest.fixture(scope="module", params=["joint", "classic"])
def network(request: pytest.FixtureRequest) -> Network:
    return small_network(request.param, check=True)


class TestHead:
    def test_only_the_confidence_of_points_changes(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = room(batch=2, views=4)
        checked = predict(network, batch)
        monkeypatch.setattr(cast(DepthHead, network.head("depth")).matching, "check", False)
        plain = predict(network, batch)
        changed = {key for key, value in plain.items() if not torch.equal(value, checked[key])}
        assert changed == {"point_confidence", "point_consistent"}
        assert plain["point_consistent"].all()
        same = plain["point_confidence"] == checked["point_confidence"]
        assert same[checked["point_consistent"]].all()
        assert (checked["point_confidence"] <= plain["point_confidence"]).all()

    @pytest.mark.parametrize("views", [1, 2])
    def test_single_views_and_standing_cameras_are_no_error(self, network: Network, views: int) -> None:
        batch = picked(room(), list(range(views)))
        batch["cam_to_world"][:] = torch.eye(4)
        prediction = predict(network, batch)
        assert all(value.isfinite().all() for value in prediction.values())
        if views == 1:
            assert not prediction["point_consistent"].any()
            assert (prediction["point_confidence"] == 0).all()

    def test_training_is_not_checked(self, network: Network) -> None:
        network.train()
        try:
            assert predict(network, room())["point_consistent"].all()
        finally:
            network.eval()


def test_the_check_has_no_branch_that_depends_on_data() -> None:
    views, descriptors = fronto_parallel(sources=2)

    class Check(torch.nn.Module):
        def forward(self, descriptors: Tensor, pixels: Tensor, inverse_depth: Tensor) -> Tensor:
            return ask(views, descriptors, pixels, inverse_depth).consistent()

    inputs = (descriptors, PIXELS, torch.tensor([[0.5, 0.3, 0.5]]))
    program = torch.export.export(Check(), inputs)
    other = (descriptors, PIXELS.flip(1), torch.tensor([[0.3, 0.5, 0.5]]))
    assert program.module()(*other).tolist() == [[False, True, True]]
