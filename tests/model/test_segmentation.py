from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.model.batches import random_eye_batch
from tests.model.head_tests import CHANNELS, SIZE, HeadTests, random_features
from zoo.conventions import BACKGROUND, IGNORE, IRIS, PUPIL
from zoo.data.sample import EyeBatch, empty_eye_batch
from zoo.model.config import SegmentationConfig
from zoo.model.heads import Head, build_head
from zoo.model.heads.segmentation import SegmentationHead
from zoo.model.masks import centroid, pupil_mask


class TestSegmentation(HeadTests):
    config = SegmentationConfig()

    def perfect(self, batch: EyeBatch) -> dict[str, Tensor]:
        batch["segmentation"] = torch.zeros_like(batch["segmentation"])
        batch["segmentation"][:, 3:8, 5:12] = PUPIL
        batch["pupil_mask_px"] = torch.tensor([[8.0, 5.0]]).repeat(len(batch["image"]), 1)
        return {"logits": logits_of(batch["segmentation"])}

    def test_perfect_and_empty_overlap(self, head: Head[SegmentationConfig]) -> None:
        batch = random_eye_batch(2, SIZE, SIZE)
        labels = batch["segmentation"]
        errors = head.errors({"logits": logits_of(labels)}, batch)
        areas = (labels == IRIS).sum((1, 2)).float()
        assert errors["iris_intersection"].value.tolist() == errors["iris_union"].value.tolist()
        assert errors["iris_union"].value.tolist() == areas.tolist()
        nothing = head.errors({"logits": logits_of(torch.zeros_like(labels))}, batch)
        assert nothing["iris_intersection"].value.tolist() == [0, 0]
        assert nothing["iris_union"].value.tolist() == areas.tolist()
        known = (labels != IGNORE).sum((1, 2)).float()
        assert nothing["background_union"].value.tolist() == known.tolist()

    def test_loss_ignores_pixels_that_are_not_labelled(self, head: Head[SegmentationConfig]) -> None:
        batch = random_eye_batch(2, SIZE, SIZE)
        logits = torch.randn(2, 4, SIZE, SIZE)
        before = head.loss({"logits": logits}, batch).value
        ignored = (batch["segmentation"] == IGNORE)[:, None]
        assert ignored.any()
        after = head.loss({"logits": torch.where(ignored, 5 * torch.randn_like(logits), logits)}, batch).value
        torch.testing.assert_close(before, after)

    def test_loss_by_hand(self, head: Head[SegmentationConfig]) -> None:
        batch = empty_eye_batch(1, 2, 2)
        batch["segmentation"] = torch.tensor([[[0, 0], [0, PUPIL]]], dtype=torch.uint8)
        batch["segmentation_valid"][:] = True
        loss = head.loss({"logits": torch.zeros(1, 4, 2, 2)}, batch)
        # All probabilities are 1/4. Dice: background 2 * 3/4 / (1 + 3), pupil 2 * 1/4 / (1 + 1).
        dice = (1 - 1.5 / 4 + 1 - 0.5 / 2) / 2
        torch.testing.assert_close(loss.value, torch.tensor([math.log(4) + dice]))

    def test_perfect_logits_have_next_to_no_loss(self, head: Head[SegmentationConfig]) -> None:
        batch = random_eye_batch(2, SIZE, SIZE)
        assert (head.loss({"logits": 3 * logits_of(batch["segmentation"])}, batch).value < 1e-4).all()

    def test_a_missing_pupil_costs_the_diagonal(self, head: Head[SegmentationConfig]) -> None:
        batch = random_eye_batch(1, 30, 40)
        logits = logits_of(torch.full((1, 30, 40), BACKGROUND, dtype=torch.uint8))
        assert head.errors({"logits": logits}, batch)["pupil_mask_px"].value.tolist() == [50.0]


def logits_of(labels: Tensor) -> Tensor:
    known = labels.long().where(labels != IGNORE, 0)
    return 10 * F.one_hot(known, 4).permute(0, 3, 1, 2).float()


def test_pupil_mask_keeps_the_largest_blob() -> None:
    labels = torch.zeros(2, 20, 20, dtype=torch.uint8)
    labels[0, 2:4, 2:4] = PUPIL
    labels[0, 10:15, 10:14] = PUPIL
    mask = pupil_mask(logits_of(labels))
    centre, area = centroid(mask)
    assert area.tolist() == [20.0, 0.0]
    assert centre.tolist() == [[11.5, 12.0], [0.0, 0.0]]
    assert not mask[0, 2, 2]


@pytest.mark.parametrize("shape", [(1, 4, 5, 7), (3, 4, 8, 8)])
def test_pupil_mask_of_any_size(shape: tuple[int, int, int, int]) -> None:
    assert pupil_mask(torch.randn(shape)).shape == (shape[0], *shape[2:])


class TestSmoothSegmentation(TestSegmentation):
    config = SegmentationConfig(hidden=16)

    @pytest.fixture
    def head(self) -> Head[Any]:
        torch.manual_seed(0)
        return build_head(self.config, CHANNELS).eval()  # or batch statistics would tie the samples together

    def test_contours_are_interpolated_between_cells(self, head: SegmentationHead) -> None:
        assert head.smooth is not None
        with torch.no_grad():
            head.classify.weight.zero_()
            head.classify.bias.zero_()
        logits = head(random_features(1))["logits"]
        jumps = logits.diff(dim=3).abs()
        coarse = head.smooth(head.hidden(random_features(1).fine)).diff(dim=3).abs().amax()
        assert 0 < jumps.amax() <= coarse / CHANNELS.fine_stride + 1e-5
