"""Does the gate catch a version that harms one slice of one task by 10 %, and pass one that harms none?

    zoo eval eyenet_s exam=unseen output=out/child
    zoo eval runs/eyenet_s exam=unseen output=out/parent
    python scripts/study_gate.py out/child/samples.parquet out/parent/samples.parquet

The two tables are of a version and its parent, on the same frames. Each repeat

- draws people with replacement up to the gate's number of frames, with the gate's share of spectacles;
- makes two versions of them: for every frame, a coin decides which of the two real checkpoints answers for
  the one and which for the other. Neither is better in any slice of any task, yet they differ as much as two
  real versions do: that is the pair that harms none;
- harms the second: one of the gate's metrics, on one of its slices, both drawn at random. Errors there grow
  by 10 % (IoU and recall: what they lack to 1; accuracy: a tenth of the answers is turned round).

Writes ``metrics/gate.json``. Repeats are seeded.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from zoo.config.gate import GateConfig, load_gate
from zoo.conventions import CLASSES
from zoo.evaluate import slices
from zoo.files import write_text
from zoo.versions.gate import judge
from zoo.versions.resample import groups_of

HARM = 0.1
SPECTACLES = 0.3
"""Share in conf/domain/gate.yaml."""


class Harm(NamedTuple):
    """What was made worse."""

    metric: str
    by: str
    value: str


def redraw(
    a: pl.DataFrame, b: pl.DataFrame, count: int, rng: np.random.Generator
) -> tuple[pl.DataFrame, ...]:
    """`count` frames of people drawn with replacement; each draw of a person is another one."""
    groups = groups_of(a)
    worn = a["spectacles"].fill_null(False).to_numpy()
    worn_there = np.bincount(groups, worn) > 0
    odds = np.where(worn_there, SPECTACLES / worn.mean(), (1 - SPECTACLES) / (1 - worn.mean()))
    rows_of = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    people = rng.choice(len(rows_of), count, p=odds / odds.sum())
    rows = np.concatenate([rows_of[person] for person in people])[:count]
    who = np.repeat(np.arange(count), [len(rows_of[person]) for person in people])[:count]
    return tuple(table[rows].with_columns(subject=pl.Series(who)) for table in (a, b))


def swap(a: pl.DataFrame, b: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two versions that are alike in everything but chance."""
    coin = pl.lit(pl.Series(rng.random(len(a)) < 0.5))
    both = a.hstack([b[c].alias(f"other:{c}") for c in b.columns])

    def choose(heads: str, tails: str) -> pl.DataFrame:
        return both.select(
            pl.when(coin).then(pl.col(heads + c)).otherwise(pl.col(tails + c)).alias(c) for c in a.columns
        )

    return choose("", "other:"), choose("other:", "")


def harmed(table: pl.DataFrame, harm: Harm, gate: GateConfig, rng: np.random.Generator) -> pl.DataFrame:
    """The table with one metric made worse on one slice."""
    here = pl.lit(slices(table, harm.by, gate.by[harm.by])[harm.value])
    head, _, key = harm.metric.rpartition("/")
    stem, _, kind = key.rpartition("_")
    if kind in ("typical", "mae"):
        name = f"{head}/{stem}" if kind == "typical" else f"{head}/{stem}_error"
        changed = {name: pl.col(name) * (1 + HARM)}
    elif key == "miou":
        changed = {
            f"{head}/{c}_intersection": _less(f"{head}/{c}_intersection", f"{head}/{c}_union")
            for c in CLASSES
        }
    elif kind == "recall":
        changed = {f"{head}/{stem}_matched": _less(f"{head}/{stem}_matched", f"{head}/{stem}_labelled")}
    elif kind == "accuracy":
        name = f"{head}/{stem}_score"
        turned = pl.lit(pl.Series(rng.random(len(table)) < HARM))
        changed = {name: pl.when(turned).then(1 - pl.col(name)).otherwise(pl.col(name))}
    else:
        raise ValueError(f"no way to harm {harm.metric}")
    return table.with_columns(
        pl.when(here).then(value).otherwise(pl.col(name)).alias(name) for name, value in changed.items()
    )


def _less(part: str, whole: str) -> pl.Expr:
    """The part, so that what it lacks to the whole grows."""
    return (pl.col(whole) - (1 + HARM) * (pl.col(whole) - pl.col(part))).clip(lower_bound=0)


def repeat(a: pl.DataFrame, b: pl.DataFrame, gate: GateConfig, count: int, seed: int) -> dict[str, Any]:
    """One repeat: what the gate says of the harmless version and of the harmful one."""
    rng = np.random.default_rng(seed)
    drawn = redraw(a, b, count, rng)
    promoted, other = swap(drawn[0], drawn[1], rng)
    harmless = judge(promoted, other, gate, seed)
    cells = [Harm(row.metric, row.by, row.value) for row in harmless.judged if row.by]
    harm = cells[rng.integers(len(cells))]
    harmful = judge(promoted, harmed(other, harm, gate, rng), gate, seed)
    return {
        "seed": seed,
        "rows": len(harmless.judged),
        "factor": round(harmless.factor, 3),
        "harmless_passes": harmless.holds,
        "harm": f"{harm.metric} on {harm.by} {harm.value}",
        "harmful_caught": not harmful.holds,
        "that_row_caught": any((r.metric, r.by, r.value) == harm and r.harmed for r in harmful.judged),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("child", type=Path, help="samples.parquet of a version")
    parser.add_argument("parent", type=Path, help="of its parent, on the same frames")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--count", type=int, default=8000, help="frames of a repeat, as conf/gate.yaml has")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("metrics/gate.json"))
    arguments = parser.parse_args()
    gate = load_gate()
    a, b = pl.read_parquet(arguments.child), pl.read_parquet(arguments.parent)
    made = []
    for seed in range(arguments.seed, arguments.seed + arguments.repeats):
        made.append(repeat(a, b, gate, arguments.count, seed))
        print(made[-1], flush=True)
    both = ((b["keypoints/pupil_px"] + 0.25).log() - (a["keypoints/pupil_px"] + 0.25).log()).drop_nulls()
    report = {
        "command": "python scripts/study_gate.py (see its head)",
        "date": datetime.date.today().isoformat(),
        "repeats": len(made),
        "frames": arguments.count,
        "base_frames": len(a),
        "base_people": int(groups_of(a).max()) + 1,
        "noise_log_pupil_px": round(float(np.std(both.to_numpy())), 3),
        "harm": HARM,
        "confidence": gate.confidence,
        "harmless_passes": sum(r["harmless_passes"] for r in made),
        "harmful_caught": sum(r["harmful_caught"] for r in made),
        "that_row_caught": sum(r["that_row_caught"] for r in made),
        "each": made,
    }
    write_text(arguments.output, json.dumps(report, indent=1) + "\n")
    print({k: v for k, v in report.items() if k != "each"})


if __name__ == "__main__":
    main()
