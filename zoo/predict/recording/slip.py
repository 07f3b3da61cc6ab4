"""Notices that the headset moved: the network's axes leave those through the pupils, all to one side."""

from __future__ import annotations

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.vectors import norm
from zoo.predict.recording.constants import Constants, axes_through
from zoo.predict.recording.observe import Observations

WINDOWS: Final = (5, 9, 15)
"""Numbers of frames whose median is compared with that of the frames before: large slips show in few."""
LEAST_BEFORE: Final = 8
"""Frames before, fewer of which are not compared."""
THRESHOLD: Final = 4.5
"""Standard deviations of the difference that are a slip."""

_MEDIAN_SD: Final = 1.25  # of the median, over that of the mean
_ALIKE: Final = 1.3  # how much more it scatters because frames that follow each other err alike
_LEAST_DEG: Final = 1.0  # of one frame's deviation


def slipped(seen: Observations, constants: Constants) -> int | None:
    """The row from which on the eyeball is elsewhere, if it is.

    What the network gets wrong in all frames alike cancels, and so does what the constants have already taken
    from frames after the slip. A slip along the camera's axis is not noticed: it hardly moves the pupil.

    Args:
        seen: frames in the order of time, few of which show the pupil in one place: while a gaze rests, the
            network errs alike.
        constants: fitted to about these frames.
    """
    through = axes_through(constants.values, seen.pupil_px, seen.camera)
    sd = (constants.scatter * seen.axis_sd).clamp(min=math.radians(_LEAST_DEG))
    deviations = (seen.axis - through) / sd[:, None]
    for window in WINDOWS:
        count = len(deviations) - window
        if count < LEAST_BEFORE:
            return None
        before = deviations[:-window].median(dim=0).values
        after = deviations[-window:].median(dim=0).values
        allowed = _ALIKE * _MEDIAN_SD * math.sqrt(1 / window + 1 / count)
        if float(norm(after - before)) > THRESHOLD * allowed:
            return _change(deviations, before, after)
    return None


def _change(deviations: Float[Tensor, "n 3"], before: Float[Tensor, "3"], after: Float[Tensor, "3"]) -> int:
    """The row from which on deviations are about the second value: the split with the least distances."""
    first, second = norm(deviations - before), norm(deviations - after)
    zero = first.new_zeros(1)
    costs = torch.cat((zero, first.cumsum(0))) + torch.cat((second.flip(0).cumsum(0).flip(0), zero))
    return int(costs[1:-1].argmin()) + 1
