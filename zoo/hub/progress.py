"""What the user sees while a checkpoint is fetched: a bar on a terminal, else lines. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class Progress:
    """Of one checkpoint, on standard error. Shows nothing until something is waited for.

    Args:
        name: of the checkpoint.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown: Console | None = None

    def __enter__(self) -> Progress:
        return self

    def wait(self) -> None:
        """Another process is fetching it."""
        self._say(f"{self._name}: another process is fetching it; waiting")

    @contextmanager
    def of(self, place: str, file: str, size: int) -> Iterator[Callable[[int], object]]:
        """Yield what is called with the bytes that a file from `place` has by now."""
        console = self._console()
        text = f"{self._name}: {file} from {place}"
        if not console.is_terminal:
            self._say(f"{text} ({size / 1e6:.1f} MB)" if size >= 1e5 else f"{text} ({size / 1e3:.0f} kB)")
            yield lambda _: None
            return
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=console) as bar:
            task = bar.add_task(text, total=size)
            yield lambda done: bar.update(task, completed=done)

    def _say(self, text: str) -> None:
        self._console().print(text, markup=False, highlight=False, soft_wrap=True)

    def _console(self) -> Console:
        if self._shown is None:
            from rich.console import Console

            self._shown = Console(stderr=True)
        return self._shown

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown = None
