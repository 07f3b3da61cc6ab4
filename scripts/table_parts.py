"""What all tables are made of: metrics files, numbers, rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
METRICS = ROOT / "metrics"
NAMES = ("eyenet_s", "eyenet_nano")
"""Checkpoints of eyes alone."""
SHARED = "zoo_s"
"""The checkpoint of every head."""


def load(name: str, part: str) -> dict[str, Any]:
    path = METRICS / name / f"{part}.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def table(head: list[str], body: list[list[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *body)]
