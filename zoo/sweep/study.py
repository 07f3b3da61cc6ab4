"""The trials of a sweep: Optuna proposes, a run is trained, its last validation is the answer.

All that is known lies in the folder of the sweep: `sweep.json` says what is searched, `optuna.sqlite3` what
was proposed and measured, `trials/<number>/` holds the runs. A sweep that was stopped or killed goes on with
the same command: the trial that was in work is resumed in its run folder.
"""

from __future__ import annotations

import importlib.util
import json
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from zoo.config import TrainConfig
from zoo.errors import ZooError, did_you_mean
from zoo.files import write_text
from zoo.sweep.plan import DESCRIPTION, PREFIX, Sweep, alone, check, describe
from zoo.sweep.plot import save_plot
from zoo.sweep.result import COMPLETE, Row, write_trials
from zoo.sweep.space import Dimension, Range, Value

if TYPE_CHECKING:
    import optuna

_STORAGE: Final = "optuna.sqlite3"
_DEATHS: Final = 3
"""A trial that was killed so many times at the same number of samples has failed."""
_FAILURES: Final = 3
"""After so many failed trials in a row, and none that went well before, something common is wrong."""
_REASON: Final = "reason"
_STARTS: Final = "starts"


def sweep(plan: Sweep, say: Callable[[str], None]) -> list[Row]:
    """Run the trials that are missing, and write `trials.csv` and `trials.png` after each.

    Returns:
        All trials of the folder, by number. Fewer than `plan.trials` where the user stopped it.

    Raises:
        ZooError: the plan is not valid, the folder holds another sweep or is in use, or all trials fail.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ZooError("zoo sweep needs Optuna: pip install 'eye-room-zoo[sweep]'")
    check(plan)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with alone(plan.folder):
        describe(plan)
        try:
            return _run(plan, say)
        except _NoSuchMetric:  # nothing was learnt: the corrected command may use this folder
            for name in (DESCRIPTION, _STORAGE):
                (plan.folder / name).unlink(missing_ok=True)
            raise


def _run(plan: Sweep, say: Callable[[str], None]) -> list[Row]:
    study = _open(plan)
    while True:
        trial = _next(plan, study)
        if trial is None:
            break
        going_on = _one(plan, study, trial, say)
        _report(plan, study)
        if not going_on:
            say(f"stopped: {plan.folder} goes on with the same command")
            break
        _check_failures(_rows(plan, study))
    _report(plan, study)
    return _rows(plan, study)


def _open(plan: Sweep) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{(plan.folder / _STORAGE).resolve()}")
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4) if plan.prune else optuna.pruners.NopPruner()
    return optuna.create_study(
        storage=storage,
        study_name=plan.folder.name,
        direction=optuna.study.StudyDirection[plan.direction.upper()],
        pruner=pruner,
        load_if_exists=True,
    )


def _next(plan: Sweep, study: optuna.Study) -> optuna.Trial | None:
    """The trial that was in work when the last process ended, else a new one; None where all are done."""
    import optuna

    trials = study.get_trials(deepcopy=False)
    begun = [trial for trial in trials if trial.state == optuna.trial.TrialState.RUNNING]
    number = begun[0].number if begun else len(trials)
    if number >= plan.trials:
        return None
    # A sampler for each trial: a sweep that was interrupted proposes what an uninterrupted one does.
    study.sampler = optuna.samplers.TPESampler(seed=(plan.seed * 1_000_003 + number) % 2**32)
    return optuna.Trial(study, begun[0]._trial_id) if begun else study.ask()


def _one(plan: Sweep, study: optuna.Study, trial: optuna.Trial, say: Callable[[str], None]) -> bool:
    """Run a trial and tell Optuna; False where the user stopped it."""
    from optuna.trial import TrialState

    params = {dimension.key: _suggest(trial, dimension) for dimension in plan.dimensions}
    twin = _twin(study, params)
    if twin is not None:
        trial.set_user_attr(_REASON, f"the same values as trial {twin.number}")
        study.tell(trial, twin.value)
        return True
    said = ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in params.items()
    )
    say(f"trial {trial.number + 1} of {plan.trials}: {said}")
    try:
        if _died_too_often(plan, trial):
            raise ZooError(f"the process was killed {_DEATHS} times at the same place (out of memory?)")
        value, pruned = _train(plan, trial, params)
    except KeyboardInterrupt:
        trial.set_user_attr(_STARTS, [])  # a wish of the user is no death
        raise
    except Exception as error:
        if isinstance(error, _NoSuchMetric) and not _done(study):
            raise
        write_text(plan.run_dir(trial.number) / "error.txt", traceback.format_exc())
        reason = (str(error) or type(error).__name__).splitlines()[0]
        trial.set_user_attr(_REASON, reason)
        study.tell(trial, state=TrialState.FAIL)
        say(f"trial {trial.number + 1} failed: {reason}")
        return True
    if pruned:
        study.tell(trial, state=TrialState.PRUNED)
    elif value is None:
        trial.set_user_attr(_STARTS, [])  # stopped in good order
        return False
    else:
        study.tell(trial, value)
        say(f"trial {trial.number + 1}: {plan.metric} {value:.6g}")
    return True


class _NoSuchMetric(ZooError):
    """The validation does not measure what the sweep is about: no trial will do better."""


def _train(plan: Sweep, trial: optuna.Trial, params: dict[str, Value]) -> tuple[float | None, bool]:
    """The metric of the last validation, None where the user stopped the run; and whether it was pruned."""
    from zoo.train.run import train

    config = plan.config(trial.number, params)
    name = plan.metric.removeprefix(PREFIX)
    pruned = False

    def watch(seen: int, metrics: dict[str, float]) -> str:
        """Why the run should stop; tells Optuna what was measured."""
        nonlocal pruned
        if name not in metrics:
            near = did_you_mean(name, metrics)
            raise _NoSuchMetric(f"--metric {plan.metric}: the validation has no such metric; {near}")
        known = _reported(trial)
        if seen not in known and metrics[name] == metrics[name]:
            trial.report(metrics[name], seen)
        pruned = plan.prune and seen < config.steps * config.step_samples and trial.should_prune()
        return "pruned" if pruned else ""

    train(config, watch)
    if pruned:
        return None, True
    last = _last_validation(config)
    if last is None or last["samples"] < config.steps * config.step_samples:
        return None, False
    value = last.get(name)
    if value is None:
        raise ZooError(f"{plan.metric} could not be measured")
    return float(value), False


def _reported(trial: optuna.Trial) -> set[int]:
    """Samples at which a trial was measured, by this process or one before."""
    return set(trial.storage.get_trial(trial._trial_id).intermediate_values)


def _last_validation(config: TrainConfig) -> dict[str, Any] | None:
    path = config.run_dir / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    last: dict[str, Any] | None = json.loads(lines[-1]) if lines else None
    return last


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Value:
    if not isinstance(dimension, Range):
        return trial.suggest_categorical(dimension.key, dimension.options)
    if dimension.whole:
        low, high = int(dimension.low), int(dimension.high)
        return trial.suggest_int(dimension.key, low, high, step=dimension.step, log=dimension.log)
    return trial.suggest_float(dimension.key, dimension.low, dimension.high, log=dimension.log)


def _twin(study: optuna.Study, params: dict[str, Value]) -> optuna.trial.FrozenTrial | None:
    """A complete trial of the same values: runs repeat exactly, so it would say the same again."""
    return next((done for done in _done(study) if done.params == params), None)


def _done(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _died_too_often(plan: Sweep, trial: optuna.Trial) -> bool:
    """Note this start, and say whether as many before it ended at the same place without a word."""
    last = plan.run_dir(trial.number) / "last.ckpt"
    place = last.stat().st_mtime_ns if last.exists() else 0
    starts = [*trial.user_attrs.get(_STARTS, []), place]
    trial.set_user_attr(_STARTS, starts)
    return starts.count(place) > _DEATHS


def _check_failures(rows: Sequence[Row]) -> None:
    last = rows[-_FAILURES:]
    if len(rows) == _FAILURES and all(row.state == "failed" for row in last):
        reasons = "\n".join(f"  {row.folder}: {row.note}" for row in last)
        raise ZooError(f"all of the first {_FAILURES} trials failed:\n{reasons}")


def _rows(plan: Sweep, study: optuna.Study) -> list[Row]:
    from optuna.trial import TrialState

    names = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    rows = []
    for trial in study.get_trials(deepcopy=False):
        steps = trial.intermediate_values
        samples = max(steps) if steps else None
        complete = trial.state == TrialState.COMPLETE
        rows.append(
            Row(
                number=trial.number,
                state=names.get(trial.state, "running"),
                value=trial.value if complete else steps[samples] if samples is not None else None,
                params=dict(trial.params),
                samples=samples,
                folder=str(plan.run_dir(trial.number).relative_to(plan.folder)),
                note=str(trial.user_attrs.get(_REASON, "")),
            )
        )
    return rows


def _report(plan: Sweep, study: optuna.Study) -> None:
    rows = _rows(plan, study)
    keys = [dimension.key for dimension in plan.dimensions]
    write_trials(plan.folder, rows, keys, plan.metric)
    save_plot(plan.folder, rows, plan.dimensions, plan.metric, plan.direction)
