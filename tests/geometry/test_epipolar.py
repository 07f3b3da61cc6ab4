from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.geometry.posed import pose
from zoo.geometry.cameras import default_camera
from zoo.geometry.epipolar import epipolar_segment, points_along
from zoo.geometry.views import relative_pose, transfer

HEIGHT, WIDTH = 120, 160
RANGE = (0.4, 10.0)
ANCHOR = default_camera(WIDTH, HEIGHT, 55.0, dtype=torch.float64)
SOURCE = default_camera(WIDTH, HEIGHT, 65.0, dtype=torch.float64)
HERE = torch.eye(4, dtype=torch.float64)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_pairs(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Anchor pixels and poses of sources up to half a metre and half a radian away, in any direction."""
    draw = torch.rand(count, 8, generator=generator(seed), dtype=torch.float64)
    pixels = draw[:, :2] * torch.tensor([WIDTH - 1.0, HEIGHT - 1.0])
    motion = draw[:, 2:] - 0.5
    poses = [relative_pose(HERE, pose(tuple(m[:3]), tuple(m[3:]))) for m in motion.tolist()]
    return pixels, torch.stack(poses)


def inside(pixels: Tensor, margin: float = 0.0) -> Tensor:
    u, v = pixels.unbind(-1)
    return (u >= -margin) & (u <= WIDTH - 1 + margin) & (v >= -margin) & (v <= HEIGHT - 1 + margin)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_exactly_the_depths_that_the_source_sees_are_on_the_segment(dtype: torch.dtype) -> None:
    pixels, poses = random_pairs(500, 0)
    segment = epipolar_segment(
        pixels.to(dtype), ANCHOR.to(dtype), SOURCE.to(dtype), poses.to(dtype), RANGE, (HEIGHT, WIDTH)
    )
    inverse = torch.linspace(1 / RANGE[1], 1 / RANGE[0], 200, dtype=torch.float64)
    there, depth = transfer(pixels[:, None], 1 / inverse, ANCHOR, SOURCE, poses[:, None])
    seen = inside(there) & (depth * inverse > 0.01)
    slack = 1e-9 if dtype == torch.float64 else 1e-3
    low, high = segment.start_inverse_depth[:, None], segment.end_inverse_depth[:, None]
    covered = segment.valid[:, None] & (inverse >= low - slack) & (inverse <= high + slack)
    strictly = segment.valid[:, None] & (inverse >= low + slack) & (inverse <= high - slack)
    assert covered[seen].all()
    assert seen[strictly].all()
    clipped = seen.any(1) & ~seen.all(1)
    assert clipped.sum() > 50  # the case that matters: one end or both leave the image
    assert (~segment.valid).sum() > 10
    assert inside(torch.cat((segment.start, segment.end))).all()


def test_points_along_lie_evenly_on_the_line_and_know_their_depth() -> None:
    pixels, poses = random_pairs(200, 1)
    segment = epipolar_segment(pixels, ANCHOR, SOURCE, poses, RANGE, (HEIGHT, WIDTH))
    points, inverse, valid = points_along(segment, 9)
    there, _ = transfer(pixels[:, None], 1 / inverse.clamp_min(1e-3), ANCHOR, SOURCE, poses[:, None])
    torch.testing.assert_close(points[valid], there[valid], atol=1e-6, rtol=0)
    steps = (points[:, 1:] - points[:, :-1]).norm(dim=-1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))
    torch.testing.assert_close(8 * steps[:, 0], segment.length)
    assert (inverse.diff(dim=-1)[segment.valid] >= 0).all()


def test_a_depth_has_its_place_on_the_line() -> None:
    pixels, poses = random_pairs(200, 2)
    segment = epipolar_segment(pixels, ANCHOR, SOURCE, poses, RANGE, (HEIGHT, WIDTH))
    some = 0.3 * segment.start_inverse_depth + 0.7 * segment.end_inverse_depth
    there, _ = transfer(pixels, 1 / some.clamp_min(1e-3), ANCHOR, SOURCE, poses)
    torch.testing.assert_close(segment.at_inverse_depth(some)[segment.valid], there[segment.valid])


def test_infinitely_far_points_are_allowed() -> None:
    side = relative_pose(HERE, pose((0.0, 0.0, 0.0), (0.2, 0.0, 0.0)))
    middle = torch.tensor([79.5, 59.5], dtype=torch.float64)
    segment = epipolar_segment(middle, ANCHOR, ANCHOR, side, (0.5, math.inf), (HEIGHT, WIDTH))
    torch.testing.assert_close(segment.start, middle)
    assert segment.length == pytest.approx(float(ANCHOR[0, 0]) * 0.2 / 0.5)


def test_without_a_baseline_the_segment_is_a_point() -> None:
    turned = relative_pose(HERE, pose((0.0, 0.1, 0.0), (0.0, 0.0, 0.0)))
    middle = torch.tensor([79.5, 59.5], dtype=torch.float64)
    segment = epipolar_segment(middle, ANCHOR, ANCHOR, turned, RANGE, (HEIGHT, WIDTH))
    assert segment.valid
    assert segment.length == 0
    assert torch.equal(segment.at_inverse_depth(torch.tensor(1.0).double()), segment.start)
    away = relative_pose(HERE, pose((0.0, 1.5, 0.0), (0.0, 0.0, 0.0)))
    assert not epipolar_segment(middle, ANCHOR, ANCHOR, away, RANGE, (HEIGHT, WIDTH)).valid


def test_a_source_ahead_sees_only_what_is_still_before_it() -> None:
    ahead = relative_pose(HERE, pose((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    pixel = torch.tensor([90.0, 65.0], dtype=torch.float64)
    segment = epipolar_segment(pixel, ANCHOR, ANCHOR, ahead, RANGE, (HEIGHT, WIDTH))
    assert segment.valid
    assert 0.5 < segment.end_inverse_depth < 1.0


def test_gradients_are_finite_everywhere() -> None:
    pixels, poses = random_pairs(300, 3)
    inputs = [value.float().requires_grad_() for value in (pixels, ANCHOR, SOURCE, poses)]
    points, inverse, _ = points_along(epipolar_segment(*inputs, RANGE, (HEIGHT, WIDTH)), 5)
    (points.sum() + inverse.sum()).backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in inputs)
