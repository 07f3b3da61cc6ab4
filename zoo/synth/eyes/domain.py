"""What a renderer may draw: families of appearance, how many people, how often rare things occur."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from zoo.synth.eyes.families import FAMILY_NAMES
from zoo.synth.families import known_in

_known = partial(known_in, FAMILY_NAMES)


Probability = Annotated[float, Field(ge=0, le=1)]
_Some = Field(min_length=1)


class EyeDomain(BaseModel):
    """A distribution over eyes, cameras and sensors; `conf/domain/*.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identities: Annotated[int, Field(gt=0)]
    """How many people; sample -> person is drawn uniformly."""
    people: str
    """Name of the stream of identities: two domains with different names share nobody."""
    iris: Annotated[tuple[str, ...], _Some, _known("iris")]
    skin: Annotated[tuple[str, ...], _Some, _known("skin")]
    lid: Annotated[tuple[str, ...], _Some, _known("lid")]
    lash: Annotated[tuple[str, ...], _Some, _known("lash")]
    rig: Annotated[tuple[str, ...], _Some, _known("rig")]
    framing: Annotated[tuple[str, ...], _Some, _known("framing")]
    sensor: Annotated[tuple[str, ...], _Some, _known("sensor")]
    spectacles: Probability = 0.08
    no_eye: Probability = 0.04
    refractive_index: Annotated[float, Field(gt=1.2, lt=1.5)] = 1.3375
    """Of cornea and aqueous humour as one body [Pye3D and PyEtSimul use the same]."""
