from __future__ import annotations

import pytest
import torch

from zoo.geometry.cameras import pixel_grid
from zoo.model.config import PatchConfig
from zoo.model.patch import SPAN_MM, Patch, patch_features, resample


def blob(u: float, v: float, radius: float, height: int = 60, width: int = 80) -> torch.Tensor:
    apart = (pixel_grid(height, width) - torch.tensor([u, v])).norm(dim=2)
    return torch.exp(-((apart / radius) ** 2))[None, None]


def test_the_point_comes_to_the_middle_at_the_scale_asked_for() -> None:
    """Two millimetres to the right and one below the point, whatever the scale of the frame."""
    for px_per_mm in (0.8, 2.0, 4.5):
        u, v = 30.3, 25.6
        image = blob(u + 2 * px_per_mm, v + 1 * px_per_mm, px_per_mm)
        patch = resample(image, torch.tensor([[u, v]]), torch.tensor([px_per_mm]), 64)[0, 0]
        grid = pixel_grid(64, 64)
        weight = patch / patch.sum()
        where = (weight[..., None] * grid).sum((0, 1)) - 31.5
        torch.testing.assert_close(where * SPAN_MM / 64, torch.tensor([2.0, 1.0]), atol=0.06, rtol=0)


@pytest.mark.parametrize("size", [(200, 240), (201, 241)])
def test_a_patch_of_a_picture_of_half_the_size_is_of_the_same_place(size: tuple[int, int]) -> None:
    """From 4.8 pixels a millimetre; the halves of an odd size reach beyond the image."""
    u, v, px_per_mm = 120.3, 90.6, 7.5
    image = blob(u + 2 * px_per_mm, v + px_per_mm, px_per_mm, *size)
    patch = resample(image, torch.tensor([[u, v]]), torch.tensor([px_per_mm]), 64)[0, 0]
    where = ((patch / patch.sum())[..., None] * pixel_grid(64, 64)).sum((0, 1)) - 31.5
    torch.testing.assert_close(where * SPAN_MM / 64, torch.tensor([2.0, 1.0]), atol=0.02, rtol=0)


def test_what_lies_outside_the_frame_is_zero() -> None:
    patch = resample(torch.ones(1, 1, 60, 80), torch.tensor([[0.0, 30.0]]), torch.tensor([2.0]), 64)[0, 0]
    assert (patch[:, :30] == 0).all()
    assert (patch[20:40, 40:] == 1).all()


def test_a_first_look_gets_no_gradient() -> None:
    centre = torch.tensor([[40.0, 30.0]], requires_grad=True)
    look = Patch(PatchConfig(size=32, widths=(8, 8, 8, 16)))
    numbers = look(torch.randn(1, 1, 60, 80), centre, torch.tensor([2.0]))
    assert (
        numbers.shape == (1, look.features) == (1, patch_features(PatchConfig(size=32, widths=(8, 8, 8, 16))))
    )
    numbers.sum().backward()
    assert centre.grad is None
