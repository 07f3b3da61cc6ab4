"""Stopping in good order: Ctrl-C, SIGTERM, or the end of this slice's time."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Stop:
    """Why the run should stop after the present step; empty while it should go on.

    Args:
        after_minutes: length of this slice; None: no limit.
    """

    def __init__(self, after_minutes: float | None) -> None:
        self._signal = ""
        self._deadline = None if after_minutes is None else time.monotonic() + 60 * after_minutes
        self._after_minutes = after_minutes

    @property
    def reason(self) -> str:
        if self._signal:
            return self._signal
        if self._deadline is not None and time.monotonic() > self._deadline:
            return f"stop_after_minutes={self._after_minutes:g} is over"
        return ""

    def ask(self, reason: str) -> None:
        """Let the run stop after the present step; an empty reason asks for nothing."""
        self._signal = self._signal or reason

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take the first Ctrl-C or SIGTERM as a wish to stop; a second one ends the process at once."""
        previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.listen()
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """Install the handlers. Lightning puts its own in place when it starts: call again after that."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> Any:
        self._signal = f"stopped by {signal.Signals(number).name}"
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
