"""Write the README's figures from the metrics files, or check that they agree.

python scripts/tables.py           # rewrite README.md between its markers
python scripts/tables.py --check   # exit code 1 where README.md differs
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.data.perturb import KINDS
from zoo.files import write_text

ROOT = Path(__file__).parents[1]
METRICS, README = ROOT / "metrics", ROOT / "README.md"
NAMES = ("eyenet_s", "eyenet_nano")

PUPIL, MASK = "keypoints/pupil_px", "segmentation/pupil_mask_px"
ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("unseen people, random rigs: mIoU of 4 classes", "unseen", "segmentation/miou", "≥ 0.92"),
    ("pupil centre, median px", "unseen", f"{PUPIL}_median", "≤ 0.5"),
    ("pupil centre, median px, ≥ 30 % visible", "unseen", f"{PUPIL}_median@visible30", ""),
    ("blink AP", "unseen", "blink/blink_ap", "≥ 0.99"),
    ("held-out looks and rigs (*shifted*): mIoU of 4 classes", "shifted", "segmentation/miou", "≥ 0.88"),
    ("pupil centre, median px", "shifted", f"{PUPIL}_median", "≤ 0.8"),
    ("pupil centre, median px, ≥ 30 % visible", "shifted", f"{PUPIL}_median@visible30", ""),
    ("blink AP", "shifted", "blink/blink_ap", ""),
)
GAZE: tuple[tuple[str, str, str, str], ...] = (
    ("unseen people, random rigs: optical axis, mean °", "unseen", "gaze/optical_deg_mean", "≤ 2.0"),
    ("optical axis, median °", "unseen", "gaze/optical_deg_median", "≤ 1.5"),
    ("optical axis, mean °, ≥ 30 % of the pupil visible", "unseen", "gaze/optical_deg_mean@visible30", ""),
    ("errors within the stated sigma, 0.68 if it is true", "unseen", "gaze/sigma_share", "0.63 to 0.73"),
    ("visual axis, mean °, not calibrated", "unseen", "gaze/visual_deg_mean", ""),
    ("cornea centre across the ray, median mm", "unseen", "eye3d/cornea_lateral_mm_median", "≤ 0.25"),
    ("cornea centre along the ray, mean mm", "unseen", "eye3d/cornea_depth_mm_mean", "≤ 1.3 floors"),
    (
        "held-out looks and rigs (*shifted*): optical axis, mean °",
        "shifted",
        "gaze/optical_deg_mean",
        "≤ 3.0",
    ),
    ("errors within the stated sigma", "shifted", "gaze/sigma_share", "0.63 to 0.73"),
    ("reference rig, not fine-tuned: optical axis, mean °", "headset", "gaze/optical_deg_mean", "≤ 1.0"),
    ("cornea centre, mean mm", "headset", "eye3d/cornea_mm_mean", "≤ 0.5"),
)
REAL: tuple[tuple[str, str, str], ...] = (
    ("pupil mask centroid within 2 px, mean over people", f"{MASK}_within_2px", "≥ 0.97"),
    ("the same, worst person", f"{MASK}_within_2px@worst", "≥ 0.95"),
    ("pupil mask centroid, median px, mean over people", f"{MASK}_median", "≤ 0.5"),
    ("pupil IoU, mean over frames and people", "segmentation/iou_image_pupil", "≥ 0.87"),
    ("blink AP, mean over people", "blink/blink_ap", "≥ 0.93"),
)

DEPTH_NAME = "deltas_s"
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


def _load(name: str, part: str) -> dict[str, Any]:
    path = METRICS / name / f"{part}.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *body)]


def rendered() -> list[str]:
    """Rendered exams beside the constant prediction."""
    reports = {(name, part): _load(name, part) for name in NAMES for part in ("unseen", "shifted")}
    body = []
    for label, part, metric, target in ROWS:
        values = [_number(reports[name, part]["metrics"].get(metric)) for name in NAMES]
        constant = _number(reports[NAMES[0], part]["baseline"].get(metric))
        body.append([label, *values, constant, target])
    return _table(["rendered, 160x120", *NAMES, "constant guess", "target"], body)


def gaze() -> list[str]:
    """The eye in 3D on rendered exams, beside the mean of the labels and the oracle floor."""
    parts = dict.fromkeys(part for _, part, _, _ in GAZE)
    reports = {(name, part): _load(name, part) for name in NAMES for part in parts}
    body = []
    for label, part, metric, target in GAZE:
        values = [_number(reports[name, part]["metrics"].get(metric), 2) for name in NAMES]
        first = reports[NAMES[0], part]
        constant, floor = first["baseline"].get(metric), first["floor"].get(metric)
        body.append([label, *values, _number(constant, 2), _number(floor, 2), target])
    return _table(["rendered, 160x120", *NAMES, "constant guess", "oracle floor", "target"], body)


def real() -> list[str]:
    """Real eyes, zero-shot, beside the classical detector and the ceiling of the labels."""
    reports = {name: _load(name, "meye")["metrics"] for name in NAMES}
    base = json.loads((METRICS / "baselines_meye.json").read_text(encoding="utf-8"))
    keys = ("within_2_px", None, "median_px", "iou", None)
    body = []
    for (label, metric, target), key in zip(REAL, keys, strict=True):
        row = [label, *(_number(reports[name].get(metric)) for name in NAMES)]
        for method in ("darkest_blob", "label_fit"):
            value = base[method]["worst_person_within_2_px"] if "worst" in label else None
            row.append(_number(base[method]["mean_over_people"][key] if key else value))
        body.append([*row, target])
    for kind in KINDS:
        values = [_load(name, f"meye_{kind}")["metrics"] for name in NAMES]
        cells = [_number(v.get(f"{MASK}_within_2px")) for v in values]
        body.append([f"within 2 px after {kind}, mean over people", *cells, "–", "–", "≥ 0.95"])
    date = _load(NAMES[0], "meye")["date"]
    head = [
        f"real infrared eyes (MEYE, 5 people, {date})",
        *NAMES,
        "darkest blob",
        "fit to the label",
        "target",
    ]
    return _table(head, body)


def people() -> list[str]:
    """Real eyes by person."""
    by = {name: _load(name, "meye")["slices"]["subject"] for name in NAMES}
    body = []
    for person, metrics in by[NAMES[0]].items():
        row = [person, str(int(metrics["frames"]))]
        for name in NAMES:
            m = by[name][person]
            row += [_number(m.get(f"{MASK}_within_2px")), _number(m.get(f"{MASK}_median"))]
            row += [_number(m.get("segmentation/iou_image_pupil")), _number(m.get("blink/blink_ap"))]
        body.append(row)
    columns = [f"{name}: {c}" for name in NAMES for c in ("within 2 px", "median px", "IoU", "blink AP")]
    return _table(["person", "frames", *columns], body)


def speed() -> list[str]:
    """Latency and rendering, as ratios of one run."""
    bench = json.loads((METRICS / "bench.json").read_text(encoding="utf-8"))
    ratio, rate, ms = bench["all_tasks_over_costliest"], bench["images_per_second"], bench["latency_ms"]
    rows = [
        ["all tasks of eyenet_s over its costliest single task", _number(ratio["eyenet_s"], 2), "≤ 1.25"],
        ["eyenet_nano over eyenet_s", _number(bench["nano_over_s"], 2), "≤ 0.4"],
        ["eyenet_s over resnet18's features", _number(bench["over_resnet18"]["eyenet_s"], 2), "≤ 0.2"],
        ["eyenet_nano over resnet18's features", _number(bench["over_resnet18"]["eyenet_nano"], 2), "≤ 0.2"],
        ["milliseconds: eyenet_s / eyenet_nano / resnet18's features",
         " / ".join(_number(ms[n], 1) for n in (*NAMES, "resnet18")), ""],
        ["rendered frames per core-second, eager / compiled",
         f"{rate['render eager']:.0f} / {rate['render compiled']:.0f}", ""],
        ["samples per core-second in training steps of eyenet_s", f"{rate['train eyenet_s']:.0f}", ""],
    ]  # fmt: skip
    return _table(["one core, batch 1, 160x120, one run", "measured", "target"], rows)


def curve() -> list[str]:
    """Error against samples seen, on held-out rendered people."""
    body = []
    for name in NAMES:
        lines = (METRICS / name / "training.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines:
            point = json.loads(line)
            cells = [f"{point['samples']:,}", _number(point["segmentation/miou"])]
            cells += [_number(point[f"{PUPIL}_median"]), _number(point["blink/blink_ap"], 4)]
            cells += [_number(point["gaze/optical_deg_mean"], 1)]
            body.append([name, *cells])
    return _table(
        ["network", "samples seen", "mIoU", "pupil, median px", "blink AP", "optical axis, mean °"], body
    )


def _apart(table: Callable[[list[str], str], list[str]]) -> list[str]:
    """The table of the rendered parts and that of the real one: their results share no column."""
    parts = _depth_parts()
    rooms, real = [p for p in parts if p != DEPTH_REAL], [p for p in parts if p == DEPTH_REAL]
    tables = [table(rooms, "rendered rooms")] if rooms else []
    if real:
        date = _load(DEPTH_NAME, f"depth_{DEPTH_REAL}")["date"]
        tables += [table(real, f"real rooms, never trained on ({date})")]
    return [line for i, lines in enumerate(tables) for line in ([""] if i else []) + lines]


def depth() -> list[str]:
    """Dense depth, 3 views, beside what needs no learning."""
    base = json.loads((METRICS / "baselines_depth.json").read_text(encoding="utf-8"))

    def table(parts: list[str], what: str) -> list[str]:
        body = []
        for part in parts:
            report = _load(DEPTH_NAME, f"depth_{part}")
            methods = base.get(part, {}).get("methods", {})
            for region, where in DEPTH_REGIONS.items():
                for score, name in DEPTH_SCORES.items():
                    key = f"depth/{region}{score}"
                    cells = [_number(report["metrics"].get(key))]
                    cells += [_number(methods.get(m, {}).get(key)) for m in DEPTH_METHODS]
                    target = DEPTH_TARGETS.get((part, region), {}).get(score, "")
                    body.append([f"{DEPTH_PARTS[part]}: {where}: {name}", *cells, target])
            body += _depth_others(part, report["metrics"], methods)
        head = [f"{what}, 320x240, 3 views", DEPTH_NAME, "constant median", "512 true points",
                "SIFT", "truth at SIFT's points", "target"]  # fmt: skip
        return _table(head, body)

    return _apart(table)


def _depth_others(part: str, metrics: dict[str, float], methods: dict[str, Any]) -> list[list[str]]:
    none = ["–"] * len(DEPTH_METHODS)
    sift = {m: methods.get(m, {}) if m == "sift" else {} for m in DEPTH_METHODS}
    rows = []
    for key, label, digits, target in (
        ("depth/point_share", "most confident quarter of the points (all of SIFT's) within 5 %", 3, "≥ 0.68"),
        ("depth/point_count", "how many those are, a frame", 0, "≥ 100"),
    ):
        cells = [_number(sift[m].get(key), digits) for m in DEPTH_METHODS]
        of = target if part == DEPTH_REAL else ""
        rows.append([f"{DEPTH_PARTS[part]}: {label}", _number(metrics.get(key), digits), *cells, of])
    share = _number(metrics.get("depth/sigma_share"))
    label = "errors within the stated width, 0.68 if it is true"
    return [*rows, [f"{DEPTH_PARTS[part]}: {label}", share, *none, "0.63 to 0.73"]]


def depth_views() -> list[str]:
    """What more views give, on the same samples."""

    def table(parts: list[str], what: str) -> list[str]:
        body = []
        for part in parts:
            views = _load(DEPTH_NAME, f"depth_{part}")["views"]
            for score in ("absrel_ratio", "delta_share"):
                cells = [_number(views.get(count, {}).get(f"depth/{score}")) for count in ("2", "3", "5")]
                body.append([f"{DEPTH_PARTS[part]}: {DEPTH_SCORES[score]}", *cells])
        return _table([f"{what}, {DEPTH_NAME}, all pixels", "2 views", "3 views", "5 views"], body)

    return _apart(table)


def depth_completion() -> list[str]:
    """Single images with sparse depth, beside linear interpolation of the same points."""

    def table(parts: list[str], what: str) -> list[str]:
        body = []
        for part in parts:
            found = _load(DEPTH_NAME, f"depth_{part}")["completion"]
            for protocol, (label, target) in COMPLETION.items():
                one = found[protocol]
                values = [one["network"]["depth/absrel_ratio"], one["linear"]["absrel_ratio"]]
                cells = [*(_number(v, 4) for v in values), _number(one["over_linear"]["absrel_ratio"], 2)]
                of = target if part == DEPTH_REAL else ""
                body.append([f"{DEPTH_PARTS[part]}: {label}", *cells, of])
        head = [f"{what}, single images, AbsRel", DEPTH_NAME, "linear interpolation", "ratio", "target"]
        return _table(head, body)

    return _apart(table)


def depth_cost() -> list[str]:
    """Parameters, multiply-accumulates and latency."""
    cost = _load(DEPTH_NAME, "depth_cost")
    ms = cost["latency_ms"]
    rows = [
        ["parameters, millions", _number(cost["parameters"] / 1e6, 2), ""],
        ["over the original's 126 M", _number(cost["parameters_over_original"]), "≤ 0.1"],
        ["GMACs", _number(cost["gmacs"], 2), ""],
        ["over the original's 92 GMACs", _number(cost["gmacs_over_original"]), "≤ 0.1"],
        ["milliseconds on one core: all / its backbone alone",
         f"{ms['network']:.0f} / {ms['backbone']:.0f}", ""],
        ["all over its backbone alone", _number(cost["network_over_backbone"], 1), ""],
    ]  # fmt: skip
    return _table([f"{DEPTH_NAME}, 320x240, 3 views", "measured", "target"], rows)


def _depth_parts() -> list[str]:
    return [part for part in DEPTH_PARTS if (METRICS / DEPTH_NAME / f"depth_{part}.json").is_file()]


def measured() -> dict[str, Callable[[], list[str]]]:
    """The sections whose figures are there: those of depth wait until a checkpoint was measured."""
    sections = dict(SECTIONS)
    if _depth_parts() and (METRICS / "baselines_depth.json").is_file():
        sections |= {"depth": depth, "depth_views": depth_views, "depth_completion": depth_completion}
    if (METRICS / DEPTH_NAME / "depth_cost.json").is_file():
        sections["depth_cost"] = depth_cost
    if (METRICS / "known_rig_eyenet_s_headset.json").is_file():
        sections["rig"] = rig
    if all((METRICS / f"recording_{name}.json").is_file() for name in RECORDED):
        sections["recording"] = recording
    return sections


RIG_METRICS = (
    "gaze/optical_deg_mean",
    "gaze/optical_deg_median",
    "eye3d/cornea_mm_mean",
    "eye3d/cornea_mm_median",
    "gaze/optical_deg_mean@visible30",
    "gaze/sigma_share",
)
RECORDED = {
    "eyenet_s": ("random", "headset", "headset_leds"),
    "eyenet_s_headset": ("headset", "headset_leds"),
}
"""On which rigs a checkpoint's recordings are shown."""
RECORDED_ON = {
    "random": "random rig",
    "headset": "headset rig",
    "headset_leds": "headset rig with `--rig`",
}
RECORDING = (
    "optical_deg_mean",
    "optical_deg_median",
    "visual_kappa_deg_mean",
    "visual_affine_deg_mean",
    "answered_share",
)
RIG_METHODS = {
    ("eyenet_s", "constant"): "constant guess",
    (
        "eyenet_s",
        "classical",
    ): "classical inverse of the detected glints (constant guess where it has none)",
    ("eyenet_s", "network"): "eyenet_s",
    ("eyenet_s", "refined"): "eyenet_s with `--rig`",
    ("eyenet_s_headset", "network"): "eyenet_s_headset",
    ("eyenet_s_headset", "refined"): "eyenet_s_headset with `--rig`",
}


def rig() -> list[str]:
    """The reference rig, with its LEDs known."""
    body = []
    for (name, method), label in RIG_METHODS.items():
        path = METRICS / f"known_rig_{name}.json"
        found = json.loads(path.read_text(encoding="utf-8"))["metrics"][method]
        body.append([label, *(_number(found.get(key), 2) for key in RIG_METRICS)])
    body.append(["target", "≤ 1.0", "", "≤ 0.5", "", "", "0.63 to 0.73"])
    head = ["reference rig, unseen people", "axis, mean °", "median °", "cornea, mean mm", "median mm",
            "axis, mean °, ≥ 30 % visible", "errors within sigma"]  # fmt: skip
    return _table(head, body)


def recording() -> list[str]:
    """Recordings of unseen people: raw, fitted, calibrated by nine samples."""
    body = []
    for name in RECORDED:
        path = METRICS / f"recording_{name}.json"
        for rig, part in json.loads(path.read_text(encoding="utf-8"))["rigs"].items():
            if rig not in RECORDED[name]:
                continue
            for answer, label in (("raw", "as answered"), ("recording", "with `--recording`")):
                found = part["metrics"]
                cells = [_number(found.get(f"{answer}/{key}"), 2) for key in RECORDING]
                body.append([f"{name}, {RECORDED_ON[rig]}: {label}", *cells])
    head = ["recordings of 40 frames", "axis, mean °", "median °", "visual axis, kappa, mean °",
            "affine, mean °", "answered"]  # fmt: skip
    return _table(head, body)


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "rendered": rendered, "gaze": gaze, "real": real, "people": people, "speed": speed, "curve": curve,
}  # fmt: skip


def fill(text: str) -> str:
    """The README with every section between its markers rendered anew."""
    for name, section in measured().items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"README.md has no section <!-- {name} --> ... <!-- /{name} -->")
        block = "\n".join(section()) + "\n"
        text = pattern.sub(lambda match, block=block: match[1] + block + match[2], text)  # type: ignore[misc]
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    before = README.read_text(encoding="utf-8")
    after = fill(before)
    if check and before != after:
        wrong = [b for a, b in zip(before.splitlines(), after.splitlines(), strict=False) if a != b]
        print(
            "README.md differs from the metrics files; run scripts/tables.py. First line:",
            *wrong[:1],
            sep="\n",
        )
        sys.exit(1)
    write_text(README, after)


if __name__ == "__main__":
    main()
