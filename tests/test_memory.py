"""Freed memory stays in the process where glibc lets it."""

from __future__ import annotations

import platform

from zoo.memory import keep_freed_memory


def test_takes_effect_on_glibc_alone() -> None:
    assert keep_freed_memory() is (platform.libc_ver()[0] == "glibc")
