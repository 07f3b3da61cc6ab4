"""The eye that glints and pupil of one frame show, given camera and LEDs; or why there is none to rely on.

No network's 3D takes part, so these labels can correct it: the glints give the cornea, the pupil's image the
point behind it. What they cannot give, the person's anatomy, is drawn for each frame from what the glints
leave open of it: the means of adults in its place would teach a network that it knows the anatomy.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.draws import Draws
from zoo.geometry.cameras import unit_rays
from zoo.geometry.classical_gaze import classical_gaze
from zoo.geometry.glint_assignment import assign_glints
from zoo.geometry.glint_inverse import CorneaPrior, cornea_from_glints
from zoo.geometry.vectors import dot
from zoo.synth.eyes.anatomy import ANATOMY

LEAST_GLINTS: Final = 3
"""Two always meet in some cornea; only a third can contradict them."""
_MOST_RESIDUAL: Final = 2.0
"""Of the glints, in their own standard deviations; by chance 1 % of frames have more."""
_MOST_UNEVEN: Final = 0.12
"""Distance of the visible pupil's centroid from the whole pupil's centre, over its longer axis: more, and a
lid cuts the pupil, or one of the two is wrong."""
_MOST_ASKEW: Final = 0.15
"""Difference of the pupil's shorter over its longer axis from what the found axis foreshortens it to."""

REASONS: Final = (
    "no pupil, or one that is cut by a lid or that two heads find in two places",
    f"fewer than {LEAST_GLINTS} glints, or less than half of them, that agree on which LEDs made them",
    "glints that no one cornea explains",
    "a pupil that is not behind that cornea, or not as round as its axis says",
)
"""Why a frame has no labels: by number; see `Labels.reason`."""


class Seen(NamedTuple):
    """What a network located in frames, in pixels of one camera."""

    glints_px: Tensor  # (B, n, 2)
    sigma_px: Tensor  # (B, n) standard deviation of each glint's u and v
    valid: Tensor  # (B, n) bool: which of them there are
    pupil_px: Tensor  # (B, 2) centre of the whole pupil's image
    centroid_px: Tensor  # (B, 2) of its visible pixels
    axes_px: Tensor  # (B, 2) the longer and the shorter full axis of its ellipse
    located: Tensor  # (B,) bool: there is a pupil to rely on, and the three fields before are known


class Labels(NamedTuple):
    """Eyes, camera frame, mm; finite and meaningless where `reason` is not -1."""

    cornea_mm: Tensor  # (B, 3)
    cornea_radius_mm: Tensor  # (B,)
    pupil_mm: Tensor  # (B, 3)
    reason: Tensor  # (B,) int64 index into REASONS; -1: labelled


def solve(
    seen: Seen,
    leds_mm: Float[Tensor, "l 3"],
    camera: Float[Tensor, "3 3"],
    place: CorneaPrior,
    draws: Draws,
) -> Labels:
    """Labels of frames.

    Args:
        leds_mm: LED positions in the camera frame.
        camera: intrinsics in the pixels of `seen`.
        place: where in the rig corneas are; it tells the LEDs of the glints, and nothing else.
        draws: of anatomy, one index a frame.
    """
    count = len(seen.pupil_px)
    glints, sigma = seen.glints_px.double(), seen.sigma_px.double()
    cameras, leds = camera.double().expand(count, 3, 3), leds_mm.double()
    radius = ANATOMY["cornea_radius"]
    assigned = assign_glints(
        glints,
        seen.valid,
        leds,
        cameras,
        radius.mean,
        pixel_sigma=sigma,
        radius_sigma=radius.sd,
        prior=place,
    )
    which = assigned.which_led
    used = which >= 0
    fix = cornea_from_glints(
        glints, which, used, leds, cameras, radius.mean, pixel_sigma=sigma, radius_sigma=radius.sd
    )
    own = draws.normal("cornea_radius", 0.0, 1.0).double() * fix.radius_sigma + fix.radius
    own = own.clamp(radius.low, radius.high)
    cornea = cornea_from_glints(glints, which, used, leds, cameras, own, pixel_sigma=sigma).cornea
    reach = ANATOMY["pupil_distance"]
    distance = draws.normal("pupil_distance", reach.mean, reach.sd, low=reach.low, high=reach.high).double()
    gaze = classical_gaze(cornea, seen.pupil_px.double(), cameras, own, distance)

    number = used.sum(1)
    expected = (2 * (sigma**2 * used).sum(1) / number.clamp(min=1)).sqrt()
    longer, shorter = seen.axes_px.double().unbind(1)
    uneven = (seen.centroid_px - seen.pupil_px).double().norm(dim=1) / longer.clamp(min=1e-9)
    along = -dot(gaze.optical, unit_rays(seen.pupil_px.double(), cameras))
    askew = (shorter / longer.clamp(min=1e-9) - along).abs()
    reason = _first(
        ~seen.located | (uneven > _MOST_UNEVEN),
        ~assigned.ok | (number < LEAST_GLINTS) | (2 * number <= seen.valid.sum(1)),
        ~fix.ok | (fix.rms_px > _MOST_RESIDUAL * expected),
        ~gaze.ok | (askew > _MOST_ASKEW),
    )
    return Labels(cornea, own, gaze.pupil_mm, reason)


def _first(*faults: Bool[Tensor, "B"]) -> Int[Tensor, "B"]:
    """Which fault comes first; -1 where there is none."""
    every = torch.stack(faults)
    return torch.where(every.any(0), every.int().argmax(0), -1)
