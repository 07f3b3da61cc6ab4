"""A metric by slice as a small SVG: a bar, its value and its number of frames a line."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Final

_WIDTH: Final = 430
_LABEL: Final = 118
_VALUE: Final = 118
_LINE: Final = 22
_TOP: Final = 6
_BAR: Final = "#2a7de1"
_FEW: Final = 50
"""Slices of fewer frames are drawn pale."""


def bars_svg(
    values: Mapping[str, float | None], counts: Mapping[str, float | None], overall: float | None
) -> str:
    """Bars from 0; a dashed line marks the value over all frames.

    Args:
        values: by name of the slice; None where nothing could be measured.
        counts: frames by name of the slice; None where it is not known.
        overall: over all frames.
    """
    known = [abs(v) for v in [*values.values(), overall] if v is not None]
    most = max(known, default=0.0) or 1.0
    room = _WIDTH - _LABEL - _VALUE
    height = 2 * _TOP + _LINE * len(values)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        'xmlns="http://www.w3.org/2000/svg" font-size="12" fill="currentColor">'
    ]
    if overall is not None:
        x = _LABEL + room * abs(overall) / most
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _TOP}" stroke="currentColor" '
            'stroke-dasharray="3 3" opacity="0.6"/>'
        )
    for line, (name, value) in enumerate(values.items()):
        middle = _TOP + _LINE * line + _LINE / 2
        parts.append(
            f'<text x="{_LABEL - 8}" y="{middle + 4:.1f}" text-anchor="end">{html.escape(name)}</text>'
        )
        count = counts.get(name)
        frames = "" if count is None else f" · n = {int(count):,}"
        if value is None:
            parts.append(f'<text x="{_LABEL}" y="{middle + 4:.1f}" opacity="0.6">not measured{frames}</text>')
            continue
        long = max(1.0, room * abs(value) / most)
        pale = ' opacity="0.4"' if count is not None and count < _FEW else ""
        parts.append(
            f'<rect x="{_LABEL}" y="{middle - 7:.1f}" width="{long:.1f}" height="14" rx="2" fill="{_BAR}"'
            f"{pale}/>"
            f'<text x="{_LABEL + long + 6:.1f}" y="{middle + 4:.1f}">{value:.3g}'
            f'<tspan fill-opacity="0.6">{frames}</tspan></text>'
        )
    return "".join([*parts, "</svg>"])
