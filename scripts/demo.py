"""The tour of `make demo`: predict with a shipped checkpoint, fine-tune it for a rig it never saw, compare.

python scripts/demo.py out/demo
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.table import Table

from zoo.config import compose
from zoo.config.rendering import load_domain, load_rig
from zoo.exam.run import evaluate
from zoo.predict.report import Report
from zoo.predict.run import predict_sources
from zoo.synth.eyes.pool import render_pool
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.train.run import train

CHECKPOINT = "eyenet_s"
RIG = "headset"
FRAMES, TRAIN_FRAMES, FINE_TUNE_SAMPLES, TEST_FRAMES = 24, 3000, 9600, 600
TRAIN_SEED, TEST_SEED = 31, 32

SHOWN = {
    "segmentation/miou": "mIoU of 4 classes",
    "keypoints/pupil_px_median@visible30": "pupil centre, median px",
    "keypoints/pupil_px_within_2px@visible30": "pupil centre within 2 px",
    "keypoints/glint_recall": "glints found",
    "blink/openness_mae": "openness, mean error",
}


def sample_frames(folder: Path) -> None:
    """Frames of the rig as its camera would save them."""
    folder.mkdir(parents=True, exist_ok=True)
    rig = load_rig(RIG)
    renderer = EyeRenderer(load_domain("unseen"), TEST_SEED, rig, 240, 320)
    images = renderer.render(torch.arange(FRAMES))["image"][:, 0]
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / f"eye_{i:02d}.png"), (image.numpy() * 255).round().astype("uint8"))


def measure(checkpoint: str, output: Path) -> dict[str, float]:
    """Metrics on rendered frames of the rig, people that no training saw."""
    overrides = [f"checkpoint={checkpoint}", "data=render", "data.domain=unseen", f"data.rig={RIG}"]
    overrides += [f"seed={TEST_SEED}", f"count={TEST_FRAMES}", f"output={output}"]
    report = evaluate(compose("eval", overrides))
    return report.metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, nargs="?", default=Path("out/demo"))
    out: Path = parser.parse_args().output
    console = Console()

    console.rule(f"1. Predict with {CHECKPOINT}")
    sample_frames(out / "frames")
    predict_sources(CHECKPOINT, [str(out / "frames")], out / "predictions", console=console)

    console.rule(f"2. Fine-tune for the rig conf/rig/{RIG}.yaml, by overrides")
    with Report(console, TRAIN_FRAMES) as report:
        recipe = load_domain("train"), load_rig(RIG), TRAIN_FRAMES, TRAIN_SEED
        render_pool(out / "pool", *recipe, progress=report.reach)
    overrides = ["experiment=finetune", f"init={CHECKPOINT}", "data=pool", f"data.path={out / 'pool'}"]
    overrides += ["name=demo", f"run_dir={out / 'run'}", f"samples={FINE_TUNE_SAMPLES}", "resume=auto"]
    overrides += ["schedule.warmup_samples=1000", "validation.count=200"]
    overrides += [f"validation.data.rig={RIG}", "validation.overlays=0", "logger=csv"]
    console.print("zoo train " + " ".join(overrides), soft_wrap=True, highlight=False)
    run = train(compose("train", overrides))

    console.rule("3. Before and after, on people that no training saw")
    before = measure(CHECKPOINT, out / "before")
    after = measure(str(run / "checkpoint"), out / "after")
    table = Table("on this rig", "before", "after")
    for key, name in SHOWN.items():
        if key in before and key in after:
            table.add_row(name, f"{before[key]:.3f}", f"{after[key]:.3f}")
    console.print(table)
    console.print(f"Overlays: {out / 'predictions' / 'overlays'}; fine-tuned weights: {run / 'checkpoint'}")


if __name__ == "__main__":
    main()
