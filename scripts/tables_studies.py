"""Tables of studies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from table_parts import METRICS, number, table


def _study(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((METRICS / f"study_{name}.json").read_text(encoding="utf-8"))
    return content


def sharing() -> list[str]:
    """Every task alone and on one backbone, at equal budget."""
    found = _study("sharing")
    balances = list(found["shared"])
    body = []
    for task, metrics in found["single"].items():
        for metric, alone in metrics.items():
            cells = [number(alone)]
            cells += [_percent(found["gain"][balance]["by_metric"][metric]) for balance in balances]
            body.append([f"{task}: {metric.split('/')[1]}", *cells])
    for label, key in (
        ("mean over all metrics", "mean_over_metrics"),
        ("mean over tasks of the mean over their metrics", "mean_over_tasks"),
    ):
        body.append([label, "", *(_percent(found["gain"][balance][key]) for balance in balances)])
    return table(["held-out samples", "alone", *(f"gain, {balance}" for balance in balances)], body)


def sharing_cost() -> list[str]:
    """What one network saves."""
    cost = _study("sharing")["cost"]
    rows = [
        ["eye tasks in one pass over the sum of single passes", cost["eye_tasks_over_sum_of_single"]],
        ["parameters over the sum of single-task networks", cost["parameters_over_sum_of_single"]],
    ]
    return table(["zoo_s", "measured", "target"], [[str(n), number(float(v), 2), "≤ 0.4"] for n, v in rows])


def retain() -> list[str]:
    """Fine-tuned on real people, tested on others and on rendered ones."""
    found = _study("retain")
    change = found["mean_change"]
    labels = {
        "beyond_2px": "other real people: share of pupils beyond 2 px",
        "one_minus_iou": "other real people: 1 - IoU",
    }
    body = []
    for name in change["plain"]:
        label = labels.get(name, f"rendered people: {name.removeprefix('worse ')}, worse by")
        target = "≤ -20 %" if name in labels else "≤ 3 %"
        body.append([label, *(_percent(change[recipe][name]) for recipe in change), target])
    return table(["mean relative change, two folds", *(f"{r}" for r in change), "target"], body)


def unlabelled() -> list[str]:
    """What labels from glints are worth, beside true labels of the same frames."""
    found = json.loads((METRICS / "unlabelled_eyenet_s.json").read_text(encoding="utf-8"))
    rows = {
        "optical axis, mean °": "gaze/optical_deg_mean",
        "optical axis, median °": "gaze/optical_deg_median",
        "cornea centre, mean mm": "eye3d/cornea_mm_mean",
        "cornea centre, median mm": "eye3d/cornea_mm_median",
        "errors of the axis within sigma": "gaze/sigma_share",
    }
    trained = ("before", "after pseudo labels", "after true labels")
    body = [[label, *(number(found[name][key], 2) for name in trained)] for label, key in rows.items()]
    return table(["exam of the reference rig", *trained], body)


MATCHING = {
    "depth/absrel_ratio": "AbsRel",
    "depth/seen_absrel_ratio": "AbsRel, pixels that a source sees",
    "depth/sure_absrel_ratio": "AbsRel, the most certain 80 %",
    "depth/rmse_m": "RMSE m",
    "depth/delta_share": "δ<1.25",
    "depth/point_share": "most confident quarter of the points within 5 %",
    "depth/point_absrel_ratio": "AbsRel of those",
}


def matching() -> list[str]:
    """Matching shared by the views and DELTAS' own, after as many steps; nothing where it was not run."""
    if not (METRICS / "study_matching.json").is_file():
        return ["Not measured yet."]
    found = _study("matching")
    lines: list[str] = []
    for part, label in (("rooms_unseen", "unseen rendered rooms"), ("hololens", "HoloLens")):
        if part not in found["parts"]:
            continue
        of = found["parts"][part]
        first, second = (name for name in of if name.startswith("deltas"))
        body = []
        for metric, name in MATCHING.items():
            apart = of["difference"][metric]
            shown = f"{apart['value']:+.3f} ± {apart['standard_error']:.3f}"
            body.append([name, number(of[first][metric]), number(of[second][metric]), shown])
        head = [
            f"{label}, {of['frames']} frames, {found['triplets']:,} triplets",
            first,
            second,
            "difference",
        ]
        lines += ([""] if lines else []) + table(head, body)
    return lines


def _percent(value: float) -> str:
    return f"{100 * value:+.1f} %"


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "sharing": sharing,
    "sharing_cost": sharing_cost,
    "retain": retain,
    "unlabelled": unlabelled,
    "matching": matching,
}
