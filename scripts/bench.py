"""Speed as ratios measured side by side in one run, on one core.

    python scripts/bench.py bench.json

* latency at batch 1 of eyenet_s and eyenet_nano as `zoo predict` runs them, all tasks in one pass and each
  task alone, beside the features of timm's resnet18 on the same input;
* frames per second of the eye renderer, and of reading and augmenting a pool, beside what a training step
  of eyenet_s takes;
* looking at checkpoints beside `import torch`, and loading one beside building its network (bench_hub.py).

Contenders take turns, and each keeps its median: what else the machine does then hits all alike.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bench_hub
import timm
import torch

from zoo.config import compose
from zoo.config.rendering import load_domain
from zoo.data.augment import augment
from zoo.data.batches import Batches
from zoo.data.pool import Pool, PoolWriter
from zoo.draws import Draws
from zoo.exam.depth.cost import take_turns
from zoo.files import write_text
from zoo.hub import checkpoint
from zoo.memory import keep_freed_memory
from zoo.model.fuse import fused
from zoo.model.network import Network
from zoo.synth.eyes.renderer import EyeRenderer

HEIGHT, WIDTH = 120, 160
BATCH = 64


def latencies(rounds: int) -> dict[str, float]:
    image = torch.randn(1, 1, HEIGHT, WIDTH)
    contenders: dict[str, Callable[[], object]] = {}
    for name in ("eyenet_s", "eyenet_nano"):
        network = fused(
            checkpoint.load(name)[0]
        )  # as released, which may have more than its recipe started with
        contenders[name] = partial(network, image)
        for head in network.heads:
            contenders[f"{name}/{head}"] = partial(network, image, heads=[head])
    peer = timm.create_model("resnet18", features_only=True).eval()
    contenders["resnet18"] = partial(peer, image.expand(-1, 3, -1, -1).contiguous())
    with torch.inference_mode():
        return take_turns(contenders, rounds)


def training_step() -> Callable[[], object]:
    config = compose("train", ["experiment=continue", "init=eyenet_s", "data.path=pools/train"])
    network = Network(config.network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    batch = EyeRenderer(load_domain("train"), 0).render(torch.arange(BATCH))

    def step() -> None:
        changed = augment(batch, Draws(0, torch.arange(BATCH)), config.augment)
        predictions = network.answer(changed)
        losses = [network.head(name).loss(p, changed).value.mean() for name, p in predictions.items()]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()

    return step


def throughput(rounds: int) -> dict[str, float]:
    renderer = EyeRenderer(load_domain("train"), 0)
    compiled = EyeRenderer(load_domain("train"), 0)
    compiled.compile()
    index = torch.arange(16)
    with tempfile.TemporaryDirectory() as folder:
        writer = PoolWriter(Path(folder), {}, 4 * BATCH, HEIGHT, WIDTH)
        for start in range(0, 4 * BATCH, BATCH):
            writer.write(start, renderer.render(torch.arange(start, start + BATCH)))
        steps = itertools.count()
        batches = Batches(Pool(Path(folder)), BATCH, 0, compose("train", []).augment)
        seconds = take_turns(
            {
                "render eager": lambda: renderer.render(index),
                "render compiled": lambda: compiled.render(index),
                "read and augment": lambda: batches[next(steps)],
                "train eyenet_s": training_step(),
            },
            rounds,
        )
    return {name: (len(index) if name.startswith("render") else BATCH) / s for name, s in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    ms = {name: 1000 * s for name, s in latencies(arguments.rounds).items()}
    alone = {
        name: [v for k, v in ms.items() if k.startswith(f"{name}/")] for name in ("eyenet_s", "eyenet_nano")
    }
    report = {
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "latency_ms": ms,
        "all_tasks_over_costliest": {name: ms[name] / max(values) for name, values in alone.items()},
        "over_resnet18": {name: ms[name] / ms["resnet18"] for name in alone},
        "nano_over_s": ms["eyenet_nano"] / ms["eyenet_s"],
        "images_per_second": throughput(max(3, arguments.rounds // 10)),
        "hub": bench_hub.measure(),
    }
    write_text(arguments.output, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
