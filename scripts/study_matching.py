"""Matching shared by the views, or in each source by itself as DELTAS has it? Two networks at equal budget.

    zoo render rooms -n 7000 --seed 1 -o pools/rooms
    zoo render rooms -n 300 --seed 2 -o pools/rooms_validation
    python scripts/study_matching.py --hololens path/to/hololens

Stopped at any time, the same command goes on: a network that is trained and measured is kept in
``<runs>/<network>-<seed>``. The design, fixed before any result was seen:

* **Networks.** deltas_s and deltas_classic (conf/network), from random weights. They differ in the matching
  alone: hypotheses of depth that all sources vote for, with neighbours that agree and a second, closer look;
  or a soft-argmax along the epipolar segment of each source and weighted least squares. Both are trained by
  cross entropy on the hypotheses, without which the latter learns next to nothing.
* **Budget.** The recipe of experiment=deltas_s for both, shortened: the same number of steps of 8 rendered
  triplets at 160x120, the same samples in the same order; warm-up and averaging of the weights are the same
  shares of the run (1/20, 1/10). So the samples are equal, not the time: what a pass of each costs is
  measured beside. The recipe was chosen for deltas_s and not tuned for the other.
* **Measure.** The averaged weights of the last step, 3 views at 320x240, as the README's tables have it: the
  unseen rooms of conf/rooms_exam.yaml and the real frames. A difference is that of the means over frames,
  with the standard error of the mean paired difference (frames of one capture are not independent: the true
  one is larger). With several seeds, figures are means over them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl
import torch

from zoo.config import TrainConfig, compose
from zoo.data.views import ViewBatch
from zoo.evaluate import summarise
from zoo.exam.depth.cost import take_turns
from zoo.exam.depth.measure import VIEWS, score
from zoo.exam.depth.samples import DepthSamples, RealCapture, RenderedRooms, render_exam, room_exams
from zoo.files import write_text
from zoo.hub import checkpoint
from zoo.memory import keep_freed_memory
from zoo.model.fuse import fused
from zoo.model.network import Network
from zoo.train.folder import MODEL
from zoo.train.run import train

NETWORKS: Final = ("deltas_s", "deltas_classic")
"""The second is compared with the first."""
BATCH: Final = 8
EXAM, REAL = "unseen", "hololens"
METRICS: Final = (
    "depth/absrel_ratio",
    "depth/rmse_m",
    "depth/delta_share",
    "depth/seen_absrel_ratio",
    "depth/sure_absrel_ratio",
    "depth/point_share",
    "depth/point_absrel_ratio",
)
AT_THE_END: Final = "validation.every_samples=1_000_000_000"


def config_of(network: str, steps: int, seed: int, runs: Path, pool: Path) -> TrainConfig:
    """The run of one network."""
    samples = steps * BATCH
    return compose(
        "train",
        [
            "experiment=deltas_s",
            f"network={network}",
            f"samples={samples}",
            f"batch_size={BATCH}",
            f"schedule.warmup_samples={samples // 20}",
            f"ema.half_life_samples={max(samples // 10, 1)}",
            f"seed={seed}",
            "logger=none",
            "validation.count=16",  # figures come from the exam
            AT_THE_END,
            f"name=study_matching_{network}",
            f"run_dir={runs / f'{network}-{seed}'}",
            f"data.path={pool / 'rooms'}",
            f"validation.data.path={pool / 'rooms_validation'}",
        ],
    )


def trained(config: TrainConfig) -> Network:
    """The network of the finished run; ends the process where a signal stopped it on the way."""
    folder = train(config)
    network, metadata = checkpoint.load(folder / MODEL)
    if metadata.training.samples_seen < config.samples:
        sys.exit(f"stopped in {folder}: the same command goes on")
    return network


def measured(network: Network, parts: dict[str, DepthSamples], kept: Path) -> dict[str, pl.DataFrame]:
    """Scores of every frame of each part; those that an earlier start found are read."""
    tables = {}
    for name, samples in parts.items():
        path = kept / f"{name}.parquet"
        if path.is_file() and len(kept_before := pl.read_parquet(path)) == len(samples.rows):
            tables[name] = kept_before
            continue
        print(f"{path}: {len(samples.rows)} samples", flush=True)
        table = score(network, samples, samples.rows, VIEWS)
        table.write_parquet(path)
        tables[name] = table
    return tables


def compared(tables: list[dict[str, pl.DataFrame]]) -> dict[str, Any]:
    """Metrics of both networks on one part, and the second's less the first's with its standard error.

    Args:
        tables: of each seed: network -> scores, a row a frame.
    """
    result: dict[str, Any] = {name: {} for name in (*NETWORKS, "difference")}
    means = [{name: summarise(table) for name, table in seed.items()} for seed in tables]
    for metric in METRICS:
        for name in NETWORKS:
            result[name][metric] = sum(seed[name][metric] for seed in means) / len(means)
        ours, theirs = (pl.concat(seed[name].select("row", metric) for seed in tables) for name in NETWORKS)
        apart = (theirs[metric] - ours[metric]).drop_nulls().drop_nans()
        spread = apart.std()
        assert isinstance(spread, float)
        value = result[NETWORKS[1]][metric] - result[NETWORKS[0]][metric]
        # Frames, not frames times seeds: the same frame twice is not two.
        frames = len(apart) / len(tables)
        result["difference"][metric] = {"value": value, "standard_error": spread / math.sqrt(frames)}
    result["frames"] = len(tables[0][NETWORKS[0]])
    return result


def cost(networks: dict[str, Network], batch: ViewBatch, rounds: int) -> dict[str, float]:
    """Parameters of each, in millions, and the time of a pass of the second over the first's."""
    with torch.inference_mode():
        seconds = take_turns(
            {name: partial(fused(network).views, batch) for name, network in networks.items()}, rounds
        )
    parameters = {
        f"parameters_m_{name}": sum(p.numel() for p in network.parameters()) / 1e6
        for name, network in networks.items()
    }
    return {**parameters, "latency_over": seconds[NETWORKS[1]] / seconds[NETWORKS[0]]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=320)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--hololens", type=Path, help="a capture with depth; without it, rooms alone")
    parser.add_argument("--pool", type=Path, default=Path("pools"), help="where rendered rooms are kept")
    parser.add_argument("--limit", type=int, help="measure so many frames only, to try it; renders nothing")
    parser.add_argument("--runs", type=Path, default=Path("runs/study_matching"))
    parser.add_argument("--output", type=Path, default=Path("metrics/study_matching.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    path = arguments.pool / f"rooms_exam_{EXAM}"
    spec = room_exams()[EXAM]
    if arguments.limit is None:
        render_exam(spec, path)
    parts: dict[str, DepthSamples] = {f"rooms_{EXAM}": RenderedRooms(path, spec, arguments.limit)}
    if arguments.hololens is not None:
        parts[REAL] = RealCapture(arguments.hololens, arguments.limit)
    found: dict[str, list[dict[str, pl.DataFrame]]] = {name: [] for name in parts}
    networks: dict[str, Network] = {}
    for seed in arguments.seeds:
        tables = {}
        for name in NETWORKS:
            config = config_of(name, arguments.steps, seed, arguments.runs, arguments.pool)
            networks[name] = trained(config)
            tables[name] = measured(networks[name], parts, config.run_dir)
        for part in parts:
            found[part].append({name: tables[name][part] for name in NETWORKS})
    rooms = parts[f"rooms_{EXAM}"]
    report = {
        "command": "python scripts/study_matching.py --hololens path/to/hololens",
        "steps": arguments.steps,
        "triplets": arguments.steps * BATCH,
        "seeds": arguments.seeds,
        "parts": {part: compared(tables) for part, tables in found.items()},
        "cost": cost(networks, rooms.batch(rooms.rows[:1], VIEWS), rounds=20),
    }
    write_text(arguments.output, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
