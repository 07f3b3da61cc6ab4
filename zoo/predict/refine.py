"""A network's answer refined by glints of known LEDs, each weighted by its uncertainty.

The network's cornea is a prior: it tells which glint is which LED (`zoo.geometry.glint_assignment`), and the
glints then move it (`zoo.geometry.glint_inverse`). From the new cornea and the keypoints' pupil the axis
follows by the classical method, and is fused with the network's. What contradicts the network is not
believed: of few glints, a wrong assignment is likelier than an error of the network far beyond what it
states.

All uncertainties are told by the network's own answer (of glints and pupil: `zoo.predict.precision`), but for
one number: how much the two axes err alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.geometry.classical_gaze import classical_gaze
from zoo.geometry.glint_assignment import assign_glints
from zoo.geometry.glint_inverse import CorneaPrior, cornea_from_glints
from zoo.geometry.rotations import listing
from zoo.geometry.vectors import dot, transform, unit
from zoo.model.heads.eye3d import focal_length
from zoo.model.heads.gaze import visual_axis
from zoo.model.heads.keypoints import GLINT_SCORE
from zoo.model.heads.likelihood import SIGMA_OF_SCALE
from zoo.predict.precision import glint_sigma_px, pupil_sigma_px

Heads = Mapping[str, Mapping[str, Tensor]]

LEAST_MARGIN: Final = 6.0
"""See `assign_glints`."""
MOST_APART: Final = 16.0
"""Squared sigmas by which cornea (3 dimensions) and axis (2) may differ from the network's; by chance
they do in 0.7 % of frames."""
_ALIKE: Final = 0.3
"""Correlation of the error of the network's axis with that of the pupil's image, which it sees too. Measured
on rendered training people in the reference rig: 0.12 and 0.26 (u and v) of eyenet_s, 0.34 and 0.42 of
eyenet_s_headset."""
_LINE_SD, _PLANE_SD = math.sqrt(2), math.sqrt(3)
"""Standard deviation, in each direction, of Laplace densities of scale 1 on a line and in a plane."""
_DISC: Final = 1.5151
"""68.27 % of the points of a normal density in a plane are within this many standard deviations."""
NEEDED_HEADS: Final = ("keypoints", "eye3d", "gaze")
_NEEDED: Final = (
    *("glints_px", "glint_scores", "pupil_px", "cornea_mm", "pupil_ray_px", "log_scales"),
    *("cornea_radius_mm", "pupil_distance_mm", "optical", "gaze_sigma", "roll"),
)
_CHANGED: Final = ("cornea_mm", "pupil_mm", "geometric_axis", "optical", "visual", "gaze_sigma")


def refine(
    heads: Heads,
    camera: Float[Tensor, "B 3 3"],
    leds_mm: Float[Tensor, "l 3"],
    eye_side: Int[Tensor, "B"],
    known: Bool[Tensor, "B"] | None = None,
) -> dict[str, dict[str, Tensor]]:
    """The prediction with `cornea_mm`, `pupil_mm`, `geometric_axis`, `optical`, `visual` and `gaze_sigma`
    refined, and `glints_used` (B,) beside them: how many; 0 where the network's answer stands.

    It stands where fewer than two glints agree on a cornea, or where they contradict the network.

    Args:
        heads: of `zoo.model.network.Network`.
        camera: intrinsics in pixels of the network's image.
        leds_mm: LED positions in the camera frame.
        eye_side: index into `zoo.conventions.EYE_SIDES`.
        known: whose camera and LEDs these are; all by default.

    Raises:
        ValueError: the prediction lacks what it takes.
    """
    fields = {key: value for head in heads.values() for key, value in head.items()}
    if not fields.keys() >= set(_NEEDED):
        raise ValueError(f"LEDs refine the answer of a network with the heads {', '.join(NEEDED_HEADS)}")
    rows = (fields["glint_scores"] > GLINT_SCORE).sum(1).cpu() >= 2
    chosen = (rows if known is None else rows & known.cpu()).nonzero()[:, 0]
    changed: dict[str, Tensor] = {key: fields[key].clone() for key in _CHANGED if key in fields}
    used = torch.zeros(len(rows), dtype=torch.int64)
    if len(chosen):
        # On the CPU: these are few small systems in float64.
        own = {key: fields[key].cpu()[chosen].double() for key in _NEEDED}
        found = _refine(own, camera.cpu()[chosen].double(), leds_mm.cpu().double(), eye_side.cpu()[chosen])
        kept = chosen[found.ok]
        used[kept] = found.glints[found.ok]
        for key, value in changed.items():
            value[kept.to(value.device)] = found.fields[key][found.ok].to(value)
    changed["glints_used"] = used.to(fields["cornea_mm"].device)
    return {
        name: {key: changed.get(key, value) for key, value in head.items()}
        | ({"glints_used": changed["glints_used"]} if "cornea_mm" in head else {})
        for name, head in heads.items()
    }


class _Found(NamedTuple):
    fields: dict[str, Tensor]
    glints: Tensor  # (B,) how many
    ok: Tensor  # (B,) bool


def _refine(own: dict[str, Tensor], camera: Tensor, leds: Tensor, eye_side: Tensor) -> _Found:
    """Of rows that have two glints or more."""
    position, depth, curvature, reach, _ = own["log_scales"].exp().unbind(1)
    radius, distance = own["cornea_radius_mm"], own["pupil_distance_mm"]
    radius_sd, distance_sd = _LINE_SD * curvature * radius, _LINE_SD * reach * distance
    cornea, mm_per_px = own["cornea_mm"], own["cornea_mm"][:, 2] / focal_length(camera)
    prior = CorneaPrior.along_ray(
        cornea, _PLANE_SD * position * mm_per_px, _LINE_SD * depth * cornea.norm(dim=1)
    )
    scores = own["glint_scores"]
    glints = own["glints_px"][:, : int((scores > GLINT_SCORE).sum(1).max())]  # by falling score
    scores = scores[:, : glints.shape[1]]
    valid, glint_sigma = scores > GLINT_SCORE, glint_sigma_px(scores)
    assigned = assign_glints(
        glints,
        valid,
        leds,
        camera,
        radius,
        pixel_sigma=glint_sigma,
        radius_sigma=radius_sd,
        prior=prior,
        least_margin=LEAST_MARGIN,
    )
    which = assigned.which_led
    fix = cornea_from_glints(
        glints,
        which,
        which >= 0,
        leds,
        camera,
        radius,
        pixel_sigma=glint_sigma,
        radius_sigma=radius_sd,
        prior=prior,
    )
    pupil_sigma = pupil_sigma_px(own["pupil_px"], own["pupil_ray_px"])
    axis = axis_of_cornea(
        fix.cornea,
        fix.covariance,
        own["pupil_px"],
        pupil_sigma,
        distance,
        distance_sd,
        camera,
        fix.radius,
    )
    network_sd = own["gaze_sigma"] * (_PLANE_SD / SIGMA_OF_SCALE)
    of_pupil = pupil_sigma * mm_per_px / distance
    shared = (_ALIKE * network_sd * of_pupil).minimum(network_sd.minimum(of_pupil) ** 2)
    fused = fuse_axes(own["optical"], network_sd, axis.optical, axis.covariance, shared)
    moved = fix.cornea - cornea
    apart = dot(moved, transform(torch.linalg.inv(prior.covariance), moved)) + fused.apart
    return _Found(
        {
            "cornea_mm": fix.cornea,
            "pupil_mm": axis.pupil_mm,
            "geometric_axis": axis.optical,
            "optical": fused.optical,
            "visual": visual_axis(fused.optical, own["roll"], eye_side),
            "gaze_sigma": fused.sigma,
        },
        (which >= 0).sum(1),
        assigned.ok & fix.ok & axis.ok & (apart < MOST_APART),
    )


class UncertainAxis(NamedTuple):
    """Optical axes of the classical method."""

    optical: Tensor  # (B, 3) unit vectors
    covariance: Tensor  # (B, 3, 3) of the vector
    pupil_mm: Tensor  # (B, 3)
    ok: Tensor  # (B,) bool: there is one


def axis_of_cornea(
    cornea: Float[Tensor, "B 3"],
    covariance: Float[Tensor, "B 3 3"],
    pupil_px: Float[Tensor, "B 2"],
    pupil_sigma: Float[Tensor, "B"],
    pupil_distance: Float[Tensor, "B"],
    distance_sigma: Float[Tensor, "B"],
    camera: Float[Tensor, "B 3 3"],
    radius: Float[Tensor, "B"],
) -> UncertainAxis:
    """`classical_gaze` and its covariance, by central differences at one standard deviation each.

    Args:
        cornea: centre, mm, and its covariance.
        pupil_px: refracted image of the pupil's centre; its u and its v have `pupil_sigma`.
        pupil_distance: cornea centre to pupil centre, mm, and its `distance_sigma`.
        radius: of the cornea, mm.
    """
    middle = classical_gaze(cornea, pupil_px, camera, radius, pupil_distance)
    # (6, B, 6): a step of each kind in cornea, pixel and distance
    steps = cornea.new_zeros(6, len(cornea), 6)
    steps[:3, :, :3] = torch.linalg.cholesky_ex(covariance).L.movedim(-1, 0)
    steps[3, :, 3] = steps[4, :, 4] = pupil_sigma
    steps[5, :, 5] = distance_sigma
    there, back = (
        classical_gaze(
            cornea + sign * steps[..., :3],
            pupil_px + sign * steps[..., 3:5],
            camera,
            radius,
            pupil_distance + sign * steps[..., 5],
        ).optical
        for sign in (1, -1)
    )
    slope = (there - back).movedim(0, -1) / 2
    return UncertainAxis(middle.optical, slope @ slope.mT, middle.pupil_mm, middle.ok)


class FusedAxis(NamedTuple):
    """Two estimates of an axis as one."""

    optical: Tensor  # (B, 3) unit vectors
    sigma: Tensor  # (B,) radians: 68 % of the errors are below it
    apart: Tensor  # (B,) how far they differed, in squared sigmas; infinite from a right angle on


def fuse_axes(
    first: Float[Tensor, "B 3"],
    first_sd: Float[Tensor, "B"],
    second: Float[Tensor, "B 3"],
    second_covariance: Float[Tensor, "B 3 3"],
    shared: Float[Tensor, "B"] | float = 0.0,
) -> FusedAxis:
    """The best linear mean of two estimates of an axis, in the plane that touches the sphere at the first.

    Args:
        first, second: unit vectors.
        first_sd: standard deviation of the first in each direction, radians.
        second_covariance: of the second's vector.
        shared: covariance of their errors in each direction; no more than either has of its own.
    """
    plane = listing(first)[..., :2]  # its columns are perpendicular to the axis
    along = dot(first, second)
    ahead = along > 1e-3
    place = transform(plane.mT, second) / torch.where(ahead, along, 1.0)[:, None]
    identity = torch.eye(2, dtype=first.dtype, device=first.device)
    both = torch.as_tensor(shared).to(first)[..., None, None] * identity
    mine = first_sd[:, None, None] ** 2 * identity
    whole = mine + plane.mT @ second_covariance @ plane - 2 * both
    gain = (mine - both) @ torch.linalg.inv(whole)
    left = mine - gain @ (mine - both)
    return FusedAxis(
        optical=unit(first + transform(plane, transform(gain, place))),
        sigma=_DISC * (left.diagonal(dim1=-2, dim2=-1).mean(-1)).sqrt(),
        apart=torch.where(ahead, dot(place, transform(torch.linalg.inv(whole), place)), torch.inf),
    )
