"""Which frames of a capture show the depth of another: by baseline, angle and overlap, or as the user says.

Frame numbers say little: a camera may stand still for a second or turn away within one.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from zoo.data.captures.assemble import scale_camera
from zoo.data.captures.capture import Capture, Frame
from zoo.data.captures.files import BadFileError, read_depth
from zoo.errors import ZooError

MAX_SOURCES: Final = 7
_GRID: Final = (24, 32)  # points of an anchor, rows and columns, whose visibility is counted
_CANDIDATES: Final = 60  # sources an anchor whose overlap is computed: those of the most fitting baseline

Quality = Literal["rule", "relaxed", "none", "given"]


class ViewRule(NamedTuple):
    """When a frame is a source for an anchor."""

    baseline: tuple[float, float] = (0.10, 0.25)
    """Distance of the cameras, metres."""
    max_turn_deg: float = 25.0
    """Angle between them."""
    min_overlap: float = 0.5
    """Share of the anchor's points that fall into the source's image."""
    nominal_depth: tuple[float, float] = (1.0, 4.0)
    """Metres: where the anchor's points are taken to be if its depth is unknown, evenly in inverse depth."""

    @property
    def relaxed(self) -> ViewRule:
        """What is still better than nothing."""
        low, high = self.baseline
        return ViewRule(
            (low / 3, 2.5 * high),
            min(1.8 * self.max_turn_deg, 60.0),
            self.min_overlap / 2,
            self.nominal_depth,
        )


class Choice(NamedTuple):
    """An anchor and its sources, the best first, by their positions in the capture."""

    anchor: int
    sources: tuple[int, ...]
    kept: int
    """How many of the sources keep the rule; they come first."""
    quality: Quality
    """`rule`: all sources keep it; `relaxed`: some only nearly; `none`: there is none, as where the camera
    stands still: depth is left to the single image; `given`: by the user."""


def select_views(capture: Capture, count: int, rule: ViewRule | None = None) -> list[Choice]:
    """For every frame with a pose its best sources, at most `count` (1 to 7), fewer where there are no more.

    Sources that keep the rule come before those that keep it only when relaxed. Among equals, baselines in
    the middle of the range, small angles and large overlap are better, and frames from different places are
    better than two from the same.
    """
    if not 1 <= count <= MAX_SOURCES:
        raise ValueError(f"1 to {MAX_SOURCES} sources can be chosen, not {count}")
    rule = rule or ViewRule()
    posed = [i for i, frame in enumerate(capture.frames) if frame.cam_to_world is not None]
    if not posed:
        return []
    poses = np.stack([_pose(capture.frames[i]) for i in posed])
    centres = poses[:, :3, 3]
    choices = []
    for row, index in enumerate(posed):
        distance = np.linalg.norm(centres - centres[row], axis=1)
        turn = _turns(poses[row], poses)
        wide = rule.relaxed
        near = (distance >= wide.baseline[0]) & (distance <= wide.baseline[1]) & (turn <= wide.max_turn_deg)
        middle = float(np.sqrt(rule.baseline[0] * rule.baseline[1]))
        off = np.abs(np.log(np.maximum(distance, 1e-9) / middle))
        candidates = np.flatnonzero(near)
        candidates = candidates[np.argsort(off[candidates], kind="stable")][:_CANDIDATES]
        overlap = _overlaps(capture.frames[index], [capture.frames[posed[j]] for j in candidates], rule)
        kept = overlap >= wide.min_overlap
        candidates, overlap = candidates[kept], overlap[kept]
        low, high = rule.baseline
        strict = (
            (distance[candidates] >= low)
            & (distance[candidates] <= high)
            & (turn[candidates] <= rule.max_turn_deg)
            & (overlap >= rule.min_overlap)
        )
        cost = (
            off[candidates] + 0.5 * turn[candidates] / rule.max_turn_deg + 1.5 * (1 - overlap) + 10 * ~strict
        )
        order = _spread(cost, centres[candidates], low, count)
        kept_rule = int(strict[order].sum())
        quality: Quality = "none" if not order else "rule" if kept_rule == len(order) else "relaxed"
        choices.append(Choice(index, tuple(posed[candidates[j]] for j in order), kept_rule, quality))
    return choices


def read_views(path: Path, capture: Capture) -> list[Choice]:
    """The choices of a csv with the columns ``anchor,source_1,source_2,...``: names of frames or their files.

    Raises:
        ZooError: unreadable, other columns, no sources, or frames that the capture does not have (with the
            nearest name) or has no pose of.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [name for name in reader.fieldnames or () if name.startswith("source_")]
            if "anchor" not in (reader.fieldnames or ()) or not columns:
                raise ZooError(f"{path}: needs the columns anchor,source_1,source_2,...")
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"{path}: not readable ({error})") from None
    choices, wrong = [], []
    anchors: set[int | None] = set()
    for line, row in rows:
        names = [(row.get(name) or "").strip() for name in ("anchor", *columns)]
        found: list[int] = []
        for name in (names[0], *filter(None, names[1:])):
            index = capture.index(name)
            if index is None:
                nearest = capture.nearest(name)
                hint = f"; did you mean {nearest!r}?" if nearest else f" (such as {capture.frames[0].name!r})"
                wrong.append(f"line {line}: the capture has no frame {name!r}{hint}")
            elif capture.frames[index].cam_to_world is None:
                wrong.append(f"line {line}: frame {name!r} has no pose")
            elif index in found:
                wrong.append(f"line {line}: names {name!r} twice")
            else:
                found.append(index)
        if not any(names[1:]):
            wrong.append(f"line {line}: names no source for {names[0]!r}")
        if len(found) - 1 > MAX_SOURCES:
            wrong.append(f"line {line}: names {len(found) - 1} sources; at most {MAX_SOURCES} are used")
        anchor = capture.index(names[0])
        if anchor is not None and anchor in anchors:
            wrong.append(f"line {line}: the anchor {names[0]!r} is that of an earlier line")
        anchors.add(anchor)
        choices.append(Choice(found[0] if found else 0, tuple(found[1:]), len(found) - 1, "given"))
    if wrong:
        more = f"\n  and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ZooError(f"{path}:\n  " + "\n  ".join(wrong[:5]) + more)
    if not choices:
        raise ZooError(f"{path}: has no rows")
    return choices


def selection_report(capture: Capture, choices: Sequence[Choice], count: int) -> list[str]:
    """What the user should know of a selection; nothing where all anchors have `count` good sources."""
    lines = []
    none = [choice for choice in choices if choice.quality == "none"]
    few = [choice for choice in choices if 0 < len(choice.sources) < count]
    relaxed = [choice for choice in choices if choice.sources and not choice.kept]
    if len(choices) == 1 and not choices[0].sources:
        lines.append("only one frame has a pose: depth from its single image is uncertain")
        return lines
    if none and len(none) == len(choices):
        lines.append(
            f"no frame has a usable second view: {_steps(capture, choices)}; depth has to come from single "
            "images and is uncertain"
        )
    elif none:
        lines.append(
            f"{_some(capture, none)} no usable second view: depth from the single image is uncertain"
        )
    if few:
        lines.append(f"{_some(capture, few)} fewer than {count} usable sources")
    if relaxed:
        lines.append(
            f"{_some(capture, relaxed)} only sources of odd baselines, large angles or little overlap"
        )
    return lines


def overlap(anchor: Frame, source: Frame, rule: ViewRule | None = None) -> float:
    """Share of the anchor's points that fall into the source's image."""
    return float(_overlaps(anchor, [source], rule or ViewRule())[0])


def _some(capture: Capture, choices: list[Choice]) -> str:
    count, example = len(choices), capture.frames[choices[0].anchor].name
    return f"1 frame ({example}) has" if count == 1 else f"{count} frames (such as {example}) have"


def _steps(capture: Capture, choices: Sequence[Choice]) -> str:
    """How far apart frames are, and what that speaks for."""
    centres = np.stack([_pose(capture.frames[choice.anchor])[:3, 3] for choice in choices])
    step = float(np.median(np.linalg.norm(np.diff(centres, axis=0), axis=1)))
    span = float(np.linalg.norm(centres.max(0) - centres.min(0)))
    wide = ViewRule().relaxed.baseline
    if span < wide[0]:
        return f"the camera seems to stand still (all frames are within {span:.3g} m)"
    low, high = ViewRule().baseline
    apart = f"neighbouring frames are {step:.3g} m apart ({low:g} to {high:g} m serve best)"
    if step > 4 * wide[1]:
        return f"{apart}; if the poses are not in metres, metres per unit sets it, 0.001 for millimetres"
    return f"{apart} and hardly overlap"


def _pose(frame: Frame) -> Float[np.ndarray, "4 4"]:
    assert frame.cam_to_world is not None
    return frame.cam_to_world


def _turns(pose: Float[np.ndarray, "4 4"], poses: Float[np.ndarray, "n 4 4"]) -> Float[np.ndarray, "n"]:
    """Degrees by which cameras are turned against one."""
    trace = np.einsum("ij,nij->n", pose[:3, :3], poses[:, :3, :3])
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


def _spread(
    cost: Float[np.ndarray, "n"], centres: Float[np.ndarray, "n 3"], apart: float, count: int
) -> list[int]:
    """The cheapest, one after the other; a place within `apart` of a chosen one costs up to 1 more."""
    cost = cost.copy()
    order: list[int] = []
    while len(order) < min(count, len(cost)):
        best = int(cost.argmin())
        order.append(best)
        near = np.linalg.norm(centres - centres[best], axis=1) / max(apart, 1e-9)
        cost += np.clip(1 - near, 0, 1)
        cost[best] = np.inf
    return order


def _overlaps(anchor: Frame, sources: Sequence[Frame], rule: ViewRule) -> Float[np.ndarray, "n"]:
    if not sources:
        return np.zeros(0)
    poses, anchor_to_world = np.stack([_pose(source) for source in sources]), _pose(anchor)
    cameras = np.stack([source.camera for source in sources])
    turns = cameras @ poses[:, :3, :3].swapaxes(1, 2)
    shift = (turns @ (anchor_to_world[:3, 3] - poses[:, :3, 3])[..., None])[..., 0]
    # All sources in one product: many small ones take a hundred times as long.
    images = _points(anchor, rule) @ (turns @ anchor_to_world[:3, :3]).reshape(-1, 3).T
    u, v, z = (images.reshape(-1, len(sources), 3) + shift).transpose(2, 0, 1)
    right, below = (np.array([source.size for source in sources]) - 0.5).T
    inside = (z > 0) & (u >= -0.5 * z) & (v >= -0.5 * z) & (u <= right * z) & (v <= below * z)
    share: Float[np.ndarray, "n"] = inside.mean(0)
    return share


def _points(anchor: Frame, rule: ViewRule) -> Float[np.ndarray, "N 3"]:
    """Points that the anchor sees: by its depth, or on a grid at the nominal depths."""
    rows, columns = _GRID
    if anchor.depth is not None:
        try:
            depth = read_depth(anchor.depth)
        except BadFileError:
            depth = np.zeros((rows, columns), dtype=np.float32)
        down, across = max(1, depth.shape[0] // rows), max(1, depth.shape[1] // columns)
        own = anchor.depth.camera
        if own is None:
            own = scale_camera(
                anchor.camera, depth.shape[1] / anchor.size[0], depth.shape[0] / anchor.size[1]
            )
        z = depth[down // 2 :: down, across // 2 :: across].astype(np.float64)
        v, u = np.nonzero(z)
        if len(u) >= 0.1 * z.size:
            return _lift(u * across + across // 2, v * down + down // 2, own) * z[v, u, None]
    near, far = rule.nominal_depth
    v, u = np.indices(_GRID).reshape(2, -1)
    camera = scale_camera(anchor.camera, columns / anchor.size[0], rows / anchor.size[1])
    planes = 1 / np.linspace(1 / far, 1 / near, 4)
    points: Float[np.ndarray, "N 3"] = (_lift(u, v, camera) * planes[:, None, None]).reshape(-1, 3)
    return points


def _lift(
    u: Int[np.ndarray, "n"], v: Int[np.ndarray, "n"], camera: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "n 3"]:
    """Rays with z = 1 through pixels."""
    x, y = (u - camera[0, 2]) / camera[0, 0], (v - camera[1, 2]) / camera[1, 1]
    return np.stack((x, y, np.ones_like(x)), axis=-1)
