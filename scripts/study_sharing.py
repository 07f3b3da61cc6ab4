"""Does sharing cost anything? Every task alone against all tasks on one backbone, at equal budget.

    zoo render eyes -n 96000 --seed 1000 -o pools/train
    zoo render rooms -n 7000 --seed 1 -o pools/rooms
    zoo render rooms -n 300 --seed 2 -o pools/rooms_validation
    python scripts/study_sharing.py

Stopped at any time, the same command goes on. The design was fixed before any result was seen, but for the
aggregators of gradients, which were added after the results of the other two balancings:

* **Networks.** That of conf/network/zoo_s.yaml from random weights: with one head (gaze keeps eye3d, which
  it is built on), and with all six.
* **Budget.** Each network takes the same number of steps, and a step shows the same batches: 32 rendered eyes
  where it has heads of eyes, 6 rendered rooms where it has one of rooms. So a task sees the same samples in
  the same order alone and shared, and the shared network costs what one of eyes and one of rooms cost.
* **Balancing.** Fixed weights (those of experiment=zoo_s, which are nothing to a task alone but its scale),
  learned uncertainties, and two aggregators of the tasks' gradients on the shared weights: UPGrad (no task is
  harmed by a step) and AlignedMTL (equal scales, no conflict).
* **Measure.** 2000 held-out eyes, 300 held-out rooms; the averaged weights of the last step.
* **Relative gain** of a metric: (single - shared) / single where lower is better, (shared - single) / single
  where higher is; above 0 sharing helps. Its mean over all metrics, and the mean over tasks of the mean over
  a task's metrics, can differ in sign: both are given.
* **Latency**: all heads of eyes in one pass of the network over the sum of passes of one head each, at batch
  1 on one core; parameters likewise.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from zoo.config import TrainConfig, compose
from zoo.exam.depth.cost import take_turns
from zoo.files import write_text
from zoo.model.config import NetworkConfig
from zoo.model.fuse import fused
from zoo.model.network import Network
from zoo.train.folder import HELD_OUT
from zoo.train.run import train

TASKS: Final = {
    "blink": ["blink"],
    "segmentation": ["segmentation"],
    "keypoints": ["keypoints"],
    "eye3d": ["eye3d"],
    "gaze": ["eye3d", "gaze"],
    "depth": ["depth"],
}
"""Heads of each single-task network."""
SHARED: Final = {
    "fixed": ["balance=fixed"],
    "uncertainty": ["balance=uncertainty"],
    "upgrad": ["balance=upgrad"],
    "aligned": ["balance=upgrad", "balance.aggregator=AlignedMTL"],
}
"""Balancings of the shared one, as overrides."""
METRICS: Final[dict[str, dict[str, bool]]] = {
    "blink": {"blink/blink_ap": True, "blink/openness_mae": False},
    "segmentation": {"segmentation/miou": True, "segmentation/pupil_mask_px_median": False},
    "keypoints": {"keypoints/pupil_px_median": False, "keypoints/glint_recall": True},
    "eye3d": {"eye3d/cornea_lateral_mm_median": False, "eye3d/cornea_depth_mm_mean": False},
    "gaze": {"gaze/optical_deg_mean": False},
    "depth": {"depth/absrel_ratio": False, "depth/rmse_m": False, "depth/delta_share": True},
}
"""Of each task, and whether higher is better."""
EYES, ROOMS = 32, 6
ROOMS_HELD_OUT: Final = "{type: room_pool, path: pools/rooms_validation, reduce: 2}"
AT_THE_END: Final = "validation.every_samples=1_000_000_000"


def config_of(name: str, steps: int, seed: int, output: Path) -> TrainConfig:
    """The run of a single task, or of all with a balancing."""
    heads = TASKS.get(name, list(TASKS))
    eyes, rooms = heads != ["depth"], "depth" in heads
    overrides = [
        "network=zoo_s",
        "mixture=eyes_and_rooms",
        f"heads=[{','.join(heads)}]",
        f"data.batch={{eyes: {EYES}, views: {ROOMS}}}",
        f"samples={steps * (EYES * eyes + ROOMS * rooms)}",
        f"schedule.warmup_samples={steps * (EYES * eyes + ROOMS * rooms) // 20}",
        f"ema.half_life_samples={steps * (EYES * eyes + ROOMS * rooms) // 10}",
        "optimizer.type=muon",
        "optimizer.lr=4e-3",
        *SHARED.get(name, SHARED["fixed"]),
        f"balance.weights={_weights(heads)}",
        f"seed={seed}",
        "logger=none",
        f"name={name}",
        f"run_dir={output / f'{name}-{seed}'}",
    ]
    if rooms and not eyes:
        return compose(
            "train", [*overrides, "~data.eyes", "validation=rooms", "validation.data.reduce=2", AT_THE_END]
        )
    first = output / f"blink-{seed}" / HELD_OUT  # rendered once, by the first run
    if name != "blink" and first.exists():
        overrides += ["validation=pool", f"validation.data.path={first}"]
    if rooms:
        overrides.append(f"validation.more.rooms={{data: {ROOMS_HELD_OUT}, count: 300}}")
    else:
        overrides.append("~data.views")
    return compose("train", [*overrides, AT_THE_END])


def _weights(heads: list[str]) -> str:
    weights = {"segmentation": 2.0, "keypoints": 0.4, "eye3d": 0.3, "depth": 0.5}
    return "{" + ", ".join(f"{name}: {value}" for name, value in weights.items() if name in heads) + "}"


def gains(single: dict[str, dict[str, float]], shared: dict[str, float]) -> dict[str, Any]:
    """Relative gains by metric, by task, and both means."""
    by_metric = {}
    for task, metrics in METRICS.items():
        for metric, higher in metrics.items():
            alone, together = single[task][metric], shared[metric]
            by_metric[metric] = (together - alone if higher else alone - together) / alone
    by_task = {task: sum(by_metric[m] for m in metrics) / len(metrics) for task, metrics in METRICS.items()}
    return {
        "by_metric": by_metric,
        "by_task": by_task,
        "mean_over_metrics": sum(by_metric.values()) / len(by_metric),
        "mean_over_tasks": sum(by_task.values()) / len(by_task),
        "worst_task": min(by_task, key=lambda task: by_task[task]),
    }


def cost(rounds: int) -> dict[str, float]:
    """Latency and parameters of the whole over those of the parts."""
    whole = compose("train", ["network=zoo_s"]).network
    parts = {task: _with_heads(whole, heads) for task, heads in TASKS.items()}
    counts = {task: _parameters(part) for task, part in parts.items()}
    image = torch.randn(1, 1, whole.input.height, whole.input.width)
    eyes = [task for task, heads in TASKS.items() if heads != ["depth"]]
    contenders: dict[str, Callable[[], object]] = {
        task: partial(fused(Network(parts[task])), image, heads=[task]) for task in eyes
    }
    contenders["all"] = partial(fused(Network(whole)), image, heads=eyes)
    with torch.inference_mode():
        seconds = take_turns(contenders, rounds)
    return {
        "eye_tasks_over_sum_of_single": seconds["all"] / sum(seconds[task] for task in eyes),
        "parameters": _parameters(whole),
        "parameters_over_sum_of_single": _parameters(whole) / sum(counts.values()),
    }


def _with_heads(config: NetworkConfig, heads: list[str]) -> NetworkConfig:
    return config.model_copy(update={"heads": {name: config.heads[name] for name in heads}})


def _parameters(config: NetworkConfig) -> int:
    return sum(p.numel() for p in Network(config).parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/study_sharing"))
    parser.add_argument("--output", type=Path, default=Path("metrics/study_sharing.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measured: dict[str, dict[str, float]] = {}
    for name in (*TASKS, *SHARED):
        config = config_of(name, arguments.steps, arguments.seed, arguments.runs)
        run = train(config)
        line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
        measured[name] = {metric.removeprefix("on_rooms/"): value for metric, value in line.items()}
    report = {
        "steps": arguments.steps,
        "seed": arguments.seed,
        "eyes": arguments.steps * EYES,
        "rooms": arguments.steps * ROOMS,
        "single": {
            task: {metric: measured[task][metric] for metric in metrics} for task, metrics in METRICS.items()
        },
        "shared": {
            balance: {m: measured[balance][m] for metrics in METRICS.values() for m in metrics}
            for balance in SHARED
        },
        "gain": {balance: gains(measured, measured[balance]) for balance in SHARED},
        "cost": cost(100),
    }
    write_text(arguments.output, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["gain"], indent=1))
    print(json.dumps(report["cost"], indent=1))


if __name__ == "__main__":
    main()
