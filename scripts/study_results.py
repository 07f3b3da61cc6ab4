"""The cells of scripts/study_mixing.py, aggregated for tables and curves."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from table_parts import METRICS

LABELS: Final = {
    "within_2px": "pupil within 2 px",
    "p95_px": "pupil, 95th percentile, px",
    "iou": "pupil IoU",
    "blink_ap": "blink AP",
}
LOWER_IS_BETTER: Final = {"p95_px"}
REGIMES: Final = {
    "real": ("real images alone", "#555555"),
    "mixed": ("mixed, from random weights", "#2a9d4a"),
    "finetuned": ("fine-tuned from the rendered parent", "#1f6fd0"),
    "replayed": ("the same, rendered images replayed", "#e07b00"),
}
BASELINES: Final = {
    "parent": ("the rendered parent itself (no real image)", "6 4"),
    "rendered": ("rendered images alone at the same budget", "2 3"),
}
LONG: Final = ("real images alone, as many steps as parent and fine-tuning together", "#555555")
TARGET: Final = (100, 1000)
"""Real images with rendered ones, against real images alone."""


class Value(NamedTuple):
    """Of a metric: mean, lowest, highest."""

    mean: float
    low: float
    high: float


class Results:
    """The finished cells, aggregated."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.cells: list[dict[str, Any]] = content["cells"]
        numbers = {c["images"] for c in self.cells if c["regime"] == "real"}
        self.images: list[int | None] = [*sorted(n for n in numbers if n), None]

    @classmethod
    def read(cls) -> Results:
        """Those that are committed."""
        return cls(json.loads((METRICS / "study_mixing.json").read_text(encoding="utf-8")))

    def value(self, regime: str, images: int | None, metric: str) -> Value | None:
        """Mean over people and seeds; None where a fold is missing."""
        by_fold = self._by_fold(regime, images, metric)
        if by_fold is None:
            return None
        weights = np.array([count for count, _ in by_fold], dtype=float)
        weights /= weights.sum()

        def over(choose: Any) -> float:
            return float(sum(w * choose(values) for w, (_, values) in zip(weights, by_fold, strict=True)))

        return Value(over(np.mean), over(np.min), over(np.max))

    def seeds(self, regime: str, images: int | None) -> int:
        """Of which both folds are done."""
        found = [{c["seed"] for c in self._of(regime, images) if c["fold"] == f} for f in self._folds(regime)]
        return len(set.intersection(*found)) if found else 0

    def by_person(self, regime: str, images: int | None, metric: str) -> dict[str, float]:
        """Mean over seeds."""
        found: dict[str, list[float]] = {}
        for cell in self._of(regime, images):
            for person, row in cell["people"].items():
                if metric in row:
                    found.setdefault(person, []).append(row[metric])
        return {person: float(np.mean(values)) for person, values in found.items()}

    def worth(self, regime: str, images: int | None, metric: str) -> float | None:
        """How many real images alone reach as much, interpolated in their logarithm; inf: no number tried."""
        value = self.value(regime, images, metric)
        sign = -1 if metric in LOWER_IS_BETTER else 1
        curve = [(n, self.value("real", n, metric)) for n in self.images]
        points = [(self.count(n), sign * v.mean) for n, v in curve if v is not None]
        if value is None or not points:
            return None
        wanted, best = sign * value.mean, -math.inf
        before: tuple[float, float] | None = None
        for n, reached in points:
            if reached >= wanted:
                if before is None or reached == before[1]:
                    return n
                share = (wanted - before[1]) / (reached - before[1])
                return math.exp(math.log(before[0]) + share * (math.log(n) - math.log(before[0])))
            if reached > best:
                best = reached
            before = (n, best)
        return math.inf

    def count(self, images: int | None) -> float:
        """All is the mean of the folds."""
        return float(np.mean(list(self.content["all"].values()))) if images is None else float(images)

    def _folds(self, regime: str) -> Sequence[str | None]:
        return [None] if regime in BASELINES else list(self.content["folds"])

    def _of(self, regime: str, images: int | None) -> list[dict[str, Any]]:
        return [c for c in self.cells if c["regime"] == regime and c["images"] == images]

    def _by_fold(self, regime: str, images: int | None, metric: str) -> list[tuple[int, list[float]]] | None:
        """Of each fold: how many people, and their mean of each seed."""
        result = []
        for fold in self._folds(regime):
            rows = [
                [row[metric] for row in cell["people"].values() if metric in row]
                for cell in self._of(regime, images)
                if cell["fold"] == fold
            ]
            if not rows:
                return None
            result.append((len(rows[0]), [float(np.mean(values)) for values in rows]))
        return result


def name_of(images: int | None) -> str:
    return "all" if images is None else f"{images:,}"
