from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from tests.model.batches import random_eye_batch
from tests.model.head_tests import SIZE, HeadTests, random_features
from zoo.data.sample import EyeBatch
from zoo.model.config import BlinkConfig
from zoo.model.heads import Head
from zoo.model.heads.blink import BlinkHead


class TestBlink(HeadTests):
    config = BlinkConfig(hidden=8)

    def perfect(self, batch: EyeBatch) -> dict[str, Tensor]:
        return {
            "openness": batch["openness"],
            "blink": batch["blink"],
        }

    def test_openness_and_blink_train_without_each_other(self, head: Head[BlinkConfig]) -> None:
        batch = random_eye_batch(3, SIZE, SIZE)
        batch["openness_valid"] = torch.tensor([True, False, False])
        batch["blink_valid"] = torch.tensor([False, True, False])
        prediction = head(random_features(3))
        loss = head.loss(prediction, batch)
        assert loss.valid.tolist() == [True, True, False]
        expected = (prediction["openness"][0] - batch["openness"][0]).abs()
        torch.testing.assert_close(loss.value[0], expected)
        label = batch["blink"][1]
        probability = prediction["blink"][1]
        expected = -torch.log(probability if label else 1 - probability)
        torch.testing.assert_close(loss.value[1], expected)

    def test_openness_ranks_lids_of_which_the_classifier_is_sure(self, head: Head[BlinkConfig]) -> None:
        final = cast(nn.Linear, cast(BlinkHead, head).layers[2])
        with torch.no_grad():
            final.weight.zero_()
            final.bias.copy_(torch.tensor([0.5, -12.0]))  # openness 0.62
            half_shut = head(random_features(1))["blink"]
            final.bias.copy_(torch.tensor([2.0, -11.0]))  # openness 0.88
            wide = head(random_features(1))["blink"]
        assert 0.5 > half_shut > 2 * wide > 0

    def test_loss_is_finite_for_the_surest_wrong_answers(self, head: Head[BlinkConfig]) -> None:
        final = cast(nn.Linear, cast(BlinkHead, head).layers[2])
        batch = random_eye_batch(2, SIZE, SIZE)
        for openness, classifier, label in ((99.0, -99.0, 1.0), (-99.0, 99.0, 0.0)):
            batch["blink"] = torch.full((2,), label)
            with torch.no_grad():
                final.weight.zero_()
                final.bias.copy_(torch.tensor([openness, classifier]))
            loss = head.loss(head(random_features(2)), batch).value
            loss.sum().backward()
            assert (loss < 12).all()
            assert final.bias.grad is not None and final.bias.grad.isfinite().all()

    def test_scores_carry_labels(self, head: Head[BlinkConfig]) -> None:
        batch = random_eye_batch(8, SIZE, SIZE)
        scored = head.scores(self.perfect(batch), batch)["blink"]
        assert scored.label.tolist() == (batch["openness"] < 0.3).tolist()
