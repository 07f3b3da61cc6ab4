"""`zoo compare` and `zoo promote`, from names to a verdict and a move. Imports no torch until it measures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from zoo.config import EvalConfig, RoomPoolData, compose
from zoo.config.gate import GateConfig, load_gate
from zoo.errors import ZooError
from zoo.hub.index import resolve, using
from zoo.hub.metadata import read_metadata
from zoo.hub.schema import Move, read_index
from zoo.versions.promote import move, plan

if TYPE_CHECKING:
    from zoo.versions.report import Result

MIN_SAMPLES: Final = 50
"""Of a slice that is shown, unless the gate asks for fewer."""
MIN_PEOPLE: Final = 8
"""Likewise: a bootstrap over fewer people says little."""
_DATA_KEYS: Final = ("data", "exam")


def configs(
    a: str, overrides: Sequence[str], gate: GateConfig, config_dir: Path | None = None
) -> list[EvalConfig]:
    """What is measured: the data that the overrides name, else those of the gate for what `a` reads.

    Args:
        a: the first checkpoint.
        overrides: as `zoo eval` takes.

    Raises:
        ZooError: an override is not valid, or the gate names no data.
    """
    first = f"checkpoint='{a}'"
    if any(text.lstrip("+~").split("=")[0].split(".")[0] in _DATA_KEYS for text in overrides):
        return [compose("eval", [first, *overrides], config_dir)]
    heads = read_metadata(resolve(a)).network.heads.values()
    listed = {
        "eyes": (gate.measure.eyes, any(head.type != "depth" for head in heads)),
        "views": (gate.measure.views, any(head.type == "depth" for head in heads)),
    }
    for kind, (data, is_read) in listed.items():
        if is_read and not data:
            raise ZooError(
                f"the gate's measure.{kind} names no data; give some as overrides: data=... or exam=..."
            )
    return [
        compose("eval", [first, *data, *overrides], config_dir)
        for data, is_read in listed.values()
        if is_read
    ]


def compared(
    a: str,
    b: str,
    overrides: Sequence[str],
    gate: GateConfig,
    console: Console,
    *,
    confidence: float,
    draws: int,
    min_samples: int,
    min_people: int,
    ask_gate: bool,
    config_dir: Path | None = None,
) -> list[Result]:
    """Measure two checkpoints on the same samples, for each kind of data, and compare them.

    Args:
        overrides: as `zoo eval` takes.
        min_samples, min_people: a slice with fewer samples, or of fewer people (rooms), is left out.
        ask_gate: judge `b` by the gate too.

    Raises:
        ZooError: no such checkpoint or data, no metric in common, or too few samples or people to compare.
    """
    asked = configs(a, overrides, gate, config_dir)
    resolve(b)  # mistakes are told before torch is loaded
    from zoo.predict.predictor import load
    from zoo.predict.report import Report
    from zoo.versions.compare import compare
    from zoo.versions.gate import judge
    from zoo.versions.measure import measure_both
    from zoo.versions.paired import pair
    from zoo.versions.statistics import metrics_of

    first, second = (load(name, asked[0].device) for name in (a, b))
    results: list[Result] = []
    for config in asked:
        if isinstance(config.data, RoomPoolData) and not config.data.path.exists():
            raise ZooError(
                f"{config.data.path} is missing: render it (zoo render rooms -n 1000 --seed 5102 "
                f"--size 320x240 -o {config.data.path}), or name other data: data=..."
            )
        with Report(console, config.count) as report:
            measured = measure_both(config, first, second, (a, b), report.reach)
        metrics = [name for name in metrics_of(measured.a) if name in metrics_of(measured.b)]
        paired = pair(
            measured.a, measured.b, metrics, dict.fromkeys(config.by) or None,
            draws=draws, min_samples=min_samples, min_groups=min_people,
        )  # fmt: skip
        if not metrics:
            raise ZooError(f"{a} and {b} have no metric in common on these {len(measured.a)} samples")
        if not paired.cells:
            raise ZooError(
                f"{len(measured.a)} samples are too few to compare {a} and {b}: a row needs "
                f"{min_samples} of {min_people} people. --min-samples and --min-people, or those of the "
                "gate's file, ask for fewer"
            )
        judged = judge(measured.a, measured.b, gate, kinds=len(asked)) if ask_gate else None
        results.append((measured, compare(paired, confidence), judged))
    return results


def promote(
    path: Path,
    name: str,
    overrides: Sequence[str],
    console: Console,
    *,
    alias: str | None = None,
    force: bool = False,
    reason: str = "",
    gate_file: Path | None = None,
    output: Path | None = None,
    config_dir: Path | None = None,
) -> tuple[Move | None, list[Result]]:
    """Move an alias to a version if the gate holds.

    Args:
        path: of the index.
        force: do not ask the gate; the history says so.
        output: folder for the comparison with the promoted version.

    Returns:
        The move, None where the gate does not hold; and what the gate was asked.

    Raises:
        ZooError: as `zoo.versions.promote.plan`, or the two cannot be compared.
    """
    if force and not reason:
        raise ZooError("--force needs --reason: the history keeps why the gate was not asked")
    alias, promoted, to = plan(read_index(path), name, alias)
    if promoted is None:
        return move(path, alias, to, None, "release", reason=reason), []
    if force:
        return move(path, alias, to, promoted, "promote", forced=True, reason=reason), []
    gate = load_gate(gate_file)
    with using([str(path)]):
        results = compared(
            promoted, to, overrides, gate, console,
            confidence=gate.confidence, draws=gate.draws, min_samples=min(MIN_SAMPLES, gate.min_samples),
            min_people=min(MIN_PEOPLE, gate.min_people), ask_gate=True, config_dir=config_dir,
        )  # fmt: skip
    if output is not None:
        from zoo.versions.report import write

        write(output, results)
    reports = [report for _, _, report in results if report is not None]
    if not all(report.holds for report in reports):
        return None, results
    rows, samples = sum(len(report.judged) for report in reports), sum(len(m.a) for m, _, _ in results)
    told = f"the gate held: {rows} rows, {samples} samples" + (f"; {reason}" if reason else "")
    return move(path, alias, to, promoted, "promote", reason=told), results
