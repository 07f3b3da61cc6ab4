"""Tables of docs/study.md, from the cells of scripts/study_mixing.py."""

from __future__ import annotations

import math
from collections.abc import Callable

from study_results import BASELINES, LABELS, LONG, LOWER_IS_BETTER, REGIMES, TARGET, Results, name_of
from table_parts import number, table


def _number(value: float, metric: str) -> str:
    return number(value, 1 if metric == "p95_px" else 3)


def values(results: Results) -> list[str]:
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
            cells = [_number(v.mean, m) for v, m in zip(found, LABELS, strict=True) if v is not None]
            body.append([label, name_of(images), str(results.seeds(regime, images)), *cells])
    return table(["trained on", "real images", "seeds", *LABELS.values()], body)


def worth(results: Results) -> list[str]:
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


def target(results: Results) -> list[str]:
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
            cells.append(_number(value.mean, metric) + mark)
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


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "mixing_values": lambda: values(Results.read()),
    "mixing_worth": lambda: worth(Results.read()),
    "mixing_target": lambda: target(Results.read()),
}
