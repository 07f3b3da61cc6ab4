"""Lashes and brows: curved hairs in 3D, splatted into a coverage map."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.draws import Draws
from zoo.geometry.cameras import project
from zoo.synth.eyes.lids import Lids, lid_curves
from zoo.synth.eyes.scene import Scene
from zoo.synth.eyes.shade import Look

_UPPER: Final = 84
_LOWER: Final = 48
_BROW: Final = 90
_STEPS: Final = 40
_BROW_STEPS: Final = 14


def _on_shell(lids: Lids, s: Tensor, t: Tensor) -> Tensor:
    """(B, N, 3) points of the outer shell with coordinates (s, t), canonical head frame."""
    t = t + lids.drop
    across = lids.cos_tilt * s - lids.sin_tilt * t
    along = lids.cos_tilt * t + lids.sin_tilt * s
    axes = [axis + lids.thickness for axis in (lids.axis_x, lids.axis_y, lids.axis_z)]
    x, y = across / (2 * axes[0]), along / (2 * axes[1])
    squared = x * x + y * y
    return (
        torch.stack([2 * x * axes[0], 2 * y * axes[1], (squared - 1) * axes[2]], dim=-1)
        / (1 + squared)[..., None]
    )


def _row(draws: Draws, name: str, lids: Lids, lash: Look, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """(curves (B, count, steps, 3), thickness (B, count), mask) of one row of lashes."""
    is_upper = name == "upper"
    u = (torch.arange(count, device=draws.device) + draws.uniform(f"{name}.u", -0.5, 0.5, count)) / count
    u = 0.06 + 0.9 * u.clamp(0, 1)
    tuft = (u * 14).round() / 14
    tip_u = u + lash["clump"] * (tuft - u)
    s = lids.nasal + u * lids.width
    upper, lower, _ = lid_curves(lids, s)
    t = upper if is_upper else lower
    root = _on_shell(lids, s, t + draws.uniform(f"{name}.depth", -0.25, 0.1, count) * (1 if is_upper else -1))

    length = lash["length"] * draws.uniform(f"{name}.length", 0.6, 1.1, count) * (1.0 if is_upper else 0.55)
    length = length * (0.55 + 1.8 * u * (1 - u))
    closing = (0.8 - lids.openness) * 55
    lift = lash["lift"] - closing if is_upper else -(lash["lift"].abs() * 0.5 + 25) + 0.3 * closing
    lift = torch.deg2rad(lift + draws.normal(f"{name}.lift", 0.0, 9.0, count))
    fan = 1.1 * (tip_u - 0.5) + draws.normal(f"{name}.fan", 0.0, 0.12, count) + 2.0 * (tip_u - u)
    outward = root / root.norm(dim=-1, keepdim=True)
    up = torch.zeros_like(root)
    up[..., 1] = -1.0
    side = torch.zeros_like(root)
    side[..., 0] = 1.0
    direction = outward * lift.cos()[..., None] + up * lift.sin()[..., None] + side * fan[..., None]
    direction = direction / direction.norm(dim=-1, keepdim=True)
    bend = lash["bend"] * draws.uniform(f"{name}.bend", 0.5, 1.3, count) * (1.0 if is_upper else -0.6)

    along = torch.linspace(0, 1, _STEPS, device=draws.device)[:, None]
    curve = root[:, :, None] + length[..., None, None] * (
        direction[:, :, None] * along + 0.5 * (up * bend[..., None])[:, :, None] * along**2
    )
    present = draws.unit(f"{name}.present", count) < lash["upper_count" if is_upper else "lower_count"]
    thickness = lash["thick"] * draws.uniform(f"{name}.thick", 0.7, 1.2, count) * (1.0 if is_upper else 0.75)
    return curve, thickness, present


def _brow(draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
    """As `_row`, for the brow above the eye."""
    shape = (_BROW,)
    across = draws.uniform("brow.x", -17.0, 24.0, *shape)
    height = draws.uniform("brow.height", 15.0, 26.0)[:, None]
    y = -height + 0.006 * (across - 4) ** 2 + draws.normal("brow.y", 0.0, 1.7, *shape)
    z = torch.full_like(y, -11.0) + 0.02 * across**2
    root = torch.stack([across, y, z], dim=-1)
    turn = draws.normal("brow.turn", 0.45, 0.3, *shape)
    direction = torch.stack([turn.cos(), -turn.sin(), -0.25 * torch.ones_like(turn)], dim=-1)
    along = torch.linspace(0, 1, _BROW_STEPS, device=draws.device)[:, None]
    curve = root[:, :, None] + draws.uniform("brow.length", 4.0, 9.0, *shape)[..., None, None] * (
        direction[:, :, None] * along
    )
    density = draws.uniform("brow.density", -0.2, 1.0)[:, None]
    thickness = draws.uniform("brow.thick", 0.05, 0.12)[:, None].expand_as(y)
    return curve, thickness, draws.unit("brow.present", *shape) < density


def _splat(
    scene: Scene, curve: Tensor, thickness: Tensor, present: Tensor, density: Tensor, height: int, width: int
) -> None:
    """Add the area that hairs cover to `density` (B, H * W), in pixels."""
    points = scene.to_camera(curve)
    pixels = project(points, scene.view.camera[:, None, None])
    depth = points[..., 2].clamp(min=3.0)
    step = (pixels[:, :, 1:] - pixels[:, :, :-1]).norm(dim=-1)
    step = torch.cat([step, step[:, :, -1:]], dim=2)
    steps = curve.shape[2]
    taper = 1 - 0.75 * torch.linspace(0, 1, steps, device=curve.device)
    focal = scene.view.camera[:, 0, 0][:, None, None]
    area = thickness[..., None] * taper * focal / depth * step.clamp(max=12.0)
    area = area * present[..., None] * (points[..., 2] > 3.0)

    u, v = pixels[..., 0].flatten(1).clamp(-9, width + 9), pixels[..., 1].flatten(1).clamp(-9, height + 9)
    area = area.flatten(1)
    left, top = u.floor(), v.floor()
    for du in (0, 1):
        for dv in (0, 1):
            x, y = left + du, top + dv
            weight = area * (1 - (u - x).abs()) * (1 - (v - y).abs())
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            cell = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).long()
            density.scatter_add_(1, cell, weight * inside)


def hair_coverage(draws: Draws, scene: Scene, height: int, width: int) -> Float[Tensor, "B P"]:
    """Share of each pixel that lashes and brow cover."""
    density = torch.zeros(len(draws.index), height * width, device=draws.device)
    for curve, thickness, present in (
        _row(draws, "upper", scene.lids, scene.lash, _UPPER),
        _row(draws, "lower", scene.lids, scene.lash, _LOWER),
        _brow(draws),
    ):
        _splat(scene, curve, thickness, present, density, height, width)
    return 1 - torch.exp(-1.3 * density)
