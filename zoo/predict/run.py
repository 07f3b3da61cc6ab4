"""`zoo predict`: frames of any sources through a predictor into a folder, in constant memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from zoo.conventions import DEFAULT_HORIZONTAL_FOV_DEG, EyeSide
from zoo.errors import ZooError
from zoo.predict.calibration.adopt import adopt
from zoo.predict.calibration.calibration import Calibration
from zoo.predict.cameras import Cameras
from zoo.predict.frames import Frame, Problem, batched, prefetched, read_frames
from zoo.predict.predictor import Predictor, load
from zoo.predict.recording.recordings import Recordings
from zoo.predict.report import Reached, Report
from zoo.predict.result import EyeResult
from zoo.predict.rig import Leds, check_refinable, known_geometry
from zoo.predict.sources import Source, find_sources
from zoo.predict.video import probe
from zoo.predict.writer import Writer

_AHEAD = 2  # batches that are decoded in advance


@dataclass(frozen=True)
class Summary:
    """How a run ended; `skipped` counts inputs, or parts of a video, that were left out."""

    frames: int
    skipped: int
    interrupted: bool
    output: Path


def predict_sources(
    name_or_path: str,
    sources: Sequence[str],
    output: Path,
    *,
    device: str | None = None,
    batch_size: int = 16,
    overlays: bool = True,
    masks: bool = False,
    camera: str | None = None,
    rig: str | None = None,
    calibration: Path | None = None,
    recording: bool = False,
    console: Console | None = None,
    reached: Reached | None = None,
) -> Summary:
    """Predict every frame of files, folders, globs, videos and cameras; see `Writer` for what is written.

    Inputs that cannot be used are named on the console and counted, and never stop the run. Ctrl-C ends it
    early and keeps what was done.

    Args:
        camera: `FX,FY,CX,CY` or the path of a csv or YAML file; see `read_cameras`.
        rig: a name in `conf/rig` or a YAML file. The glints of its LEDs refine the answer for every frame
            whose camera is known, which is the rig's unless `camera` is given.
        calibration: a file of `zoo calibrate`, whose person's visual axis is put into the results.
        recording: answer the frames of each folder, video and camera with one eye's constants; see
            `Recordings`. Images are then predicted twice.
        reached: told how many frames are done, of how many, where that is known.

    Raises:
        ZooError: no such checkpoint, source, device, camera table or rig, a frame that its camera does not
            fit, a checkpoint without the heads that a rig refines, a calibration of other weights or of the
            other eye, a recording whose camera is not known or for which the checkpoint lacks heads, or the
            output cannot be written.
    """
    if batch_size < 1:
        raise ZooError(f"--batch-size is at least 1, not {batch_size}")
    if output.exists() and not output.is_dir():
        raise ZooError(f"{output}: is a file; the output is a folder")
    cameras, leds = known_geometry(camera, rig)
    found = find_sources(sources, skip=output)
    predictor = load(name_or_path, device)
    if rig is not None:
        check_refinable(rig, predictor.metadata)
    report = Report(console or Console(stderr=True), _expected(found), reached)
    for source in found:
        if source.renamed:
            report.note(f"{source.file}: another input has its name, so its results are called {source.key}")
    if (camera or rig) is None and any(
        head.type == "eye3d" for head in predictor.metadata.network.heads.values()
    ):
        report.note(
            f"no --camera: 3D assumes a horizontal field of view of {DEFAULT_HORIZONTAL_FOV_DEG:g} degrees, "
            "so positions and gaze are relative (camera_known = 0 in the table)"
        )
    unlisted = [source.file for source in found if cameras.of(source.file) is None]
    if camera is not None and unlisted:
        report.note(
            f"--camera {camera} has no row for {len(unlisted)} of {len(found)} inputs, such as "
            f"{unlisted[0]}: their 3D is relative (camera_known = 0 in the table)"
        )
    files = [source.file for source in found]
    if unused := cameras.unused(files):
        report.note(
            f"--camera {camera} names files that are no inputs: {unused[0]}"
            + (f" and {len(unused) - 1} more" if len(unused) > 1 else "")
            + "; a file is named as on the command line, or by its name without folders"
        )
    person = None
    if calibration is not None:
        person, notes = adopt(calibration, predictor.metadata, cameras, files, leds is not None, recording)
        for text in notes:
            report.note(text)
    recordings = Recordings(predictor.metadata, found, cameras) if recording else None
    side = person.eye_side if person else None
    interrupted = False
    report.reach(0)
    with report, Writer(output, overlays, masks) as writer:
        try:
            if recordings is not None:
                stills = [source for source in found if source.kind == "image"]
                learn(recordings, predicted(predictor, stills, cameras, leds, side, batch_size))
            batches = predicted(predictor, found, cameras, leds, side, batch_size, overlays or masks)
            _stream(batches, recordings, person, writer, report)
        except KeyboardInterrupt:
            interrupted = True
        for text in recordings.notes() if recordings is not None else []:
            report.note(text)
    return Summary(report.frames, report.skipped, interrupted, output)


Batches = Generator[Problem | tuple[list[Frame], list[EyeResult]], None, None]
"""Frames with their results, and what the user must hear of a source."""


def predicted(
    predictor: Predictor,
    sources: list[Source],
    cameras: Cameras,
    leds: Leds | None,
    eye_side: EyeSide | None,
    batch_size: int,
    segmentation: bool = False,
) -> Batches:
    """Predict the frames of sources, decoded ahead.

    Args:
        eye_side: of frames for which `cameras` knows none.

    Raises:
        ZooError: a frame that its camera does not fit.
    """
    remarks: set[str] = set()
    with closing(prefetched(batched(read_frames(sources), batch_size), _AHEAD)) as batches:
        for item in batches:
            if isinstance(item, Problem):
                yield item
                continue
            known = [cameras.of(frame.source.file) for frame in item]
            for frame, camera in zip(item, known, strict=True):
                if camera is None:
                    continue
                remark = camera.check(frame.source.file, *frame.image.shape)
                if remark is not None and remark not in remarks:
                    remarks.add(remark)
                    yield Problem(frame.source, remark, skipped=False)
            yield (
                item,
                predictor.predict(
                    [frame.image for frame in item],
                    [camera.matrix if camera else None for camera in known],
                    [(camera.eye_side if camera else None) or eye_side for camera in known],
                    segmentation=segmentation,
                    distortions=[camera.distortion if camera else None for camera in known],
                    leds_mm=leds,
                ),
            )


def learn(recordings: Recordings, batches: Batches) -> None:
    """Let recordings learn from all images, before any of them is answered."""
    with closing(batches):
        for item in batches:
            if not isinstance(item, Problem):  # it is told when the frames are answered
                recordings.learn(*item)
    recordings.learnt()


def _stream(
    batches: Batches,
    recordings: Recordings | None,
    calibration: Calibration | None,
    writer: Writer,
    report: Report,
) -> None:
    with closing(batches):
        for item in batches:
            if isinstance(item, Problem):
                report.warn(item.source.file, item.text, item.skipped)
                continue
            frames, results = item
            if recordings is not None:
                results = recordings.apply(frames, results)
            if calibration is not None:
                results = [calibration.apply(result) for result in results]
            writer.write(frames, results)
            report.reach(report.frames + len(frames))


def _expected(sources: list[Source]) -> int | None:
    if any(source.kind == "camera" for source in sources):
        return None
    return sum(probe(source.path)[0] if source.kind == "video" else 1 for source in sources)
