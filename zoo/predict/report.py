"""What the user sees while frames run through: warnings, progress, the closing line. Imports no torch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

_PLAIN_EVERY_S = 10.0

Reached = Callable[[int, int | None], None]
"""Told how many frames are done, and of how many; None where that is not known."""


class Report:
    """Counts frames and skipped inputs; progress is a bar on a terminal and now and then a line elsewhere.

    Args:
        console: where it goes; standard error, so that standard output stays for results.
        total: expected frames; None where it is not known (a camera).
        reached: also told how far it is: for who shows progress elsewhere.
    """

    def __init__(
        self,
        console: Console,
        total: int | None,
        reached: Reached | None = None,
    ) -> None:
        self.frames = 0
        self.skipped = 0
        self._console = console
        self._first: tuple[float, int] | None = None
        self._last = time.monotonic()
        self._total = total
        self._reached = reached
        self._task: TaskID | None = None
        self._progress: Progress | None = None

    def __enter__(self) -> Report:
        if self._console.is_terminal:
            self._progress = Progress(
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._progress.add_task("frames", total=self._total, rate="")
            self._progress.start()
        return self

    def reach(self, frames: int) -> None:
        """So many frames are done by now. The first call says where the run starts to count its speed."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, frames)
        self.frames = frames
        if self._reached is not None:
            self._reached(frames, self._total)
        since, before = self._first
        speed = (frames - before) / (now - since) if now > since else 0.0
        rate = f"{speed:.{0 if speed >= 10 else 1}f} frames/s" if now > since else ""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=frames, rate=rate)
        elif now - self._last >= _PLAIN_EVERY_S:
            self._last = now
            of = f" of {self._total}" if self._total else ""
            self._line(f"{frames}{of} frames" + (f", {rate}" if rate else ""))

    def warn(self, file: str, text: str, skipped: bool) -> None:
        """Name something about an input; count it where data were left out."""
        self.skipped += skipped
        self._line(f"{'skipped' if skipped else 'note'}: {file}: {text}")

    def note(self, text: str) -> None:
        """A remark about the whole run."""
        self._line(f"note: {text}")

    def _line(self, text: str) -> None:
        # File names may hold bytes that are not UTF-8, and brackets, which rich would read as markup.
        printable = os.fsencode(text).decode("utf-8", errors="replace")
        self._console.print(Text(printable), soft_wrap=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
