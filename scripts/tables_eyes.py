"""Tables of eyes."""

from __future__ import annotations

import json
from collections.abc import Callable

from table_parts import METRICS, NAMES, SHARED, load, number, table

from zoo.data.perturb import KINDS

ALL = (*NAMES, SHARED)
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


def rendered() -> list[str]:
    """Rendered exams beside the constant prediction."""
    reports = {(name, part): load(name, part) for name in ALL for part in ("unseen", "shifted")}
    body = []
    for label, part, metric, target in ROWS:
        values = [number(reports[name, part]["metrics"].get(metric)) for name in ALL]
        constant = number(reports[ALL[0], part]["baseline"].get(metric))
        body.append([label, *values, constant, target])
    return table(["rendered, 160x120", *ALL, "constant guess", "target"], body)


def gaze() -> list[str]:
    """The eye in 3D on rendered exams, beside the mean of the labels and the oracle floor."""
    parts = dict.fromkeys(part for _, part, _, _ in GAZE)
    reports = {(name, part): load(name, part) for name in ALL for part in parts}
    body = []
    for label, part, metric, target in GAZE:
        values = [number(reports[name, part]["metrics"].get(metric), 2) for name in ALL]
        first = reports[ALL[0], part]
        constant, floor = first["baseline"].get(metric), first["floor"].get(metric)
        body.append([label, *values, number(constant, 2), number(floor, 2), target])
    return table(["rendered, 160x120", *ALL, "constant guess", "oracle floor", "target"], body)


def real() -> list[str]:
    """Real eyes, zero-shot, beside the classical detector and the ceiling of the labels."""
    reports = {name: load(name, "meye")["metrics"] for name in ALL}
    base = json.loads((METRICS / "baselines_meye.json").read_text(encoding="utf-8"))
    keys = ("within_2_px", None, "median_px", "iou", None)
    body = []
    for (label, metric, target), key in zip(REAL, keys, strict=True):
        row = [label, *(number(reports[name].get(metric)) for name in ALL)]
        for method in ("darkest_blob", "label_fit"):
            value = base[method]["worst_person_within_2_px"] if "worst" in label else None
            row.append(number(base[method]["mean_over_people"][key] if key else value))
        body.append([*row, target])
    for kind in KINDS:
        values = [load(name, f"meye_{kind}")["metrics"] for name in ALL]
        cells = [number(v.get(f"{MASK}_within_2px")) for v in values]
        body.append([f"within 2 px after {kind}, mean over people", *cells, "–", "–", "≥ 0.95"])
    date = load(ALL[0], "meye")["date"]
    head = [
        f"real infrared eyes (MEYE, 5 people, {date})",
        *ALL,
        "darkest blob",
        "fit to the label",
        "target",
    ]
    return table(head, body)


def people() -> list[str]:
    """Real eyes by person."""
    by = {name: load(name, "meye")["slices"]["subject"] for name in NAMES}
    body = []
    for person, metrics in by[NAMES[0]].items():
        row = [person, str(int(metrics["frames"]))]
        for name in NAMES:
            m = by[name][person]
            row += [number(m.get(f"{MASK}_within_2px")), number(m.get(f"{MASK}_median"))]
            row += [number(m.get("segmentation/iou_image_pupil")), number(m.get("blink/blink_ap"))]
        body.append(row)
    columns = [f"{name}: {c}" for name in NAMES for c in ("within 2 px", "median px", "IoU", "blink AP")]
    return table(["person", "frames", *columns], body)


def speed() -> list[str]:
    """Latency and rendering, as ratios of one run."""
    bench = json.loads((METRICS / "bench.json").read_text(encoding="utf-8"))
    ratio, rate, ms = bench["all_tasks_over_costliest"], bench["images_per_second"], bench["latency_ms"]
    hub = bench["hub"]
    rows = [
        ["all tasks of eyenet_s over its costliest single task", number(ratio["eyenet_s"], 2), "≤ 1.25"],
        ["eyenet_nano over eyenet_s", number(bench["nano_over_s"], 2), "≤ 0.4"],
        ["eyenet_s over resnet18's features", number(bench["over_resnet18"]["eyenet_s"], 2), "≤ 0.2"],
        ["eyenet_nano over resnet18's features", number(bench["over_resnet18"]["eyenet_nano"], 2), "≤ 0.2"],
        ["milliseconds: eyenet_s / eyenet_nano / resnet18's features",
         " / ".join(number(ms[n], 1) for n in (*NAMES, "resnet18")), ""],
        ["rendered frames per core-second, eager / compiled",
         f"{rate['render eager']:.0f} / {rate['render compiled']:.0f}", ""],
        ["samples per core-second in training steps of eyenet_s", f"{rate['train eyenet_s']:.0f}", ""],
        ["reading and augmenting a pool over those steps",
         number(rate["read and augment"] / rate["train eyenet_s"], 1), "≥ 2"],
        ["`zoo list` / `zoo info` over `import torch`",
         " / ".join(number(hub["over_import_torch"][f"{n}: clock"], 2) for n in ("list", "info")), "≤ 0.33"],
        ["`zoo.load` of a cached eyenet_s over building its network",
         number(hub["load"]["load_over_build"], 2), "≤ 2"],
    ]  # fmt: skip
    return table(["one core, batch 1, 160x120, one run", "measured", "target"], rows)


def curve() -> list[str]:
    """Error against samples seen, on held-out rendered people."""
    body = []
    for name in NAMES:
        lines = (METRICS / name / "training.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines:
            point = json.loads(line)
            cells = [f"{point['samples']:,}", number(point["segmentation/miou"])]
            cells += [number(point[f"{PUPIL}_median"]), number(point["blink/blink_ap"], 4)]
            cells += [number(point["gaze/optical_deg_mean"], 1)]
            body.append([name, *cells])
    return table(
        ["network", "samples seen", "mIoU", "pupil, median px", "blink AP", "optical axis, mean °"], body
    )


def rig() -> list[str]:
    """The reference rig, with its LEDs known."""
    body = []
    for (name, method), label in RIG_METHODS.items():
        path = METRICS / f"known_rig_{name}.json"
        found = json.loads(path.read_text(encoding="utf-8"))["metrics"][method]
        body.append([label, *(number(found.get(key), 2) for key in RIG_METRICS)])
    body.append(["target", "≤ 1.0", "", "≤ 0.5", "", "", "0.63 to 0.73"])
    head = ["reference rig, unseen people", "axis, mean °", "median °", "cornea, mean mm", "median mm",
            "axis, mean °, ≥ 30 % visible", "errors within sigma"]  # fmt: skip
    return table(head, body)


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
                cells = [number(found.get(f"{answer}/{key}"), 2) for key in RECORDING]
                body.append([f"{name}, {RECORDED_ON[rig]}: {label}", *cells])
    head = ["recordings of 40 frames", "axis, mean °", "median °", "visual axis, kappa, mean °",
            "affine, mean °", "answered"]  # fmt: skip
    return table(head, body)


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "rendered": rendered,
    "gaze": gaze,
    "real": real,
    "people": people,
    "speed": speed,
    "curve": curve,
    "rig": rig,
    "recording": recording,
}
