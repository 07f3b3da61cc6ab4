"""From names and folders to pages: reads what was measured, and draws failures where nobody did yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from zoo.config.choices import config_folder
from zoo.conventions import KINDS, Kind
from zoo.errors import ZooError
from zoo.files import write_text
from zoo.gallery.evaluation import METRICS_FILE, Evaluation, read_evaluation
from zoo.gallery.page import render, render_index
from zoo.hub.index import resolve
from zoo.hub.metadata import ModelMetadata, read_metadata

FRAMES: Final = 400
"""Of the exam, from which failures are chosen."""
COUNT: Final = 8
"""Failures of every task."""
_EXAM: Final = "unseen"
"""Of eyes (`conf/exam`) and of rooms (`conf/rooms_exam.yaml`)."""
_ROOM_FRAMES: Final = 30
"""Rendering rooms takes longer."""
_EYES_BY: Final = "by=[openness,gaze_eccentricity_deg,focal_over_width,eye_side,skin_tone,spectacles]"
_ROOMS_BY: Final = "by=[mean_depth_m,texture,baseline_m]"
_FIRST: Final = ("unseen", "shifted", "headset", "meye")
"""Order of a checkpoint's metrics files; others follow by name."""


def gallery(
    sources: Sequence[str],
    output: Path,
    *,
    frames: int = FRAMES,
    count: int = COUNT,
    metrics: Path | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> list[Path]:
    """Write a page for every checkpoint, and an index of several; returns the files.

    Args:
        sources: names or folders of checkpoints, folders of `zoo eval output=FOLDER`, or files of metrics.
        output: folder of the pages. Below ``evaluations/`` lies what was drawn for them.
        frames: how many of the first frames of the exam `unseen` are evaluated to find a checkpoint's
            failures (of rooms at most 30, which are rendered first); 0: metrics only.
        count: how many failures of every task are shown.
        metrics: folder with ``<name>/*.json``; None: that of the checkout.
        progress: told what is being done.

    Raises:
        ZooError: no such checkpoint or evaluation, or the output cannot be written.
    """
    if output.exists() and not output.is_dir():
        raise ZooError(f"{output}: is a file; the output is a folder")
    found: dict[str, list[Evaluation]] = {}
    known: dict[str, ModelMetadata] = {}
    for source in sources:
        path = Path(source).expanduser()
        if path.suffix == ".json" or (path / METRICS_FILE).is_file():
            evaluation = read_evaluation(path)
            found.setdefault(evaluation.checkpoint, []).append(evaluation)
            continue
        metadata = read_metadata(resolve(source))
        known[metadata.name] = metadata
        evaluations = found.setdefault(metadata.name, [])
        for kind in KINDS if frames else ():
            if metadata.network.heads_of(kind):
                drawn = _drawn(kind, source, metadata, output / "evaluations", frames, count, progress)
                evaluations.append(drawn)
        evaluations += _measured(metadata, metrics or config_folder().parent / "metrics")
        if not evaluations:
            raise ZooError(f"{source}: nothing was measured of it; give --frames, or a folder of `zoo eval`")
    try:
        return _write(output, found, known)
    except OSError as error:
        raise ZooError(f"cannot write {error.filename or output}: {error.strerror or error}") from None


def _drawn(
    kind: Kind,
    source: str,
    metadata: ModelMetadata,
    folder: Path,
    frames: int,
    count: int,
    progress: Callable[[str], None],
) -> Evaluation:
    """Evaluate the first frames of the exam, with pictures."""
    from zoo.config import compose
    from zoo.exam.run import evaluate

    chosen = [f"exam={_EXAM}"]
    exam, by = _EXAM, _EYES_BY
    if kind == "views":
        exam, by, frames = f"rooms_{_EXAM}", _ROOMS_BY, min(frames, _ROOM_FRAMES)
        chosen = ["data=room_pool", f"data.path='{_room_pool(folder, frames, progress)}'", "batch_size=4"]
    target = folder / f"{metadata.name}_{exam}_{frames}"
    progress(f"{metadata.name}: the first {frames} frames of the exam {exam}")
    quoted = f"output='{target}'"
    evaluate(
        compose(
            "eval",
            [f"checkpoint='{source}'", *chosen, by, f"count={frames}", f"pictures={count}", quoted],
        )
    )
    return replace(read_evaluation(target), title=f"{exam}: failures among the first {frames} frames")


def _room_pool(folder: Path, frames: int, progress: Callable[[str], None]) -> Path:
    """The first rooms of the exam, each of whose views is a frame."""
    from zoo.exam.depth.samples import render_exam, room_exams

    spec = room_exams()[_EXAM]
    rooms = -(-frames // spec.views)
    spec = spec._replace(rooms=rooms)
    progress(f"rendering {rooms} rooms of the exam rooms_{_EXAM}")
    path = folder / f"pool_{_EXAM}_{rooms}"
    render_exam(spec, path)
    return path


def _measured(metadata: ModelMetadata, folder: Path) -> list[Evaluation]:
    """The metrics files of these weights; else what the checkpoint itself says."""
    files = sorted((folder / metadata.name).glob("*.json"), key=lambda file: (_place(file), file.name))
    evaluations = []
    for file in files:
        try:
            evaluation = read_evaluation(file)
        except ZooError:  # costs, learning curves: no evaluation
            continue
        weights = metadata.weights
        if evaluation.sha256 in (None, weights and weights.sha256):
            evaluations.append(evaluation)
    if evaluations:
        return evaluations
    return [
        Evaluation(part, metadata.name, "", {}, {k: v for k, v in values.items() if v is not None})
        for part, values in metadata.metrics.items()
    ]


def _place(file: Path) -> int:
    return _FIRST.index(file.stem) if file.stem in _FIRST else len(_FIRST)


def _write(output: Path, found: dict[str, list[Evaluation]], known: dict[str, ModelMetadata]) -> list[Path]:
    written, listed = [], []
    for name, evaluations in found.items():
        metadata = known.get(name) or _metadata(name)
        path = output / f"{_file_name(name)}.html"
        write_text(path, render(name, metadata, evaluations))
        written.append(path)
        listed.append((name, path.name, ", ".join(e.title for e in evaluations)))
    if len(written) > 1:
        write_text(output / "index.html", render_index(listed))
        written.append(output / "index.html")
    return written


def _metadata(name: str) -> ModelMetadata | None:
    try:
        return read_metadata(resolve(name))
    except ZooError:
        return None


def _file_name(name: str) -> str:
    """A checkpoint that someone else named must not choose where its page lies."""
    safe = "".join(c if c.isalnum() or c in "._-@" else "_" for c in name)
    return safe.lstrip(".") or "checkpoint"
