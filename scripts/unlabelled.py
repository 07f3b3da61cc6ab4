"""What unlabelled frames of a known rig are worth: a checkpoint before and after model-based supervision.

    python scripts/unlabelled.py eyenet_s out/unlabelled

Renders frames of people whom the exam does not show, labels them by `zoo pseudolabel`, trains the heads in 3D
on these labels and, to compare, on the true labels of the same frames (`zoo train experiment=unlabelled`),
and measures all three on the exam of the reference rig. Writes ``metrics/unlabelled_<name>.json``: the errors
of the labels and of the checkpoint on the frames that were labelled, and the three exams. Frames and runs
stay in the folder.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import json
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from torch import Tensor

from zoo.config import compose
from zoo.config.rendering import load_domain, load_rig
from zoo.data.sources.folder import TABLE, Folder
from zoo.exam.run import evaluate
from zoo.files import write_text
from zoo.geometry.angles import angle_between
from zoo.predict.predictor import Predictor, load
from zoo.predict.pseudolabel.run import pseudolabel
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.train.run import train

RIG: Final = "headset"
SEED: Final = 9101
TRUTH: Final = ("cornea_mm", "pupil_mm", "cornea_radius_mm", "optical")
SHOWN: Final = (
    *("gaze/optical_deg_mean", "gaze/optical_deg_median", "gaze/sigma_share"),
    *("eye3d/cornea_mm_mean", "eye3d/cornea_mm_median", "eye3d/geometric_deg_median"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=6000, help="of each training")
    parser.add_argument("--exam", type=int, default=500, help="frames of it")
    parser.add_argument("--output", type=Path, default=Path("metrics"))
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    frames, pseudo, true = (folder / name for name in ("frames", "pseudo", "true"))
    truth = render(frames, arguments.frames)
    made = pseudolabel(arguments.checkpoint, [str(frames)], pseudo, RIG)
    print(f"{made.labelled} of {made.frames} frames labelled; left out: {made.left_out}")
    write_truth(pseudo / TABLE, true / TABLE, truth)
    predictor = load(arguments.checkpoint)
    report = {
        "checkpoint": predictor.metadata.name,
        "sha256": predictor.metadata.weights and predictor.metadata.weights.sha256,
        "date": datetime.date.today().isoformat(),
        "frames": made.frames,
        "samples": arguments.samples,
        "labelled": made.labelled,
        "left_out": made.left_out,
        "labels": errors_of_labels(pseudo, true, predictor),
        "before": exam(arguments.checkpoint, arguments.exam),
    }
    for name, labels in (("pseudo", pseudo), ("true", true)):
        run = fine_tune(arguments.checkpoint, labels, folder / f"run_{name}", arguments.samples)
        report[f"after {name} labels"] = exam(str(run / "checkpoint"), arguments.exam)
    path = arguments.output / f"unlabelled_{predictor.metadata.name}.json"
    write_text(path, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def render(folder: Path, count: int) -> dict[str, Tensor]:
    """Frames as the rig's camera would save them; their true labels (`TRUTH`) are returned."""
    folder.mkdir(parents=True, exist_ok=True)
    rig = load_rig(RIG)
    renderer = EyeRenderer(load_domain("train"), SEED, rig, 240, 320)
    parts = []
    for start in range(0, count, 50):
        batch = renderer.render(torch.arange(start, min(start + 50, count)))
        for i, image in enumerate(batch["image"][:, 0]):
            cv2.imwrite(str(folder / f"{start + i:05d}.png"), (image.numpy() * 255).round().astype("uint8"))
        parts.append({key: batch[key] for key in TRUTH})
    return {key: torch.cat([part[key] for part in parts]) for key in TRUTH}


def write_truth(pseudo: Path, path: Path, truth: dict[str, Tensor]) -> None:
    """The table of the pseudo-labels with the true ones in their place."""
    with pseudo.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        i = int(Path(row["file"]).stem)
        for point in ("cornea", "pupil"):
            for axis, value in zip("xyz", truth[f"{point}_mm"][i].tolist(), strict=True):
                row[f"{point}_{axis}_mm"] = f"{value:.4f}"
        for axis, value in zip("xyz", truth["optical"][i].tolist(), strict=True):
            row[f"optical_{axis}"] = f"{value:.6f}"
        row["cornea_radius_mm"] = f"{float(truth['cornea_radius_mm'][i]):.4f}"
        writer.writerow(row)
    write_text(path, text.getvalue())


def errors_of_labels(pseudo: Path, true: Path, predictor: Predictor) -> dict[str, float]:
    """Mean and median errors of the labels, and of the checkpoint on the same frames."""
    size = predictor.metadata.network.input
    found, real = (Folder(path, size.height, size.width) for path in (pseudo, true))
    every = np.arange(len(real))
    labels, exact = found.batch(every), real.batch(every)
    with torch.inference_mode():
        heads = predictor.network.eval().answer(exact)
    own = {key: value for head in heads.values() for key, value in head.items()}
    result = {}
    for name, cornea, axis in (
        ("label", labels["cornea_mm"], labels["optical"]),
        ("checkpoint", own["cornea_mm"], own["optical"]),
    ):
        apart = (cornea - exact["cornea_mm"]).norm(dim=1)
        angle = torch.rad2deg(angle_between(axis, exact["optical"]))
        for key, value in (("cornea_mm", apart), ("optical_deg", angle)):
            result[f"{name}/{key}_mean"] = float(value.mean())
            result[f"{name}/{key}_median"] = float(value.median())
    return result


def fine_tune(checkpoint: str, labels: Path, run: Path, samples: int) -> Path:
    """The recipe of docs/headset.md; the folder of the run."""
    overrides = ["experiment=unlabelled", f"init={checkpoint}", f"data.root={labels}", "name=unlabelled"]
    overrides += [f"run_dir={run}", f"samples={samples}", f"validation.data.rig={RIG}", "validation.count=64"]
    overrides += [f"validation.every_samples={samples}", "validation.overlays=0", "logger=none"]
    return train(compose("train", overrides))


def exam(checkpoint: str, count: int) -> dict[str, float]:
    """Errors on the exam of the reference rig."""
    overrides = [f"checkpoint={checkpoint}", "exam=headset", f"count={count}"]
    metrics = evaluate(compose("eval", overrides)).metrics
    return {key: metrics[key] for key in SHOWN}


if __name__ == "__main__":
    main()
