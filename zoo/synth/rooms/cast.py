"""Ray casting in tiles: bundles of rays against the few solids that each bundle can meet.

Every solid is a unit solid (cube [-1, 1]^3, ball, or cylinder about z) under an affine map, so one test per
kind serves tables, legs, leaves and posters. Rays come in tiles; a tile is tested as a whole against all
solids of its scene, and its rays against those that are left. Rays of one tile share their origin: the
camera, or the lamp when shadows are cast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NOTHING, BOX, BALL, CYLINDER = range(4)
_FAR = 1e6


class Solids(NamedTuple):
    """P solids in each of S scenes, metres, world frame; unused slots are of kind NOTHING."""

    kind: Int[Tensor, "S P"]
    centre: Float[Tensor, "S P 3"]
    to_unit: Float[Tensor, "S P 3 3"]
    """Takes a vector from the centre to the frame where the solid is the unit solid."""


class Bundles(NamedTuple):
    """T tiles of R rays in each of S scenes; a point of a ray is ``origin + t * direction``.

    The first T / O tiles share the first of O origins, and so on.
    """

    origin: Float[Tensor, "S O 3"]
    x: Float[Tensor, "S T R"]
    y: Float[Tensor, "S T R"]
    z: Float[Tensor, "S T R"]


class Hits(NamedTuple):
    """The nearest hit of every ray: its parameter t (1e6: none) and the solid's slot (-1: none)."""

    t: Float[Tensor, "S T R"]
    slot: Int[Tensor, "S T R"]


def box_hit(
    frame: Float[Tensor, "n 12"], x: Tensor, y: Tensor, z: Tensor, t: Tensor, slot: Tensor, of: Tensor
) -> None:
    """Update (t, slot) of (n, R) rays in place where the cube of each row is nearer."""
    m = frame[:, :, None].unbind(1)
    ax = 1 / (m[0] * x + m[1] * y + m[2] * z)
    ay = 1 / (m[3] * x + m[4] * y + m[5] * z)
    az = 1 / (m[6] * x + m[7] * y + m[8] * z)
    kx, ky, kz = ax * m[9], ay * m[10], az * m[11]
    wx, wy, wz = ax.abs(), ay.abs(), az.abs()
    enter = torch.maximum(torch.maximum(-kx - wx, -ky - wy), -kz - wz)
    leave = torch.minimum(torch.minimum(wx - kx, wy - ky), wz - kz)
    nearer = (enter < leave) & (enter > _NEAR) & (enter < t)
    slot.copy_(torch.where(nearer, of[:, None], slot))
    t.copy_(torch.where(nearer, enter, t))


def ball_hit(
    frame: Float[Tensor, "n 12"], x: Tensor, y: Tensor, z: Tensor, t: Tensor, slot: Tensor, of: Tensor
) -> None:
    """As `box_hit`, for the unit ball."""
    m = frame[:, :, None].unbind(1)
    ax = m[0] * x + m[1] * y + m[2] * z
    ay = m[3] * x + m[4] * y + m[5] * z
    az = m[6] * x + m[7] * y + m[8] * z
    a = ax * ax + ay * ay + az * az
    b = ax * m[9] + ay * m[10] + az * m[11]
    c = m[9] * m[9] + m[10] * m[10] + m[11] * m[11] - 1
    inside = b * b - a * c
    enter = (-b - inside.clamp(min=0).sqrt()) / a
    nearer = (inside > 0) & (enter > _NEAR) & (enter < t)
    slot.copy_(torch.where(nearer, of[:, None], slot))
    t.copy_(torch.where(nearer, enter, t))


def cylinder_hit(
    frame: Float[Tensor, "n 12"], x: Tensor, y: Tensor, z: Tensor, t: Tensor, slot: Tensor, of: Tensor
) -> None:
    """As `box_hit`, for the cylinder of radius 1 about z between z = -1 and 1, with caps."""
    m = frame[:, :, None].unbind(1)
    ax = m[0] * x + m[1] * y + m[2] * z
    ay = m[3] * x + m[4] * y + m[5] * z
    az = 1 / (m[6] * x + m[7] * y + m[8] * z)
    a = (ax * ax + ay * ay).clamp(min=1e-12)
    b = ax * m[9] + ay * m[10]
    c = m[9] * m[9] + m[10] * m[10] - 1
    inside = b * b - a * c
    root = inside.clamp(min=0).sqrt()
    kz, wz = az * m[11], az.abs()
    enter = torch.maximum((-b - root) / a, -kz - wz)
    leave = torch.minimum((root - b) / a, wz - kz)
    nearer = (inside > 0) & (enter < leave) & (enter > _NEAR) & (enter < t)
    slot.copy_(torch.where(nearer, of[:, None], slot))
    t.copy_(torch.where(nearer, enter, t))


_NEAR = 1e-3


def meets(
    at: Sequence[Tensor], along: Sequence[Tensor], width: Tensor, size: Sequence[Tensor], reach: float
) -> Bool[Tensor, "S T P"]:
    """Whether rays `at` + t `along`, t in (0, reach), meet unit cubes that are widened by `width` metres.

    Args:
        at, along: x, y, z of origins and directions in the cubes' frames, each (S, T, P).
        size: one over the half lengths, each (S, 1, P).
    """
    enter = leave = None
    for start, direction, scale in zip(at, along, size, strict=True):
        inverse = 1 / direction
        k = start * inverse
        w = inverse.abs() * (1 + width * scale)
        enter = -k - w if enter is None else torch.maximum(enter, -k - w)
        leave = w - k if leave is None else torch.minimum(leave, w - k)
    assert enter is not None and leave is not None
    return (enter < leave) & (leave > 0) & (enter < reach)


class Caster:
    """Casts bundles against the solids of their scenes; `compile` fuses the tests."""

    def __init__(self) -> None:
        self._tests = {BOX: box_hit, BALL: ball_hit, CYLINDER: cylinder_hit}
        self._meets = meets

    def compile(self) -> None:
        """Fuse the tests into one kernel each: about a minute, five times faster on a CPU."""
        self._tests = {kind: torch.compile(test, dynamic=True) for kind, test in self._tests.items()}
        self._meets = torch.compile(meets, dynamic=True)

    def cast(self, solids: Solids, rays: Bundles, t: Tensor, slot: Tensor, reach: float = _FAR) -> Hits:
        """The nearest hits, beyond 1e-3.

        Args:
            t, slot: (S, T, R) hits that are known already; only nearer ones count.
            reach: no ray needs to be followed beyond.
        """
        scenes, tiles, count = rays.x.shape
        slots = solids.kind.shape[1]
        offset = rays.origin[:, :, None] - solids.centre[:, None]
        local = torch.einsum("spij,sopj->sopi", solids.to_unit, offset)
        candidate = self._candidates(solids, rays, local, offset.norm(dim=-1), reach)

        t, slot = t.flatten(0, 1).clone(), slot.flatten(0, 1).clone()
        x, y, z = (plane.reshape(-1, count) for plane in rays[1:])
        group = tiles // rays.origin.shape[1]
        frames = torch.cat([solids.to_unit.flatten(2)[:, None].expand(-1, local.shape[1], -1, -1), local], -1)
        frames = frames.flatten(0, 2)
        for kind, test in self._tests.items():
            chosen = (candidate & (solids.kind == kind)[:, None]).view(-1, slots)
            number = chosen.sum(1)
            number, order = number.sort(descending=True, stable=True)
            some = int((number > 0).sum())
            if some == 0:
                continue
            # Tiles with many candidates first: the tiles that have a k-th one are then the first so many.
            order = order[:some]
            which = chosen[order].to(torch.uint8).sort(dim=1, descending=True, stable=True).indices
            sx, sy, sz, st, sslot = x[order], y[order], z[order], t[order], slot[order]
            first = order // group * slots  # order // group is scene * O + origin
            at_least = (number[:some, None] > torch.arange(int(number[0]), device=t.device)).sum(0).tolist()
            for k, n in enumerate(at_least):
                of = which[:n, k]
                test(frames[first[:n] + of], sx[:n], sy[:n], sz[:n], st[:n], sslot[:n], of.int())
            t[order], slot[order] = st, sslot
        return Hits(t.view(scenes, tiles, count), slot.view(scenes, tiles, count))

    def _candidates(
        self, solids: Solids, rays: Bundles, local: Tensor, distance: Tensor, reach: float
    ) -> Bool[Tensor, "S T P"]:
        means = [plane.mean(-1) for plane in rays[1:]]
        axis = torch.stack(means, -1)  # (S, T, 3)
        # A bundle is a cone about its mean ray; a solid is widened by the cone's radius at its far side.
        squares = [(plane - mean[..., None]).square() for plane, mean in zip(rays[1:], means, strict=True)]
        off = (squares[0] + squares[1] + squares[2]).amax(-1).sqrt()
        scenes, tiles = off.shape
        along = (axis @ solids.to_unit.flatten(1, 2).mT).view(scenes, tiles, -1, 3)
        size = solids.to_unit.norm(dim=-1)  # (S, P, 3): one over each half length
        radius = (1 / size).norm(dim=-1)
        origins = rays.origin.shape[1]
        if reach < _FAR:
            width = off[:, :, None].expand(-1, -1, size.shape[1])
        else:
            far = (distance + radius[:, None]).repeat_interleave(tiles // origins, 1)
            width = (off / axis.norm(dim=-1) * 1.1)[:, :, None] * far
        at = local.repeat_interleave(tiles // origins, 1)
        found = self._meets(at.unbind(-1), along.unbind(-1), width, size[:, None].unbind(-1), reach)
        return found & (solids.kind != NOTHING)[:, None]
