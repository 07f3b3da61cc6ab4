"""How long looking at checkpoints and loading one take, as ratios of one run.

    python scripts/bench_hub.py     # prints; scripts/bench.py includes it

* `zoo list` and `zoo info` beside `import torch`, each in a process of its own, by the time of the processor
  (less what an empty interpreter takes) and by the clock;
* `zoo.load` of a checkpoint in the cache, checked, beside building the bare network, torch and timm imported.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import zoo
from zoo.hub import cache, index, schema
from zoo.hub.metadata import read_metadata
from zoo.model.network import Network

COMMANDS = {
    "empty": ["-c", "pass"],
    "import torch": ["-c", "import torch"],
    "list": ["-m", "zoo", "list"],
    "list --where": ["-m", "zoo", "list", "--where", "params < 2e6 and pupil_px < 2", "--sort", "latency"],
    "info": ["-m", "zoo", "info", "eyenet_s"],
}


def looking(rounds: int = 5) -> dict[str, float]:
    """Medians over `import torch`; the contenders take turns."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            found[name].append(_process(arguments))
    clock, processor = (
        {name: statistics.median(times[i] for times in values) for name, values in found.items()}
        for i in range(2)
    )
    base = processor["import torch"] - processor["empty"]
    commands = [name for name in COMMANDS if name not in ("empty", "import torch")]
    ratios = {f"{name}: clock": clock[name] / clock["import torch"] for name in commands}
    return ratios | {f"{name}: processor": (processor[name] - processor["empty"]) / base for name in commands}


def loading(name: str = "eyenet_s", rounds: int = 15) -> dict[str, float]:
    """`zoo.load` from the cache over `Network(config)`: medians of processor time of turns."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[cache.CACHE_VARIABLE] = folder
        found = index.find(name)
        assert found is not None
        from zoo.hub.fetch import fetch

        path = fetch(found.entry, found.places)
        alone = Path(folder) / schema.INDEX_FILE  # lists the checkpoint, and has no files beside it
        alone.write_text((index.root() / schema.INDEX_FILE).read_text(encoding="utf-8"), encoding="utf-8")
        before, index._find_root = index._find_root, lambda: Path(folder)
        try:
            config = read_metadata(path).network
            seconds = _take_turns(
                {
                    "load": lambda: zoo.load(name, "cpu"),
                    "build": lambda: Network(config, fetch_weights=False),
                },
                rounds,
            )
        finally:
            index._find_root = before
            del os.environ[cache.CACHE_VARIABLE]
    return {"load_over_build": seconds["load"] / seconds["build"]} | {
        f"{key}_ms": 1000 * value for key, value in seconds.items()
    }


def measure() -> dict[str, dict[str, float]]:
    """Both."""
    return {"over_import_torch": looking(), "load": loading()}


def _process(arguments: list[str]) -> tuple[float, float]:
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, spent


def _take_turns(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 2):
        for name, call in contenders.items():
            start = time.process_time()
            call()
            if turn >= 2:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measure(), indent=1))
