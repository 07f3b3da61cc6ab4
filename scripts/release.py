"""Release the weights of a run as the next version of their line, and lay out what a static host serves.

    python scripts/measure.py runs/eyenet_s --meye path/to/meye   # scripts/measure_depth.py for rooms
    python scripts/release.py runs/eyenet_s                       # listed as eyenet_s.rendered@4
    zoo promote eyenet_s.rendered@4                               # eyenet_s is this one, if the gate holds
    python scripts/release.py --tidy                              # checkpoints/ keeps promoted ones alone
    python scripts/release.py --refresh                           # the index anew from model.json, metrics/
    python scripts/release.py --refresh eyenet_s                  # its model.json and card from metrics/, too
    python scripts/release.py --layout release                    # a folder for any static host

The address at which that folder is served is set in one place: `base_url` in checkpoints/index.json. While it
is null, an installed package has the weights of eyenet_nano alone, and a checkout those of all promoted ones.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from zoo.errors import ZooError
from zoo.exam.depth.cost import cost
from zoo.files import write_text
from zoo.hub import checkpoint, release
from zoo.hub.deliver import deliver, list_in
from zoo.hub.index import catalogue
from zoo.hub.metadata import ModelMetadata, read_metadata
from zoo.hub.names import parse
from zoo.hub.schema import INDEX_FILE, Index, Latency, read_index, write_index
from zoo.model.network import Network

CHECKPOINTS, METRICS = Path("checkpoints"), Path("metrics")
CURVE = "training.jsonl"
INDEX = CHECKPOINTS / INDEX_FILE
LARGEST = 16 << 20

CARD = (
    "frames",
    "segmentation/miou",
    "segmentation/iou_sclera",
    "segmentation/iou_iris",
    "segmentation/iou_pupil",
    "keypoints/pupil_px_median",
    "keypoints/pupil_px_p95",
    "keypoints/pupil_px_within_2px",
    "segmentation/pupil_mask_px_median",
    "segmentation/pupil_mask_px_within_2px",
    "segmentation/pupil_mask_px_within_2px@worst",
    "segmentation/iou_image_pupil",
    "keypoints/glint_precision",
    "keypoints/glint_recall",
    "blink/blink_ap",
    "blink/openness_mae",
    "gaze/optical_deg_mean",
    "gaze/optical_deg_median",
    "gaze/visual_deg_mean",
    "gaze/sigma_share",
    "eye3d/cornea_lateral_mm_median",
    "eye3d/cornea_depth_mm_mean",
    "depth/absrel_ratio",
    "depth/rmse_m",
    "depth/delta_share",
    "depth/seen_absrel_ratio",
    "depth/sure_absrel_ratio",
    "depth/sigma_share",
    "depth/point_share",
)
"""The metrics that a card lists, of every part of the exam that has them."""
OF_SLICES = (
    "frames",
    "segmentation/miou",
    "keypoints/pupil_px_median",
    "segmentation/pupil_mask_px_within_2px",
    "blink/blink_ap",
    "gaze/optical_deg_mean",
    "depth/absrel_ratio",
)
"""Those that the index lists of every slice, with four digits."""


def continued(metadata: ModelMetadata, released: Path, new: Path) -> str:
    """The curve of a run; one that went on from the released weights of its name continues their curve."""
    lines = new.read_text(encoding="utf-8")
    index = read_index(INDEX)
    entry = index.entry(metadata.name)
    if entry is None or not released.is_file() or release.parent_name(metadata.parent) != entry.name:
        return lines
    before = read_metadata(checkpoint_folder(entry.name))
    if before.weights == metadata.weights:  # released before: the curve is whole
        return released.read_text(encoding="utf-8")
    old = released.read_text(encoding="utf-8")
    seen = json.loads(old.splitlines()[-1])["samples"]
    points = [json.loads(line) for line in lines.splitlines()]
    return old + "".join(json.dumps({**p, "samples": p["samples"] + seen}) + "\n" for p in points)


def checkpoint_folder(name: str) -> Path:
    folder = catalogue()[name].folder
    if folder is None:
        raise ZooError(f"the files of {name} are not in {CHECKPOINTS}")
    return folder


def measured(metadata: ModelMetadata) -> dict[str, dict[str, float | None]]:
    """Part of the exam -> the metrics of a card, which must be of these weights."""
    assert metadata.weights is not None
    metrics: dict[str, dict[str, float | None]] = {}
    for path in sorted((METRICS / metadata.name).glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["sha256"] != metadata.weights.sha256:
            raise ZooError(f"{path}: was measured on other weights; run scripts/measure.py again")
        found = report.get("metrics", {})
        if chosen := {key: found[key] for key in CARD if key in found} or exported(report):
            metrics[path.stem] = chosen
    if not metrics:
        raise ZooError(f"{METRICS / metadata.name}: nothing is measured; run scripts/measure.py first")
    return metrics


def exported(report: dict[str, Any]) -> dict[str, float | None]:
    """Of a report of `zoo export`: how far each precision is from PyTorch, and how many times as fast."""
    apart = {
        f"{name}/{unit}": much for name, of in report.get("worst", {}).items() for unit, much in of.items()
    }
    return apart | {f"{name}/speedup": times for name, times in report.get("speedup", {}).items()}


def slices(name: str, sha256: str) -> dict[str, Any]:
    """Part of the exam -> column -> value -> metrics, of the parts that change nothing of a set."""
    found: dict[str, Any] = {}
    for path in sorted((METRICS / name).glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        if report.get("sha256") == sha256 and report.get("slices") and "_" not in path.stem:
            found[path.stem] = {
                column: {
                    value: {key: _short(of[key]) for key in OF_SLICES if key in of}
                    for value, of in values.items()
                }
                for column, values in report["slices"].items()
            }
    return found


def macs(network: Network) -> int:
    """Of one frame at the size of the input, or of three views of a room."""
    if not network.heads_of("eyes"):
        return round(1e9 * cost(network, rounds=1)["gmacs"])
    size = network.config.input
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.zeros(1, 1, size.height, size.width))
    return counter.get_total_flops() // 2


def latency(name: str, sha256: str) -> Latency | None:
    """What scripts/bench.py or scripts/measure_depth.py has measured."""
    bench = json.loads((METRICS / "bench.json").read_text(encoding="utf-8"))
    depth = METRICS / name / "depth_cost.json"
    on = f"one core of {bench['machine']}, torch {bench['torch']}"
    if name in bench["latency_ms"]:
        return Latency(ms=round(bench["latency_ms"][name], 2), on=on)
    if depth.is_file() and (report := json.loads(depth.read_text(encoding="utf-8")))["sha256"] == sha256:
        return Latency(ms=round(report["latency_ms"]["network"], 2), on=on)
    return None


def line_of(name: str, given: str | None) -> str:
    entry = read_index(INDEX).entry(name)
    if given is None and entry is None:
        raise ZooError(f"{name} is new: say --line architecture.tag, such as {name}.rendered")
    return given or parse(entry.name if entry else "").line


def add(run: Path, line: str | None) -> None:
    network, metadata = checkpoint.load(run)
    assert metadata.weights is not None
    if metadata.weights.size_bytes > LARGEST:
        raise ZooError(
            f"{run}: {metadata.weights.size_bytes:,} bytes; a released file has at most {LARGEST:,}"
        )
    metrics = measured(metadata)
    curve_file = METRICS / metadata.name / CURVE
    curve = continued(metadata, curve_file, run / "metrics.jsonl")
    alias = None if metadata.name in read_index(INDEX).aliases else metadata.name
    more = {
        "macs": macs(network),
        "latency": latency(metadata.name, metadata.weights.sha256),
        "slices": slices(metadata.name, metadata.weights.sha256),
    }
    with tempfile.TemporaryDirectory() as name:
        saved = checkpoint.save(Path(name), network, metadata.model_copy(update={"metrics": metrics}))
        place = alias if alias and not (CHECKPOINTS / alias).exists() else None
        entry = release.add(Path(name), line_of(metadata.name, line), INDEX, alias, place, more)
    assert saved.weights == metadata.weights, "the weights are the run's, bit for bit"
    write_text(curve_file, curve)
    print(entry.name, entry.sha256)
    if alias is None:
        print(f"to make it {metadata.name}: zoo promote {entry.name}, then scripts/release.py --tidy")


def refresh(of_metrics: list[str]) -> None:
    for alias in of_metrics:
        folder = CHECKPOINTS / alias
        metadata = read_metadata(folder)
        checkpoint.describe_anew(folder, metadata.model_copy(update={"metrics": measured(metadata)}))
    index = release.refresh(INDEX)
    names = {target: alias for alias, target in index.aliases.items()}
    entries = []
    for entry in index.checkpoints:
        name = names.get(entry.name, "")
        new = {"slices": slices(name, entry.sha256), "latency": latency(name, entry.sha256)}
        entries.append(entry.model_copy(update={k: v for k, v in new.items() if name and v}))
    write_index(INDEX, index.model_copy(update={"checkpoints": tuple(entries)}))


def lay_out(folder: Path) -> None:
    """What is there already stays: a host keeps serving older versions."""
    ours: Index = read_index(INDEX)
    here = [name for name, found in catalogue().items() if found.folder is not None]
    for result in deliver(here, folder):
        if not result.ok:
            raise ZooError(f"{result.name}: {result.text}")
        print(result.text)
    list_in(folder / INDEX_FILE, [entry for entry in ours.checkpoints if entry.name in here], ours.base_url)
    where = ours.base_url or f"an address, and set it as base_url in {INDEX}"
    print(f"{folder}: serve it at {where}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("run", type=Path, nargs="?", help="folder of a measured run")
    task.add_argument(
        "--refresh",
        nargs="*",
        metavar="NAME",
        help="take the index anew from model.json and metrics/; of these, model.json and the card too",
    )
    task.add_argument("--tidy", action="store_true", help="keep the weights of promoted versions alone")
    task.add_argument("--layout", type=Path, metavar="FOLDER", help="write what a static host serves")
    parser.add_argument("--line", help="architecture.tag; by default that which the run's name points to")
    arguments = parser.parse_args()
    try:
        if arguments.refresh is not None:
            refresh(arguments.refresh)
        elif arguments.tidy:
            print("\n".join(release.tidy(INDEX)) or "nothing to do")
        elif arguments.layout:
            lay_out(arguments.layout)
        else:
            add(arguments.run, arguments.line)
    except ZooError as error:
        raise SystemExit(f"error: {error}") from None


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


if __name__ == "__main__":
    main()
