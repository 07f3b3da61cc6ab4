"""Numbers from maps, and the grids that are kept for them."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.model.grids import cell_grid
from zoo.model.heads.votes import Summary, decode_votes, one_by_one


def test_grids_count_columns_and_rows() -> None:
    grid = cell_grid(2, 3, torch.zeros(1))
    assert grid.tolist() == [[0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1]]


def test_a_kept_grid_serves_training_and_has_the_type_asked_for() -> None:
    with torch.inference_mode():
        first = cell_grid(5, 7, torch.zeros(1))
    assert cell_grid(5, 7, torch.zeros(1)) is first and not first.is_inference()
    assert cell_grid(5, 7, torch.zeros(1, dtype=torch.float64)).dtype == torch.float64
    offset = torch.zeros(1, 2, requires_grad=True)
    ((offset[:, :, None] + first) * first).sum().backward()


def test_a_matrix_product_is_the_convolution() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(5, 3, 1)
    for maps in (torch.randn(2, 5, 6, 7), torch.randn(2, 5, 6, 7).to(memory_format=torch.channels_last)):
        torch.testing.assert_close(one_by_one(layer, maps), layer(maps).flatten(2))


def test_points_are_decoded_in_any_leading_dimensions() -> None:
    torch.manual_seed(0)
    logits, offsets = 3 * torch.randn(2, 3, 10, 12), torch.randn(2, 3, 2, 10, 12)
    whole = decode_votes(logits, offsets)
    for k in range(3):
        torch.testing.assert_close(whole[:, k], decode_votes(logits[:, k], offsets[:, k]))


def plainly(summary: Summary, x: Tensor) -> Tensor:
    """The numbers of a summary as its docstring has them, in float64."""
    height, width = x.shape[2:]
    weight = summary.double().maps(x.double()).flatten(2).softmax(2).unflatten(2, (height, width))
    columns, rows = torch.arange(width).double(), torch.arange(height).double()
    u, v = (weight.sum(2) * columns).sum(2), (weight.sum(3) * rows).sum(2)
    off = (columns - u[..., None, None]).square() + (rows[:, None] - v[..., None, None]).square()
    spread = (weight * off).sum((2, 3)).sqrt()
    apart = torch.stack([u, v], dim=2)[:, 1:] - torch.stack([u, v], dim=2)[:, :1]
    looked_at = (x * weight[:, :1]).sum((2, 3))
    return torch.cat([looked_at, 8 / width * apart.flatten(1), 8 / width * spread, u[:, :1], v[:, :1]], dim=1)


def test_a_summary_has_what_it_says_to_rounding() -> None:
    torch.manual_seed(0)
    summary = Summary(6, 4)
    x = 4 * torch.randn(2, 6, 30, 40).to(memory_format=torch.channels_last)
    with torch.no_grad():
        numbers, first = summary.on_cells(x)
        torch.testing.assert_close(
            torch.cat([numbers, first], dim=1).double(), plainly(summary, x), atol=1e-5, rtol=1e-5
        )


def test_an_exported_summary_follows_the_size_of_its_map() -> None:
    summary = Summary(8, 3).eval()
    sizes = {0: torch.export.Dim("batch"), 2: torch.export.Dim("rows"), 3: torch.export.Dim("columns")}
    program = torch.export.export(
        _OnCells(summary), (torch.randn(2, 8, 6, 7),), dynamic_shapes=(sizes,), strict=False
    )
    other = torch.randn(3, 8, 9, 11)
    torch.testing.assert_close(program.module()(other), summary.on_cells(other))


class _OnCells(torch.nn.Module):
    def __init__(self, summary: Summary) -> None:
        super().__init__()
        self.summary = summary

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.summary.on_cells(x)
