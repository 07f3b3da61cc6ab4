"""Which of the processes that train together this one is; the first one alone writes, measures and speaks."""

from __future__ import annotations

import os


def is_first() -> bool:
    """Whether this is the process that a user started (Lightning starts the others), or torchrun's first."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))) == 0
