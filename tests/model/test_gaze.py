from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tests.model.batches import random_eye_batch
from tests.model.head_tests import SIZE, HeadTests, random_features
from zoo.conventions import EYE_SIDES
from zoo.data.sample import EyeBatch
from zoo.geometry.angles import angle_between
from zoo.model.config import GazeConfig
from zoo.model.heads import Head
from zoo.model.heads.gaze import MEAN_KAPPA, visual_axis


class TestGaze(HeadTests):
    config = GazeConfig(hidden=8, points=3)

    def perfect(self, batch: EyeBatch) -> dict[str, Tensor]:
        return {
            "optical": batch["optical"],
            "direct_axis": batch["optical"],
            "visual": batch["visual"],
            "gaze_sigma": torch.full((len(batch["image"]),), 0.01),
        }

    def test_sigma_covers_the_errors_below_it(self, head: Head[Any]) -> None:
        batch = random_eye_batch(4, SIZE, SIZE)
        prediction = self.perfect(batch)
        assert head.errors(prediction, batch)["sigma_share"].value.tolist() == [1, 1, 1, 1]
        prediction["optical"] = -batch["optical"]
        assert head.errors(prediction, batch)["sigma_share"].value.tolist() == [0, 0, 0, 0]

    def test_the_surer_of_both_axes_wins(self, head: Head[Any]) -> None:
        features = random_features(4)
        direct = head(features)["direct_axis"]
        other = torch.tensor([[0.0, 0.6, -0.8]]).repeat(4, 1)
        for scale, winner in ((-12.0, other), (12.0, direct)):
            eye3d = {"geometric_axis": other, "log_scales": torch.full((4, 5), scale)}
            fused = head(features._replace(eye3d=eye3d))["optical"]
            torch.testing.assert_close(fused, winner, atol=1e-3, rtol=1e-3)

    def test_a_target_that_was_looked_at_teaches_the_axis(self, head: Head[Any]) -> None:
        """Only the visual axis is known, and of one eye not which it is: that one counts for nothing."""
        batch = random_eye_batch(2, SIZE, SIZE)
        batch["optical_valid"][:] = batch["eye3d_valid"][:] = batch["pupil_present_valid"][:] = False
        batch["eye_side_valid"][1] = False
        prediction = self.perfect(batch) | {
            "roll": torch.zeros(2),
            "gaze_log_scales": torch.full((2, 2), -3.0),
        }
        batch["optical"] = -batch["optical"]  # unknown, so it must not matter
        right = head.loss(prediction, batch)
        assert right.valid.tolist() == [True, False]
        prediction["optical"] = prediction["direct_axis"] = batch["visual"]
        wrong = head.loss(prediction, batch)
        assert wrong.value[0] > right.value[0] + 0.5
        assert wrong.value[1] == 0

    def test_a_turned_camera_turns_the_gaze(self, head: Head[Any]) -> None:
        """The same picture elsewhere in the field of view: the axis turns with the ray to the eye."""
        features = random_features(4)
        moved = features.camera.clone()
        moved[:, 0, 2] -= 20
        axes = [head(f)["direct_axis"] for f in (features, features._replace(camera=moved))]
        assert angle_between(*axes).min() > math.radians(5)


def test_kappa_turns_towards_the_nose() -> None:
    """An eye that looks into an upright camera: its nose is to the image's right for the right eye."""
    straight = torch.tensor([[0.0, 0.0, -1.0]]).repeat(2, 1)
    sides = torch.tensor([EYE_SIDES.index("left"), EYE_SIDES.index("right")])
    left, right = visual_axis(straight, torch.zeros(2), sides)
    assert left[0] < -0.05
    assert right[0] > 0.05
    assert left[1] < 0
    assert right[1] < 0
    expected = math.acos(math.cos(MEAN_KAPPA[0]) * math.cos(MEAN_KAPPA[1]))
    assert abs(float(angle_between(straight[0], left)) - expected) < 1e-3
    upside_down = visual_axis(straight, torch.full((2,), math.pi), sides)
    torch.testing.assert_close(upside_down[0, :2], -left[:2], atol=1e-4, rtol=0)
