"""Save and load a network: `model.safetensors` + `model.json` + card. Never a pickle.

A file chooses neither which code runs (types are looked up among those installed, `zoo.model.config`) nor
what is read (the weights lie beside `model.json` under a fixed name), and is checked before it is parsed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from zoo.errors import ZooError
from zoo.files import replacing
from zoo.hub import card
from zoo.hub.cache import is_intact
from zoo.hub.describe import disagreements
from zoo.hub.index import PICKLES, listed_entry, locate, resolve
from zoo.hub.metadata import CARD_FILE, METADATA_FILE, WEIGHTS_FILE, ModelMetadata, Weights, read_metadata
from zoo.hub.schema import Entry
from zoo.model.network import Network

_NAMED_MISMATCHES = 5


def save(folder: Path, network: Network, metadata: ModelMetadata) -> ModelMetadata:
    """Write a checkpoint into `folder`, replacing the one in it; return the metadata with its checksum.

    The three files are written in full before the first is renamed into place.

    Raises:
        ValueError: the metadata describes another network than this one.
    """
    if metadata.network != network.config:
        raise ValueError(f"the metadata of {metadata.name} describes another network than the one to save")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    blob = safetensors.torch.save(state)
    weights = Weights(
        sha256=hashlib.sha256(blob).hexdigest(),
        size_bytes=len(blob),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
    )
    metadata = metadata.model_copy(update={"weights": weights})
    with replacing(folder / WEIGHTS_FILE) as tensors:
        tensors.write_bytes(blob)
        describe_anew(folder, metadata)
    return metadata


def describe_anew(folder: Path, metadata: ModelMetadata) -> None:
    """Write `model.json` and the card, beside weights that stay."""
    with replacing(folder / CARD_FILE) as readme, replacing(folder / METADATA_FILE) as description:
        description.write_text(metadata.model_dump_json(indent=2) + "\n", encoding="utf-8")
        readme.write_text(card.render(metadata), encoding="utf-8")


def load(name_or_path: str | Path) -> tuple[Network, ModelMetadata]:
    """Load a checkpoint by its name or path (see `zoo.hub.index.locate`), in eval mode on the CPU.

    A listed one that is not on this machine is fetched; one that was damaged in the cache is fetched anew.
    The network's own backbone never is: all weights are the checkpoint's.

    Raises:
        ZooError: a pickle; a missing, truncated or altered file; a newer format; a type that is not
            installed; weights that do not fit the network that `model.json` describes.
    """
    folder, found = locate(name_or_path)
    if found is None or found.folder is not None:
        assert folder is not None, "a path is found or refused"
        return _open(folder, listed_entry(folder) if found is None else found.entry)
    if folder is not None and is_intact(folder / METADATA_FILE, found.entry.files.metadata):
        try:
            return _open(folder, found.entry)
        except _DamagedError:
            pass
    return _open(resolve(name_or_path), found.entry)


def verify(name_or_path: str | Path) -> ModelMetadata:
    """Check as `load` does, and that the card and the entry in the index say what the metadata say.

    Raises:
        ZooError: as `load`, or one of them differs.
    """
    _, metadata = load(name_or_path)
    folder, found = locate(name_or_path)
    assert folder is not None, "what was loaded is on this machine"
    entry = listed_entry(folder) if found is None else found.entry
    if entry is not None and (fields := list(disagreements(entry, folder))):
        raise ZooError(
            f"{folder}: the index of checkpoints says something else of {entry.name}: {', '.join(fields)}; "
            "mend it (`scripts/release.py --refresh`)"
        )
    readme = folder / CARD_FILE
    if not readme.is_file() or readme.read_text(encoding="utf-8") != card.render(metadata):
        raise ZooError(f"{readme}: not the card that {METADATA_FILE} gives; save the checkpoint again")
    return metadata


class _DamagedError(ZooError):
    """The files are not those that were released."""


def _open(folder: Path, entry: Entry | None) -> tuple[Network, ModelMetadata]:
    metadata = read_metadata(folder)
    state = _read_weights(folder, metadata, entry)
    try:
        network = Network(metadata.network, fetch_weights=False)
    except (ZooError, ValueError, RuntimeError) as error:
        raise ZooError(f"{folder / METADATA_FILE}: its network cannot be built: {error}") from None
    own = network.state_dict()
    _check_fit(folder, own, state)
    for name, tensor in own.items():
        tensor.copy_(state[name])  # what load_state_dict does too, at several times the cost
    return network.eval(), metadata


def _read_weights(folder: Path, metadata: ModelMetadata, entry: Entry | None) -> dict[str, Tensor]:
    path = folder / WEIGHTS_FILE
    expected = metadata.weights
    assert expected is not None, "read_metadata refuses metadata without a checksum"
    if not path.is_file():
        pickles = [item.name for item in sorted(folder.iterdir()) if item.suffix.lower() in PICKLES]
        also = f" ({', '.join(pickles)} beside it: pickles are never loaded)" if pickles else ""
        raise ZooError(f"{path}: missing{also}")
    size = path.stat().st_size
    if size != expected.size_bytes:
        raise _DamagedError(
            f"{path}: has {size:,} bytes where {METADATA_FILE} says {expected.size_bytes:,}: "
            "truncated or replaced; fetch it again"
        )
    blob = path.read_bytes()
    digest = hashlib.sha256(blob).hexdigest()
    known = {METADATA_FILE: expected.sha256}
    if entry is not None:
        known["the index of checkpoints"] = entry.sha256
    for source, valid in known.items():
        if digest != valid:
            raise _DamagedError(
                f"{path}: altered or damaged, so refused: SHA-256 {digest}, but {source} says {valid}"
            )
    try:
        return safetensors.torch.load(blob)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ZooError(f"{path}: not a valid safetensors file ({error})") from None


def _check_fit(folder: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is not part of the network" for name in found if name not in wanted]
    problems += [
        f"{name} has shape {list(found[name].shape)}, the network wants {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if problems:
        shown = problems[:_NAMED_MISMATCHES]
        more = len(problems) - len(shown)
        shown += [f"and {more} more"] if more else []
        raise ZooError(
            "\n  ".join([f"{folder / WEIGHTS_FILE}: does not fit the network of {METADATA_FILE}", *shown])
        )
