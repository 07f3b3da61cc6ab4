"""Do depths, poses and units fit together? Measured on a few pairs of frames, before anything is believed.

With the right unit and the right poses, the depth of one frame transferred into another is the depth there.
So each usual mistake is tried as a remedy, and named if it makes the frames agree much better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from zoo.data.captures.assemble import scale_camera
from zoo.data.captures.capture import Capture, Frame
from zoo.data.captures.files import BadFileError, read_depth
from zoo.data.captures.poses import OPENGL_TO_OPENCV, inverse
from zoo.geometry.views import relative_pose, reproject, sample

PAIRS: Final = 8
_WIDTH: Final = 80  # depth is looked at this coarsely, by the nearest pixel
_PLAUSIBLE: Final = (0.15, 60.0)  # median depth of indoor and street scenes, metres
_USUAL: Final = (0.5, 8.0)  # ... of rooms
_BETTER: Final = 0.5  # a remedy must reduce the disagreement to this share to be named
_WEAKLY: Final = (
    0.7  # ... or to this, where the depth is unusual: far things hardly move, whatever their unit
)
_SURE: Final = 0.03  # ... or to this, where as stated the frames do not even overlap
_DISAGREE: Final = 0.012  # below this relative disagreement nothing is wrong: sensors are no better

Pose = Float[np.ndarray, "4 4"]


POSE_MISTAKES: Final[tuple[tuple[Callable[[Pose], Pose], str], ...]] = (
    (inverse, "the poses seem to be world-to-camera: invert them to camera-to-world"),
    (
        lambda p: p @ OPENGL_TO_OPENCV,
        "the poses seem to have OpenGL's camera axes (y up, z back): multiply columns 1 and 2 by -1",
    ),
)
"""The usual mistakes of poses: what undoes one, and what to tell of it."""


class _Remedy(NamedTuple):
    factor: float
    pose: Callable[[Pose], Pose]
    text: str


_REMEDIES: Final = (
    _Remedy(
        1000.0, lambda p: p, "depth seems to be 1000 times too small: were metres taken for millimetres?"
    ),
    _Remedy(0.001, lambda p: p, "depth seems to be 1000 times too large: were millimetres taken for metres?"),
    _Remedy(5.0, lambda p: p, "depth seems to be 5 times too small: 1/1000 m steps taken for TUM's 1/5000?"),
    _Remedy(0.2, lambda p: p, "depth seems to be 5 times too large: TUM's 1/5000 m steps taken for 1/1000?"),
    *(_Remedy(1.0, change, text) for change, text in POSE_MISTAKES),
)


class _View(NamedTuple):
    depth: Float32[np.ndarray, "h w"]
    camera: Float[np.ndarray, "3 3"]
    pose: Pose


def check_consistency(capture: Capture, pairs: int = PAIRS) -> list[str]:
    """Warnings about the unit of depth and the direction of poses; none where nothing is known against them.

    Reads up to twice `pairs` depth files; without depth there is nothing to compare. Where the camera does
    not move, or with fewer than two posed frames, only the size of the depths themselves is judged.
    """
    with_depth = [frame for frame in capture.frames if frame.depth is not None]
    if not with_depth:
        return []
    posed = [frame for frame in with_depth if frame.cam_to_world is not None]
    chosen = _pairs(posed, pairs)
    views: dict[str, _View] = {}
    for frame in [f for pair in chosen for f in pair] or with_depth[:: max(1, len(with_depth) // 4)][:4]:
        if frame.name not in views and (view := _view(frame)) is not None:
            views[frame.name] = view
    known = [float(np.median(view.depth[view.depth > 0])) for view in views.values() if view.depth.any()]
    if not known:
        return [f"{capture.root}: {_unknown(with_depth[0])}"]
    couples = [(views[a.name], views[b.name]) for a, b in chosen if {a.name, b.name} <= views.keys()]
    stated = _disagreement(couples, 1.0, lambda p: p) if couples else 0.0
    median = float(np.median(known))
    usual = not capture.metric or _USUAL[0] <= median <= _USUAL[1]
    if stated is None or stated > (_DISAGREE if usual else 0.0):
        tried = [(_disagreement(couples, r.factor, r.pose), r.text) for r in _REMEDIES]
        best, text = min(((error, text) for error, text in tried if error is not None), default=(np.inf, ""))
        if best < (_SURE if stated is None else (_BETTER if usual else _WEAKLY) * stated):
            so_far = "not overlapping at all" if stated is None else f"{stated:.1%}"
            then = f"then the depths of neighbouring frames differ by {best:.1%} instead of {so_far}"
            return [f"{capture.root}: {text} ({then})"]
    if capture.metric and not _PLAUSIBLE[0] <= median <= _PLAUSIBLE[1]:
        how = "large" if median > _PLAUSIBLE[1] else "small"
        return [
            f"{capture.root}: the median depth is {median:.4g} m, which is no room: depth seems to be about "
            f"1000 times too {how}; are its files in the unit that the layout {capture.layout} has?"
        ]
    return []


def _pairs(frames: list[Frame], count: int) -> list[tuple[Frame, Frame]]:
    """Pairs of near frames that moved against each other, spread over the capture."""
    pairs = []
    for i, frame in enumerate(frames[:-1]):
        near = [other for other in frames[i + 1 : i + 9] if _facing(frame) @ _facing(other) > 0.9]
        far = max(near, key=lambda other: _distance(frame, other), default=frame)
        if _distance(frame, far) > 0.02:
            pairs.append((frame, far))
    step = max(1, len(pairs) // count)
    return pairs[::step][:count]


def _facing(frame: Frame) -> Float[np.ndarray, "3"]:
    assert frame.cam_to_world is not None
    return frame.cam_to_world[:3, 2]


def _distance(one: Frame, other: Frame) -> float:
    assert one.cam_to_world is not None
    assert other.cam_to_world is not None
    return float(np.linalg.norm(one.cam_to_world[:3, 3] - other.cam_to_world[:3, 3]))


def _view(frame: Frame) -> _View | None:
    if frame.depth is None:
        return None
    try:
        depth = read_depth(frame.depth)
    except BadFileError:
        return None
    height, width = depth.shape
    step = max(1, width // _WIDTH)
    camera = frame.depth.camera
    if camera is None:
        camera = scale_camera(frame.camera, width / frame.size[0], height / frame.size[1])
    coarse = depth[step // 2 :: step, step // 2 :: step]
    matrix = camera.astype(np.float64)  # pixel i of the coarse image is pixel step i + step // 2
    matrix[:2, 2] -= step // 2
    matrix[:2] /= step
    pose = np.eye(4) if frame.cam_to_world is None else frame.cam_to_world
    return _View(coarse, matrix, pose)


def _unknown(frame: Frame) -> str:
    """Why nothing is known of a capture's depth, by one of its files."""
    assert frame.depth is not None
    try:
        read_depth(frame.depth)
    except BadFileError as error:
        return f"no depth can be used: {frame.depth.path.name}: {error}"
    return "the depth files hold no known pixel"


def _disagreement(
    couples: list[tuple[_View, _View]], factor: float, change: Callable[[Pose], Pose]
) -> float | None:
    """Median over pairs of the median relative difference in depth; None where nothing overlaps."""
    errors = []
    for anchor, source in couples:
        relative = relative_pose(*(torch.from_numpy(change(view.pose)) for view in (anchor, source)))
        depths: list[Tensor] = [torch.from_numpy(view.depth).double() * factor for view in (anchor, source)]
        cameras = [torch.from_numpy(view.camera) for view in (anchor, source)]
        size = (depths[1].shape[0], depths[1].shape[1])
        where = reproject(depths[0], cameras[0], cameras[1], relative, size)
        there = sample(depths[1][None], where.pixels.flatten(0, 1), nearest=True)[0].view_as(where.depth)
        both = where.inside & (there > 0)
        if both.double().mean() > 0.05:
            errors.append(float(((where.depth - there).abs() / there)[both].median()))
    return float(np.median(errors)) if len(errors) * 2 >= len(couples) and errors else None
