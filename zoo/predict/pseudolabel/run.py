"""`zoo pseudolabel`: frames of a known rig become a `labels.csv` that `data=folder` trains on."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
from rich.console import Console
from torch import Tensor

from zoo.conventions import MAX_GLINTS
from zoo.data.sources.folder import TABLE
from zoo.draws import Draws
from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub.metadata import ModelMetadata
from zoo.predict.frames import Problem
from zoo.predict.precision import glint_sigma_px
from zoo.predict.predictor import load
from zoo.predict.pseudolabel.solve import REASONS, Labels, Seen, solve
from zoo.predict.report import Report
from zoo.predict.result import EyeResult
from zoo.predict.rig import KnownRig, known_geometry, read_rig
from zoo.predict.run import predicted
from zoo.predict.sources import Source, find_sources

_NEEDED: Final = ("keypoints", "segmentation")
_MOST_UNSURE_PX: Final = 1.2
"""Of the pupil's place, pixels of the network's image. On rendered eyes a third of the frames have more, and
labels that are worse by half."""
_SEED: Final = 0
COLUMNS: Final = (
    *("file", "eye_side", "fx", "fy", "cx", "cy", "pupil_present"),
    *(f"{point}_{axis}_mm" for point in ("cornea", "pupil") for axis in "xyz"),
    *("cornea_radius_mm", "optical_x", "optical_y", "optical_z"),
)


class Summary(NamedTuple):
    """What became of the frames."""

    labelled: int
    frames: int
    left_out: dict[str, int]
    """How many for which reason."""
    table: Path


def pseudolabel(
    name_or_path: str,
    sources: Sequence[str],
    output: Path,
    rig: str,
    *,
    device: str | None = None,
    batch_size: int = 16,
    console: Console | None = None,
) -> Summary:
    """Write `output/labels.csv`: cornea, pupil and optical axis of the images that can be relied on.

    They follow from the glints and the pupil that a checkpoint locates, and the rig (see
    `zoo.predict.pseudolabel.solve`). The images stay where they are; the table names them relative to itself.

    Args:
        sources: files, folders and globs of images.
        rig: a name in `conf/rig` or a YAML file: of the camera and the LEDs that took all of them.

    Raises:
        ZooError: no such checkpoint, source or rig, one that cannot be used, images of another size than the
            rig's, a table that is already there, or no frame to rely on.
    """
    known = read_rig(rig)
    if known.camera.distortion is not None:
        raise ZooError(
            f"--rig {rig}: its lens bends straight lines, and a {TABLE} is of images without distortion; "
            "straighten the images, and leave `distortion` out of a copy of the rig"
        )
    table = output / TABLE
    if table.exists():
        raise ZooError(f"{table}: is there already, and may be your own labels; name another folder")
    found = find_sources(sources, skip=output)
    moving = [source.file for source in found if source.kind != "image"]
    if moving:
        raise ZooError(f"{moving[0]}: is no image; write its frames as images first")
    predictor = load(name_or_path, device)
    _check_heads(predictor.metadata)
    cameras, _ = known_geometry(None, rig)
    report = Report(console or Console(stderr=True), len(found))
    seen: list[tuple[Source, EyeResult]] = []
    with report:
        for item in predicted(predictor, found, cameras, None, None, batch_size, segmentation=False):
            if isinstance(item, Problem):
                report.warn(item.source.file, item.text, item.skipped)
                continue
            seen += [(frame.source, result) for frame, result in zip(*item, strict=True)]
            report.reach(len(seen))
    size = predictor.metadata.preprocessing
    labels = _solve([result for _, result in seen], known, (size.height, size.width))
    counts = Counter(labels.reason.tolist())
    left_out = {text: counts[number] for number, text in enumerate(REASONS) if counts[number]}
    summary = Summary(counts[-1], len(seen), left_out, table)
    if not summary.labelled:
        raise ZooError(f"none of {len(seen)} frames can be labelled: {explain(left_out)}")
    _write(table, [source for source, _ in seen], labels, known)
    return summary


def explain(left_out: dict[str, int]) -> str:
    """The reasons, the most frequent first."""
    return "; ".join(f"{count} {text}" for text, count in sorted(left_out.items(), key=lambda item: -item[1]))


def _check_heads(metadata: ModelMetadata) -> None:
    types = sorted({head.type for head in metadata.network.heads.values()})
    if not set(_NEEDED) <= set(types):
        raise ZooError(
            f"{metadata.name} has the heads {', '.join(types)}; glints and pupil are located by "
            f"{', '.join(_NEEDED)}"
        )


def _solve(results: list[EyeResult], rig: KnownRig, size: tuple[int, int]) -> Labels:
    """Of frames of one size, which the rig's camera was checked for."""
    if not results:
        raise ZooError("none of the images can be read")
    seen = [_seen(result, size) for result in results]
    return solve(
        Seen(*(torch.stack(values) for values in zip(*seen, strict=True))),
        rig.leds_mm,
        torch.from_numpy(rig.camera.matrix).double(),
        rig.place,
        Draws(_SEED, torch.arange(len(results))),
    )


def _seen(result: EyeResult, size: tuple[int, int]) -> Seen:
    """One frame's, in its own pixels."""
    canvas = min(size[0] / result.height, size[1] / result.width)  # pixels of the network's image in one
    glints = torch.zeros(MAX_GLINTS, 3, dtype=torch.float64)
    for slot, glint in enumerate(result.glints):
        glints[slot] = torch.tensor([glint.u, glint.v, glint.score])
    pupil, centroid = result.pupil_px, result.pupil_mask_px
    axes = result.pupil_major_px, result.pupil_minor_px
    located = pupil is not None and centroid is not None and None not in axes
    if result.pupil_sigma_px is not None:
        located &= result.pupil_sigma_px * canvas <= _MOST_UNSURE_PX

    def pair(values: object) -> Tensor:
        return torch.tensor(values if located else (0.0, 0.0), dtype=torch.float64)

    return Seen(
        glints_px=glints[:, :2],
        sigma_px=glint_sigma_px(glints[:, 2]) / canvas,
        valid=torch.arange(MAX_GLINTS) < len(result.glints),
        pupil_px=pair(pupil),
        centroid_px=pair(centroid),
        axes_px=pair(axes),
        located=torch.tensor(located),
    )


def _write(path: Path, sources: list[Source], labels: Labels, rig: KnownRig) -> None:
    axis = torch.nn.functional.normalize(labels.pupil_mm - labels.cornea_mm, dim=1)
    (fx, _, cx), (_, fy, cy), _ = rig.camera.matrix.tolist()
    folder = path.parent.resolve()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in (labels.reason == -1).nonzero()[:, 0].tolist():
        points = (*labels.cornea_mm[row].tolist(), *labels.pupil_mm[row].tolist())
        solid = [f"{value:.4f}" for value in (*points, float(labels.cornea_radius_mm[row]))]
        optical = [f"{value:.6f}" for value in axis[row].tolist()]
        file = os.path.relpath(sources[row].path.resolve(), folder)
        writer.writerow([file, rig.camera.eye_side or "", fx, fy, cx, cy, 1, *solid, *optical])
    try:
        write_text(path, text.getvalue())
    except OSError as error:
        raise ZooError(f"{path}: cannot be written ({error.strerror})") from None
