"""Microsoft's 7-Scenes, one sequence: ``frame-NNNNNN.{color.png,depth.png,pose.txt}``.

Depth: 16 bit, millimetres, 0 and 65535 unknown, *not* registered to the colour image; poses are cam_to_world.
The published cameras are nominal: 585 pixels for depth; 525 is the usual value for colour. The few
centimetres between the two cameras are not published and are neglected, which costs sharpness at depth edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, Skipped
from zoo.data.captures.files import BadFileError, read_numbers

NAME = "7scenes"
LOOKS_LIKE = "frame-000000.color.png, frame-000000.depth.png, frame-000000.pose.txt, ..."
_COLOUR: Final = np.array([[525.0, 0, 319.5], [0, 525.0, 239.5], [0, 0, 1]])
_DEPTH: Final = np.array([[585.0, 0, 320.0], [0, 585.0, 240.0], [0, 0, 1]])


def matches(root: Path) -> bool:
    """Whether a folder holds this layout."""
    return next(root.glob("frame-*.color.png"), None) is not None


def read(root: Path) -> Capture:
    """The capture in a folder."""

    def candidates() -> Iterator[Candidate | Skipped]:
        for image in sorted(root.glob("frame-*.color.png")):
            name = image.name.removesuffix(".color.png")
            pose_file, depth = root / f"{name}.pose.txt", root / f"{name}.depth.png"
            try:
                pose = read_numbers(pose_file)
            except BadFileError as error:
                yield Skipped(pose_file, str(error))
                continue
            file = DepthFile(depth, 0.001, 65535, _DEPTH) if depth.is_file() else None
            yield Candidate(image, _COLOUR, (640, 480), pose, pose_file, depth=file, name=name)

    remark = "7-Scenes' depth is not registered to its colour images: both have nominal cameras here"
    return assemble(root, NAME, candidates(), remarks=[remark])
