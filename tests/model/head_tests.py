"""What every head must do: a new head's test class inherits `HeadTests`."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import pytest
import torch
from torch import Tensor

from tests.model.batches import random_eye_batch
from zoo.data.sample import EyeBatch, empty_eye_batch
from zoo.geometry.cameras import default_camera
from zoo.model.config import HeadConfig
from zoo.model.heads import Head, build_head, likelihood
from zoo.model.neck import FeatureChannels, Features

SIZE = 32
CHANNELS = FeatureChannels(pooled=6, stride4=8, fine=8, fine_stride=2)
MAPS = ("pooled", "stride4", "fine")


class HeadTests:
    """Set `config`, and implement `perfect` where a prediction without error can be written down."""

    config: ClassVar[Any]

    @pytest.fixture
    def head(self) -> Head[Any]:
        torch.manual_seed(0)
        return build_head(cast(HeadConfig, self.config), CHANNELS)

    def perfect(self, batch: EyeBatch) -> dict[str, Tensor]:
        """A prediction that agrees with all labels of `batch`."""
        raise NotImplementedError

    def test_reads_only_the_maps_it_names(self, head: Head[Any]) -> None:
        features = random_features(2)
        unnamed = {name: None for name in MAPS if name not in head.needs}
        prediction = head(features._replace(**unnamed))
        assert {len(value) for value in prediction.values()} == {2}

    def test_loss_is_finite_and_one_number_a_sample(self, head: Head[Any]) -> None:
        loss = head.loss(head(random_features(4)), random_eye_batch(4, SIZE, SIZE))
        assert loss.value.shape == loss.valid.shape == (4,)
        assert loss.valid.all()
        assert loss.value.isfinite().all()
        assert (loss.value > 0).all()

    def test_a_sample_affects_its_own_loss_alone(self, head: Head[Any]) -> None:
        features, batch = random_features(4), random_eye_batch(4, SIZE, SIZE)
        before = head.loss(head(features), batch).value
        other = random_features(4, seed=1)
        maps = {name: swap(getattr(features, name), getattr(other, name)) for name in (*MAPS, "image")}
        features = features._replace(**maps)
        changed = head.loss(head(features), batch).value != before
        assert changed.tolist() == [False, False, True, False]

        labels = cast(dict[str, Tensor], random_eye_batch(4, SIZE, SIZE, seed=1))
        mixed = {key: swap(value, labels[key]) for key, value in batch.items()}
        relabelled = head.loss(head(features), cast(EyeBatch, mixed)).value
        same = head.loss(head(features), batch).value == relabelled
        assert same.tolist() == [True, True, False, True]

    def test_without_labels_there_is_no_loss_and_no_gradient(self, head: Head[Any]) -> None:
        loss = head.loss(head(random_features(2)), empty_eye_batch(2, SIZE, SIZE))
        assert not loss.valid.any()
        assert (loss.value == 0).all()
        loss.value.sum().backward()
        assert all(p.grad is None or (p.grad == 0).all() for p in head.parameters())

    def test_values_under_a_false_mask_do_not_matter(self, head: Head[Any]) -> None:
        known, batch = random_eye_batch(2, SIZE, SIZE), empty_eye_batch(2, SIZE, SIZE)
        fields = cast(dict[str, Tensor], batch)
        for key, value in known.items():
            if not key.endswith("_valid"):
                fields[key] = cast(Tensor, value)
        prediction = head(random_features(2))
        assert (head.loss(prediction, batch).value == 0).all()
        assert not any(error.valid.any() for error in head.errors(prediction, batch).values())

    def test_gradient_of_the_loss_matches_finite_differences(
        self, head: Head[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Weights that are constants by design would not follow the differences.
        monkeypatch.setattr(likelihood, "tempered", lambda value, log_scale: value)
        batch = random_eye_batch(2, 16, 16, seed=3)
        head = head.double()
        features = random_features(2, size=16, seed=2)

        def loss(*maps: Tensor) -> Tensor:
            rest = {"camera": features.camera.double(), "image": features.image.double()}
            given = features._replace(**dict(zip(MAPS, maps, strict=True)), **rest)
            return head.loss(head(given), batch).value

        inputs = [getattr(features, name).double().requires_grad_() for name in MAPS]
        assert torch.autograd.gradcheck(loss, inputs, eps=1e-6, atol=1e-5)

    def test_descending_the_loss_fits_a_batch(self, head: Head[Any]) -> None:
        batch, features = random_eye_batch(2, SIZE, SIZE), random_features(2)
        optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
        first = last = head.loss(head(features), batch).value.mean()
        for _ in range(40):
            optimizer.zero_grad()
            last = head.loss(head(features), batch).value.mean()
            last.backward()
            optimizer.step()
        assert last < 0.95 * first

    def test_errors_have_names_that_evaluation_can_aggregate(self, head: Head[Any]) -> None:
        batch = random_eye_batch(3, SIZE, SIZE)
        kinds = {
            "px",
            "mm",
            "deg",
            "share",
            "error",
            "intersection",
            "union",
            "matched",
            "predicted",
            "labelled",
        }
        for name, error in head.errors(head(random_features(3)), batch).items():
            assert name.rpartition("_")[2] in kinds
            assert error.value.shape == error.valid.shape == (3,)
            assert error.value.isfinite().all()
        for scored in head.scores(head(random_features(3)), batch).values():
            assert ((scored.score >= 0) & (scored.score <= 1)).all()

    def test_a_perfect_prediction_has_no_error(self, head: Head[Any]) -> None:
        batch = random_eye_batch(3, SIZE, SIZE)
        for name, error in head.errors(self.perfect(batch), batch).items():
            if name.endswith(("_px", "_mm", "_deg", "_error")):
                torch.testing.assert_close(error.value, torch.zeros(3), atol=1e-4, rtol=0)


def swap(ours: Any, theirs: Any) -> Any:
    """`ours` with sample 2 of `theirs`."""
    result = ours.clone()
    result[2] = theirs[2]
    return result


def random_features(batch: int, size: int = SIZE, seed: int = 0) -> Features:
    g = torch.Generator().manual_seed(seed)
    pooled = torch.randn(batch, CHANNELS.pooled, generator=g)
    stride4 = torch.randn(batch, CHANNELS.stride4, size // 4, size // 4, generator=g)
    fine = torch.randn(batch, CHANNELS.fine, size // 2, size // 2, generator=g)
    camera = default_camera(size, size, 40.0).expand(batch, 3, 3)
    image = torch.randn(batch, 1, size, size, generator=g)
    return Features((size, size), image, camera, torch.arange(batch) % 2, pooled, stride4, fine)
