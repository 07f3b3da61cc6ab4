"""Release the weights of a run: `checkpoints/<name>` with the measured figures, and the index.

python scripts/measure.py runs/eyenet_s --meye path/to/meye   # scripts/measure_depth.py for rooms
python scripts/release.py runs/eyenet_s
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub import checkpoint
from zoo.hub.index import write_index
from zoo.hub.metadata import ModelMetadata, read_metadata

CHECKPOINTS, METRICS = Path("checkpoints"), Path("metrics")
CURVE = "training.jsonl"
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


def continued(metadata: ModelMetadata, released: Path, new: Path) -> str:
    """The curve of a run; one that went on from the released weights of its name continues their curve."""
    lines = new.read_text(encoding="utf-8")
    folder = CHECKPOINTS / metadata.name
    if metadata.parent != metadata.name or not released.is_file():
        return lines
    before = read_metadata(folder)
    if before.weights == metadata.weights:  # released before: the curve is whole
        return released.read_text(encoding="utf-8")
    old = released.read_text(encoding="utf-8")
    seen = json.loads(old.splitlines()[-1])["samples"]
    points = [json.loads(line) for line in lines.splitlines()]
    return old + "".join(json.dumps({**p, "samples": p["samples"] + seen}) + "\n" for p in points)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run: Path = parser.parse_args().run
    network, metadata = checkpoint.load(run)
    assert metadata.weights is not None
    if metadata.weights.size_bytes > LARGEST:
        raise SystemExit(
            f"{run}: {metadata.weights.size_bytes:,} bytes; a released file has at most {LARGEST:,}"
        )
    measured = METRICS / metadata.name
    metrics: dict[str, dict[str, float | None]] = {}
    for path in sorted(measured.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["sha256"] != metadata.weights.sha256:
            raise ZooError(f"{path}: was measured on other weights; run scripts/measure.py {run}")
        found = report.get("metrics", {})
        if chosen := {key: found[key] for key in CARD if key in found}:
            metrics[path.stem] = chosen
    if not metrics:
        raise ZooError(f"{measured}: nothing is measured; run scripts/measure.py {run} first")
    curve = continued(metadata, measured / CURVE, run / "metrics.jsonl")
    checkpoint.save(CHECKPOINTS / metadata.name, network, metadata.model_copy(update={"metrics": metrics}))
    write_text(measured / CURVE, curve)
    for entry in write_index(CHECKPOINTS):
        print(entry.name, entry.sha256)


if __name__ == "__main__":
    main()
