"""Tables of rooms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from table_parts import METRICS, SHARED, load, number, table

DEPTH_NAME = "deltas_s"
DEPTH_NAMES = (DEPTH_NAME, SHARED)
DEPTH_METHODS = ("constant", "truth_512", "sift", "truth_at_sift")
DEPTH_ROOMS, DEPTH_REAL = "rooms_unseen", "hololens"
DEPTH_TARGETS: dict[tuple[str, str], dict[str, str]] = {
    (DEPTH_ROOMS, "seen_"): {"absrel_ratio": "≤ 0.05", "rmse_m": "≤ 0.22", "delta_share": "≥ 0.96"},
    (DEPTH_ROOMS, ""): {"absrel_ratio": "≤ 0.065", "rmse_m": "≤ 0.33", "delta_share": "≥ 0.94"},
    (DEPTH_REAL, ""): {"absrel_ratio": "≤ 0.085", "delta_share": "≥ 0.91"},
    (DEPTH_REAL, "sure_"): {"absrel_ratio": "≤ 0.065", "delta_share": "≥ 0.95"},
}
DEPTH_REGIONS = {"": "all pixels", "seen_": "pixels that a source sees", "sure_": "the most certain 80 %"}
DEPTH_SCORES = {"absrel_ratio": "AbsRel", "rmse_m": "RMSE m", "delta_share": "δ<1.25"}
DEPTH_PARTS = {
    DEPTH_ROOMS: "unseen rooms",
    "rooms_shifted": "held-out looks and cameras (*shifted*)",
    DEPTH_REAL: "HoloLens",
}
COMPLETION = {
    "100_clean": ("100 true points", "≤ 0.8"),
    "500_noisy": ("500 points, 5 % noise, 10 % outliers", "≤ 0.5"),
    "500_clean": ("500 true points", "≤ 1"),
}


def _apart(of: Callable[[list[str], str], list[str]]) -> list[str]:
    """The table of the rendered parts and that of the real one: their results share no column."""
    parts = _depth_parts()
    rooms, real = [p for p in parts if p != DEPTH_REAL], [p for p in parts if p == DEPTH_REAL]
    tables = [of(rooms, "rendered rooms")] if rooms else []
    if real:
        date = load(DEPTH_NAME, f"depth_{DEPTH_REAL}")["date"]
        tables += [of(real, f"real rooms, never trained on ({date})")]
    return [line for i, lines in enumerate(tables) for line in ([""] if i else []) + lines]


def depth() -> list[str]:
    """Dense depth, 3 views, beside what needs no learning."""
    base = json.loads((METRICS / "baselines_depth.json").read_text(encoding="utf-8"))

    def of(parts: list[str], what: str) -> list[str]:
        body = []
        for part in parts:
            metrics = [load(name, f"depth_{part}")["metrics"] for name in DEPTH_NAMES]
            methods = base.get(part, {}).get("methods", {})
            for region, where in DEPTH_REGIONS.items():
                for score, name in DEPTH_SCORES.items():
                    key = f"depth/{region}{score}"
                    cells = [number(m.get(key)) for m in metrics]
                    cells += [number(methods.get(m, {}).get(key)) for m in DEPTH_METHODS]
                    target = DEPTH_TARGETS.get((part, region), {}).get(score, "")
                    body.append([f"{DEPTH_PARTS[part]}: {where}: {name}", *cells, target])
            body += _depth_others(part, metrics, methods)
        head = [f"{what}, 320x240, 3 views", *DEPTH_NAMES, "constant median", "512 true points",
                "SIFT", "truth at SIFT's points", "target"]  # fmt: skip
        return table(head, body)

    return _apart(of)


def _depth_others(part: str, metrics: list[dict[str, float]], methods: dict[str, Any]) -> list[list[str]]:
    none = ["–"] * len(DEPTH_METHODS)
    sift = {m: methods.get(m, {}) if m == "sift" else {} for m in DEPTH_METHODS}
    rows = []
    for key, label, digits, target in (
        ("depth/point_share", "most confident quarter of the points (all of SIFT's) within 5 %", 3, "≥ 0.68"),
        ("depth/point_count", "how many those are, a frame", 0, "≥ 100"),
    ):
        cells = [number(sift[m].get(key), digits) for m in DEPTH_METHODS]
        wanted = target if part == DEPTH_REAL else ""
        shown = [number(m.get(key), digits) for m in metrics]
        rows.append([f"{DEPTH_PARTS[part]}: {label}", *shown, *cells, wanted])
    shares = [number(m.get("depth/sigma_share")) for m in metrics]
    label = "errors within the stated width, 0.68 if it is true"
    return [*rows, [f"{DEPTH_PARTS[part]}: {label}", *shares, *none, "0.63 to 0.73"]]


def depth_views() -> list[str]:
    """What more views give, on the same samples."""

    def of(parts: list[str], what: str) -> list[str]:
        body = []
        for part in parts:
            for name in DEPTH_NAMES:
                views = load(name, f"depth_{part}")["views"]
                for score in ("absrel_ratio", "delta_share"):
                    cells = [number(views.get(count, {}).get(f"depth/{score}")) for count in ("2", "3", "5")]
                    body.append([f"{name}: {DEPTH_PARTS[part]}: {DEPTH_SCORES[score]}", *cells])
        return table([f"{what}, all pixels", "2 views", "3 views", "5 views"], body)

    return _apart(of)


def depth_completion() -> list[str]:
    """Single images with sparse depth, beside linear interpolation of the same points."""

    def of(parts: list[str], what: str) -> list[str]:
        body = []
        for part in parts:
            found = [load(name, f"depth_{part}")["completion"] for name in DEPTH_NAMES]
            for protocol, (label, target) in COMPLETION.items():
                linear = found[0][protocol]["linear"]["absrel_ratio"]
                values = [*(one[protocol]["network"]["depth/absrel_ratio"] for one in found), linear]
                ratios = [one[protocol]["over_linear"]["absrel_ratio"] for one in found]
                cells = [*(number(v, 4) for v in values), *(number(v, 2) for v in ratios)]
                wanted = target if part == DEPTH_REAL else ""
                body.append([f"{DEPTH_PARTS[part]}: {label}", *cells, wanted])
        over = [f"{name} over linear" for name in DEPTH_NAMES]
        head = [f"{what}, single images, AbsRel", *DEPTH_NAMES, "linear interpolation", *over, "target"]
        return table(head, body)

    return _apart(of)


def depth_cost() -> list[str]:
    """Parameters, multiply-accumulates and latency."""
    cost = load(DEPTH_NAME, "depth_cost")
    ms = cost["latency_ms"]
    rows = [
        ["parameters, millions", number(cost["parameters"] / 1e6, 2), ""],
        ["over the original's 126 M", number(cost["parameters_over_original"]), "≤ 0.1"],
        ["GMACs", number(cost["gmacs"], 2), ""],
        ["over the original's 92 GMACs", number(cost["gmacs_over_original"]), "≤ 0.1"],
        ["milliseconds on one core: all / its backbone alone",
         f"{ms['network']:.0f} / {ms['backbone']:.0f}", ""],
        ["all over its backbone alone", number(cost["network_over_backbone"], 1), ""],
    ]  # fmt: skip
    return table([f"{DEPTH_NAME}, 320x240, 3 views", "measured", "target"], rows)


def _depth_parts() -> list[str]:
    return [
        part
        for part in DEPTH_PARTS
        if all((METRICS / name / f"depth_{part}.json").is_file() for name in DEPTH_NAMES)
    ]


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "depth": depth,
    "depth_views": depth_views,
    "depth_completion": depth_completion,
    "depth_cost": depth_cost,
}
