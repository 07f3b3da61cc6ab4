"""Where the page keeps what it is given and what it makes: a private folder that goes when the page ends."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Final

KEPT: Final = 16
"""Answers whose files stay; older ones go."""


class Workspace:
    """Folders for answers, one each."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="zoo-page-"))
        self._numbers = itertools.count()
        self._folders: list[Path] = []
        self._lock = threading.Lock()

    @property
    def uploads(self) -> Path:
        """Where what is uploaded lies."""
        return self._root / "uploads"

    def folder(self) -> Path:
        """A new one, for one answer."""
        with self._lock:
            made = self._root / f"answer-{next(self._numbers):06d}"
            made.mkdir()
            self._folders.append(made)
            while len(self._folders) > KEPT:
                shutil.rmtree(self._folders.pop(0), ignore_errors=True)
        return made

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._root, ignore_errors=True)
