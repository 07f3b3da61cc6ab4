"""The curves and the tables of docs/study.md, from the metrics file of scripts/study_mixing.py.

python scripts/study_figures.py           # draw docs/img/study_mixing.svg, fill in docs/study.md
python scripts/study_figures.py --check   # exit code 1 where they differ from the metrics file

A point is the mean over the five people, each tested by the fold that never saw them, and over seeds. Its bar
goes from the lowest to the highest such mean that any pair of seeds of the two folds gives.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from zoo.files import write_text

ROOT = Path(__file__).parents[1]
METRICS, PAGE = ROOT / "metrics" / "study_mixing.json", ROOT / "docs" / "study.md"
PICTURE = ROOT / "docs" / "img" / "study_mixing.svg"

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


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *body)]


def number(value: float, metric: str) -> str:
    return f"{value:.1f}" if metric == "p95_px" else f"{value:.3f}"


def name_of(images: int | None) -> str:
    return "all" if images is None else f"{images:,}"


def values_table(results: Results) -> list[str]:
    """Every regime by number of images: the four metrics."""
    rows: list[tuple[str, int | None, str]] = [
        (regime, 0, label) for regime, (label, _) in BASELINES.items() if results.seeds(regime, 0)
    ]
    for images in results.images:
        rows += [(r, images, label) for r, (label, _) in REGIMES.items() if results.seeds(r, images)]
    rows.append(("real_long", None, LONG[0]))
    body = []
    for regime, images, label in rows:
        found = [results.value(regime, images, metric) for metric in LABELS]
        if all(v is not None for v in found):
            cells = [number(v.mean, m) for v, m in zip(found, LABELS, strict=True) if v is not None]
            body.append([label, name_of(images), str(results.seeds(regime, images)), *cells])
    return table(["trained on", "real images", "seeds", *LABELS.values()], body)


def worth_table(results: Results) -> list[str]:
    """How many real images alone would be needed."""
    body = []
    for images in (n for n in results.images if n is not None):
        for regime in ("finetuned", "replayed", "mixed"):
            if results.seeds(regime, images):
                found = [results.worth(regime, images, metric) for metric in LABELS]
                body.append([f"{images:,}, {REGIMES[regime][0]}", *(_worth(v, results) for v in found)])
    return table(["real images, with rendered ones", *LABELS.values()], body)


def _worth(value: float | None, results: Results) -> str:
    if value is None:
        return "–"
    if math.isinf(value):
        known = [n for n in results.images if results.seeds("real", n)]
        return f"more than {name_of(known[-1])}"
    if value <= min(results.count(n) for n in results.images):
        return f"{value:.0f} or fewer"
    return f"{float(f'{value:.2g}'):,.0f}"


def target_table(results: Results) -> list[str]:
    """100 real images with rendered ones against 1000 alone."""
    few, many = TARGET
    body = []
    rows: list[tuple[str, int | None]] = [("real", many), ("real_long", None), ("real", few)]
    rows += [(regime, few) for regime in ("mixed", "finetuned", "replayed")]
    for regime, images in rows:
        cells = []
        for metric in LABELS:
            value, reference = results.value(regime, images, metric), results.value("real", many, metric)
            if value is None or reference is None:
                cells.append("–")
                continue
            better = _better_for(results, regime, images, metric, ("real", many))
            mark = "" if (regime, images) == ("real", many) else f" ({better})"
            cells.append(number(value.mean, metric) + mark)
        label = LONG[0] if regime == "real_long" else REGIMES[regime][0]
        body.append([f"{name_of(images)}, {label}", *cells])
    return table(["real images", *LABELS.values()], body)


def _better_for(
    results: Results, regime: str, images: int | None, metric: str, reference: tuple[str, int | None]
) -> str:
    ours, theirs = results.by_person(regime, images, metric), results.by_person(*reference, metric)
    sign = -1 if metric in LOWER_IS_BETTER else 1
    wins = sum(sign * ours[p] >= sign * theirs[p] for p in ours if p in theirs)
    return f"{wins} of {len(ours)}"


SECTIONS: Final = {"values": values_table, "worth": worth_table, "target": target_table}


def fill(text: str, results: Results) -> str:
    """The page with every section between its markers made anew."""
    for name, section in SECTIONS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{PAGE.name} has no section <!-- {name} --> ... <!-- /{name} -->")
        block = "\n".join(section(results)) + "\n"
        text = pattern.sub(lambda match, block=block: match[1] + block + match[2], text)  # type: ignore[misc]
    return text


_WIDTH, _HEIGHT, _PLOT_W, _PLOT_H = 960, 745, 380, 230
_FONT = "font-family='Helvetica, Arial, sans-serif'"


def draw(results: Results) -> str:
    """Four panels as SVG: a metric over the number of real images, a curve a regime."""
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}' {_FONT} font-size='13'>",
        f"<rect width='{_WIDTH}' height='{_HEIGHT}' fill='white'/>",
    ]
    for place, metric in enumerate(LABELS):
        left, top = 70 + (place % 2) * (_PLOT_W + 80), 40 + (place // 2) * (_PLOT_H + 80)
        parts += [f"<g transform='translate({left},{top})'>", *_panel(results, metric), "</g>"]
    parts += _legend(results)
    return "\n".join([*parts, "</svg>", ""])


def _panel(results: Results, metric: str) -> list[str]:
    curves = {r: [(n, results.value(r, n, metric)) for n in results.images] for r in REGIMES}
    levels = {r: results.value(r, 0, metric) for r in BASELINES}
    shown = [v for curve in curves.values() for _, v in curve if v] + [v for v in levels.values() if v]
    log = metric == "p95_px"
    low, high = _limits([x for v in shown for x in (v.low, v.high)], log)

    def y(value: float) -> float:
        share = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
        return _PLOT_H * (1 - min(max(share, 0.0), 1.0))

    def x(place: int) -> float:
        return _PLOT_W * (place + 0.5) / len(results.images)

    title = LABELS[metric] + (" (log scale)" if log else "")
    parts = [f"<text x='{_PLOT_W / 2}' y='-12' text-anchor='middle' font-weight='bold'>{title}</text>"]
    for tick in _ticks(low, high, log):
        level_ = f"{y(tick):.1f}"
        parts.append(f"<line x1='0' x2='{_PLOT_W}' y1='{level_}' y2='{level_}' stroke='#dddddd'/>")
        parts.append(f"<text x='-8' y='{y(tick) + 4:.1f}' text-anchor='end'>{tick:g}</text>")
    for place, n in enumerate(results.images):
        parts.append(f"<text x='{x(place):.1f}' y='{_PLOT_H + 18}' text-anchor='middle'>{name_of(n)}</text>")
    parts.append(
        f"<text x='{_PLOT_W / 2}' y='{_PLOT_H + 36}' text-anchor='middle' fill='#555'>real images</text>"
    )
    for regime, level in levels.items():
        if level:
            height = f"{y(level.mean):.1f}"
            dash = BASELINES[regime][1]
            parts.append(
                f"<line x1='0' x2='{_PLOT_W}' y1='{height}' y2='{height}' stroke='#aa3377' "
                f"stroke-width='1.5' stroke-dasharray='{dash}'/>"
            )
    for number_, (regime, curve) in enumerate(curves.items()):
        aside = 5 * (number_ - (len(curves) - 1) / 2)  # bars beside one another
        colour = REGIMES[regime][1]
        points = [(x(i) + aside, v) for i, (_, v) in enumerate(curve) if v]
        path = " ".join(f"{at:.1f},{y(v.mean):.1f}" for at, v in points)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        for at, v in points:
            parts.append(
                f"<line x1='{at:.1f}' x2='{at:.1f}' y1='{y(v.low):.1f}' y2='{y(v.high):.1f}' "
                f"stroke='{colour}' stroke-width='1.5' opacity='0.7'/>"
            )
            parts.append(f"<circle cx='{at:.1f}' cy='{y(v.mean):.1f}' r='3.5' fill='{colour}'/>")
    long = results.value("real_long", None, metric)
    if long:
        placed = f"cx='{x(len(results.images) - 1):.1f}' cy='{y(long.mean):.1f}'"
        parts.append(f"<circle {placed} r='5' fill='white' stroke='{LONG[1]}' stroke-width='2'/>")
    parts.append(f"<rect width='{_PLOT_W}' height='{_PLOT_H}' fill='none' stroke='#888888'/>")
    return parts


def _limits(values: Sequence[float], log: bool) -> tuple[float, float]:
    if log:
        return 10 ** (math.floor(4 * math.log10(min(values))) / 4), 10 ** (
            math.ceil(4 * math.log10(max(values))) / 4
        )
    low = math.floor(min(values) * 20) / 20
    return low, 1.0


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        return [t for t in (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0) if low <= t <= high]
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.25) if (high - low) / s <= 6.01)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 4) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _legend(results: Results) -> list[str]:
    entries = [(label, colour, "") for label, colour in REGIMES.values()]
    entries += [(label, "#aa3377", dash) for r, (label, dash) in BASELINES.items() if results.seeds(r, 0)]
    parts = []
    for place, (label, colour, dash) in enumerate([*entries, (*LONG, "circle")]):
        left, top = 70 + (place % 2) * 440, _HEIGHT - 78 + (place // 2) * 22
        if dash == "circle":
            mark = (
                f"<circle cx='{left + 13}' cy='{top}' r='5' fill='white' stroke='{colour}' stroke-width='2'/>"
            )
        else:
            mark = (
                f"<line x1='{left}' x2='{left + 26}' y1='{top}' y2='{top}' stroke='{colour}' "
                f"stroke-width='2.5' stroke-dasharray='{dash or 'none'}'/>"
            )
        parts += [mark, f"<text x='{left + 34}' y='{top + 4}'>{escape(label)}</text>"]
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    results = Results(json.loads(METRICS.read_text(encoding="utf-8")))
    page = fill(PAGE.read_text(encoding="utf-8"), results)
    for path, text in ((PAGE, page), (PICTURE, draw(results))):
        if not check:
            write_text(path, text)
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.name} differs from {METRICS.name}; run scripts/study_figures.py")


if __name__ == "__main__":
    main()
