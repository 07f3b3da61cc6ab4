"""`zoo calibrate`: predicts the frames of a table, fits, and writes the calibration."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.errors import ZooError, did_you_mean
from zoo.predict.calibration.calibration import Calibration, Checkpoint
from zoo.predict.calibration.corrections import MODELS
from zoo.predict.calibration.file import save
from zoo.predict.calibration.fit import fit
from zoo.predict.calibration.samples import gather
from zoo.predict.calibration.targets import TargetRow, read_targets
from zoo.predict.cameras import Cameras, FrameCamera
from zoo.predict.frames import Problem, batched, read_frames
from zoo.predict.predictor import Predictor, load
from zoo.predict.recorded import answers_of_folders
from zoo.predict.report import Report
from zoo.predict.result import EyeResult
from zoo.predict.rig import Leds, check_refinable, known_geometry
from zoo.predict.sources import Source

Choice = TypeVar("Choice", bound=str)


def calibrate(
    name_or_path: str,
    table: Path,
    output: Path,
    *,
    model: str = "offset",
    camera: str | None = None,
    rig: str | None = None,
    eye_side: str | None = None,
    recording: bool = False,
    device: str | None = None,
    batch_size: int = 16,
    console: Console | None = None,
) -> Calibration:
    """Fit one person's correction to frames with known targets and write it to `output`.

    Samples that cannot be used and warnings are named on the console.

    Args:
        table: see `read_targets`.
        model: one of `MODELS`.
        camera: `FX,FY,CX,CY` or the path of a csv or YAML file; see `read_cameras`.
        rig: a name in `conf/rig` or a YAML file; see `predict_sources`.
        eye_side: of the person's eye; where the table says sides too, only its rows of this side are used.
        recording: answer the samples with what is constant over all images of their folders, as `zoo predict
            --recording` does.

    Raises:
        ZooError: a wrong argument, table, checkpoint or target, or too few samples.
    """
    chosen = _choice("--model", model, MODELS)
    side = None if eye_side is None else _choice("--eye-side", eye_side, EYE_SIDES)
    if output.is_dir():
        raise ZooError(f"{output}: is a folder; the output is a file such as me.json")
    cameras, leds = known_geometry(camera, rig)
    rows = read_targets(table)
    cameras_of = [_camera(cameras, row) for row in rows]
    sides = [_side(row, known, side) for row, known in zip(rows, cameras_of, strict=True)]
    predictor = load(name_or_path, device)
    metadata = predictor.metadata
    if rig is not None:
        check_refinable(rig, metadata)
    if not any(head.type == "gaze" for head in metadata.network.heads.values()):
        raise ZooError(f"{metadata.name}: predicts no gaze, so there is nothing to calibrate")
    assert metadata.weights is not None, "a checkpoint without a checksum is not loaded"
    report = Report(console or Console(stderr=True), len(rows))
    wanted = [n for n, found in enumerate(sides) if side is None or found == side]
    if len(wanted) < len(rows):
        report.note(f"{len(rows) - len(wanted)} samples of the other eye are not used")
    results = _predict(predictor, rows, wanted, cameras_of, sides, leds, batch_size, report)
    if recording:
        one_side = {sides[n] for n in wanted}
        known_side = one_side.pop() if len(one_side) == 1 else None
        answers = answers_of_folders(
            predictor, [rows[n].path.parent for n in results], cameras, leds, known_side, batch_size
        )
        results = {n: answers.get(rows[n].path.resolve(), result) for n, result in results.items()}
    samples, skipped = gather(
        [_printable(rows[n].file) for n in results], list(results.values()), [rows[n].target for n in results]
    )
    for name, reason in skipped:
        report.warn(name, reason, skipped=True)
    if len(samples) and not samples.camera_known:
        report.note("no --camera: the calibration holds for frames of this camera and size without --camera")
    calibration = fit(chosen, samples)
    unused = [_printable(rows[n].file) for n in wanted if n not in results] + [name for name, _ in skipped]
    calibration = calibration.model_copy(
        update={
            "leds_known": leds is not None,
            "date": datetime.datetime.now(datetime.UTC).date(),
            "checkpoint": Checkpoint(name=metadata.name, sha256=metadata.weights.sha256),
            "recording": recording,
            "left_out": calibration.left_out + len(unused),
            "skipped": tuple(unused),
        }
    )
    for text in calibration.warnings:
        report.note(text)
    save(output, calibration)
    return calibration


def _predict(
    predictor: Predictor,
    rows: Sequence[TargetRow],
    wanted: Sequence[int],
    cameras: Sequence[FrameCamera | None],
    sides: Sequence[EyeSide | None],
    leds: Leds | None,
    batch_size: int,
    report: Report,
) -> dict[int, EyeResult]:
    """Results by number of the row; files that cannot be decoded are named and have none."""
    results: dict[int, EyeResult] = {}
    remarks: set[str] = set()
    sources = [Source("image", str(rows[n].path), key=str(n)) for n in wanted]
    for item in batched(read_frames(sources), batch_size):
        if isinstance(item, Problem):
            report.warn(rows[int(item.source.key)].file, item.text, item.skipped)
            continue
        numbers = [int(frame.source.key) for frame in item]
        known = [cameras[n] for n in numbers]
        for number, camera, frame in zip(numbers, known, item, strict=True):
            if camera is None:
                continue
            remark = camera.check(rows[number].file, *frame.image.shape)
            if remark is not None and remark not in remarks:
                remarks.add(remark)
                report.warn(rows[number].file, remark, skipped=False)
        predicted = predictor.predict(
            [frame.image for frame in item],
            [camera.matrix if camera else None for camera in known],
            [sides[n] for n in numbers],
            segmentation=False,
            distortions=[camera.distortion if camera else None for camera in known],
            leds_mm=leds,
        )
        results.update(zip(numbers, predicted, strict=True))
    return results


def _camera(cameras: Cameras, row: TargetRow) -> FrameCamera | None:
    return cameras.of(row.file) or cameras.of(str(row.path))


def _side(row: TargetRow, camera: FrameCamera | None, given: EyeSide | None) -> EyeSide | None:
    known = camera.eye_side if camera else None
    if row.eye_side and known and row.eye_side != known:
        raise ZooError(f"{row.file}: is the {row.eye_side} eye in the table and the {known} one of --camera")
    return row.eye_side or known or given


def _printable(file: str) -> str:
    """The name as text: a file's name may hold bytes that are not UTF-8, which JSON cannot."""
    return os.fsencode(file).decode("utf-8", errors="replace")


def _choice(option: str, text: str, valid: tuple[Choice, ...]) -> Choice:
    for choice in valid:
        if text == choice:
            return choice
    raise ZooError(f"{option} {text!r} is not valid; {did_you_mean(text, valid)}")
