"""Fine-tuning on real eyes, with and without keeping what the parent could.

    zoo render eyes -n 96000 --seed 1000 -o pools/train
    python scripts/study_retain.py --meye path/to/meye

Stopped at any time, the same command goes on. The design, fixed before any result was seen:

* **People.** The two folds of scripts/study_mixing.py: trained on 44, 50, 51 and tested on 42, 49, and the
  other way round.
* **Labels.** MEYE labels pupils and blinks. Of each fold a folder as a user would make it (`data=folder`) is
  written: its masks hold the labelled pupil, and around it what the parent says, its pupil taken for iris.
* **Fine-tuning.** eyenet_s, all heads, 250 steps of 32 images, Muon at 5e-4; once with `retain=all` (half of
  each batch rendered, distillation where a label is missing, three tenths of the parent's weights), once
  without. Nothing was tuned on MEYE.
* **Measure.** MEYE's people that were not trained on: share of pupils beyond 2 px, 1 - IoU, blink AP; the
  first 1000 frames of the exam of unseen people, all tasks. Parent and children go the same way.

Weights that saw MEYE stay in the output folder: its licence is not stated, so they are never released.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import torch
from PIL import Image
from study_frames import Frames
from study_mixing import FOLDS, trained

from zoo.config import compose
from zoo.conventions import IRIS, PUPIL
from zoo.data.sources.meye import Meye
from zoo.exam.real import over_people, score_meye
from zoo.exam.run import evaluate
from zoo.files import write_text
from zoo.predict.predictor import load

PARENT: Final = "eyenet_s"
RECIPES: Final = {"plain": [], "retain": ["retain=all", "retain.replay.eyes={type: pool, path: pools/train}"]}
REAL: Final = {
    "beyond_2px": "segmentation/pupil_mask_px_within_2px",
    "one_minus_iou": "segmentation/iou_image_pupil",
    "blink_ap": "blink/blink_ap",
}
RENDERED: Final = {
    "segmentation/miou": True,
    "keypoints/pupil_px_median": False,
    "blink/blink_ap": True,
    "eye3d/cornea_lateral_mm_median": False,
    "gaze/optical_deg_mean": False,
}
"""A figure a task, and whether higher is better."""


def write_folder(frames: Frames, target: Path) -> None:
    """The frames of a fold in the layout of `data=folder`."""
    if (target / "labels.csv").exists():
        return
    predictor = load(PARENT, "cpu")
    for name in ("images", "masks"):
        (target / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(len(frames)):
        labels, index = frames.labels, np.array([number])
        grey = (frames.images(index)[0, 0].numpy() * 255).round().astype(np.uint8)
        name = f"{number:05d}.png"
        Image.fromarray(grey).save(target / "images" / name)
        row: dict[str, Any] = {
            "file": f"images/{name}",
            "subject": int(labels.subjects[number]),
            "mask": "",
            "blink": "",
        }
        if labels.blink_valid[number]:
            row["blink"] = int(labels.blink[number])
        if labels.pupil_valid[number]:
            classes = predictor(grey).segmentation
            assert classes is not None
            classes = np.where(classes == PUPIL, np.uint8(IRIS), classes)
            classes[frames.masks(index)[0].numpy()] = PUPIL
            Image.fromarray(classes).save(target / "masks" / name)
            row["mask"] = f"masks/{name}"
        rows.append(row)
    with (target / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def overrides(recipe: str, fold: str, output: Path, steps: int) -> list[str]:
    """The fine-tuning, as `zoo train` takes it."""
    return [
        f"init={PARENT}",
        "data=folder",
        f"data.root={output / f'people_{fold}'}",
        *RECIPES[recipe],
        f"samples={32 * steps}",
        "batch_size=32",
        "optimizer.type=muon",
        "optimizer.lr=5e-4",
        f"schedule.warmup_samples={min(1_000, 16 * steps)}",
        "ema.half_life_samples=2_000",
        "balance.weights={segmentation: 2.0, keypoints: 0.4, eye3d: 0.3}",
        "validation=pool",
        "validation.data.path=pools/train",  # of training people: looked at, and nothing is chosen by it
        "validation.count=64",
        "validation.every_samples=100_000_000",
        "logger=none",
        f"run_dir={output / f'{recipe}_{fold}'}",
    ]


def on_people(checkpoint: str, people: Frames) -> dict[str, float]:
    """Figures on real people."""
    over = over_people(pl.concat(score_meye(load(checkpoint, "cpu"), people, seed=0, batch_size=64)))[0]
    figures = {name: over[metric] for name, metric in REAL.items()}
    return figures | {name: 1 - figures[name] for name in ("beyond_2px", "one_minus_iou")}


def on_rendered(checkpoint: str, count: int) -> dict[str, float]:
    """A figure a task on the exam of unseen people."""
    report = evaluate(compose("eval", [f"checkpoint='{checkpoint}'", "exam=unseen", f"count={count}"]))
    return {metric: report.metrics[metric] for metric in RENDERED}


def changes(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> dict[str, float]:
    """Relative changes: of the real errors, and how much worse each rendered figure is."""
    found = {name: after["real"][name] / before["real"][name] - 1 for name in ("beyond_2px", "one_minus_iou")}
    for metric, higher in RENDERED.items():
        old, new = before["rendered"][metric], after["rendered"][metric]
        found[f"worse {metric}"] = (old - new if higher else new - old) / old
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meye", type=Path, required=True, help="folder with labels.csv, images/, masks/")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--frames", type=int, default=1000, help="of the exam of unseen people")
    parser.add_argument("--runs", type=Path, default=Path("runs/study_retain"))
    parser.add_argument("--output", type=Path, default=Path("metrics/study_retain.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    frames = Frames(Meye(arguments.meye))
    report: dict[str, Any] = {"parent": PARENT, "steps": arguments.steps, "folds": {}}
    rendered = on_rendered(PARENT, arguments.frames)
    for fold, people in FOLDS.items():
        others = frames.of([person for other, names in FOLDS.items() if other != fold for person in names])
        write_folder(frames.of(people), arguments.runs / f"people_{fold}")
        for recipe in RECIPES:
            trained(compose("train", overrides(recipe, fold, arguments.runs, arguments.steps)))
        before = {"real": on_people(PARENT, others), "rendered": rendered}
        result: dict[str, Any] = {"before": before}
        for recipe in RECIPES:
            child = str(arguments.runs / f"{recipe}_{fold}")
            after = {"real": on_people(child, others), "rendered": on_rendered(child, arguments.frames)}
            result[recipe] = after | {"change": changes(before, after)}
        report["folds"][fold] = result
        print(fold, json.dumps(result, indent=1), flush=True)
    report["mean_change"] = {
        recipe: {
            name: float(np.mean([report["folds"][fold][recipe]["change"][name] for fold in FOLDS]))
            for name in report["folds"]["a"][recipe]["change"]
        }
        for recipe in RECIPES
    }
    write_text(arguments.output, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["mean_change"], indent=1))


if __name__ == "__main__":
    main()
