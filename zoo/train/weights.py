"""Start from the weights of a checkpoint, as far as they fit; export the averaged weights of a run."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from zoo.config import TrainConfig
from zoo.data.mixture import Seen
from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub import checkpoint
from zoo.hub.changes import changes_from, lasting_name, recorded
from zoo.hub.metadata import Licences, SourceSeen, Training, describe
from zoo.model.network import Network
from zoo.model.norms import unsplit_name
from zoo.train.folder import MAY_CHANGE, MODEL, SEEN, command_line, git_state


class Loaded(NamedTuple):
    """Names of tensors: copied; left as they were made; of the checkpoint, but without a place here."""

    loaded: list[str]
    new: list[str]
    skipped: list[str]


def load_matching(network: Network, init: str, taken: Collection[str] | None = None) -> Loaded:
    """Copy every tensor of checkpoint `init` that has the name and shape of one of `network`.

    Norms that serve one kind of input start from those that serve all, where the checkpoint has such.

    Args:
        taken: tensors that came from another checkpoint before and stay; None: this is the first one.

    Raises:
        ZooError: no such checkpoint, or the first one's backbone is not that of `network`.
    """
    old = checkpoint.load(init)[0].state_dict()
    own = network.state_dict()
    sources = {name: unsplit_name(name, old.keys()) for name in own}
    loaded = [
        name
        for name, source in sources.items()
        if name not in (taken or ()) and source in old and own[name].shape == old[source].shape
    ]
    missing = [name for name in own if name.startswith("backbone.") and name not in loaded]
    if taken is None and missing:
        raise ZooError(
            f"init={init}: its backbone is not that of this run's network ({len(missing)} tensors "
            f"do not fit, such as {missing[0]}); leave network= away to get the checkpoint's own network"
        )
    for name in loaded:
        own[name].copy_(old[sources[name]])
    used = {sources[name] for name in loaded}
    filled = {*loaded, *(taken or ())}
    return Loaded(loaded, [n for n in own if n not in filled], [n for n in old if n not in used])


def report(init: str, result: Loaded) -> str:
    """One line for the user, naming the parts of the network rather than every tensor."""
    parts = {
        label: sorted({".".join(name.split(".")[: 2 if name.startswith("heads.") else 1]) for name in names})
        for label, names in (("new", result.new), ("skipped", result.skipped))
    }
    text = f"init={init}: {len(result.loaded)} tensors loaded"
    for label, names in parts.items():
        count = len(result.new if label == "new" else result.skipped)
        text += f", {count} {label}" + (f" ({', '.join(names)})" if names else "")
    return text


_SENTENCES: Final = {
    "pool": "Rendered near-eye images, from a pool.",
    "render": "Rendered near-eye images, each seen once.",
    "room_pool": "Rendered rooms, from a pool.",
    "meye": "Infrared eyes of the MEYE data set.",
    "capture": "Posed captures of rooms.",
    "folder": "Images of the user's own with a table of labels.",
    "unityeyes": "Colour eyes rendered by UnityEyes.",
    "openeds2019": "Infrared eyes of OpenEDS 2019 with their segmentation.",
    "openeds2020_gaze": "Infrared eyes of OpenEDS 2020 with their gaze.",
    "openeds2020_segmentation": "Infrared eyes of OpenEDS 2020 with their segmentation.",
    "teyed": "Infrared eyes of TEyeD with estimated labels.",
    "mpiigaze": "Webcam eyes of MPIIGaze with their gaze.",
    "mpiifacegaze": "Webcam eyes of MPIIFaceGaze with their gaze.",
    "lpw": "Infrared eyes of Labelled Pupils in the Wild.",
    "nvgaze": "Rendered infrared eyes of NVGaze with their segmentation.",
}


def export(
    config: TrainConfig,
    network: Network,
    seen: int,
    metrics: dict[str, float],
    shown: Mapping[str, Mapping[str, Seen]],
    folder: str = MODEL,
) -> None:
    """Write the checkpoint of a run: what `zoo predict runs/<name>` loads.

    Args:
        config: of the run.
        network: the averaged weights.
        seen: samples.
        metrics: of the last validation.
        shown: by kind and source, what a run on a mixture has seen; also written to `seen.json`.
        folder: within the run folder.
    """
    # The length of a slice is nothing that a run depends on.
    command = " ".join(
        part for part in command_line().split(" ") if not part.startswith("stop_after_minutes=")
    )
    training = Training(
        data=" ".join(sorted({_SENTENCES[source.type] for source in config.sources.values()})),
        samples_seen=seen,
        command=command,
        commit=git_state()["commit"],
        seed=config.seed,
        sources=_sources(config, shown),
    )
    own = all(source.type in ("pool", "render", "room_pool") for source in config.sources.values())
    licences = Licences(
        weights="Apache-2.0" if own else "as the training data allow",
        training_data="Apache-2.0 (rendered by this project)" if own else "see the data set's own terms",
    )
    metadata = describe(
        config.name,
        network.config,
        training,
        licences,
        {"validation": metrics} if metrics else None,
        **_descent(config, training),
    )
    if shown:
        table = {"samples": seen, "sources": [source.model_dump() for source in training.sources]}
        write_text(config.run_dir / SEEN, json.dumps(table, indent=1) + "\n")
    checkpoint.save(config.run_dir / folder, network, metadata)


def _descent(config: TrainConfig, training: Training) -> dict[str, Any]:
    """The parents of a run, what it changed, and its config."""
    own = recorded(config.model_dump(mode="json"), MAY_CHANGE)
    if not config.parents:
        return {"config": own}
    first, *others = config.parents
    try:
        return {
            "parent": lasting_name(first),
            "other_parents": [lasting_name(other) for other in others],
            "changes": changes_from(first, training, own, MAY_CHANGE),
            "config": own,
        }
    except ZooError:  # a parent that was moved while its child was trained costs no weights
        return {"parent": first, "other_parents": others, "config": own}


def _sources(config: TrainConfig, shown: Mapping[str, Mapping[str, Seen]]) -> tuple[SourceSeen, ...]:
    return tuple(
        SourceSeen(
            kind=kind,
            name=name,
            type=config.sources[f"data.{kind}.{name}.data"].type,
            samples=seen.samples,
            distinct=seen.distinct,
            of=seen.of,
        )
        for kind, sources in shown.items()
        for name, seen in sources.items()
    )
