"""What an export of rooms needs: samples to compare on, and matching that can be traced."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from zoo.export import measure
from zoo.export.convert import _Flat, _open_sizes, _quiet
from zoo.export.graph import VIEW_INPUTS, ViewGraph, example
from zoo.export.parity import parity, worst
from zoo.model.config import ByobConfig, DepthConfig, InputConfig, MatchingConfig, NeckConfig, NetworkConfig
from zoo.model.network import Network
from zoo.predict.rooms.plan import input_size

HEIGHT, WIDTH = 48, 64


def network(matching: Literal["joint", "classic"]) -> Network:
    torch.manual_seed(0)
    config = NetworkConfig(
        input=InputConfig(height=HEIGHT, width=WIDTH),
        backbone=ByobConfig(stem=(8, 8), widths=(8, 16), depths=(1, 1)),
        neck=NeckConfig(width=8, depth=1, detail=8),
        heads={
            "depth": DepthConfig(
                widths=(8, 8, 8), matching=MatchingConfig(type=matching, hypotheses=16, context=16)
            )
        },
    )
    return Network(config).eval()


def test_an_export_is_compared_on_rooms_with_points_and_with_a_view_that_is_missing() -> None:
    batch = measure._pictures("views", HEIGHT, WIDTH, 3)
    ours = network("joint")
    with torch.inference_mode():
        answer = ours.answer(batch)
        graph = ViewGraph(ours)(*(batch[name] for name in VIEW_INPUTS))  # type: ignore[literal-required]
    assert batch["sparse_depth"].flatten(1).gt(0).sum(1).tolist() == [0, 100]  # type: ignore[typeddict-item]
    assert batch["views_valid"].tolist() == [[True] * 3, [True, True, False]]  # type: ignore[typeddict-item]
    report = parity(answer, graph)
    assert worst([report])["absrel"] < 1e-4


def test_a_point_that_is_chosen_elsewhere_is_counted_not_measured() -> None:
    points = torch.tensor([[[1.0, 2.0], [9.0, 3.0], [17.0, 4.0], [25.0, 4.0]]])
    moved = points.clone()
    moved[0, 2, 0] = 20.0
    depth = torch.full((1, 2, 2), 2.0)
    report = parity(
        {"depth": {"point_px": points, "depth": depth}},
        {"depth": {"point_px": moved, "depth": depth * torch.tensor([1.0, 1.04])}},
    )
    assert worst([report]) == pytest.approx({"points": 0.25, "ratio": 0.04, "absrel": 0.02})


@pytest.mark.slow
def test_classic_matching_can_be_traced_too() -> None:
    graph = ViewGraph(network("classic"))
    inputs = example("views", 2, HEIGHT, WIDTH, 3)
    with _quiet():
        sizes = _open_sizes(graph, "views", HEIGHT, WIDTH)
        program = torch.export.export(
            _Flat(graph).eval(), inputs, dynamic_shapes=(sizes,), strict=False
        ).module()
    three = tuple(torch.cat([value, value[:1]]) for value in inputs)
    expected = graph(*three)["depth"]["depth"]
    found = program(*three)[list(graph(*three)["depth"]).index("depth")]
    assert torch.allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("canvas", "frame", "size", "told"),
    [
        (None, (540, 360), (224, 336), ""),
        ((240, 320), (540, 360), (240, 320), "11% of a frame, left and right, is cut"),
        ((240, 320), (240, 320), (240, 320), "at the top and below"),
        ((240, 320), (640, 480), (240, 320), ""),
    ],
)
def test_frames_are_fitted_to_the_only_canvas_of_a_file(
    canvas: tuple[int, int] | None, frame: tuple[int, int], size: tuple[int, int], told: str
) -> None:
    found, said = input_size([frame], (240, 320), canvas)
    assert found == size
    assert told in said if told else not said
