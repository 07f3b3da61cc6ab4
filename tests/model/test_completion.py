"""Completion about the network: few points at half the size, and measurements that are kept or not."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.views import ViewBatch, empty_view_batch
from zoo.geometry.cameras import intrinsics
from zoo.model.completion import complete, keep_measured

H, W = 120, 160


def alone(points: list[int]) -> ViewBatch:
    """A wall at 2 m, seen by one camera, with so many measurements in each sample."""
    batch = empty_view_batch(len(points), 2, H, W)
    batch["cameras"][:] = intrinsics(*(torch.tensor(x) for x in (150.0, 150.0, 79.5, 59.5)))
    batch["views_valid"][:, 0], batch["views_valid"][:, 1] = True, False
    generator = torch.Generator().manual_seed(0)
    for row, count in enumerate(points):
        where = torch.randperm(H * W, generator=generator)[:count]
        batch["sparse_depth"][row].view(-1)[where] = 2.0
        batch["sparse_confidence"][row].view(-1)[where] = 1.0
    return batch


class Wall:
    """A head that takes the wall to be a little nearer, and remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[ViewBatch] = []

    def __call__(self, batch: ViewBatch) -> dict[str, Tensor]:
        self.given.append(batch)
        b, h, w = batch["sparse_depth"].shape
        points = h * w // 64
        return {
            "depth": torch.full((b, h, w), 1.985),
            "sigma": torch.full((b, h, w), 0.1),
            "point_px": torch.zeros(b, points, 2),
            "point_depth": torch.ones(b, points),
            "point_confidence": torch.zeros(b, points),
        }


def test_few_points_are_completed_at_half_the_size_and_each_sample_by_itself() -> None:
    batch = alone([20, 2000, 0])
    batch["views_valid"][2] = True  # a sample with a source stays as it is
    head = Wall()
    answer = complete(head, batch)
    sizes = [(given["images"].shape[-1], len(given["images"])) for given in head.given]
    half = [(W // 2, 1)] * 2  # the image and its mirror image
    assert sizes == [(W, 1), *half, (W, 1), *half]
    small, mirrored = head.given[1:3]
    assert (small["sparse_depth"].max(), (small["sparse_depth"] > 0).sum()) == (2.0, 20)
    assert (mirrored["sparse_depth"] == small["sparse_depth"].flip(-1)).all()
    assert (mirrored["sparse_confidence"] == small["sparse_confidence"].flip(-1)).all()
    assert small["cameras"][0, 0, 0, 2] == 39.5  # the middle stays the middle
    assert answer["depth"].shape == (3, H, W)
    assert answer["point_confidence"].shape == (3, H * W // 64)
    torch.testing.assert_close(answer["depth"][1], torch.full((H, W), 2.0), atol=0.004, rtol=0)
    assert (answer["depth"][2] == 1.985).all()
    for row in range(3):
        only: ViewBatch = {key: value[row : row + 1] for key, value in batch.items()}  # type: ignore[assignment, attr-defined]
        torch.testing.assert_close(complete(Wall(), only)["depth"][0], answer["depth"][row])


def test_one_size_only_is_respected() -> None:
    head = Wall()
    complete(head, alone([20]), halve=False)
    assert head.given[0]["images"].shape[-1] == W


def test_clean_measurements_are_kept_and_noisy_ones_are_not() -> None:
    batch = alone([500])
    there, confidence = batch["sparse_depth"] > 0, batch["sparse_confidence"]
    depth = torch.full((1, H, W), 1.985)
    kept = keep_measured(depth, batch["sparse_depth"], confidence)
    assert (kept[there] / 2 - 1).abs().max() < 0.002
    noisy = batch["sparse_depth"] * (1 + 0.05 * torch.randn(H, W, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(keep_measured(depth, noisy, confidence), depth, rtol=2e-3, atol=0)
    wild = torch.where(there & (torch.rand(1, H, W) < 0.1), 9.0, batch["sparse_depth"])
    far = keep_measured(depth, wild, confidence)
    assert (far / 2).max() < 1.4  # an outlier among clean points is no surface
    assert (keep_measured(depth, 0 * depth, 0 * depth) == depth).all()
