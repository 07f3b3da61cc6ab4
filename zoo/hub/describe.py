"""From a checkpoint's folder to its entry in an index, and whether the two agree. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from zoo.hub.cache import sha256_of
from zoo.hub.metadata import METADATA_FILE, ModelMetadata, read_metadata
from zoo.hub.schema import Canvas, Entry, FileFacts, Files


def entry_of(folder: Path, name: str, released: date, **more: Any) -> Entry:
    """The entry of the checkpoint in `folder`.

    Args:
        name: its full name.
        more: fields of the entry that `model.json` does not say: `macs`, `latency`, `parent`, `changes`,
            `slices`, `locations`.
    """
    metadata = read_metadata(folder)
    return Entry.model_validate({"name": name, "released": released, **_said(folder, metadata), **more})


def refreshed(entry: Entry, folder: Path) -> Entry:
    """The entry with everything that `model.json` says taken from there again."""
    return Entry.model_validate({**dict(entry), **_said(folder, read_metadata(folder))})


def disagreements(entry: Entry, folder: Path) -> Iterator[str]:
    """Fields of the entry that the checkpoint in `folder` contradicts."""
    for field, value in _said(folder, read_metadata(folder)).items():
        if getattr(entry, field) != value:
            yield field


def _said(folder: Path, metadata: ModelMetadata) -> dict[str, Any]:
    path, weights = folder / METADATA_FILE, metadata.weights
    assert weights is not None, "read_metadata refuses metadata without a checksum"
    return {
        "tasks": tuple(sorted(metadata.network.heads)),
        "input": Canvas(height=metadata.preprocessing.height, width=metadata.preprocessing.width),
        "parameters": weights.parameters,
        "training": metadata.training,
        "licences": metadata.licences,
        "metrics": metadata.metrics,
        "files": Files(
            weights=FileFacts(sha256=weights.sha256, size_bytes=weights.size_bytes),
            metadata=FileFacts(sha256=sha256_of(path), size_bytes=path.stat().st_size),
        ),
    }
