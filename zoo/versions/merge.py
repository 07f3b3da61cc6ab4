"""The weights between two versions of one network."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import ZooError
from zoo.hub import checkpoint
from zoo.hub.changes import differences, flat, lasting_name
from zoo.hub.index import resolve
from zoo.hub.metadata import Changes, Licences, ModelMetadata, Training, describe
from zoo.model.interpolate import interpolate

_NAMED = 5


def merge(a: str, b: str, alpha: float, folder: Path, command: str = "") -> ModelMetadata:
    """Write (1 - alpha) A + alpha B as a checkpoint that names both as its parents.

    Everything is interpolated, the running means and variances of batch norms too, which then only about fit
    the new weights. Nothing is measured: `zoo compare` says what came of it.

    Args:
        a, b: listed names or paths.
        alpha: in [0, 1]: 0 gives A, 1 gives B, bit for bit.
        folder: of the new checkpoint, which is called as it.
        command: that made it.

    Raises:
        ZooError: the networks differ, or `alpha` is out of range.
    """
    if not 0 <= alpha <= 1:
        raise ZooError(f"--alpha {alpha:g}: from 0 (all of {a}) to 1 (all of {b})")
    (first, ours), (second, theirs) = (checkpoint.load(resolve(name)) for name in (a, b))
    different = differences(
        flat(ours.network.model_dump(mode="json")), flat(theirs.network.model_dump(mode="json"))
    )
    if different:
        shown = [f"  {key}: {then} in {a}, {now} in {b}" for key, (then, now) in different.items()]
        more = [f"  and {len(shown) - _NAMED} more"] if len(shown) > _NAMED else []
        raise ZooError(
            "\n".join([f"{a} and {b} are different networks, so there is nothing between their weights:",
                       *shown[:_NAMED], *more])
        )  # fmt: skip
    metadata = describe(
        folder.resolve().name,
        ours.network,
        Training(
            data=" ".join(dict.fromkeys([ours.training.data, theirs.training.data])),
            samples_seen=max(ours.training.samples_seen, theirs.training.samples_seen),
            command=command or f"zoo merge {a} {b} --alpha {alpha:g} -o {folder.name}",
        ),
        _licences(ours, theirs),
        parent=lasting_name(a),
        other_parents=[lasting_name(b)],
        changes=Changes(config={"merge.alpha": (0.0, alpha)}),
    )
    # At alpha = 1 the counters of batch norms are those of B too.
    made = second if alpha == 1 else interpolate(first, second, alpha)
    return checkpoint.save(folder, made, metadata)


def _licences(a: ModelMetadata, b: ModelMetadata) -> Licences:
    def both(one: str, other: str) -> str:
        return one if one == other else f"{one}; {other}"

    return Licences(
        weights=both(a.licences.weights, b.licences.weights),
        training_data=both(a.licences.training_data, b.licences.training_data),
    )
