from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.model.batches import random_eye_batch
from tests.model.head_tests import CHANNELS, MAPS, SIZE, HeadTests, random_features
from zoo.data.sample import EyeBatch
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import project
from zoo.model.config import Eye3dConfig, PatchConfig
from zoo.model.heads import Head, build_head, likelihood
from zoo.model.heads.likelihood import SIGMA_OF_SCALE, laplace, plane_laplace


class TestEye3d(HeadTests):
    config = Eye3dConfig(hidden=8, points=3)

    def perfect(self, batch: EyeBatch) -> dict[str, Tensor]:
        return {
            "cornea_mm": batch["cornea_mm"],
            "pupil_mm": batch["pupil_mm"],
            "geometric_axis": batch["optical"],
        }

    def test_the_axis_runs_from_the_cornea_to_the_pupil(self, head: Head[Any]) -> None:
        prediction = head(random_features(4))
        apart = prediction["pupil_mm"] - prediction["cornea_mm"]
        assert angle_between(apart, prediction["geometric_axis"]).max() < 1e-4
        # On the sphere of the pupil, or as near to it as the ray of the image comes.
        assert (apart.norm(dim=1) > 0.999 * prediction["pupil_distance_mm"]).all()

    def test_the_cornea_lies_on_the_ray_of_its_image(self, head: Head[Any]) -> None:
        features = random_features(4)
        prediction = head(features)
        image = project(prediction["cornea_mm"], features.camera)
        torch.testing.assert_close(image, prediction["cornea_px"], rtol=1e-4, atol=1e-3)

    def test_a_longer_lens_is_a_farther_eye(self, head: Head[Any]) -> None:
        """The same picture behind twice the focal length: twice as far."""
        features = random_features(4)
        longer = features.camera.clone()
        longer[:, :2, :2] *= 2
        near, far = head(features), head(features._replace(camera=longer))
        torch.testing.assert_close(far["cornea_mm"][:, 2], 2 * near["cornea_mm"][:, 2])
        torch.testing.assert_close(far["cornea_px"], near["cornea_px"])

    def test_lateral_and_depth_make_up_the_error(self, head: Head[Any]) -> None:
        batch = random_eye_batch(4, SIZE, SIZE)
        prediction = self.perfect(batch)
        prediction["cornea_mm"] = batch["cornea_mm"] * 1.1
        errors = head.errors(prediction, batch)
        torch.testing.assert_close(errors["cornea_depth_mm"].value, 0.1 * batch["cornea_mm"].norm(dim=1))
        assert errors["cornea_lateral_mm"].value.max() < 1e-2


class TestEye3dWithSecondLook(TestEye3d):
    config = Eye3dConfig(hidden=8, points=3, patch=PatchConfig(size=32, widths=(8, 8, 8, 8)))

    @pytest.fixture
    def head(self) -> Head[Any]:
        # The statistics of a batch would mix its samples.
        torch.manual_seed(0)
        return build_head(self.config, CHANNELS).eval()

    def test_gradient_of_the_loss_matches_finite_differences(
        self, head: Head[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With respect to the picture, which the second look sees; what it is pointed by gets no gradient."""
        monkeypatch.setattr(likelihood, "tempered", lambda value, log_scale: value)
        batch, head = random_eye_batch(2, 16, 16, seed=3), head.double()
        features = random_features(2, size=16, seed=2)
        maps = {name: getattr(features, name).double() for name in (*MAPS, "camera")}

        def loss(image: Tensor) -> Tensor:
            return head.loss(head(features._replace(image=image, **maps)), batch).value

        assert torch.autograd.gradcheck(
            loss, features.image.double().requires_grad_(), eps=1e-6, atol=1e-5, nondet_tol=1e-9
        )


def test_scales_are_learnt_at_the_mean_error() -> None:
    """The likelihoods are least where the scale is what the errors are."""
    error = torch.distributions.Laplace(0.0, 0.3).sample((4000,))
    grid = torch.linspace(-3, 1, 81)
    line = torch.stack([laplace(error, s.expand(4000)).mean() / torch.exp(0.5 * s) for s in grid])
    assert abs(grid[line.argmin()].exp() - 0.3) < 0.03
    radius = torch.distributions.Gamma(2.0, 1 / 0.3).sample((4000,))
    plane = torch.stack([plane_laplace(radius, s.expand(4000)).mean() / torch.exp(0.5 * s) for s in grid])
    assert abs(grid[plane.argmin()].exp() - 0.3) < 0.03
    assert abs((radius < SIGMA_OF_SCALE * 0.3).float().mean() - 0.6827) < 0.03
