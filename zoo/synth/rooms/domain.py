"""What the renderer of rooms may draw: families of appearance, camera paths, how well poses are known."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zoo.synth.families import known_in
from zoo.synth.rooms.families import FAMILY_NAMES

_known = partial(known_in, FAMILY_NAMES)


_Some = Field(min_length=1)
_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]


class RoomDomain(BaseModel):
    """A distribution over rooms, cameras and sensors; `conf/rooms/*.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenes: str
    """Name of the stream of scenes: two domains with different names share no room, whatever the seed."""
    surfaces: Annotated[tuple[str, ...], _Some, _known("surfaces")]
    prints: Annotated[tuple[str, ...], _Some, _known("prints")]
    objects: Annotated[tuple[str, ...], _Some, _known("objects")]
    fixtures: Annotated[tuple[str, ...], _Some, _known("fixtures")]
    lights: Annotated[tuple[str, ...], _Some, _known("lights")]
    sensors: Annotated[tuple[str, ...], _Some, _known("sensors")]
    baseline_m: tuple[_Positive, _Positive] = (0.03, 0.5)
    """Least and greatest distance of a source's camera centre from the anchor's."""
    typical_baseline_m: _Positive = 0.15
    """Its median."""
    turn_deg: tuple[_NotNegative, _Positive] = (8.0, 25.0)
    """Median and greatest rotation of a source against the anchor."""
    focal: tuple[_Positive, _Positive] = (0.75, 1.15)
    """Range of fx, in image widths."""
    pose_noise_deg: _NotNegative = 0.0
    """Standard deviation, per axis, of an error added to the stored poses of all views but the first."""
    pose_noise_m: _NotNegative = 0.0

    @property
    def textures(self) -> tuple[str, ...]:
        """The families whose textures are needed, in the order of the bank."""
        return self.surfaces + self.prints

    @model_validator(mode="after")
    def _ordered(self) -> RoomDomain:
        low, high = self.baseline_m
        if not low <= self.typical_baseline_m <= high:
            raise ValueError("typical_baseline_m lies outside baseline_m")
        if self.turn_deg[0] > self.turn_deg[1]:
            raise ValueError("turn_deg: the median exceeds the greatest turn")
        if self.focal[0] > self.focal[1]:
            raise ValueError("focal: the range is not ordered")
        return self
