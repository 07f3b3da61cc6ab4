"""The lids: two curves on an ellipsoidal shell about the eyeball, in stereographic coordinates.

Everything is in the canonical head frame: origin at the eyeball's rotation centre, x towards the temple,
y down, z into the head (a right eye is mirrored to become a left one). A shell is an ellipsoid centred at
the origin; a point on it has coordinates (s, t) in millimetres by stereographic projection from its back
pole, turned by the canthal tilt, so that the line between the lid corners is t = 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Lids(NamedTuple):
    """Lid curves of a batch; every field is (B, 1), lengths in millimetres on the shell."""

    axis_x: Tensor  # semi-axes of the inner shell, which touches the eyeball
    axis_y: Tensor
    axis_z: Tensor
    thickness: Tensor  # outer shell minus inner shell
    cos_tilt: Tensor
    sin_tilt: Tensor
    nasal: Tensor  # s of the nasal corner (negative)
    drop: Tensor  # how far the line between the corners lies below the eye's centre
    width: Tensor  # corner to corner
    upper: Tensor  # height of the wide-open upper lid above the line between the corners
    lower: Tensor  # depth of the lower lid below that line
    upper_peak: Tensor  # exponents of the curves: where the arch peaks, and how round it is
    upper_round: Tensor
    lower_peak: Tensor
    lower_round: Tensor
    openness: Tensor
    drift: Tensor  # how far both lids follow a vertical gaze, downwards positive


class Shell(NamedTuple):
    """Where rays meet a shell; fields are (B, P)."""

    s: Tensor
    t: Tensor
    x: Tensor  # the point, canonical head frame, mm
    y: Tensor
    z: Tensor
    distance: Tensor  # ray parameter


def shell_hit(
    lids: Lids, origin: Tensor, dx: Tensor, dy: Tensor, dz: Tensor, offset: Tensor | float
) -> Shell:
    """First intersection of rays with the inner shell grown by `offset`; misses take the closest approach.

    Args:
        origin: (B, 3) the camera.
        dx, dy, dz: (B, P) ray directions, of any length.
    """
    ax, ay, az = lids.axis_x + offset, lids.axis_y + offset, lids.axis_z + offset
    ox, oy, oz = origin[:, 0:1] / ax, origin[:, 1:2] / ay, origin[:, 2:3] / az
    ux, uy, uz = dx / ax, dy / ay, dz / az
    a = ux * ux + uy * uy + uz * uz
    half_b = ox * ux + oy * uy + oz * uz
    c = ox * ox + oy * oy + oz * oz - 1
    root = (half_b * half_b - a * c).clamp(min=0).sqrt()
    distance = (-half_b - root) / a
    qx, qy, qz = ox + distance * ux, oy + distance * uy, oz + distance * uz
    stretch = 2 / (1 - qz).clamp(min=0.2)
    s, t = stretch * qx * ax, stretch * qy * ay
    return Shell(
        s=lids.cos_tilt * s + lids.sin_tilt * t,
        t=lids.cos_tilt * t - lids.sin_tilt * s - lids.drop,
        x=qx * ax,
        y=qy * ay,
        z=qz * az,
        distance=distance,
    )


def arch(u: Tensor, peak: Tensor, roundness: Tensor) -> Tensor:
    """A lid's arch over u in [0, 1]: 0 at both corners, 1 at its highest point."""
    skewed = u.clamp(1e-4, 1 - 1e-4) ** peak
    return 1 - (2 * skewed - 1).abs() ** roundness


def lid_curves(lids: Lids, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(upper t, lower t, u) at shell coordinate s, each (B, P); u runs from 0 (nasal) to 1 (temporal)."""
    u = (s - lids.nasal) / lids.width
    upper, lower = arch(u, lids.upper_peak, lids.upper_round), arch(u, lids.lower_peak, lids.lower_round)
    low = (lids.lower + lids.drift) * lower
    return low - lids.openness * (lids.upper * upper + lids.lower * lower), low, u


def aperture(lids: Lids, shell: Shell) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Distances in mm, positive inside the opening (to its border, the upper, the lower lid), and u."""
    upper, lower, u = lid_curves(lids, shell.s)
    below_upper, above_lower = shell.t - upper, lower - shell.t
    corners = torch.minimum(u, 1 - u) * lids.width
    inside = torch.minimum(torch.minimum(below_upper, above_lower), corners)
    return inside, below_upper, above_lower, u


def eye_visible(lids: Lids, origin: Tensor, dx: Tensor, dy: Tensor, dz: Tensor) -> Tensor:
    """(B, P) signed distance in mm, positive where a ray passes the lids' outer and inner edges."""
    outer, *_ = aperture(lids, shell_hit(lids, origin, dx, dy, dz, lids.thickness))
    inner, *_ = aperture(lids, shell_hit(lids, origin, dx, dy, dz, 0.0))
    return torch.minimum(outer, inner)
