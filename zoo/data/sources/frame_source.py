"""What all sources of separate frames share: their rows become batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from jaxtyping import Int

from zoo.conventions import Domain
from zoo.data.sample import EyeBatch
from zoo.data.sources.frame import Labelled, eye_batch


class FrameSource(ABC):
    """A data set of labelled frames; one of them says how many it has, and names and reads each.

    Args:
        root: the folder of the data set.
        height, width: size of the canvas that frames are letterboxed to.
        domain: what the frames are.
    """

    def __init__(self, root: Path | str, height: int, width: int, domain: Domain = "real") -> None:
        self.root = Path(root)
        self._size = (height, width)
        self._domain = domain

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def name(self, row: int) -> str:
        """Where the sample is from, for messages."""

    @abstractmethod
    def read(self, row: int) -> Labelled:
        """The frame and its labels in its own pixels.

        Raises:
            ZooError: a file that is not as described, naming it.
        """

    def batch(self, rows: Int[np.ndarray, "B"]) -> EyeBatch:
        """The frames at `rows`, letterboxed, their labels in pixels of the canvas."""
        # By rising row, because a video is decoded from its start.
        found = {row: self.read(row) for row in np.unique(rows).tolist()}
        return eye_batch([found[row] for row in rows.tolist()], *self._size, self._domain, str(self.root))
