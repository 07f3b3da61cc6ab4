"""`zoo compare` and `zoo promote`, from names to a verdict and a move. Imports no torch until it measures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from zoo.config import EvalConfig, RoomPoolData, compose
from zoo.config.gate import GateConfig, load_gate
from zoo.conventions import KINDS, Kind
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
    a: str, b: str, overrides: Sequence[str], gate: GateConfig, config_dir: Path | None = None
) -> list[EvalConfig]:
    """What is measured: the data that the overrides name, else those of the gate for what both read.

    Args:
        a, b: the checkpoints.
        overrides: as `zoo eval` takes.

    Raises:
        ZooError: an override is not valid, the gate names no data or data that are not there, or the two have
            no kind of data in common.
    """
    first = f"checkpoint='{a}'"
    if any(text.lstrip("+~").split("=")[0].split(".")[0] in _DATA_KEYS for text in overrides):
        asked = [compose("eval", [first, *overrides], config_dir)]
    else:
        shared = [kind for kind in _kinds(a) if kind in _kinds(b)]
        if not shared:
            raise ZooError(f"{a} looks at {' and '.join(_kinds(a))}, {b} at {' and '.join(_kinds(b))}")
        data = {"eyes": gate.measure.eyes, "views": gate.measure.views}
        for kind in shared:
            if not data[kind]:
                raise ZooError(
                    f"the gate's measure.{kind} names no data; give some as overrides: data=... or exam=..."
                )
        asked = [compose("eval", [first, *data[kind], *overrides], config_dir) for kind in shared]
    for config in asked:
        if isinstance(config.data, RoomPoolData) and not config.data.path.exists():
            raise ZooError(
                f"{config.data.path} is missing: render it (zoo render rooms -n 1000 --seed 5102 "
                f"--size 320x240 -o {config.data.path}), or name other data: data=..."
            )
    return asked


def _kinds(name: str) -> list[Kind]:
    """What the heads of a checkpoint read, from its `model.json` alone."""
    network = read_metadata(resolve(name)).network
    return [kind for kind in KINDS if network.heads_of(kind)]


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
        ask_gate: judge `b` by the gate too; it then must read all that `a` reads.

    Raises:
        ZooError: no such checkpoint or data, no metric in common, or too few samples or people to compare.
    """
    # Mistakes are told before torch is loaded, and before minutes of measuring.
    asked = configs(a, b, overrides, gate, config_dir)
    lacking = [kind for kind in _kinds(a) if kind not in _kinds(b)]
    if lacking and ask_gate:
        raise ZooError(f"the gate cannot hold: {a} has heads that read {lacking[0]}, and {b} has none")
    for config in asked:
        if ask_gate and config.count is not None and config.count < gate.min_samples:
            raise ZooError(
                f"count={config.count}: the gate judges at least {gate.min_samples} samples; ask for more, "
                "or give a gate with a lower min_samples: --gate-file"
            )
    if lacking:
        console.print(f"{b} has no head that reads {lacking[0]}: not compared", markup=False, highlight=False)
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
