"""The checkpoints that travel with this installation: names, summaries, folders.

Imports neither torch nor pydantic.

`checkpoints/index.json` lists every released checkpoint. A checkout holds the weights of all of them; an
installed package holds the index and the smallest checkpoint only.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo.errors import ZooError, did_you_mean
from zoo.files import write_text

if TYPE_CHECKING:
    from zoo.hub.metadata import ModelMetadata

INDEX_FILE: Final = "index.json"
INDEX_VERSION: Final = 1
PICKLES: Final = (".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".bin", ".tar")
_WEIGHTS_FILE: Final = "model.safetensors"
_METADATA_FILE: Final = "model.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Entry:
    """One line of the index, taken from the checkpoint's `model.json`."""

    name: str
    tasks: list[str]
    parameters: int
    input_height: int
    input_width: int
    licence: str
    training_data_licence: str
    metrics: dict[str, dict[str, float | None]]
    sha256: str
    size_bytes: int


def root() -> Path:
    """The folder of released checkpoints: inside an installed package, or beside it in a checkout."""
    folder = _find_root()
    if folder is None:
        raise ZooError("this installation has no index of checkpoints; pass the folder of a checkpoint")
    return folder


def entries() -> dict[str, Entry]:
    """Every released checkpoint by name, in the order of the index."""
    path = root() / INDEX_FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["version"] > INDEX_VERSION:
            raise ZooError(f"{path}: of a newer version than this zoo reads; upgrade zoo")
        listed = [Entry(**item) for item in raw["checkpoints"]]
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{path}: not an index of checkpoints ({error})") from None
    for entry in listed:
        if not _NAME.fullmatch(entry.name):
            raise ZooError(f"{path}: {entry.name!r} is not a valid name of a checkpoint")
    return {entry.name: entry for entry in listed}


def known_entries() -> dict[str, Entry]:
    """As `entries`, but none where this installation has no index."""
    return entries() if _find_root() else {}


def has_weights(name: str) -> bool:
    """Whether the weights of a listed checkpoint are present in this installation."""
    return (root() / name / _WEIGHTS_FILE).is_file()


def resolve(name_or_path: str | Path) -> Path:
    """The folder of a checkpoint, from its name in the index or from a path.

    A path is the checkpoint's folder, a file in it, or the folder of a run, which holds it as `checkpoint`.
    A listed name wins over a folder of the same name in the current directory: write `./name` for that.

    Raises:
        ZooError: there is no such checkpoint, its weights are not here, or it is a pickle.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, str) and _NAME.fullmatch(text) and text in (known := known_entries()):
        if has_weights(text):
            return root() / text
        here = [name for name in known if has_weights(name)]
        raise ZooError(
            f"{text} is listed, but its weights are not in this installation "
            f"(here: {', '.join(here) or 'none'}); use a checkout of the repository, or pass the path of a "
            f"folder that holds {_METADATA_FILE} and {_WEIGHTS_FILE} of {text}"
        )
    path = Path(name_or_path).expanduser()
    if path.suffix.lower() in PICKLES and not path.is_dir():
        raise ZooError(
            f"{text}: a pickle ({', '.join(PICKLES)}) can run any code when it is opened, so zoo never loads "
            f"one; pass a folder with {_METADATA_FILE} and {_WEIGHTS_FILE} (a run keeps it as `checkpoint/`)"
        )
    if path.is_file():
        if path.name not in (_METADATA_FILE, _WEIGHTS_FILE):
            raise ZooError(
                f"{text}: not a checkpoint; pass a folder with {_METADATA_FILE} and {_WEIGHTS_FILE}"
            )
        return path.parent
    for folder in (path, path / "checkpoint"):
        if (folder / _METADATA_FILE).is_file():
            return folder
    if path.is_dir():
        raise ZooError(f"{text}: this folder has no {_METADATA_FILE}, so it is not a checkpoint")
    raise ZooError(
        f"no checkpoint {text!r}: neither a listed name nor a path; {did_you_mean(text, known_entries())}"
    )


def listed_entry(folder: Path) -> Entry | None:
    """What the index says of the checkpoint in `folder`; None for a folder that is not released."""
    listed_root = _find_root()
    if listed_root is None or folder.resolve().parent != listed_root.resolve():
        return None
    return entries().get(folder.resolve().name)


def entry_of(metadata: ModelMetadata) -> Entry:
    """The index line of a saved checkpoint."""
    if metadata.weights is None:
        raise ValueError(f"{metadata.name} has not been saved: its weights have no checksum")
    return Entry(
        name=metadata.name,
        tasks=sorted(metadata.network.heads),
        parameters=metadata.weights.parameters,
        input_height=metadata.preprocessing.height,
        input_width=metadata.preprocessing.width,
        licence=metadata.licences.weights,
        training_data_licence=metadata.licences.training_data,
        metrics=metadata.metrics,
        sha256=metadata.weights.sha256,
        size_bytes=metadata.weights.size_bytes,
    )


def write_index(folder: Path) -> list[Entry]:
    """Rebuild `index.json` of a folder of checkpoints from their `model.json` files, by name."""
    from zoo.hub.metadata import read_metadata  # pydantic is not needed to read the index

    found = [read_metadata(path.parent) for path in sorted(folder.glob(f"*/{_METADATA_FILE}"))]
    for metadata, path in zip(found, sorted(folder.glob(f"*/{_METADATA_FILE}")), strict=True):
        if metadata.name != path.parent.name:
            raise ZooError(f"{path}: is named {metadata.name!r} but lies in the folder {path.parent.name!r}")
    listed = [entry_of(metadata) for metadata in found]
    content = {"version": INDEX_VERSION, "checkpoints": [asdict(entry) for entry in listed]}
    write_text(folder / INDEX_FILE, json.dumps(content, indent=2) + "\n")
    return listed


def _find_root() -> Path | None:
    package = Path(__file__).resolve().parents[1]
    folders = (package / "checkpoints", package.parent / "checkpoints")
    return next((folder for folder in folders if (folder / INDEX_FILE).is_file()), None)
