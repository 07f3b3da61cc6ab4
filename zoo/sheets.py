"""Contact sheets of what the renderers draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch

from zoo.draw import Picture, draw_frames, draw_labels, sheet
from zoo.synth.eyes.domain import EyeDomain
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.eyes.rig import Rig
from zoo.synth.rooms.domain import RoomDomain
from zoo.synth.rooms.picture import draw_rooms
from zoo.synth.rooms.renderer import RoomRenderer

_EYES_AT_ONCE: Final = 16
_ROOMS_AT_ONCE: Final = 4


def eye_sheet(
    domain: EyeDomain,
    rig: Rig,
    count: int,
    seed: int,
    height: int,
    width: int,
    device: torch.device,
    labels: bool = False,
) -> Picture:
    """Samples 0 to `count`, with their labels drawn on them or without."""
    renderer = EyeRenderer(domain, seed, rig, height, width, device)
    draw = draw_labels if labels else draw_frames
    pictures = [one for batch in _batches(renderer.render, count, _EYES_AT_ONCE) for one in draw(batch)]
    return sheet(pictures, math.ceil(math.sqrt(count)))


def room_sheet(
    domain: RoomDomain,
    count: int,
    seed: int,
    height: int,
    width: int,
    views: int,
    samples: int,
    device: torch.device,
) -> Picture:
    """Samples 0 to `count`: the views of each, and its anchor's depth."""
    renderer = RoomRenderer(domain, seed, height, width, views, samples, device)
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)  # the kernels are short: threads would mostly wait for each other
    try:
        batches = _batches(renderer.render, count, _ROOMS_AT_ONCE)
        pictures = [one for batch in batches for one in draw_rooms(batch)]
    finally:
        torch.set_num_threads(threads)
    return sheet(pictures, math.ceil(math.sqrt(count / (views + 1))))


def _batches(render: Callable[[torch.Tensor], Any], count: int, at_once: int) -> Iterator[Any]:
    return (render(torch.arange(start, min(start + at_once, count))) for start in range(0, count, at_once))
