from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.geometry.posed import pose
from zoo.geometry.cameras import default_camera
from zoo.geometry.triangulation import Triangulated, triangulate
from zoo.geometry.views import relative_pose, transfer

CAMERA = default_camera(320, 240, 60.0, dtype=torch.float64)
HERE = torch.eye(4, dtype=torch.float64)
CENTRES = ((0.15, 0.0, 0.0), (-0.1, 0.1, 0.02), (0.05, -0.12, -0.05), (0.02, 0.15, 0.03))
TURNS = ((0.0, 0.1, 0.0), (0.05, 0.0, 0.0), (0.0, -0.08, 0.1), (0.02, 0.03, 0.0))


def scene(count: int, sources: int, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Anchor pixels, depths, source pixels, cameras and poses, baselines of `scale` times 15 cm or so."""
    draw = torch.rand(count, 3, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    pixels = draw[:, :2] * torch.tensor([319.0, 239.0])
    depth = 0.7 + 7 * draw[:, 2]
    poses = torch.stack(
        [
            relative_pose(HERE, pose(turn, tuple(scale * c for c in centre)))
            for turn, centre in zip(TURNS[:sources], CENTRES[:sources], strict=True)
        ]
    )
    cameras = CAMERA.expand(sources, 3, 3)
    there, _ = transfer(pixels[:, None], depth[:, None], CAMERA, cameras, poses)
    return pixels, depth, there, cameras, poses


def solve(parts: tuple[Tensor, Tensor, Tensor, Tensor, Tensor], **options: float) -> Triangulated:
    pixels, _, there, cameras, poses = parts
    return triangulate(
        pixels, there, torch.ones(there.shape[:-1]).to(there), CAMERA, cameras, poses, **options
    )


@pytest.mark.parametrize("sources", [1, 2, 4])
def test_projected_points_are_recovered(sources: int) -> None:
    parts = scene(100, sources)
    found = solve(parts, sigma_px=0.01)
    torch.testing.assert_close(found.depth(), parts[1], rtol=1e-3, atol=0)
    assert found.residual_px.max() < 0.01
    in_view = found.points()
    torch.testing.assert_close(in_view[:, 2], parts[1], rtol=1e-3, atol=0)


def test_weight_zero_leaves_a_source_out_and_none_leaves_the_prior() -> None:
    pixels, depth, there, cameras, poses = scene(50, 3)
    there[:, 1] += 40.0
    weights = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64).expand(50, 3)
    found = triangulate(pixels, there, weights, CAMERA, cameras, poses, sigma_px=0.01)
    torch.testing.assert_close(found.depth(), depth, rtol=1e-3, atol=0)
    nothing = triangulate(pixels, there, 0 * weights, CAMERA, cameras, poses, prior=(0.5, 0.3))
    torch.testing.assert_close(nothing.inverse_depth, torch.full_like(depth, 0.5))
    torch.testing.assert_close(nothing.inverse_depth_sd, torch.full_like(depth, 0.3))


def test_without_a_baseline_there_is_the_prior_and_no_gradient_to_speak_of() -> None:
    pixels, _, there, cameras, poses = scene(50, 3, scale=0.0)
    noisy = (there + torch.randn(there.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    found = triangulate(pixels, noisy, torch.ones(50, 3).double(), CAMERA, cameras, poses)
    torch.testing.assert_close(found.inverse_depth, torch.full((50,), 0.4).double())
    found.inverse_depth.sum().backward()
    assert noisy.grad is not None
    assert noisy.grad.abs().max() < 1e-6


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0])
def test_gradients_stay_bounded_in_float32_at_any_baseline(scale: float) -> None:
    pixels, _, there, cameras, poses = (part.float() for part in scene(200, 3, scale))
    noise = 2 * torch.randn(there.shape, generator=torch.Generator().manual_seed(1))
    pixels.requires_grad_()
    there = (there + noise).requires_grad_()
    weights = torch.rand(200, 3, generator=torch.Generator().manual_seed(2)).requires_grad_()
    found = triangulate(pixels, there, weights, CAMERA.float(), cameras, poses)
    found.inverse_depth.sum().backward()
    for value in (pixels, there, weights):
        assert value.grad is not None
        assert value.grad.isfinite().all()
    assert there.grad is not None
    assert there.grad.abs().max() < 1.5  # the bound 1 / (2 * 0.5 px), and some for the reweighting
    assert found.inverse_depth.isfinite().all()


def test_float32_is_as_good_as_float64() -> None:
    parts = scene(200, 3)
    double = solve(parts)
    single = triangulate(
        parts[0].float(),
        parts[2].float(),
        torch.ones(200, 3),
        CAMERA.float(),
        *(p.float() for p in parts[3:]),
    )
    torch.testing.assert_close(single.inverse_depth.double(), double.inverse_depth, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("robust_px", [None, 2.0])
@pytest.mark.parametrize("scale", [1.0, 0.05])
def test_gradients_are_exact_also_at_short_baselines(scale: float, robust_px: float | None) -> None:
    pixels, _, there, cameras, poses = scene(1, 3, scale)
    weights = torch.tensor([[1.0, 0.4, 0.7]], dtype=torch.float64)
    inputs = [value.clone().requires_grad_() for value in (pixels, there + 0.3, weights, poses)]

    def points(p: Tensor, t: Tensor, w: Tensor, m: Tensor) -> Tensor:
        return triangulate(p, t, w, CAMERA, cameras, m, robust_px=robust_px).points()

    assert torch.autograd.gradcheck(points, inputs, atol=1e-5, rtol=1e-3)


def test_the_stated_deviation_is_that_of_the_errors() -> None:
    pixels, depth, there, cameras, poses = scene(4000, 2)
    generator = torch.Generator().manual_seed(3)
    noisy = there + 0.5 * torch.randn(there.shape, generator=generator, dtype=torch.float64)
    noisy_anchor = pixels + 0.5 * torch.randn(pixels.shape, generator=generator, dtype=torch.float64)
    found = triangulate(noisy_anchor, noisy, torch.ones(4000, 2).double(), CAMERA, cameras, poses)
    z = (found.inverse_depth - 1 / depth) / found.inverse_depth_sd
    assert z.square().mean().sqrt() == pytest.approx(1, abs=0.1)


def test_a_wrong_match_among_good_ones_is_outvoted() -> None:
    parts = scene(200, 4)
    spoilt = parts[2].clone()
    which = torch.arange(200) % 4
    direction = torch.tensor([25.0, -15.0], dtype=torch.float64)
    spoilt[torch.arange(200), which] += direction
    parts = (*parts[:2], spoilt, *parts[3:])
    plain = (solve(parts).depth() / parts[1] - 1).abs()
    robust = (solve(parts, robust_px=1.0).depth() / parts[1] - 1).abs()
    assert plain.median() > 0.1
    assert (robust < 0.03).double().mean() > 0.9
