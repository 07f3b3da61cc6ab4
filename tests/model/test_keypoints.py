from __future__ import annotations

import math

import torch
from torch import Tensor

from tests.model.batches import random_eye_batch
from tests.model.head_tests import CHANNELS, SIZE, HeadTests, random_features
from zoo.data.sample import EyeBatch, empty_eye_batch
from zoo.model.config import KeypointsConfig
from zoo.model.heads import Head
from zoo.model.heads.keypoints import KeypointsHead, decode_glints, match_glints
from zoo.model.heads.votes import decode_votes


class TestKeypoints(HeadTests):
    config = KeypointsConfig(hidden=4)

    def perfect(self, batch: EyeBatch) -> dict[str, Tensor]:
        return {
            "pupil_px": batch["pupil_ellipse"][:, :2],
            "pupil_present": batch["pupil_present"],
            "glints_px": batch["glints_px"],
            "glint_scores": batch["glints_visible"].float(),
        }

    def test_perfect_glints_are_all_matched(self, head: Head[KeypointsConfig]) -> None:
        batch = random_eye_batch(3, SIZE, SIZE)
        errors = head.errors(self.perfect(batch), batch)
        shown = batch["glints_visible"].sum(1).tolist()
        for count in ("glint_matched", "glint_predicted", "glint_labelled"):
            assert errors[count].value.tolist() == shown

    def test_centre_may_lie_outside_the_image(self, head: Head[KeypointsConfig]) -> None:
        """Its loss is finite there, and falls as the prediction moves out towards it."""
        batch = random_eye_batch(1, SIZE, SIZE)
        batch["pupil_ellipse"][0, :2] = torch.tensor([-9.0, 12.0])
        batch["glints_valid"][:] = False
        prediction = head(random_features(1))
        losses = []
        for u in (20.0, 0.0, -5.0, -9.0):
            prediction["pupil_px"] = torch.tensor([[u, 12.0]])
            losses.append(head.loss(prediction, batch).value.item())
        assert losses == sorted(losses, reverse=True)
        assert math.isfinite(losses[0])

    def test_centre_counts_only_where_a_pupil_is_present(self, head: Head[KeypointsConfig]) -> None:
        batch = random_eye_batch(2, SIZE, SIZE)
        batch["pupil_present"] = torch.tensor([1.0, 0.0])
        errors = head.errors(head(random_features(2)), batch)
        assert errors["pupil_px"].valid.tolist() == [True, False]

    def test_parts_train_without_each_other(self, head: Head[KeypointsConfig]) -> None:
        batch = empty_eye_batch(2, SIZE, SIZE)
        batch["glints_valid"][0] = batch["pupil_present_valid"][1] = True
        loss = head.loss(head(random_features(2)), batch)
        assert loss.valid.tolist() == [True, True]
        assert (loss.value > 0).all()


def test_decode_votes_is_the_weighted_vote_around_the_peak() -> None:
    logits = torch.full((1, 10, 12), -20.0)
    logits[0, 4, 6] = logits[0, 4, 7] = 5.0
    logits[0, 9, 0] = 4.9  # a second mode, out of the window
    offsets = torch.zeros(1, 2, 10, 12)
    # Halfway between cells 6 and 7 of stride 4: 4 * (6.5 + 0.5) - 0.5; row 4: 4 * 4.5 - 0.5.
    torch.testing.assert_close(decode_votes(logits, offsets), torch.tensor([[27.5, 17.5]]))
    offsets[0, 0] = 0.25
    torch.testing.assert_close(decode_votes(logits, offsets), torch.tensor([[28.5, 17.5]]))


def test_decode_glints_finds_separate_peaks() -> None:
    logits = torch.full((1, 12, 16), -9.0)
    logits[0, 3, 4], logits[0, 3, 5], logits[0, 8, 15] = 2.0, 1.0, 3.0  # the second is no local maximum
    offsets = torch.zeros(1, 2, 12, 16)
    offsets[0, :, 8, 15] = torch.tensor([0.25, -0.25])
    position, score = decode_glints(logits, offsets)
    torch.testing.assert_close(position[0, :2], torch.tensor([[31.0, 16.0], [8.5, 6.5]]))
    torch.testing.assert_close(score[0, :2], torch.tensor([3.0, 2.0]).sigmoid())
    assert (score[0, 2:] < 0.01).all()


def test_loss_is_least_where_the_decoder_finds_the_labels() -> None:
    """Maps fitted to the loss alone decode to the labelled centre and glints."""
    torch.manual_seed(0)
    head = KeypointsHead(TestKeypoints.config, CHANNELS)
    batch = random_eye_batch(2, 64, 64)
    maps = torch.zeros(2, 15, 16, 16, requires_grad=True)
    optimizer = torch.optim.Adam([maps], lr=0.1)
    for _ in range(150):
        prediction = head.decode(maps, torch.zeros(2), (64, 64))
        optimizer.zero_grad()
        head.loss(prediction, batch).value.sum().backward()
        optimizer.step()
    errors = head.errors(head.decode(maps.detach(), torch.zeros(2), (64, 64)), batch)
    assert (errors["pupil_px"].value < 0.3).all()
    assert errors["glint_matched"].value.tolist() == batch["glints_visible"].sum(1).tolist()
    assert errors["glint_predicted"].value.tolist() == batch["glints_visible"].sum(1).tolist()
    assert (errors["glint_px"].value < 0.1).all()


def test_match_glints_takes_the_nearest_pairs_once() -> None:
    predicted = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [10.0, 10.0], [30.0, 30.0]]])
    labelled = torch.tensor([[[1.1, 0.0], [11.0, 10.0], [30.0, 33.0], [30.0, 30.0]]])
    shown = torch.tensor([[True, True, True, False]])
    count, distance = match_glints(predicted, torch.ones(1, 4, dtype=torch.bool), labelled, shown)
    # (1, 0) takes (1.1, 0), so (0, 0) has none left; (10, 10) takes (11, 10); 3 px is too far.
    assert count.tolist() == [2.0]
    torch.testing.assert_close(distance, torch.tensor([0.55]))
