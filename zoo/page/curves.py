"""Numbers over time as one SVG: no script, no library, the page's own text colour."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

_WIDTH: Final = 760
_HEIGHT: Final = 120  # of one plot
_LEFT: Final = 56
_RIGHT: Final = 12
_TOP: Final = 24
_GAP: Final = 30
_COLOURS: Final = ("#2a7de1", "#d6457f", "#2f9e62")
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


class Curve(NamedTuple):
    """One plot: lines by name over one time axis; None leaves a gap."""

    title: str
    time: Sequence[float | None]
    lines: dict[str, list[float | None]]


def curves_svg(plots: Sequence[Curve], unit: str) -> str:
    """Plots below one another over one axis of time, whose unit is named."""
    times = [t for plot in plots for t in plot.time if t is not None]
    if not times:
        return ""
    first, last = min(times), max(max(times), min(times) + 1e-3)
    height = len(plots) * (_HEIGHT + _TOP + _GAP)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%" xmlns="http://www.w3.org/2000/svg" role="img" '
        'font-family="sans-serif" font-size="12" fill="currentColor">'
    ]
    for number, plot in enumerate(plots):
        parts += _plot(plot, number * (_HEIGHT + _TOP + _GAP) + _TOP, first, last, unit)
    return "".join([*parts, "</svg>"])


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from `low` to `high`."""
    raw = max(high - low, 1e-9) / about
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(s * power for s in _STEPS if s * power >= raw * 0.95)
    found = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return [float(value) + 0.0 for value in found]  # no -0.0


def _plot(plot: Curve, top: int, first: float, last: float, unit: str) -> list[str]:
    known = [v for values in plot.lines.values() for v in values if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin

    def x(t: float) -> float:
        return _LEFT + (t - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def y(v: float) -> float:
        return top + (high - v) / (high - low) * _HEIGHT

    bottom = top + _HEIGHT
    parts = [f'<text x="{_LEFT}" y="{top - 8}" font-weight="bold">{html.escape(plot.title)}</text>']
    parts += [
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
        'stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        for value in ticks(low, high)
    ]
    parts += [
        f'<text x="{x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>'
        for value in ticks(first, last, 8)
    ]
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{top - 8}" text-anchor="end">{html.escape(unit)}</text>')
    place = _LEFT + 9 * len(plot.title) + 20
    for colour, (name, values) in zip(_COLOURS, plot.lines.items(), strict=False):
        for run in _runs(plot.time, values):
            points = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in run)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            if len(run) == 1:
                parts.append(
                    f'<circle cx="{x(run[0][0]):.1f}" cy="{y(run[0][1]):.1f}" r="2" fill="{colour}"/>'
                )
        if len(plot.lines) > 1:
            parts.append(f'<text x="{place}" y="{top - 8}" fill="{colour}">{html.escape(name)}</text>')
            place += 8 * len(name) + 16
    return parts


def _runs(time: Sequence[float | None], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for t, v in zip(time, values, strict=True):
        if t is None or v is None:
            runs.append([])
        else:
            runs[-1].append((t, v))
    return [run for run in runs if run]
