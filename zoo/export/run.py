"""`zoo export`: a checkpoint to ONNX files, each with a report of what it costs."""

from __future__ import annotations

import datetime
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from rich.console import Console

from zoo.conventions import KINDS, Kind
from zoo.errors import ZooError, did_you_mean
from zoo.export.convert import to_onnx
from zoo.export.extra import needed
from zoo.export.file import SUFFIX, ExportedFile, Precision, read_exported, sealed
from zoo.export.graph import graph_of
from zoo.export.measure import (
    CALIBRATION,
    CALIBRATION_FRAMES,
    EXAM,
    calibration_frames,
    latencies,
    metrics,
    parities,
)
from zoo.export.parity import worst
from zoo.export.quantise import to_int8
from zoo.files import replacing, write_text
from zoo.hub import checkpoint
from zoo.hub.metadata import ModelMetadata
from zoo.model.network import Network

FORMATS: Final = ("onnx",)
FRAMES: Final = 400
"""Of the exam, that precisions are compared on."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    files: dict[Precision, ExportedFile]
    report: dict[str, Any] | None
    report_path: Path | None


def export(
    name_or_path: str,
    output: Path,
    *,
    format_: str = "onnx",
    kind: str | None = None,
    views: int = 3,
    int8: bool = False,
    report: bool = True,
    report_path: Path | None = None,
    frames: int = FRAMES,
    console: Console | None = None,
) -> Exported:
    """Write a checkpoint as ONNX, measure it, and write the report beside it.

    Args:
        name_or_path: as of `zoo.load`.
        output: ``FILE.onnx``. int8 goes to ``FILE.int8.onnx``, the report to ``FILE.json``.
        kind: eyes or views; None: what the checkpoint looks at, eyes where it looks at both.
        views: of rooms, the anchor among them.
        int8: also write a quantised version (eyes only).
        report: whether to measure parity, latency and, with `int8`, metrics.
        report_path: where the report goes instead.
        frames: of the exam of unseen people, that the metrics are taken on.

    Raises:
        ZooError: no such checkpoint or format, an output that is no ``.onnx``, a library of the extra is
            missing, or the network cannot be exported.
    """
    if format_ not in FORMATS:
        raise ZooError(f"--format {format_}: {did_you_mean(format_, FORMATS)}")
    if output.suffix != SUFFIX or output.is_dir():
        raise ZooError(f"{output}: give a file that ends in {SUFFIX}")
    for library in ("onnx", "onnxscript", "onnxruntime"):
        needed(library)
    network, metadata = checkpoint.load(name_or_path)
    looks_at = _kind(network, metadata, kind)
    if int8 and looks_at != "eyes":
        raise ZooError("--int8 is for networks of eyes: the geometry of depth needs float32 throughout")
    say = (console or Console(stderr=True)).print
    graph = graph_of(network, looks_at)
    say(f"exporting {metadata.name} ...", markup=False, highlight=False)
    model = to_onnx(graph, metadata, views)
    files: dict[Precision, ExportedFile] = {"fp32": _write(output, model)}
    if int8:
        canvas = metadata.network.canvas("eyes")
        say(f"int8: ranges on {CALIBRATION_FRAMES} rendered frames ...", markup=False, highlight=False)
        seen = calibration_frames(CALIBRATION_FRAMES, canvas.height, canvas.width)
        files["int8"] = _write(output.with_suffix(f".int8{SUFFIX}"), to_int8(model, metadata, seen))
    if not report:
        return Exported(files, None, None)
    say("comparing with PyTorch ...", markup=False, highlight=False)
    found = _report(network, metadata, files, views, frames if int8 else 0)
    path = report_path or output.with_suffix(".json")
    write_text(path, json.dumps(found, indent=1) + "\n")
    return Exported(files, found, path)


def _kind(network: Network, metadata: ModelMetadata, wanted: str | None) -> Kind:
    has = [kind for kind in KINDS if network.heads_of(kind)]
    chosen = next((kind for kind in has if wanted in (None, kind)), None)
    if chosen is None:
        raise ZooError(f"--kind {wanted}: {metadata.name} looks at {' and '.join(has)}")
    return chosen


def _write(path: Path, model: Any) -> ExportedFile:
    with replacing(path) as temporary:
        temporary.write_bytes(sealed(model.SerializeToString()))
    return read_exported(path)


def _report(
    network: Network,
    metadata: ModelMetadata,
    files: dict[Precision, ExportedFile],
    views: int,
    frames: int,
) -> dict[str, Any]:
    compared = parities(network, files, views)
    milliseconds = latencies(network, files, views)
    report: dict[str, Any] = {
        "checkpoint": metadata.name,
        "sha256": metadata.weights.sha256 if metadata.weights else None,
        "date": datetime.date.today().isoformat(),
        "machine": platform.processor() or platform.machine(),
        "versions": {
            "torch": torch.__version__,
            "onnx": needed("onnx").__version__,
            "onnxruntime": needed("onnxruntime").__version__,
        },
        "files": {
            name: {"sha256": file.sha256, "size_bytes": len(file.blob)} for name, file in files.items()
        },
        "worst": {
            name: worst([item["errors"] for item in compared if item["precision"] == name]) for name in files
        },
        "latency_ms": milliseconds,
        "speedup": {name: milliseconds["pytorch"] / milliseconds[name] for name in files},
    }
    if frames:
        report["int8"] = {
            "calibration": {"domain": CALIBRATION[0], "seed": CALIBRATION[1], "frames": CALIBRATION_FRAMES},
            "exam": {"domain": EXAM[0], "seed": EXAM[1], "frames": frames},
            "metrics": metrics(network, files, frames),
        }
    return report | {"parity": compared}
