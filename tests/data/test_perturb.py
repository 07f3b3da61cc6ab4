from __future__ import annotations

import pytest
import torch

from tests.data.drawn import drawn_eyes
from zoo.conventions import PUPIL
from zoo.data.affine import move_points
from zoo.data.perturb import KINDS, Kind, Perturbed, perturb
from zoo.draws import Draws


def centroid(masks: torch.Tensor) -> torch.Tensor:
    v, u = torch.arange(masks.shape[1])[:, None], torch.arange(masks.shape[2])
    area = masks.sum((1, 2))
    return torch.stack([(masks * u).sum((1, 2)) / area, (masks * v).sum((1, 2)) / area], -1)


def perturbed(kind: Kind, count: int = 64) -> tuple[torch.Tensor, torch.Tensor, Perturbed]:
    eyes = drawn_eyes(count, 64, 64)
    masks = eyes["segmentation"] == PUPIL
    return eyes["image"], masks, perturb(eyes["image"], masks, kind, Draws(0, torch.arange(count)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_affine_brings_the_pupil_back(kind: Kind) -> None:
    images, masks, out = perturbed(kind)
    assert out.images.shape == images.shape
    assert 0 <= out.images.min() <= out.images.max() <= 1
    whole = out.kept == 1
    assert whole.any()
    expected = move_points(centroid(masks), out.affine)
    errors = (centroid(out.masks)[whole] - expected[whole]).norm(dim=1)
    assert (errors < 0.6).all()  # whole pixels of a small mask, resampled
    dark = (out.images[:, 0] * out.masks).sum((1, 2)) / out.masks.sum((1, 2)).clamp_min(1)
    if kind != "exposure":  # the drawn pupil is 0.1, the iris around it 0.4
        assert dark[out.masks.flatten(1).sum(1) > 60].max() < 0.2


def test_border_cuts_up_to_half_of_the_pupil_on_every_side() -> None:
    _, _, out = perturbed("border", 200)
    assert out.kept.min() > 0.4
    assert out.kept.min() < 0.55
    assert out.kept.max() > 0.95
    for edge in (out.masks[:, 0], out.masks[:, -1], out.masks[:, :, 0], out.masks[:, :, -1]):
        assert 0.15 < edge.any(1).float().mean() < 0.35
    nothing = perturb(
        torch.rand(3, 1, 64, 64),
        torch.zeros(3, 64, 64, dtype=torch.bool),
        "border",
        Draws(0, torch.arange(3)),
    )
    assert (nothing.kept == 0).all()
    assert (nothing.affine[:, :, 2] == 0).all()


def test_turn_is_exact() -> None:
    images, masks, out = perturbed("turn")
    torch.testing.assert_close(out.images, images.flip(2, 3), rtol=0, atol=1e-3)
    assert torch.equal(out.masks, masks.flip(1, 2))


def test_ranges() -> None:
    images, _, out = perturbed("scale", 400)
    scale = torch.linalg.det(out.affine[:, :, :2]).sqrt()
    assert 0.5 <= scale.min() < 0.52
    assert 1.9 < scale.max() <= 2.001
    _, _, out = perturbed("shift", 400)
    assert 15 <= out.affine[:, :, 2].abs().max() <= 16
    images, _, out = perturbed("exposure", 400)
    gain = out.images.mean((1, 2, 3)) / images.mean((1, 2, 3))
    assert gain.min() < 0.3
    assert gain.max() > 1.5


def test_shrinking_does_not_alias() -> None:
    stripes = (torch.arange(64) % 2).float().expand(200, 1, 64, 64).contiguous()
    out = perturb(stripes, torch.ones(200, 64, 64, dtype=torch.bool), "scale", Draws(0, torch.arange(200)))
    small = torch.linalg.det(out.affine[:, :, :2]) < 0.3
    inner = out.images[small][:, :, 24:40, 24:40]
    assert inner.std((1, 2, 3)).max() < 0.25
