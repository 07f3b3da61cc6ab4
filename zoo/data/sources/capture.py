"""Samples of posed captures: every usable frame as the anchor, with the sources that show it best.

From a capture in any layout of `zoo.data.captures`, or a folder of them (a data set of scenes). Depth beyond
the range is taken as unknown. Where the sources have depth too, it tells which pixels they see.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int

from zoo.data.captures.capture import Capture, Frame
from zoo.data.captures.consistency import check_consistency
from zoo.data.captures.detect import find_captures, open_capture
from zoo.data.captures.files import BadFileError
from zoo.data.fit_views import FittedView, fit_depth, fit_image, fit_points
from zoo.data.select_views import Choice, ViewRule, read_views, select_views, selection_report
from zoo.data.views import ViewBatch, ViewSample, check_view_batch, stack_views, view_sample
from zoo.errors import ZooError
from zoo.geometry.views import count_seen

T = TypeVar("T")
_CACHE: Final = 48  # fitted images and depths that are kept: a frame is a source of its neighbours


class Anchor(NamedTuple):
    """One sample: which frame of which capture, and its sources."""

    scene: int
    choice: Choice


class CaptureViews:
    """The samples of one capture or of a folder of captures; files are read when they are asked for.

    Args:
        root: a capture, or a folder of captures up to two folders deep.
        layout: a name of `zoo.data.captures.detect.LAYOUTS`; found out if None.
        height, width: size of the samples' images.
        views: how many views a sample has, the anchor included; those that it lacks are not valid.
        min_kept: how many sources must keep the rule for a frame to be an anchor; 0 keeps all frames, also
            those without any source.
        rule: what makes a source.
        views_csv: the anchors and their sources instead, as `zoo.data.select_views.read_views` reads them.
        metres_per_unit: for captures whose scale is open; guessed if None.
        depth_range: metres; depth outside counts as unknown.

    Raises:
        ZooError: no capture, no frame, or no anchor that can be used.
    """

    def __init__(
        self,
        root: Path | str,
        layout: str | None = None,
        *,
        height: int,
        width: int,
        views: int = 3,
        min_kept: int = 1,
        rule: ViewRule | None = None,
        views_csv: Path | None = None,
        metres_per_unit: float | None = None,
        depth_range: tuple[float, float] = (0.25, 10.0),
    ) -> None:
        self.root = Path(root)
        roots = find_captures(root, layout) or [self.root]  # opening explains what is wrong with it
        if views_csv is not None and len(roots) > 1:
            raise ZooError(f"{views_csv}: names frames of one capture, but {root} holds {len(roots)}")
        self.captures = [open_capture(path, layout, metres_per_unit) for path in roots]
        self.remarks: list[str] = []
        """What the user should know: what was skipped and why, doubtful units and poses, missing sources."""
        self.height, self.width, self.views = height, width, views
        self._depth_range = depth_range
        self._images: OrderedDict[Path, FittedView] = OrderedDict()
        self._depths: OrderedDict[Path, Float[np.ndarray, "H W"]] = OrderedDict()
        self.anchors: list[Anchor] = []
        for scene, capture in enumerate(self.captures):
            self.remarks += [*capture.report(), *check_consistency(capture)]
            if not capture.metric:
                unit = capture.nominal_metres_per_unit()
                self.captures[scene] = capture = capture.scaled(unit)
                self.remarks.append(
                    f"{capture.root}: one unit of its poses is taken as {unit:.4g} m, which makes the scene "
                    "as large as a room: depths are right up to one factor; metres_per_unit sets it"
                )
            if views_csv is not None:
                choices = read_views(views_csv, capture)
            elif views > 1:
                choices = select_views(capture, views - 1, rule)
                self.remarks += selection_report(capture, choices, views - 1)
            else:
                choices = []
            known = {choice.anchor for choice in choices}
            if min_kept == 0 and views_csv is None:  # frames without a pose can still be completed
                alone = [Choice(i, (), 0, "none") for i in range(len(capture.frames)) if i not in known]
                choices = sorted([*choices, *alone])
            self.anchors += [
                Anchor(scene, choice)
                for choice in choices
                if choice.quality == "given" or choice.kept >= min_kept
            ]
        if not self.anchors:
            text = "\n  ".join(self.remarks)
            raise ZooError(
                f"{root}: no frame has {min_kept} usable sources; min_kept=0 allows single images:\n  {text}"
            )

    def __len__(self) -> int:
        return len(self.anchors)

    def batch(self, rows: Int[np.ndarray, "B"], views: int | None = None) -> ViewBatch:
        """The samples at `rows`, of all their views or of the first few.

        Raises:
            ZooError: a file that cannot be read, naming it.
        """
        batch = stack_views([self.sample(int(row), views) for row in rows])
        check_view_batch(batch, str(self.root))
        return batch

    def sample(self, row: int, views: int | None = None) -> ViewSample:
        """One sample; its sparse depth is the sensor's, where the capture has one.

        Raises:
            ZooError: a file that cannot be read, naming it.
        """
        wanted = self.views if views is None else min(views, self.views)
        frames = self.frames(row)[:wanted]
        fitted = [self._fitted(frame) for frame in frames]
        anchor, size = frames[0], (self.height, self.width)
        sparse = None
        if anchor.sparse_depth is not None:
            points = anchor.sparse_depth
            sparse = _named(points.path, lambda: fit_points(anchor, points, *size))
        depths = [self._depth(frame) for frame in frames]
        sample = view_sample(
            [view.image for view in fitted],
            [view.camera for view in fitted],
            [np.eye(4) if frame.cam_to_world is None else frame.cam_to_world for frame in frames],
            depths[0],
            sparse_depth=sparse,
            views=wanted,
            scene=self.anchors[row].scene,
        )
        known = [depth for depth in depths[1:] if depth is not None]
        if sample["depth_valid"] and known and len(known) == len(frames) - 1:
            count = len(frames)
            sample["seen"] = count_seen(
                sample["depth"][None],
                torch.from_numpy(np.stack(known))[None],
                sample["cameras"][None, :count],
                sample["cam_to_world"][None, :count],
                sample["views_valid"][None, 1:count],
            )[0]
            sample["seen_valid"].fill_(True)
        return sample

    def capture(self, row: int) -> Capture:
        """The capture of a sample."""
        return self.captures[self.anchors[row].scene]

    def frames(self, row: int) -> list[Frame]:
        """The anchor and its sources."""
        scene, choice = self.anchors[row]
        every = self.captures[scene].frames
        return [every[i] for i in (choice.anchor, *choice.sources)][: self.views]

    def _depth(self, frame: Frame) -> Float[np.ndarray, "H W"] | None:
        """None where the capture has no depth of the frame."""
        file = frame.depth
        if file is None:
            return None

        def read() -> Float[np.ndarray, "H W"]:
            depth = _named(file.path, lambda: fit_depth(frame, file, self.height, self.width))
            low, high = self._depth_range
            return np.where((depth >= low) & (depth <= high), depth, np.float32(0))

        return _kept(self._depths, file.path, read)

    def _fitted(self, frame: Frame) -> FittedView:
        def read() -> FittedView:
            return _named(frame.image, lambda: fit_image(frame, self.height, self.width))

        return _kept(self._images, frame.image, read)


def _kept(cache: OrderedDict[Path, T], path: Path, read: Callable[[], T]) -> T:
    """What `read` returns, or returned lately for this path."""
    if path not in cache:
        cache[path] = read()
        if len(cache) > _CACHE:
            cache.popitem(last=False)
    cache.move_to_end(path)
    return cache[path]


def _named(path: Path, read: Callable[[], T]) -> T:
    """What `read` returns; ZooError with the path where the file is bad."""
    try:
        return read()
    except BadFileError as error:
        raise ZooError(f"{path}: {error}") from None
