"""How many labelled real images does rendered data replace? A grid of small runs on MEYE's infrared eyes.

    zoo render eyes -n 96000 --seed 1000 -o pools/train
    python scripts/study_mixing.py --meye path/to/meye --rendered pools/train

Stopped at any time, the same command goes on: each finished cell is a file of ``<output>/cells``. The design
was written first. Three things changed after the first cells were seen, none of which a figure was chosen by:
`replayed` was added, `real_long` got as many steps as parent and fine-tuning together in place of twice as
many, and the order of the cells.

* **People.** Five people in two folds. Fold A trains on 44, 50 and 51 and is tested on 42 and 49; fold B the
  other way round. So each person is tested once, by networks that never saw one of their frames.
* **Network.** Backbone and neck of eyenet_nano at 64x64 pixels with two heads: segmentation (pupil or not,
  which is what MEYE labels; rendered classes are reduced to it) and blink.
* **Regimes.** ``real``: from random weights, real images alone. ``mixed``: from random weights, half of each
  batch real, half rendered. ``finetuned``: from the parent, real images alone. ``rendered``: from random
  weights, no real image. ``parent``: rendered images alone for `Grid.parent` samples, once, for all cells.
  ``replayed``: from the parent, half real, half rendered. (This one was added when the first cells showed
  that the budget is too short to learn rendered and real eyes together from nothing.)
* **Budget.** Every cell takes the same number of steps of 32 images, whatever its number of real images;
  only the parent's are extra, paid once. So what starts from it rests on more computing than `real`, which
  starts from random weights. ``real_long`` (all real images, as many steps as parent and fine-tuning
  together) tells what `real` would gain by as much.
* **Real images.** 10, 30, 100, 300, 1000 or all of the fold's training people, drawn at random over people
  and sessions; a smaller set is part of the larger one. The seed (0, 1, 2) chooses the set, the weights and
  the order.
* **The rest** is that of the released networks and the same for all: Muon (4e-3, from the parent 1e-3: the
  rates of experiment=eyenet_nano and experiment=headset), cosine schedule, averaged weights,
  augment=strong. Nothing was tuned on MEYE, and the weights of the last step are those that are measured.
* **Measure.** Through the predictor, in native pixels of 128x128: pupil centroid within 2 px and its 95th
  percentile, pupil IoU (mean over frames), blink AP (person 50 never blinks), by person, then the mean over
  people. `zoo eval` on MEYE goes the same way.

Weights that saw MEYE stay in the output folder: its licence is not stated, so they are never released.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl
from study_frames import SIZE, Frames, pack_real, pack_rendered

from zoo.config import TrainConfig, compose
from zoo.data.pool import Pool
from zoo.data.sources.meye import Meye
from zoo.errors import ZooError
from zoo.exam.real import over_people, score_meye
from zoo.files import write_text
from zoo.hub.metadata import read_metadata
from zoo.predict.predictor import load
from zoo.train.folder import MODEL
from zoo.train.run import train

FOLDS: Final = {"a": (44, 50, 51), "b": (42, 49)}
"""Whom a fold trains on; it is tested on the others."""
REGIMES: Final = ("real", "finetuned", "replayed", "mixed")
"""That are run for every number of real images."""
BATCH: Final = 32
HELD_OUT: Final = 64  # rendered frames that training itself validates on; nothing here depends on them
METRICS: Final = {
    "within_2px": "segmentation/pupil_mask_px_within_2px",
    "p95_px": "segmentation/pupil_mask_px_p95",
    "iou": "segmentation/iou_image_pupil",
    "blink_ap": "blink/blink_ap",
}


class Grid(NamedTuple):
    """What is run."""

    images: Sequence[int | None] = (100, 1000, 10, 30, 300, None)
    """Real images, in the order in which they are run; None: all."""
    seeds: Sequence[int] = (0, 1, 2)
    long_seeds: Sequence[int] = (0,)
    """Of `real_long`."""
    samples: int = 16_384
    """Of a cell."""
    parent: int = 65_536
    rendered: int = 48_000
    """Different rendered frames."""


SMOKE: Final = Grid((4, None), (0,), (0,), samples=2 * BATCH, parent=2 * BATCH, rendered=64)


class Cell(NamedTuple):
    """One run and its measurement."""

    regime: str
    images: int | None
    """Real images; None: all, 0: none."""
    fold: str | None
    """None: no real image is trained on, so everybody is tested."""
    seed: int

    @property
    def name(self) -> str:
        parts = [self.regime, "all" if self.images is None else str(self.images), self.fold or "ab"]
        return "-".join([*parts, str(self.seed)])

    @property
    def tested(self) -> tuple[int, ...]:
        """People."""
        return tuple(p for fold, people in FOLDS.items() if fold != self.fold for p in people)


def cells(grid: Grid) -> list[Cell]:
    """All cells, the parent first, then what matters most, as a run may end early."""
    result = [Cell("parent", 0, None, grid.seeds[0])]
    for seed in grid.seeds:
        result.append(Cell("rendered", 0, None, seed))
        if seed in grid.long_seeds:
            result += [Cell("real_long", None, fold, seed) for fold in FOLDS]
        result += [Cell(r, images, fold, seed) for images in grid.images for fold in FOLDS for r in REGIMES]

    def rank(cell: Cell) -> tuple[int, int]:
        beside = cell.regime in ("mixed", "replayed")
        again = cell.seed != grid.seeds[0] and cell.images not in grid.images[:2]
        return beside + again, cell.seed

    return sorted(result, key=rank)


class Study:
    """The grid in its folder.

    Args:
        output: pools, runs and finished cells; a study of another grid there is refused.
        meye: the data set's folder.
        rendered: a pool of rendered eyes, 160x120 or larger.
    """

    def __init__(self, output: Path, meye: Path, rendered: Path, grid: Grid) -> None:
        self.output, self.meye, self.rendered, self.grid = output, meye, rendered, grid
        described = json.dumps(grid._asdict())
        stated = output / "grid.json"
        if stated.exists() and stated.read_text(encoding="utf-8") != described:
            raise ZooError(f"{output} holds a study of another grid: give another --output, or remove it")
        write_text(stated, described)
        self._frames: Frames | None = None

    def left(self) -> list[Cell]:
        """Cells that are not finished."""
        return [cell for cell in cells(self.grid) if not self._result(cell).exists()]

    def finished(self) -> list[dict[str, Any]]:
        """Results of the cells that are, in the order of the grid."""
        paths = [self._result(cell) for cell in cells(self.grid)]
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]

    def run(self, cell: Cell) -> dict[str, Any]:
        """Train (or go on), measure, and keep the result."""
        started = time.monotonic()
        folder = trained(compose("train", self.overrides(cell)))
        seconds = time.monotonic() - started
        if self._frames is None:
            self._frames = Frames(Meye(self.meye))
        people = _measure(folder, self._frames.of(cell.tested))
        result = {
            **cell._asdict(),
            "seconds": round(seconds, 1),
            "people": {person: {k: round(v, 4) for k, v in row.items()} for person, row in people.items()},
        }
        write_text(self._result(cell), json.dumps(result) + "\n")
        (folder / "last.ckpt").unlink(missing_ok=True)
        print(f"{cell.name}: {time.monotonic() - started:.0f} s {people}", flush=True)
        return result

    def prepare(self) -> None:
        """Make the small pools that all cells read."""
        pack_rendered(self.rendered, self._pool("rendered"), 0, self.grid.rendered)
        pack_rendered(self.rendered, self._pool("held_out"), self.grid.rendered, HELD_OUT)
        for fold, people in FOLDS.items():
            pack_real(Meye(self.meye), self._pool(f"real_{fold}"), people)

    def overrides(self, cell: Cell) -> list[str]:
        """The run of a cell, as `zoo train` takes it."""
        own = 0 if cell.regime == "parent" else self.grid.samples
        samples = own + (self.grid.parent if cell.regime in ("parent", "real_long") else 0)
        tuned = cell.regime in ("finetuned", "replayed")
        start = (
            [f"init={self._folder(Cell('parent', 0, None, 0))}"]
            if tuned
            else [f"network.input={{height: {SIZE}, width: {SIZE}}}", "network=eyenet_nano"]
        )
        eyes = []
        if cell.fold is not None:
            limit = "null" if cell.images is None else cell.images
            eyes.append(f"data.eyes.real={{data: {{type: pool, path: {self._pool(f'real_{cell.fold}')}}}}}")
            eyes += [f"data.eyes.real.max_samples={limit}", f"data.eyes.real.subset_seed={cell.seed}"]
        if cell.fold is None or cell.regime in ("mixed", "replayed"):
            eyes.append(f"data.eyes.rendered={{data: {{type: pool, path: {self._pool('rendered')}}}}}")
        return [
            *start,
            "heads=[blink,segmentation]",
            "data=mixture",
            *eyes,
            f"data.batch.eyes={BATCH}",
            f"samples={samples}",
            f"seed={cell.seed}",
            "augment=strong",
            "optimizer.type=muon",
            f"optimizer.lr={1e-3 if tuned else 4e-3}",
            "balance.weights={segmentation: 2.0}",
            f"schedule.warmup_samples={min(1_000, samples // 2)}",
            "ema.half_life_samples=2_000",
            "validation=pool",
            f"validation.data.path={self._pool('held_out')}",
            f"validation.count={HELD_OUT}",
            "validation.every_samples=100_000_000",
            "logger=none",
            "trainer=cpu",
            "trainer.workers=0",
            "checkpoint.every_minutes=2",
            f"run_dir={self._folder(cell)}",
        ]

    def _pool(self, name: str) -> Path:
        return self.output / "pools" / name

    def _folder(self, cell: Cell) -> Path:
        return self.output / "runs" / cell.name

    def _result(self, cell: Cell) -> Path:
        return self.output / "cells" / f"{cell.name}.json"


def trained(config: TrainConfig) -> Path:
    """The folder of the finished run; ends the process where a signal stopped it on the way."""
    folder = train(config)
    if read_metadata(folder / MODEL).training.samples_seen < config.samples:
        sys.exit(f"stopped in {folder}: the same command goes on")
    return folder


def _measure(folder: Path, frames: Frames) -> dict[str, dict[str, float]]:
    table = pl.concat(score_meye(load(folder, "cpu"), frames, seed=0, batch_size=64))
    people = over_people(table)[1]
    return {
        person: {name: row[key] for name, key in METRICS.items() if key in row}
        for person, row in people.items()
    }


def report(study: Study) -> dict[str, Any]:
    """What is committed: every finished cell."""
    return {
        "date": datetime.date.today().isoformat(),
        "data": "MEYE, five development people",
        "command": "python scripts/study_mixing.py --meye path/to/meye --rendered pools/train",
        "folds": {
            fold: {"train": people, "test": Cell("", 0, fold, 0).tested} for fold, people in FOLDS.items()
        },
        "all": {fold: len(Pool(study.output / "pools" / f"real_{fold}")) for fold in FOLDS},
        "steps": study.grid.samples // BATCH,
        "batch": BATCH,
        "parent_steps": study.grid.parent // BATCH,
        "real_long_steps": (study.grid.samples + study.grid.parent) // BATCH,
        "cells": study.finished(),
    }


def compact(content: dict[str, Any]) -> str:
    """JSON with a line a cell."""
    head = {key: value for key, value in content.items() if key != "cells"}
    lines = ",\n".join("  " + json.dumps(cell) for cell in content["cells"])
    return json.dumps(head, indent=1)[:-2] + f',\n "cells": [\n{lines}\n ]\n}}\n'


def until(cells_left: list[Cell], minutes: float | None) -> Iterator[Cell]:
    """The cells that begin before the time is over."""
    started = time.monotonic()
    for cell in cells_left:
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            return
        yield cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meye", type=Path, required=True, help="folder with labels.csv, images/, masks/")
    parser.add_argument("--rendered", type=Path, required=True, help="a pool of `zoo render eyes`")
    parser.add_argument("--output", type=Path, default=Path("runs/study_mixing"))
    parser.add_argument("--metrics", type=Path, default=Path("metrics/study_mixing.json"))
    parser.add_argument("--minutes", type=float, help="begin no cell after this time")
    parser.add_argument("--smoke", action="store_true", help="a grid of a few steps, in a folder of its own")
    arguments = parser.parse_args()
    output, metrics = arguments.output, arguments.metrics
    if arguments.smoke:
        output = output.with_name(output.name + "_smoke")
        metrics = output / metrics.name
        shutil.rmtree(output, ignore_errors=True)
    study = Study(output, arguments.meye, arguments.rendered, SMOKE if arguments.smoke else Grid())
    study.prepare()
    for cell in until(study.left(), arguments.minutes):
        study.run(cell)
    write_text(metrics, compact(report(study)))
    print(f"{metrics}: {len(study.finished())} cells, {len(study.left())} left")


if __name__ == "__main__":
    try:
        main()
    except ZooError as error:
        sys.exit(f"error: {error}")
