"""`zoo predict` of a model that looks at rooms: a capture through a predictor into a folder.

Memory does not grow with the number of frames, but for the surface of the mesh (bounded) and the points.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from zoo.data.captures.assemble import USED_WITHOUT
from zoo.data.captures.capture import Capture
from zoo.data.captures.consistency import check_consistency
from zoo.data.select_views import MAX_SOURCES, selection_report
from zoo.errors import ZooError
from zoo.predict.frames import prefetched
from zoo.predict.report import Reached, Report
from zoo.predict.rooms.agreement import disagreement, sure_share
from zoo.predict.rooms.fuse import Fusion
from zoo.predict.rooms.plan import SINGLE, input_size, plan
from zoo.predict.rooms.predictor import RoomPredictor, load
from zoo.predict.rooms.reader import Loaded, Reader, Trouble
from zoo.predict.rooms.sources import open_source
from zoo.predict.rooms.writer import RoomWriter
from zoo.predict.run import Summary

VOXEL_M: Final = 0.02
SOURCES: Final = 2
_BATCH: Final = 4  # frames with their sources; more cost memory and save no time
_AHEAD: Final = 4  # frames that are decoded in advance
_VOXELS: Final = (0.002, 0.5)  # metres


def predict_rooms(
    name_or_path: str,
    sources: Sequence[str],
    output: Path,
    *,
    layout: str | None = None,
    count: int = SOURCES,
    views_csv: Path | None = None,
    sparse: Path | None = None,
    camera: str | None = None,
    metres_per_unit: float | None = None,
    mesh: bool = True,
    voxel_m: float = VOXEL_M,
    device: str | None = None,
    batch_size: int = _BATCH,
    console: Console | None = None,
    reached: Reached | None = None,
) -> Summary:
    """Predict every frame of a capture; see `RoomWriter` for what is written, and `open_source` for inputs.

    Frames that cannot be used are named on the console and counted, and never stop the run. A frame without
    a usable second view is predicted from its single image, and the table says so. Ctrl-C ends the run early
    and keeps what was done; the mesh is then of those frames.

    Args:
        count: how many sources are chosen for a frame, 1 to 7.
        views_csv: the frames and their sources instead.
        mesh: whether all frames are fused into ``mesh.ply`` and ``mesh.glb``.
        voxel_m: edge of the fusion's voxels, metres.
        reached: told how many frames are done, of how many.

    Raises:
        ZooError: no such checkpoint, capture or device, a csv that is not of the capture, options out of
            range, or the output cannot be written.
    """
    if not 1 <= count <= MAX_SOURCES:
        raise ZooError(f"--sources {count}: 1 to {MAX_SOURCES} sources of a frame are possible")
    if not _VOXELS[0] <= voxel_m <= _VOXELS[1]:
        raise ZooError(f"--voxel-m {voxel_m:g}: {_VOXELS[0]:g} to {_VOXELS[1]:g} metres are possible")
    if batch_size < 1:
        raise ZooError(f"--batch-size is at least 1, not {batch_size}")
    if output.exists() and not output.is_dir():
        raise ZooError(f"{output}: is a file; the output is a folder")
    capture, remarks = open_source(
        sources, output, layout=layout, sparse=sparse, camera=camera, metres_per_unit=metres_per_unit
    )
    inconsistent = check_consistency(capture)
    if inconsistent:  # and no basis to choose views by
        capture = replace(capture, frames=tuple(replace(frame, depth=None) for frame in capture.frames))
    jobs, choices = plan(capture, count, views_csv)
    predictor = load(name_or_path, device)
    report = Report(console or Console(stderr=True), len(jobs), reached)
    for text in [*capture.remarks, *remarks, *inconsistent]:
        report.note(text)
    if views_csv is None and choices:
        for text in selection_report(capture, choices, count):
            report.note(text)
    _tell_skipped(capture, report)
    trained = predictor.metadata.network.canvas("views")
    size, remark = input_size(
        [job.frame.size for job in jobs], (trained.height, trained.width), predictor.canvas
    )
    if remark:
        report.note(remark)
    shares: list[float] = []
    fusion = Fusion(voxel_m) if mesh else None
    interrupted = False
    report.reach(0)
    with report, RoomWriter(output) as writer:
        try:
            reader = Reader(*size).read(jobs)
            _stream(predictor, reader, writer, fusion, report, min(batch_size, _BATCH), shares)
            if not inconsistent:
                doubt = disagreement(predictor, capture, shares, size, count, views_csv)
                if doubt is not None:
                    report.note(doubt)
        except KeyboardInterrupt:
            interrupted = True
        if fusion is not None:
            _finish(fusion, writer, report)
    return Summary(report.frames, report.skipped, interrupted, output)


def _stream(
    predictor: RoomPredictor,
    reader: Generator[Loaded | Trouble, None, None],
    writer: RoomWriter,
    fusion: Fusion | None,
    report: Report,
    batch_size: int,
    shares: list[float],
) -> None:
    """Predict what the reader gives; `shares` gets what each frame with sources is sure of."""
    waiting: list[Loaded] = []

    def flush() -> None:
        results = predictor.predict([item.sample for item in waiting])
        for item, result in zip(waiting, results, strict=True):
            writer.write(item, result)
            if item.job.sources:
                shares.append(sure_share(result))
            if fusion is not None and not item.job.single:
                fusion.add(item.job.frame, item.view, result)
            report.reach(report.frames + 1)
        waiting.clear()

    with closing(prefetched(reader, _AHEAD)) as items:
        for item in items:
            if isinstance(item, Trouble):
                report.warn(str(item.file), item.text, item.skipped)
                continue
            told = [text for text in item.job.remarks if text != SINGLE]  # that is told once, for all frames
            if told:
                report.warn(str(item.job.frame.image), "; ".join(told), skipped=False)
            waiting.append(item)
            if len(waiting) == batch_size:
                flush()
    flush()


def _finish(fusion: Fusion, writer: RoomWriter, report: Report) -> None:
    made = fusion.mesh()
    writer.write_mesh(made, fusion.up)
    if fusion.full:
        report.note("the mesh is cut: its memory is full; a larger --voxel-m covers more")
    if len(made.faces):
        report.note(f"mesh of {len(made.vertices):,} vertices and {len(made.faces):,} faces")
    else:
        report.note("no mesh: no frame with sources has pixels that are sure enough")


def _tell_skipped(capture: Capture, report: Report) -> None:
    for item in capture.skipped:
        used = item.reason == USED_WITHOUT
        report.warn(str(item.file), item.reason, skipped=not used)
