"""What depth is examined on: rendered rooms, and real captures with depth. Both by one rule for views.

A sample counts where two sources keep the rule: 10 to 25 cm from the anchor, turned by at most 25 degrees,
with half of the anchor's pixels in their image. The others are counted and left out: nearly static or hardly
overlapping views show no method the depth. With n views, the first n - 1 sources are used; those after the
second are there to see whether more help: in rendered rooms on samples where they keep the rule too, in real
captures, where hardly any do, as far away as the relaxed rule of `zoo.data.select_views` allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Int
from omegaconf import OmegaConf
from torch import Tensor

from zoo.config.choices import config_folder
from zoo.config.rendering import load_room_domain
from zoo.conventions import DOMAINS
from zoo.data.room_pool import RoomPool
from zoo.data.select_views import ViewRule
from zoo.data.sources.capture import CaptureViews
from zoo.data.views import ViewBatch, empty_view_batch
from zoo.errors import ZooError
from zoo.geometry.cameras import resize_camera
from zoo.geometry.views import baseline, count_seen, relative_pose, reproject, turn

HEIGHT: Final = 240
WIDTH: Final = 320
MOST_VIEWS: Final = 5
NEEDED: Final = 2
"""Sources that keep the rule."""
_COARSE: Final = 8  # the overlap is counted on every eighth pixel


@runtime_checkable
class DepthSamples(Protocol):
    """Samples that can be read by number with any number of views up to `MOST_VIEWS`."""

    @property
    def rows(self) -> list[int]:
        """Those that count."""
        ...

    @property
    def comparable(self) -> list[int]:
        """Those of them on which numbers of views are compared."""
        ...

    @property
    def left_out(self) -> int:
        """How many do not count."""
        ...

    def batch(self, rows: Sequence[int], views: int) -> ViewBatch:
        """Some of them, with `seen` counted over the sources that are in it."""
        ...

    def native(self, row: int, views: int) -> ViewBatch:
        """One of them at the size that its images have on disk, for methods that take any size."""
        ...

    def describe(self) -> dict[str, Any]:
        """What it is, for the report."""
        ...


class RoomExamSpec(NamedTuple):
    """An entry of ``conf/rooms_exam.yaml``."""

    domain: str
    seed: int
    rooms: int
    views: int
    height: int
    width: int


def room_exams() -> dict[str, RoomExamSpec]:
    """The exams on rendered rooms, by name."""
    exams: dict[str, RoomExamSpec] = {}
    for name, entry in OmegaConf.load(config_folder() / "rooms_exam.yaml").items():
        width, height = (int(side) for side in entry["size"].split("x"))
        exams[str(name)] = RoomExamSpec(
            entry["domain"], entry["seed"], entry["count"], entry["views"], height, width
        )
    return exams


def render_exam(spec: RoomExamSpec, path: Path, workers: int = 1) -> None:
    """Render the pool of an exam, or what of it is missing.

    Raises:
        ZooError: the folder holds something else, or the disk is full.
    """
    from zoo.synth.rooms.pool import render_room_pool

    domain = load_room_domain(spec.domain)
    size = (spec.height, spec.width)
    render_room_pool(path, domain, spec.rooms, spec.seed, *size, spec.views, workers=workers)


class RenderedRooms:
    """The rooms of an exam; the first view of each is the anchor.

    Args:
        path: of the pool that `render_exam` wrote.
        spec: what it should be; anything is taken where None.
        limit: how many of its rooms to take.

    Raises:
        ZooError: no pool, or one of another exam.
    """

    def __init__(self, path: Path, spec: RoomExamSpec | None = None, limit: int | None = None) -> None:
        self.pool = RoomPool(path)
        self.spec = spec
        self.limit = min(limit or len(self.pool), len(self.pool))
        if spec is None:
            return
        found = (self.pool.spec["seed"], self.pool.height, self.pool.width, int(self.pool.sizes["views"]))
        if found != (spec.seed, spec.height, spec.width, spec.views):
            raise ZooError(f"{path}: holds (seed, height, width, views) = {found}, the exam's are {spec}")

    @cached_property
    def kept(self) -> Bool[np.ndarray, "N S"]:
        """Which sources of which sample keep the rule."""
        parts = [
            sources_keep_rule(self._room(rows))
            for rows in np.array_split(np.arange(self.limit), 1 + self.limit // 8)
        ]
        return np.concatenate([part.numpy() for part in parts])

    @cached_property
    def rows(self) -> list[int]:
        """Rooms whose first two sources keep the rule."""
        good: list[int] = np.flatnonzero(self.kept[:, :NEEDED].all(1)).tolist()
        return good

    @property
    def comparable(self) -> list[int]:
        """Rooms whose sources all keep the rule."""
        good: list[int] = np.flatnonzero(self.kept.all(1)).tolist()
        return good

    @property
    def left_out(self) -> int:
        """How many do not."""
        return self.limit - len(self.rows)

    def batch(self, rows: Sequence[int], views: int) -> ViewBatch:
        """See `DepthSamples`."""
        room = self._room(np.asarray(rows))
        batch = empty_view_batch(len(rows), views, self.pool.height, self.pool.width)
        for key in ("images", "cameras", "cam_to_world"):
            batch[key] = room[key][:, :views]
        batch["views_valid"][:] = True
        batch["depth"] = room["depth"][:, 0]
        batch["depth_valid"] = (batch["depth"] > 0).flatten(1).any(1)
        if views > 1:
            batch["seen"] = count_seen(
                batch["depth"],
                room["depth"][:, 1:views],
                batch["cameras"],
                batch["cam_to_world"],
                batch["views_valid"][:, 1:],
            )
            batch["seen_valid"][:] = True
        batch["scene"] = room["scene"]
        batch["domain"][:] = DOMAINS.index("synthetic")
        return batch

    def native(self, row: int, views: int) -> ViewBatch:
        """See `DepthSamples`; the same."""
        return self.batch([row], views)

    def describe(self) -> dict[str, Any]:
        """See `DepthSamples`."""
        spec = {} if self.spec is None else self.spec._asdict()
        return {"type": "rooms", **spec, **_rule(), "rooms": self.limit}

    def _room(self, rows: Int[np.ndarray, "B"]) -> dict[str, Tensor]:
        return {**self.pool.batch(rows)}  # type: ignore[dict-item]


class RealCapture:
    """The frames of captures with depth, each with its best sources; cropped to 4:3 and reduced to 320x240.

    Args:
        root: a capture, or a folder of them, in any layout that `zoo.data.captures` reads.
        limit: how many of its frames to take, evenly spread.

    Raises:
        ZooError: no capture, or no frame of it counts.
    """

    def __init__(self, root: Path, limit: int | None = None) -> None:
        self._source = self._views(root, HEIGHT, WIDTH)
        self._root = root
        frames = len(self._source)
        taken = np.arange(frames) if limit is None or limit >= frames else np.linspace(0, frames - 1, limit)
        self.rows: list[int] = np.rint(taken).astype(int).tolist()
        self.comparable = self.rows  # hardly any frame has four sources that keep the rule
        self.left_out = sum(len(capture.frames) for capture in self._source.captures) - frames

    @cached_property
    def _whole(self) -> CaptureViews:
        width, height = self._source.captures[0].frames[0].size
        return self._views(self._root, height, width)

    @staticmethod
    def _views(root: Path, height: int, width: int) -> CaptureViews:
        return CaptureViews(
            root, height=height, width=width, views=MOST_VIEWS, min_kept=NEEDED, rule=ViewRule()
        )

    def batch(self, rows: Sequence[int], views: int) -> ViewBatch:
        """See `DepthSamples`."""
        return self._source.batch(np.asarray(rows), views)

    def native(self, row: int, views: int) -> ViewBatch:
        """See `DepthSamples`."""
        return self._whole.batch(np.array([row]), views)

    def describe(self) -> dict[str, Any]:
        """See `DepthSamples`."""
        captures = self._source.captures
        frames = captures[0].frames[0].size
        return {
            "type": "capture",
            "layout": captures[0].layout,
            "frames": sum(len(capture.frames) for capture in captures),
            "frame_size": list(frames),
            "fit": f"centre crop of the aspect of {WIDTH}x{HEIGHT}, reduced to it; nearest depth",
            "depth_range_m": [0.25, 10.0],
            **_rule(),
        }


def sources_keep_rule(room: dict[str, Tensor], rule: ViewRule | None = None) -> Bool[Tensor, "B S"]:
    """Which sources of a `RoomBatch`, seen from its first view, keep the rule."""
    rule = rule or ViewRule()
    pose = room["cam_to_world"].double()
    relative = relative_pose(pose[:, :1], pose[:, 1:])
    cameras = resize_camera(room["cameras"].double(), 1 / _COARSE)
    depth = room["depth"][:, :1, _COARSE // 2 :: _COARSE, _COARSE // 2 :: _COARSE].double()
    inside = reproject(depth, cameras[:, :1], cameras[:, 1:], relative).inside.sum((2, 3))
    share = inside / (depth > 0).sum((2, 3)).clamp(min=1)
    distance, angle = baseline(relative), torch.rad2deg(turn(relative))
    low, high = rule.baseline
    near = (distance >= low) & (distance <= high)
    return near & (angle <= rule.max_turn_deg) & (share >= rule.min_overlap)


def in_batches(rows: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Consecutive parts of at most `size`."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _rule() -> dict[str, Any]:
    return {"rule": {**ViewRule()._asdict(), "sources": NEEDED}}
