from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.letterbox import Letterbox, letterbox, letterbox_batch, standardise
from zoo.geometry.cameras import project, resize_camera

SIZES = [(4, 4), (1, 1), (128, 128), (120, 160), (481, 640), (360, 541), (1500, 2000), (3, 900), (900, 3)]


def ramps(height: int, width: int) -> torch.Tensor:
    """(2, 1, height, width) images that hold their own pixel coordinates u and v."""
    u = torch.arange(width, dtype=torch.float64).expand(height, width)
    v = torch.arange(height, dtype=torch.float64)[:, None].expand(height, width)
    return torch.stack([u, v])[:, None]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels_and_points_move_alike(height: int, width: int) -> None:
    canvas, content, box = letterbox_batch(ramps(height, width), 120, 160)
    v, u = content.nonzero(as_tuple=True)
    native = box.to_native(torch.stack([u, v], -1).double())
    shown = canvas[:, 0, v, u].T
    reach = 1 / box.scale + 1  # near the edge an average has no pixels on one side
    size = torch.tensor([width, height])
    inner = ((native > reach) & (native < size - 1 - reach)).all(1)
    # The weights of an antialiased average sum to one but do not balance exactly: a twentieth of a pixel.
    assert not inner.any() or (shown - native)[inner].abs().max() <= 0.05


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_nothing_is_cropped_and_padding_is_centred(height: int, width: int) -> None:
    canvas, content, box = letterbox(torch.ones(1, height, width), 120, 160)
    assert canvas.shape == (1, 120, 160)
    torch.testing.assert_close(canvas[0], content.float())
    rows, columns = content.any(1).nonzero(), content.any(0).nonzero()
    assert len(rows) == 120 or len(columns) == 160
    corners = box.to_canvas(torch.tensor([[-0.5, -0.5], [width - 0.5, height - 0.5]]))
    shown = torch.tensor([[columns.min(), rows.min()], [columns.max(), rows.max()]])
    assert ((corners - shown).abs() <= 1.001).all()
    for low, high, size in ((rows.min(), rows.max(), 120), (columns.min(), columns.max(), 160)):
        assert abs(int(low) - (size - 1 - int(high))) <= 1


def test_same_size_is_untouched() -> None:
    image = torch.rand(1, 120, 160)
    canvas, content, box = letterbox(image, 120, 160)
    assert torch.equal(canvas, image)
    assert content.all()
    assert box == Letterbox(1.0, 0.0, 0.0)


def test_shrinking_averages_over_all_pixels() -> None:
    image = torch.zeros(1, 480, 640)
    image[0, ::4, ::4] = 1  # picking one pixel of 16 would see all or nothing
    canvas, _, _ = letterbox(image, 120, 160)
    assert (canvas[:, 1:-1, 1:-1] - 1 / 16).abs().max() < 1e-3


@given(
    st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([(120, 160), (96, 96), (240, 320)]), st.data()
)
def test_points_and_lengths_round_trip(
    height: int, width: int, size: tuple[int, int], data: st.DataObject
) -> None:
    scale = min(size[0] / height, size[1] / width)
    box = Letterbox(scale, 3.0, 17.0)
    u, v = data.draw(st.floats(-0.5, width)), data.draw(st.floats(-0.5, height))
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        points = torch.tensor([[u, v]], dtype=dtype)
        error = (box.to_native(box.to_canvas(points)) - points).abs() * min(scale, 1)
        assert error.max() < tolerance


def test_camera_sees_the_moved_points() -> None:
    box = Letterbox(0.37, 4.0, 9.0)
    camera = torch.tensor([[600.0, 0, 310], [0, 580, 250], [0, 0, 1]])
    points = torch.randn(20, 3) + torch.tensor([0, 0, 8.0])
    torch.testing.assert_close(
        project(points, resize_camera(camera, box.scale, (box.left, box.top))),
        box.to_canvas(project(points, camera)),
        rtol=0,
        atol=1e-4,
    )


@pytest.mark.parametrize(("height", "width"), [(480, 640), (60, 50), (128, 128), (9, 301)])
def test_image_returns_to_native_size(height: int, width: int) -> None:
    v, u = torch.arange(height)[:, None] / height, torch.arange(width) / width
    smooth = (0.5 + 0.3 * torch.sin(5 * u) * torch.cos(4 * v))[None]
    canvas, _, box = letterbox(smooth, 120, 160)
    back = box.image_to_native(canvas[None], height, width)
    assert back.shape == (1, 1, height, width)
    assert (back[0] - smooth).abs().mean() < 0.02


def test_standardise_looks_at_content_only() -> None:
    image = torch.rand(3, 1, 20, 30)
    content = torch.zeros(3, 20, 30, dtype=torch.bool)
    content[:, 4:15] = True
    once = standardise(image, content)
    shown = once[:, 0][content].reshape(3, -1)
    torch.testing.assert_close(shown.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(shown.std(1, correction=0), torch.ones(3))
    assert (once[:, 0][~content] == 0).all()
    other_padding = torch.where(content[:, None], image, 1.0)
    torch.testing.assert_close(standardise(other_padding, content), once)
    torch.testing.assert_close(standardise(0.2 + 0.5 * image, content), once, atol=1e-4, rtol=1e-4)


def test_standardise_of_flat_and_empty_images_is_zero() -> None:
    content = torch.ones(2, 8, 8, dtype=torch.bool)
    content[1] = False
    assert torch.equal(standardise(torch.full((2, 1, 8, 8), 0.5), content), torch.zeros(2, 1, 8, 8))


def test_standardise_does_not_amplify_quantisation() -> None:
    image = torch.full((1, 1, 8, 8), 0.5)
    image[..., 0] += 1 / 255
    assert standardise(image, torch.ones(1, 8, 8, dtype=torch.bool)).abs().max() <= 0.5
