"""The picture of a sweep: the metric over trials, and over each key. Imports neither torch nor Optuna."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from zoo.files import replacing
from zoo.sweep.result import COMPLETE, Row
from zoo.sweep.space import Choice, Dimension, Range

PLOT_FILE: Final = "trials.png"
_SCALE: Final = 2  # drawn so much larger, then reduced: smooth lines
_WIDTH, _TOP_HEIGHT, _HEIGHT = 1500, 420, 380
_COLUMNS: Final = 3
_MARGINS: Final = (78, 34, 18, 52)  # left, top, right, bottom of a panel
_INK, _GRID, _PAPER = (40, 44, 52), (226, 229, 234), (255, 255, 255)
_POINT, _BEST, _PRUNED = (54, 112, 190), (222, 110, 40), (160, 165, 175)


@dataclass(frozen=True)
class _Axis:
    place: Callable[[float], float]
    """From a value to the share of the axis, from 0 to 1."""
    ticks: list[tuple[float, str]]
    """Share of the axis, label."""


def draw_trials(rows: Sequence[Row], space: Sequence[Dimension], metric: str, direction: str) -> Image.Image:
    """Filled points are complete trials, hollow ones were pruned; orange is the best so far, and the best.

    Trials without a value are left out and counted in the heading.
    """
    shown = [row for row in rows if row.value is not None and math.isfinite(row.value)]
    lines = math.ceil(len(space) / _COLUMNS)
    picture = Image.new("RGB", (_WIDTH * _SCALE, (_TOP_HEIGHT + lines * _HEIGHT) * _SCALE), _PAPER)
    draw = ImageDraw.Draw(picture)
    values = [row.value for row in shown if row.value is not None]
    vertical = _number_axis(values, _wide(values))
    best = _best(shown, direction)
    missing = len(rows) - len(shown)
    heading = f"{metric} ({direction})" + (f"; {missing} without a value" if missing else "")
    top = _Panel(draw, 0, 0, _WIDTH, _TOP_HEIGHT, heading, "trial")
    numbers = [float(row.number) for row in rows] or [0.0]
    across = _trial_axis(min(numbers), max(numbers))
    top.frame(across, vertical)
    top.staircase(across, vertical, _best_so_far(shown, direction))
    top.points(across, vertical, [(float(row.number), row) for row in shown], best)
    for index, dimension in enumerate(space):
        column, line = index % _COLUMNS, index // _COLUMNS
        width = _WIDTH // min(_COLUMNS, len(space))
        y = _TOP_HEIGHT + line * _HEIGHT
        panel = _Panel(draw, column * width, y, width, _HEIGHT, dimension.key, "")
        axis, where = _dimension_axis(dimension)
        panel.frame(axis, vertical)
        known = [row for row in shown if dimension.key in row.params]
        panel.points(axis, vertical, [(where(row), row) for row in known], best)
    return picture.resize((picture.width // _SCALE, picture.height // _SCALE), Image.Resampling.LANCZOS)


def save_plot(
    folder: Path, rows: Sequence[Row], space: Sequence[Dimension], metric: str, direction: str
) -> None:
    """Write `trials.png`."""
    with replacing(folder / PLOT_FILE) as temporary:
        draw_trials(rows, space, metric, direction).save(temporary, "PNG")


class _Panel:
    """A pair of axes in a rectangle of the picture, in its pixels before enlargement."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, x: int, y: int, width: int, height: int, title: str, below: str
    ) -> None:
        left, top, right, bottom = _MARGINS
        self.draw = draw
        corners = (x + left, y + top, x + width - right, y + height - bottom)
        self.box = tuple(float(corner) for corner in corners)
        self.title, self.below = title, below

    def frame(self, across: _Axis, vertical: _Axis) -> None:
        x0, y0, x1, y1 = self.box
        self._text((x0, y0 - 8), self.title, "ls", 17)
        self._text((x1, y1 + 40), self.below, "rs", 15)
        for share, label in vertical.ticks:
            y = y1 - share * (y1 - y0)
            self._line([(x0, y), (x1, y)], _GRID)
            self._text((x0 - 8, y), label, "rm", 14)
        for share, label in across.ticks:
            x = x0 + share * (x1 - x0)
            self._line([(x, y0), (x, y1)], _GRID)
            self._text((x, y1 + 8), label, "ma", 14)
        self._line([(x0, y0), (x0, y1), (x1, y1)], _INK)

    def points(
        self, across: _Axis, vertical: _Axis, places: Sequence[tuple[float, Row]], best: Row | None
    ) -> None:
        for value, row in sorted(places, key=lambda place: place[1] is best):
            x, y = self._place(across, vertical, value, row.value or 0.0)
            complete = row.state == COMPLETE
            colour = _BEST if row is best else _POINT if complete else _PRUNED
            r = 7 if row is best else 5
            box = [(c * _SCALE) for c in (x - r, y - r, x + r, y + r)]
            self.draw.ellipse(box, colour if complete else _PAPER, colour, width=2 * _SCALE)

    def staircase(self, across: _Axis, vertical: _Axis, steps: Sequence[tuple[float, float]]) -> None:
        corners: list[tuple[float, float]] = []
        for number, value in steps:
            x, y = self._place(across, vertical, number, value)
            corners += [(x, corners[-1][1])] if corners else []
            corners += [(x, y)]
        if len(corners) > 1:
            self._line(corners, _BEST)

    def _place(self, across: _Axis, vertical: _Axis, x: float, y: float) -> tuple[float, float]:
        x0, y0, x1, y1 = self.box
        return x0 + across.place(x) * (x1 - x0), y1 - vertical.place(y) * (y1 - y0)

    def _line(self, points: Sequence[tuple[float, float]], colour: tuple[int, int, int]) -> None:
        self.draw.line([(x * _SCALE, y * _SCALE) for x, y in points], colour, width=_SCALE)

    def _text(self, place: tuple[float, float], text: str, anchor: str, size: int) -> None:
        font = ImageFont.load_default(size * _SCALE)
        self.draw.text((place[0] * _SCALE, place[1] * _SCALE), text, _INK, font, anchor)


def _dimension_axis(dimension: Dimension) -> tuple[_Axis, Callable[[Row], float]]:
    if isinstance(dimension, Range):
        axis = _number_axis([float(dimension.low), float(dimension.high)], dimension.log)
        return axis, lambda row: float(row.params[dimension.key])
    options = dimension.options
    places = [(i + 0.5) / len(options) for i in range(len(options))]
    ticks = [(share, _cut(option, len(options))) for share, option in zip(places, options, strict=True)]
    return _Axis(lambda share: share, ticks), lambda row: places[_number_of(dimension, row)]


def _number_of(dimension: Choice, row: Row) -> int:
    return dimension.options.index(str(row.params[dimension.key]))


def _cut(text: str, count: int) -> str:
    room = max(4, 48 // count)
    return text if len(text) <= room else f"{text[: room - 2]}.."


def _wide(values: Sequence[float]) -> bool:
    """Whether values span so much that only a logarithm shows all of them."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 30


def _number_axis(values: Sequence[float], log: bool) -> _Axis:
    """An axis with a margin at both ends."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    to: Callable[[float], float] = math.log10 if log else float
    a, b = to(low), to(high)
    margin = 0.06 * (b - a) or 0.5 * abs(a) or 0.5
    a, b = a - margin, b + margin

    def place(value: float) -> float:
        return (to(value) - a) / (b - a)

    marks = _log_marks(10**a, 10**b) if log else _marks(a, b)
    return _Axis(place, [(place(mark), f"{mark:.4g}") for mark in marks])


def _trial_axis(first: float, last: float) -> _Axis:
    a, b = first - 0.5, last + 0.5
    marks = [mark for mark in _marks(a, b) if mark == round(mark)]
    return _Axis(lambda value: (value - a) / (b - a), [((m - a) / (b - a), f"{m:.0f}") for m in marks])


def _marks(low: float, high: float) -> list[float]:
    """About five round numbers between two."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [round(step * i, 12) for i in range(first, math.floor(high / step) + 1)]


def _log_marks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if math.log10(high / low) < 3 else (1,)
    return [mark for power in powers for f in factors if low <= (mark := f * 10.0**power) <= high]


def _best(rows: Sequence[Row], direction: str) -> Row | None:
    done = [row for row in rows if row.state == COMPLETE]
    choose = max if direction == "maximize" else min
    return choose(done, key=lambda row: row.value or 0.0) if done else None


def _best_so_far(rows: Sequence[Row], direction: str) -> list[tuple[float, float]]:
    steps: list[tuple[float, float]] = []
    choose = max if direction == "maximize" else min
    for row in rows:
        if row.state == COMPLETE and row.value is not None:
            best = choose(steps[-1][1], row.value) if steps else row.value
            steps.append((float(row.number), best))
    return steps
