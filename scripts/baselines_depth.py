"""What needs no learning on the exams of depth: a constant, interpolated truth, SIFT with known poses.

python scripts/baselines_depth.py --hololens path/to/hololens --pool pools    # metrics/baselines_depth.json

See `zoo.exam.depth.baselines`. The parts that are measured replace those in the file, the others stay.
"""

from __future__ import annotations

import argparse
import datetime
import json

import torch
from measure_depth import arguments_of, exam_samples, told_command

from zoo.exam.depth.baselines import measure_baselines
from zoo.files import write_text


def main() -> None:
    arguments = arguments_of(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    torch.set_num_threads(1)
    path = arguments.output / "baselines_depth.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    parts = exam_samples(arguments.pool, arguments.hololens, arguments.limit, arguments.only)
    for name, samples in parts.items():
        methods = measure_baselines(samples)
        results[name] = {
            "date": datetime.date.today().isoformat(),
            "command": told_command(),
            "data": samples.describe(),
            "samples": len(samples.rows),
            "methods": methods,
        }
        write_text(path, json.dumps(results, indent=1) + "\n")
        for method, metrics in methods.items():
            print(name, method, {key: round(value, 3) for key, value in metrics.items()}, flush=True)


if __name__ == "__main__":
    main()
