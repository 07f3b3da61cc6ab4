"""The page of a checkpoint: HTML with everything inside it, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from zoo.conventions import KINDS
from zoo.errors import ZooError
from zoo.gallery.bars import bars_svg
from zoo.gallery.evaluation import Evaluation, Metrics, Shot, Shots
from zoo.gallery.shown import COLUMNS, SLICED, key_metrics
from zoo.hub.metadata import ModelMetadata

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 0 auto; padding: 1.5rem; }
h1 { margin-bottom: 0.2rem; } h3 { margin-top: 1.6rem; }
h2 { margin-top: 2.6rem; border-bottom: 1px solid #8886; }
.facts, figcaption, .note { opacity: 0.75; }
table { border-collapse: collapse; } th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr { border-bottom: 1px solid #8883; }
.plots, .shots { display: flex; flex-wrap: wrap; gap: 1rem 1.6rem; }
figure { margin: 0; } figure.shot { width: 352px; } figure.wide { width: 720px; max-width: 100%; }
figure img { width: 100%; display: block; border-radius: 4px; } figcaption { font-size: 13px; }
svg { max-width: 100%; height: auto; }
svg text { paint-order: stroke; stroke: Canvas; stroke-width: 4px; }
details { margin-top: 1rem; } summary { cursor: pointer; }
"""
_ARROWS: Final = {True: "↑", False: "↓", None: ""}
_WIDE: Final = frozenset({"depth"})  # tasks whose pictures are strips of maps


def render(name: str, metadata: ModelMetadata | None, evaluations: Sequence[Evaluation]) -> str:
    """The page: for each evaluation its figures, its failures, the first frames, and its slices.

    Raises:
        ZooError: a picture is missing.
    """
    body = [f"<h1>{_text(name)}</h1>", _facts(metadata)]
    if len(evaluations) > 1:
        links = (f'<a href="#{number}">{_text(e.title)}</a>' for number, e in enumerate(evaluations))
        body.append(f"<p>{' · '.join(links)}</p>")
    for number, evaluation in enumerate(evaluations):
        body += _section(number, evaluation)
    return _page(name, body)


def render_index(pages: Sequence[tuple[str, str, str]]) -> str:
    """A page that lists others: (name, file, a line about it)."""
    items = [
        f'<li><a href="{_text(file)}">{_text(name)}</a> {_text(line)}</li>' for name, file, line in pages
    ]
    return _page("Checkpoints", ["<h1>Checkpoints</h1>", f"<ul>{''.join(items)}</ul>"])


def _page(title: str, body: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _facts(metadata: ModelMetadata | None) -> str:
    if metadata is None:
        return ""
    network = metadata.network
    sizes = [network.canvas(kind) for kind in KINDS if network.heads_of(kind)]
    taken = " and ".join(dict.fromkeys(f"{size.width}x{size.height}" for size in sizes))
    facts = [f"Tasks: {', '.join(sorted(network.heads))}", f"input {taken}"]
    if metadata.weights is not None:
        facts += [
            f"{metadata.weights.parameters / 1e6:.2f} M parameters",
            f"sha256 {metadata.weights.sha256[:12]}…",
        ]
    if metadata.parent:
        facts.append(f"started from {metadata.parent}")
    facts.append(f"weights {metadata.licences.weights}, data {metadata.licences.training_data}")
    return f'<p class="facts">{_text(" · ".join(facts))}</p>'


def _section(number: int, evaluation: Evaluation) -> list[str]:
    frames = evaluation.metrics.get("frames")
    counted = f"{int(frames):,} frames, " if frames else ""
    data = ", ".join(f"{k} {v}" for k, v in evaluation.data.items() if not isinstance(v, (dict, list)) and v)
    return [
        f'<h2 id="{number}">{_text(evaluation.title)}</h2>',
        f'<p class="facts">{_text(counted)}{_text(data)}; measured {_text(evaluation.date)}</p>',
        _table(evaluation, [name for name in key_metrics() if name in evaluation.metrics]),
        *_pictures(evaluation),
        *_slices(evaluation),
        "<details><summary>All metrics</summary>",
        _table(evaluation, [name for name in evaluation.metrics if name != "frames"]),
        "</details>",
    ]


def _table(evaluation: Evaluation, names: Sequence[str]) -> str:
    if not names:
        return ""
    beside: list[tuple[str, Metrics]] = [
        (heading, metrics)
        for heading, metrics in (("constant guess", evaluation.baseline), ("oracle floor", evaluation.floor))
        if any(name in metrics for name in names)
    ]
    known = key_metrics()
    head = "".join(f'<th class="number">{heading}</th>' for heading in ("value", *(h for h, _ in beside)))
    lines = [f"<tr><th>metric</th>{head}<th></th></tr>"]
    for name in names:
        shown = known.get(name)
        cells = [evaluation.metrics.get(name), *(metrics.get(name) for _, metrics in beside)]
        numbers = "".join(f'<td class="number">{_number(value)}</td>' for value in cells)
        unit = "" if shown is None else f"{shown.unit} {_ARROWS[shown.high_is_good]}".strip()
        lines.append(f"<tr><td>{_text(shown.label if shown else name)}</td>{numbers}<td>{unit}</td></tr>")
    return f"<table>{''.join(lines)}</table>"


def _pictures(evaluation: Evaluation) -> list[str]:
    if evaluation.real_left_out:
        return ['<p class="note">Frames of real people are not shown.</p>']
    parts = []
    failures = [shots for shots in evaluation.pictures if shots.task != "first" and shots.shots]
    if failures:
        wide = all(shots.task in _WIDE for shots in failures)
        what = (
            "Above: picture, predicted depth, its uncertainty; below: picture, true depth, error."
            if wide
            else "Left the prediction, right the label."
        )
        parts += ["<h3>Failures</h3>", f'<p class="note">The worst frames of every task. {what}</p>']
        for shots in failures:
            how = "largest" if shots.high_is_bad else "smallest"
            parts.append(
                f"<h4>{_text(shots.task)}: {len(shots.shots)} of {shots.frames:,} frames, {how} "
                f"{_text(shots.error)}</h4>"
            )
            parts.append(_figures(shots))
    for shots in evaluation.pictures:
        if shots.task == "first" and shots.shots:
            parts.append("<h3>The first frames, as they come</h3>")
            parts.append(_figures(shots, any(other.task in _WIDE for other in failures)))
    return parts


def _figures(shots: Shots, wide: bool = False) -> str:
    kind = "wide" if wide or shots.task in _WIDE else "shot"
    figures = [
        f'<figure class="{kind}"><img alt="frame {shot.row}" src="{_embedded(shot.file)}">'
        f"<figcaption>{_caption(shots, shot)}</figcaption></figure>"
        for shot in shots.shots
    ]
    return f'<div class="shots">{"".join(figures)}</div>'


def _caption(shots: Shots, shot: Shot) -> str:
    error = "" if shot.value is None else f": {_number(shot.value)} {_text(shots.unit)}".rstrip()
    return f"frame {shot.row}{error}"


def _slices(evaluation: Evaluation) -> list[str]:
    parts = []
    known = key_metrics()
    for column, slices in evaluation.slices.items():
        plots = []
        for name in SLICED:
            values = {value: metrics.get(name) for value, metrics in slices.items()}
            if all(value is None for value in values.values()):
                continue
            shown = known[name]
            counts = {value: metrics.get("frames") for value, metrics in slices.items()}
            better = "higher is better" if shown.high_is_good else "lower is better"
            unit = f", {shown.unit}" if shown.unit else ""
            title = f"{_text(shown.label)}{_text(unit)} <small>({better})</small>"
            chart = bars_svg(values, counts, evaluation.metrics.get(name))
            plots.append(f"<figure><figcaption>{title}</figcaption>{chart}</figure>")
        if plots:
            parts.append(f"<h3>By {_text(COLUMNS.get(column, column))}</h3>")
            parts.append(f'<div class="plots">{"".join(plots)}</div>')
    return parts


def _embedded(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ZooError(f"{file}: cannot be read ({error.strerror}); evaluate again") from None
    kind = "png" if file.suffix == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _text(text: str) -> str:
    return html.escape(text)
