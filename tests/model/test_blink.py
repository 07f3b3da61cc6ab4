from __future__ import annotations

import torch
from torch import Tensor

from tests.model.batches import random_eye_batch
from tests.model.head_tests import SIZE, HeadTests, random_features
from zoo.data.sample import EyeBatch
from zoo.model.config import BlinkConfig
from zoo.model.heads import Head


class TestBlink(HeadTests):
    config = BlinkConfig(hidden=8)

    def perfect(self, batch: EyeBatch) -> dict[str, Tensor]:
        return {
            "openness": batch["openness"],
            "blink": batch["blink"],
            "blink_logit": 20 * batch["blink"] - 10,
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

    def test_scores_carry_labels(self, head: Head[BlinkConfig]) -> None:
        batch = random_eye_batch(8, SIZE, SIZE)
        scored = head.scores(self.perfect(batch), batch)["blink"]
        assert scored.label.tolist() == (batch["openness"] < 0.3).tolist()
