"""NYUv2 as Ma and Karaman published it: ``*.h5`` with ``rgb`` (3x480x640) and ``depth`` (metres).

A folder of them, or of folders of them (``train/<scene>/NNNNN.h5``, ``val/official/NNNNN.h5``). There are no
poses: these frames serve completion. The camera is that of the data set's toolbox (the colour camera,
640x480).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, natural

NAME = "nyuv2"
LOOKS_LIKE = "*.h5 files with rgb and depth, also in folders"
_CAMERA: Final = np.array([[518.85790, 0, 325.58245], [0, 519.46961, 253.73617], [0, 0, 1]])


def matches(root: Path) -> bool:
    """Whether a folder holds this layout."""
    return any(next(root.glob(pattern), None) is not None for pattern in ("*.h5", "*/*.h5", "*/*/*.h5"))


def read(root: Path) -> Capture:
    """The frames in a folder and the folders below it."""
    files = natural(root.rglob("*.h5"))
    candidates = (Candidate(file, _CAMERA, (640, 480), depth=DepthFile(file, 1.0)) for file in files)
    return assemble(root, NAME, candidates)
