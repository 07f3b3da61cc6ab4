from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from zoo.data.views import (
    ViewBatch,
    check_view_batch,
    empty_view_batch,
    stack_views,
    unstack_views,
    view_sample,
)

K = np.array([[50.0, 0, 19.5], [0, 50.0, 14.5], [0, 0, 1]])


def arrays(views: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(views)
    images = [random.integers(0, 256, (30, 40, 3), dtype=np.uint8) for _ in range(views)]
    poses = [np.eye(4) for _ in range(views)]
    for i, pose in enumerate(poses):
        pose[0, 3] = 0.1 * i
    return images, [K] * views, poses


def batch() -> ViewBatch:
    depth = np.full((30, 40), 2.0)
    return stack_views([view_sample(*arrays(3), depth), view_sample(*arrays(2), depth, scene=4)])


def test_empty_and_made_batches_keep_the_contract() -> None:
    check_view_batch(empty_view_batch(2, 3, 30, 40), "empty")
    check_view_batch(batch(), "made")


def test_arrays_arrive_where_they_belong() -> None:
    images, cameras, poses = arrays(3)
    depth = np.full((30, 40), 2.0)
    depth[0, :3] = (np.nan, np.inf, -1.0)
    sparse = np.zeros((30, 40))
    sparse[5, 6] = 1.5
    sample = view_sample(images, cameras, poses, depth, sparse_depth=sparse, domain="synthetic")
    assert sample["images"][1, 2, 7, 9] == pytest.approx(images[1][7, 9, 2] / 255)
    assert sample["depth"][0, :4].tolist() == [0, 0, 0, 2.0]
    assert sample["sparse_confidence"].nonzero().tolist() == [[5, 6]]
    assert sample["cam_to_world"][2, 0, 3] == pytest.approx(0.2)
    assert sample["domain"] == 1


def test_samples_with_fewer_views_are_filled_up() -> None:
    stacked = batch()
    assert stacked["views_valid"].tolist() == [[True] * 3, [True, True, False]]
    assert torch.equal(stacked["images"][1, 2], stacked["images"][1, 0])
    assert unstack_views(stacked)[1]["scene"] == 4
    assert view_sample(*arrays(1), views=4)["views_valid"].tolist() == [True, False, False, False]


def test_no_known_depth_is_not_valid() -> None:
    assert not view_sample(*arrays(2))["depth_valid"]
    assert not view_sample(*arrays(2), np.zeros((30, 40)))["depth_valid"]


def spoil(name: str, made: ViewBatch) -> None:
    if name == "images":
        made["images"][0, 0, 0, 0, 0] = 1.5
    elif name == "cam_to_world":
        made["cam_to_world"][0, 1, 0] *= 1.2
    elif name == "cameras":
        made["cameras"][1, 1, 0, 0] = 0
    elif name == "depth":
        made["depth"][0, 3, 3] = -1
    elif name == "depth_valid":
        made["depth"][0] = 0
    elif name == "views_valid":
        made["views_valid"][1, 0] = False
    elif name == "sparse_confidence":
        made["sparse_confidence"][0, 2, 2] = 1
    elif name == "sparse_depth":
        made["sparse_depth"][0, 2, 2] = math.nan
    elif name == "scene":
        made["scene"] = made["scene"].int()


@pytest.mark.parametrize(
    "name",
    [
        "images",
        "cam_to_world",
        "cameras",
        "depth",
        "depth_valid",
        "views_valid",
        "sparse_confidence",
        "sparse_depth",
        "scene",
    ],
)
def test_a_breach_is_named(name: str) -> None:
    made = batch()
    spoil(name, made)
    with pytest.raises(ValueError, match=rf"^here: {name} "):
        check_view_batch(made, "here")
