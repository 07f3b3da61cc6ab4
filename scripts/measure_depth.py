"""The whole exam of one depth checkpoint: writes what the depth tables of the README are rendered from.

    python scripts/measure_depth.py deltas_s --hololens path/to/hololens --pool pools

Goes to ``metrics/<name>/depth_<part>.json``: the rooms of conf/rooms_exam.yaml (rendered into
``<pool>/rooms_exam_<exam>`` where they are missing), the real capture where it is given, and the cost.
Takes some minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

import torch

from zoo.exam.depth.cost import cost
from zoo.exam.depth.measure import DepthReport, measure_depth
from zoo.exam.depth.samples import DepthSamples, RealCapture, RenderedRooms, render_exam, room_exams
from zoo.files import write_text
from zoo.hub import checkpoint
from zoo.memory import keep_freed_memory

REAL = "hololens"


def exam_samples(
    pool: Path, hololens: Path | None, limit: int | None, only: list[str]
) -> dict[str, DepthSamples]:
    """The parts of the exam by name; rooms that are missing are rendered."""
    parts: dict[str, DepthSamples] = {}
    for name, spec in room_exams().items():
        if only and f"rooms_{name}" not in only:
            continue
        path = pool / f"rooms_exam_{name}"
        if limit is None:
            print(f"{path}: rendering what is missing of {spec.rooms} rooms", flush=True)
            render_exam(spec, path)
        parts[f"rooms_{name}"] = RenderedRooms(path, spec, limit)
    if hololens is not None and (not only or REAL in only):
        parts[REAL] = RealCapture(hololens, limit)
    return parts


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What the scripts of depth share."""
    parser.add_argument(
        "--hololens", type=Path, help="a capture with depth: images/, depth/, K.txt, poses.txt"
    )
    parser.add_argument("--pool", type=Path, default=Path("pools"), help="where rendered rooms are kept")
    parser.add_argument("--limit", type=int, help="look at so many samples only, to try it; renders nothing")
    parser.add_argument("--only", action="append", default=[], help="one part by name; can be repeated")
    parser.add_argument("--output", type=Path, default=Path("metrics"))
    return parser.parse_args()


def told_command() -> str:
    """The command line, with the paths of this machine left out."""
    words = ["python", f"scripts/{Path(sys.argv[0]).name}"]
    hide = False
    for word in sys.argv[1:]:
        words.append(f"path/to/{Path(word).name}" if hide or "/" in word else word)
        hide = word in ("--hololens", "--pool", "--output")
    return shlex.join(words)


def show(name: str, report: DepthReport) -> None:
    print(name, {key: round(value, 4) for key, value in report.metrics.items()})
    print(name, "views", {n: round(m["depth/absrel_ratio"], 4) for n, m in report.views.items()})
    print(name, "completion", {n: c["over_linear"] for n, c in report.completion.items()}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", help="a name or a folder")
    arguments = arguments_of(parser)
    torch.set_num_threads(1)
    keep_freed_memory()
    network, metadata = checkpoint.load(arguments.checkpoint)
    sha256 = None if metadata.weights is None else metadata.weights.sha256
    folder = arguments.output / metadata.name
    parts = exam_samples(arguments.pool, arguments.hololens, arguments.limit, arguments.only)
    for name, samples in parts.items():
        report = measure_depth(
            network,
            samples,
            checkpoint=metadata.name,
            sha256=sha256,
            command=told_command(),
            progress=lambda what, name=name: print(f"{name}: {what}", flush=True),  # type: ignore[misc]
        )
        write_text(folder / f"depth_{name}.json", report.to_json())
        show(name, report)
    if not arguments.only or "cost" in arguments.only:
        figures = {"checkpoint": metadata.name, "sha256": sha256, "command": told_command(), **cost(network)}
        write_text(folder / "depth_cost.json", json.dumps(figures, indent=1) + "\n")
        print("cost", figures)


if __name__ == "__main__":
    main()
