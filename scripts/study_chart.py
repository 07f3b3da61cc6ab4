"""The curves of docs/study.md, from the metrics file of scripts/study_mixing.py.

python scripts/study_chart.py   # draws docs/img/study_mixing.svg; scripts/tables.py fills in the page

A point is the mean over the five people, each tested by the fold that never saw them, and over seeds. Its bar
goes from the lowest to the highest such mean that any pair of seeds of the two folds gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from study_results import BASELINES, LABELS, LONG, REGIMES, Results, name_of
from table_parts import ROOT

from zoo.files import write_text

PICTURE = ROOT / "docs" / "img" / "study_mixing.svg"

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


if __name__ == "__main__":
    write_text(PICTURE, draw(Results.read()))
