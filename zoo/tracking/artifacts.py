"""The checkpoints of a run as W&B artifacts, with aliases and parents: our own list of them, and its upload.

Offline, W&B can neither finish the upload of an artifact nor say what a run has used. So the run folder holds
a list of what is to be uploaded, written with every checkpoint, and an upload is noted in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub.index import resolve
from zoo.hub.metadata import ModelMetadata, read_metadata

MANIFEST: Final = "wandb_artifacts.json"
BEST: Final = "best"
LATEST: Final = "latest"
_TYPE: Final = "model"


class Upload(BaseModel):
    """One checkpoint of the run folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Of the artifact; its versions are the checkpoints of all runs of this name."""
    folder: str
    """Within the run folder."""
    sha256: str
    """Of the weights."""
    aliases: list[str]
    parent: str | None
    """Name or folder of the checkpoint that training started from, as in `init`."""
    uploaded: str | None = None
    """The version that W&B gave; null: not yet."""


def record(run_dir: Path, name: str, folders: dict[str, str]) -> None:
    """Note the checkpoints that lie in a run folder now; what is noted as uploaded stays so.

    Args:
        run_dir: the run folder.
        name: of the artifact.
        folders: alias -> folder of the checkpoint within the run folder, where it exists.
    """
    before = {(upload.sha256, *upload.aliases): upload.uploaded for upload in read(run_dir)}
    uploads: dict[str, Upload] = {}
    for alias, folder in folders.items():
        if not (run_dir / folder / "model.json").is_file():
            continue
        metadata = read_metadata(run_dir / folder)
        digest = _digest(metadata)
        aliases = [*uploads[digest].aliases, alias] if digest in uploads else [alias]
        done = before.get((digest, *aliases))
        uploads[digest] = Upload(
            name=name,
            folder=folder,
            sha256=digest,
            aliases=aliases,
            parent=metadata.parent,
            uploaded=done,
        )
    _write(run_dir, list(uploads.values()))


def read(run_dir: Path) -> list[Upload]:
    """The list of a run folder; empty where it has none.

    Raises:
        ZooError: the file is damaged.
    """
    path = run_dir / MANIFEST
    if not path.exists():
        return []
    try:
        return [Upload.model_validate(item) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ZooError(
            f"{path}: not a list of artifacts ({reason}); the next checkpoint of the run writes it anew"
        ) from None


def upload(run: Any, run_dir: Path) -> list[str]:
    """Log what is not uploaded yet, and what it was trained from, to a W&B run that is online.

    Args:
        run: a `wandb.Run`.
        run_dir: the run folder.

    Returns:
        Lines for the user: what was uploaded, and which parents are not here to be.
    """
    uploads, lines = read(run_dir), []
    waiting = [item for item in uploads if item.uploaded is None]
    for parent in dict.fromkeys(item.parent for item in waiting if item.parent is not None):
        try:
            folder = resolve(parent)
            # W&B knows equal files again: a parent that is there already is not stored twice.
            run.use_artifact(_artifact(_parent_name(parent, folder), folder))
        except ZooError:
            lines.append(f"parent {parent}: not here, so it is named in the metadata alone")
    for item in waiting:
        logged = run.log_artifact(_artifact(item.name, run_dir / item.folder), aliases=item.aliases)
        logged.wait()
        done = item.model_copy(update={"uploaded": str(logged.version)})
        uploads = [done if other == item else other for other in uploads]
        _write(run_dir, uploads)
        lines.append(f"{item.folder}: artifact {item.name}:{logged.version} ({', '.join(item.aliases)})")
    return lines


def _parent_name(parent: str, folder: Path) -> str:
    """As the parent's own run names its artifact, so that both are one."""
    names = [item.name for item in read(folder.parent) if item.folder == folder.name]
    return names[0] if names else read_metadata(folder).name


def _artifact(name: str, folder: Path) -> Any:
    import wandb

    metadata = read_metadata(folder)
    said = metadata.model_dump(mode="json", include={"training", "metrics", "parent", "licences", "weights"})
    artifact = wandb.Artifact(name, type=_TYPE, metadata=said)
    for path in sorted(folder.iterdir()):
        artifact.add_file(str(path), policy="immutable")  # no second copy of the weights
    return artifact


def _digest(metadata: ModelMetadata) -> str:
    assert metadata.weights is not None, "a saved checkpoint has a checksum"
    return metadata.weights.sha256


def _write(run_dir: Path, uploads: list[Upload]) -> None:
    write_text(run_dir / MANIFEST, json.dumps([item.model_dump() for item in uploads], indent=1) + "\n")
