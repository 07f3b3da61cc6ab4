"""What a posed capture is, whatever layout it was read from. Imports no torch."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from zoo.errors import ZooError
from zoo.geometry.lens import Distortion

NOMINAL_DEPTH: Final = 2.3
"""Metres: the usual median depth of a frame in a room."""
NOMINAL_STEP: Final = 0.15
"""Metres: the usual distance of two frames that were chosen for reconstruction."""


@dataclass(frozen=True, eq=False)
class DepthFile:
    """A depth image on disk."""

    path: Path
    metres_per_unit: float
    """What a stored value is multiplied by. 0 means unknown."""
    invalid: int | None = None
    """Another stored value that means unknown."""
    camera: Float[np.ndarray, "3 3"] | None = None
    """Where the depth camera's intrinsics differ from the colour camera's: those, in its own pixels."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One image with its camera, in the conventions of `zoo.conventions`. Nothing is read until asked for."""

    name: str
    """Unique in the capture; without the ending."""
    image: Path
    size: tuple[int, int]
    """Width and height in pixels."""
    camera: Float[np.ndarray, "3 3"]
    """Intrinsics of the image as it is on disk; the centre of the first pixel is (0, 0)."""
    distortion: Distortion | None = None
    cam_to_world: Float[np.ndarray, "4 4"] | None = None
    """OpenCV's camera axes, metres where the capture is metric; None in layouts without poses."""
    depth: DepthFile | None = None
    sparse_depth: DepthFile | None = None
    """A sensor's sparse measurements, to be completed."""


@dataclass(frozen=True)
class Skipped:
    """A frame that cannot be used, and why; or, in a remark, what had to be done to use it."""

    file: Path
    reason: str


@dataclass(frozen=True, eq=False)
class Capture:
    """The frames of one scene in their order, and what was left out."""

    root: Path
    layout: str
    frames: tuple[Frame, ...]
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()
    """What the user should know: intrinsics that were scaled, a scale that is not metric."""
    metric: bool = True
    """Whether lengths are metres; False where the layout leaves the scale open."""
    scale_remark: str = ""
    """What is open about its scale, until the user states it."""
    scene_depth: float | None = None
    """Where it is not metric: the median depth of its reconstructed points, in its unit, if there are any."""
    _index: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for i, frame in enumerate(self.frames):
            self._index[frame.name] = i
            self._index.setdefault(frame.image.name, i)

    def index(self, name: str) -> int | None:
        """Position of the frame of a name or image file name; None where there is none."""
        found = self._index.get(name)
        return self._index.get(Path(name).stem) if found is None else found

    def nearest(self, name: str) -> str | None:
        """The frame name that is most like a misspelt one."""
        close = get_close_matches(name, [frame.name for frame in self.frames], n=1, cutoff=0.5)
        return close[0] if close else None

    def scaled(self, metres_per_unit: float) -> Capture:
        """The capture with its poses in metres, where the user knows the size of its unit."""
        frames = []
        for frame in self.frames:
            pose = frame.cam_to_world
            if pose is not None:
                pose = pose.copy()
                pose[:3, 3] *= metres_per_unit
            frames.append(replace(frame, cam_to_world=pose))
        return replace(self, frames=tuple(frames), metric=True, scale_remark="", scene_depth=None)

    def nominal_metres_per_unit(self) -> float:
        """What brings a capture of unknown scale to that of a room: a guess, from its points or its steps."""
        if self.scene_depth:
            return NOMINAL_DEPTH / self.scene_depth
        places = [frame.cam_to_world[:3, 3] for frame in self.frames if frame.cam_to_world is not None]
        steps = np.linalg.norm(np.diff(places, axis=0), axis=1) if len(places) > 1 else np.zeros(0)
        moved = steps[steps > 1e-9]
        return NOMINAL_STEP / float(np.median(moved)) if len(moved) else 1.0

    def report(self) -> list[str]:
        """Remarks, and what was skipped: a line a reason, with the number of files and an example."""
        lines = [*self.remarks, *filter(None, [self.scale_remark])]
        for reason, count in Counter(item.reason for item in self.skipped).items():
            example = next(item.file for item in self.skipped if item.reason == reason)
            more = f" (and {count - 1} more)" if count > 1 else ""
            lines.append(f"{_relative(example, self.root)}{more}: skipped: {reason}")
        return lines

    def require_frames(self) -> Capture:
        """Itself; ZooError with the report where no frame can be used."""
        if self.frames:
            return self
        text = "\n  ".join(replace(self, scale_remark="").report()) or "it holds no images"
        raise ZooError(f"{self.root}: no frame of this {self.layout} capture can be used:\n  {text}")


def frame_names(images: Sequence[Path], folder: Path) -> list[str]:
    """A name for each image: its path below `folder` without the ending, with it where two would be equal.

    Images elsewhere are named from the folder that they share: a name, which becomes one of output files,
    never leads out of a folder.
    """
    whole = [Path(os.path.abspath(image)) for image in images]
    start = Path(os.path.abspath(folder))
    if not all(path.is_relative_to(start) for path in whole):
        start = Path(os.path.commonpath([path.parent for path in whole]))
    paths = [path.relative_to(start).as_posix() for path in whole]
    bare = [str(Path(path).with_suffix("")) for path in paths]
    seen = Counter(bare)
    return [path if seen[name] > 1 else name for path, name in zip(paths, bare, strict=True)]


def natural(paths: Iterable[Path]) -> list[Path]:
    """Sorted with numbers by value: 9.jpg before 10.jpg."""

    def key(path: Path) -> list[str | int]:
        parts = re.split(r"(\d+)", path.as_posix())  # text and digits take turns, so like meets like
        return [int(part) if i % 2 else part for i, part in enumerate(parts)]

    return sorted(paths, key=key)


def _relative(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
