"""Pack a data set of eyes into a pool for fast random access: `python scripts/prepare.py NAME SRC DST`.

    python scripts/prepare.py lpw /data/LPW /data/lpw_pool data.every=5
    zoo train data=pool data.path=/data/lpw_pool ...

NAME is a data set of eyes of `conf/data`; what follows DST overrides its config. Every file is read and
checked. Samples that are damaged are left out and listed beside the pool in ``DST.skipped.csv``; interrupted,
the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError

from zoo.config import Data, EyeFiles, MeyeData, choices, config_folder
from zoo.data.batches import Source
from zoo.data.pool import PoolWriter
from zoo.data.sample import EyeBatch
from zoo.data.sources.meye import Meye
from zoo.errors import ZooError, did_you_mean
from zoo.train.eye_sources import eye_source

SKIPPED = ".skipped.csv"
BATCH = 64


def main(arguments: list[str] | None = None) -> None:
    """Parse, pack, report."""
    parser = argparse.ArgumentParser(description="Pack a data set of eyes into a pool.")
    parser.add_argument("name", help="of a data set in conf/data")
    parser.add_argument("src", type=Path, help="its folder, in the published layout")
    parser.add_argument("dst", type=Path, help="the pool's folder: new, or one that was interrupted")
    parser.add_argument("overrides", nargs="*", help="of its config, such as data.split=train")
    parser.add_argument("--height", type=int, default=120)
    parser.add_argument("--width", type=int, default=160)
    given = parser.parse_args(arguments)
    try:
        data = config_of(given.name, given.src, given.overrides)
        packed, skipped = pack(data, given.dst, given.height, given.width)
    except ZooError as error:
        sys.exit(f"error: {error}")
    print(
        f"{given.dst}: {packed} samples, {skipped} skipped"
        + (f" (see {given.dst}{SKIPPED})" if skipped else "")
    )


def config_of(name: str, root: Path, overrides: list[str]) -> EyeFiles | MeyeData:
    """The checked config of a data set; ZooError for a name or a key that does not exist."""
    path = config_folder() / "data" / f"{name}.yaml"
    if not path.is_file():
        raise ZooError(f"no data set {name!r}; {did_you_mean(name, choices('data'))}")
    values = cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.load(path)))
    if "root" not in values or name == "capture":
        raise ZooError(f"{name} holds no eyes in files that could be packed")
    dotted = [override.removeprefix("data.") for override in overrides]
    for override in dotted:
        key = override.partition("=")[0]
        if key not in values:
            raise ZooError(f"{override}: {name} has no such key; {did_you_mean(key, values)}")
    values |= cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.from_dotlist(dotted)))
    values["root"] = str(root)
    try:
        return cast("EyeFiles | MeyeData", TypeAdapter[Any](Data).validate_python(values))
    except ValidationError as error:
        first = error.errors()[0]
        raise ZooError(f"{'.'.join(str(p) for p in first['loc'][1:])}: {first['msg']}") from None


def pack(data: EyeFiles | MeyeData, dst: Path, height: int, width: int) -> tuple[int, int]:
    """Write what is left to write; returns how many samples the pool holds and how many were skipped.

    Samples are checked first and then written, because a pool's length is fixed when it is made.
    """
    source: Source = (
        Meye(data.root, height, width) if isinstance(data, MeyeData) else eye_source(data, height, width)
    )
    recipe = {"source": json.loads(data.model_dump_json()), "rows": len(source)}
    report = dst.with_name(dst.name + SKIPPED)
    bad = _known_bad(report, recipe)
    if bad is None:
        bad = _find_bad(source)
        _write_bad(report, recipe, bad)
    good = np.array([row for row in range(len(source)) if row not in bad], dtype=np.int64)
    if len(good) == 0:
        raise ZooError(f"{data.root}: no sample is readable; the first: {next(iter(bad.values()))}")
    writer = PoolWriter(dst, {**recipe, "skipped": len(bad)}, len(good), height, width)
    for start in range(writer.done, len(good), BATCH):
        writer.write(start, cast(EyeBatch, source.batch(good[start : start + BATCH])))
    return len(good), len(bad)


def _find_bad(source: Source) -> dict[int, str]:
    bad: dict[int, str] = {}
    for start in range(0, len(source), BATCH):
        rows = np.arange(start, min(start + BATCH, len(source)))
        try:
            source.batch(rows)
        except (ZooError, ValueError):  # of which row, is found one by one
            for row in rows.tolist():
                try:
                    source.batch(np.array([row]))
                except (ZooError, ValueError) as error:
                    bad[row] = str(error)
    return bad


def _write_bad(path: Path, recipe: dict[str, Any], bad: dict[int, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "reason", json.dumps(recipe, sort_keys=True)])
        writer.writerows(bad.items())
    temporary.replace(path)


def _known_bad(path: Path, recipe: dict[str, Any]) -> dict[int, str] | None:
    """What an interrupted run of the same recipe found; None where there is none."""
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    if header[2:] != [json.dumps(recipe, sort_keys=True)]:
        return None
    return {int(row[0]): row[1] for row in rows}


if __name__ == "__main__":
    main()
