"""Recordings of unseen people: raw answers, those of `--recording`, and calibrated ones.

    python scripts/recording.py eyenet_s

What is rendered is fixed in `zoo.exam.recording`, for random rigs and for the headset's, without and with its
LEDs known (``headset_leds``, as by `zoo predict --rig`). Writes
``metrics/recording_<checkpoint>.json``; ``--people`` makes a quick trial, whose file says so.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import polars as pl
import torch

from zoo.evaluate import summarise
from zoo.exam.oracle import visual_floor_deg
from zoo.exam.recording import DOMAIN, FRAMES, PEOPLE, RIGS, SAMPLES, SEED, recordings, score
from zoo.files import write_text
from zoo.geometry.angles import angle_between
from zoo.geometry.vectors import unit
from zoo.predict.predictor import Predictor, load


def measure(predictor: Predictor, rig: str, known: bool, people: int) -> dict[str, Any]:
    made = list(recordings(predictor, rig, people, known=known))
    table = pl.concat([score(recording) for recording in made])
    shown = [recording.optical[recording.shown] for recording in made]
    each = [angle_between(axes, unit(axes.mean(0))).rad2deg() for axes in shown]
    every = [angle_between(axes, unit(torch.cat(shown).mean(0))).rad2deg() for axes in shown]
    mean, median = visual_floor_deg()
    return {
        "metrics": summarise(table),
        "baseline": {  # of the mean axis of all people, and of each person's own
            "optical_deg_mean": _mean(every),
            "own_optical_deg_mean": _mean(each),
        },
        "floor": {"visual_deg_mean": mean, "visual_deg_median": median},
    }


def _mean(parts: list[Any]) -> float:
    return float(sum(part.sum() for part in parts) / sum(len(part) for part in parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--device")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"before each rig, {PEOPLE} for the exam")
    parser.add_argument("--output", type=Path, default=Path("metrics"))
    arguments = parser.parse_args()
    predictor = load(arguments.checkpoint, arguments.device)
    weights = predictor.metadata.weights
    rigs = {name: measure(predictor, *row, arguments.people) for name, row in RIGS.items()}
    report = {
        "checkpoint": predictor.metadata.name,
        "sha256": None if weights is None else weights.sha256,
        "date": datetime.date.today().isoformat(),
        "data": {
            "domain": DOMAIN,
            "seed": SEED,
            "people": arguments.people,
            "frames": FRAMES,
            "samples": SAMPLES,
        },
        "rigs": rigs,
    }
    path = arguments.output / f"recording_{predictor.metadata.name}.json"
    write_text(path, json.dumps(report, indent=1) + "\n")
    for rig, part in rigs.items():
        print(rig, {k: round(v, 3) for k, v in part["metrics"].items() if "@" not in k and "p95" not in k})


if __name__ == "__main__":
    main()
