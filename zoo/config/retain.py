"""How a fine-tuned network keeps what its parent could: options. No torch."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, PositiveFloat, PositiveInt

from zoo.config.base import Config
from zoo.config.sources import PoolData, RenderData, RoomPoolData, is_view_type

REPLAY: Final = "replay"
"""Name of the replayed source in the mixture that a run then trains on; the run's own is called `own`."""


class ReplayConfig(Config):
    """Samples of the kind that the parent was trained on, mixed with the run's own."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of the samples of a kind that the run has data of its own of."""
    # Neither eyes nor views: eyes rendered on the fly.
    eyes: Annotated[PoolData | RenderData, Field(discriminator="type")] | None = None
    views: RoomPoolData | None = None
    views_batch: PositiveInt = 6
    """Rooms a step, where the run's own data are eyes."""
    eyes_batch: PositiveInt = 32
    """Eyes a step, where the run's own data are rooms."""


class RetainConfig(Config):
    """What keeps the other tasks of the parent; any of the three, or all."""

    replay: ReplayConfig | None = None
    distil: PositiveFloat | None = None
    """Weight of the distance to the parent's answers, where a sample has no label of a head."""
    interpolate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the parent's weights in those that are measured and exported."""

    @property
    def uses_parent(self) -> bool:
        """Whether the parent itself is needed while training."""
        return self.distil is not None or self.interpolate is not None


def with_replay(raw: dict[str, Any]) -> dict[str, Any]:
    """The raw config of a run with the replayed sources among its data, once."""
    replay = (raw.get("retain") or {}).get("replay")
    data = raw.get("data")
    if (
        not isinstance(replay, dict)
        or not isinstance(data, dict)
        or REPLAY in (data.get("eyes") or {}) | (data.get("views") or {})
    ):
        return raw
    if not (replay.get("eyes") or replay.get("views")):
        replay = replay | {"eyes": {"type": "render", "domain": "train"}}
    share = replay.get("share", ReplayConfig.model_fields["share"].default)
    mixture = _as_mixture(data, raw, replay)
    for kind in ("eyes", "views"):
        if source := replay.get(kind):
            own = mixture.setdefault(kind, {})
            # A source without a share has 1; one with a schedule is counted as that too.
            total = sum(1.0 if s.get("share") is None else s["share"] for s in own.values()) or 1.0
            mixture[kind] = own | {REPLAY: {"data": source, "share": share / (1 - share) * total}}
    return raw | {"data": mixture, "retain": raw["retain"] | {"replay": replay}}


def _as_mixture(data: dict[str, Any], raw: dict[str, Any], replay: dict[str, Any]) -> dict[str, Any]:
    if data.get("type") == "mixture":
        return dict(data)
    kind, other = ("views", "eyes") if is_view_type(str(data.get("type"))) else ("eyes", "views")
    usual = ReplayConfig.model_fields[f"{other}_batch"].default
    batch = {kind: raw.get("batch_size", 64), other: replay.get(f"{other}_batch", usual)}
    return {"type": "mixture", kind: {"own": {"data": data}}, "batch": batch}
