"""What a ray's hit looks like: surface, texture and light, on separate planes of equal shape.

One function finds the surface (point, normal, albedo), the other lights it; between them shadows are cast.
Radiance is linear, about 1 for white in good light.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from zoo.synth.rooms.cast import BALL, BOX
from zoo.synth.rooms.lights import Lights
from zoo.synth.rooms.textures import look_up

Planes = tuple[Tensor, Tensor, Tensor]


class Surface(NamedTuple):
    """Planes (S, T, R) of what the rays hit."""

    point: Planes
    normal: Planes  # unit, world frame, towards the camera
    albedo: Planes
    gloss: Tensor
    sharpness: Tensor
    glow: Tensor


def find_surface(
    rows: Float[Tensor, "n F"],
    kind: Int[Tensor, "n"],
    bank: UInt8[Tensor, "texels 4"],
    which: Int[Tensor, "S T R"],
    t: Float[Tensor, "S T R"],
    origin: Float[Tensor, "S T 3"],
    x: Float[Tensor, "S T R"],
    y: Float[Tensor, "S T R"],
    z: Float[Tensor, "S T R"],
    pixel: Float[Tensor, "S 1 1"],
) -> Surface:
    """Point, normal and material where rays meet the solids `which` (rows of the table).

    Args:
        rows: the solids of all scenes, as `zoo.synth.rooms.build` writes them.
        pixel: distance of neighbouring rays, at a distance of 1.
    """
    (m0, m1, m2, m3, m4, m5, m6, m7, m8, cx, cy, cz, hx, hy, hz, low_r, low_g, low_b, high_r, high_g, high_b,
     layer, scale_u, scale_v, at_u, at_v, detail, dirt, noise, noise_scale, gloss, sharpness, glow, upright,
     _) = rows[which].unbind(-1)  # fmt: skip
    solid = kind[which]
    px, py, pz = origin[..., 0:1] + t * x, origin[..., 1:2] + t * y, origin[..., 2:3] + t * z
    dx, dy, dz = px - cx, py - cy, pz - cz
    qx, qy, qz = m0 * dx + m1 * dy + m2 * dz, m3 * dx + m4 * dy + m5 * dz, m6 * dx + m7 * dy + m8 * dz
    ax, ay, az = qx.abs(), qy.abs(), qz.abs()

    on_x, on_z = (ax >= ay) & (ax >= az), (az > ax) & (az > ay)
    box, ball = solid <= BOX, solid == BALL  # the faces of the room are of kind 0
    cap = ~box & ~ball & (az * az > qx * qx + qy * qy)
    flat_z = torch.where(box, on_z, cap)
    zero = torch.zeros_like(qx)
    nx = torch.where(box, torch.where(on_x, qx, zero), torch.where(cap, zero, qx))
    ny = torch.where(box, torch.where(on_x | on_z, zero, qy), torch.where(cap, zero, qy))
    nz = torch.where(flat_z | ball, qz, zero)
    wx, wy, wz = m0 * nx + m3 * ny + m6 * nz, m1 * nx + m4 * ny + m7 * nz, m2 * nx + m5 * ny + m8 * nz
    length = torch.rsqrt((wx * wx + wy * wy + wz * wz).clamp(min=1e-20))
    toward = wx * x + wy * y + wz * z
    length = torch.where(toward > 0, -length, length)
    wx, wy, wz = wx * length, wy * length, wz * length

    # Places on the surface in metres: across a face, or round the axis.
    turn = torch.atan2(qy, qx) * hx
    mx, my, mz = qx * hx, qy * hy, qz * hz
    a = torch.where(box, torch.where(on_x, my, mx), torch.where(cap, mx, turn))
    c = torch.where(flat_z, my, mz)
    swap = upright > 0.5
    u, v = torch.where(swap, c, a) * scale_u + at_u, torch.where(swap, a, c) * scale_v + at_v
    slant = (-toward.abs() * length.abs() / torch.sqrt(x * x + y * y + z * z)).abs().clamp(min=0.06)
    footprint = t * pixel * torch.rsqrt(slant)
    texel = bank[look_up(bank, layer.int(), u, v, footprint * torch.maximum(scale_u, scale_v))]
    cloud = bank[
        look_up(bank, noise.int(), a * noise_scale + at_v, c * noise_scale + at_u, footprint * noise_scale)
    ]
    share_r, share_g, share_b, own = (texel[..., i].float() * (1 / 255) for i in range(4))
    shade = (1 + detail * (2 * own - 1)) * (1 + dirt * (cloud[..., 3].float() * (4 / 255) - 2))
    shade = shade.clamp(min=0.05)
    albedo = (
        (low_r + (high_r - low_r) * share_r) * shade,
        (low_g + (high_g - low_g) * share_g) * shade,
        (low_b + (high_b - low_b) * share_b) * shade,
    )
    return Surface((px, py, pz), (wx, wy, wz), albedo, gloss, sharpness, glow)


def light_surface(
    surface: Surface,
    lights: Lights,
    room: Float[Tensor, "S 3"],
    lit: Float[Tensor, "S T R"],
    x: Tensor,
    y: Tensor,
    z: Tensor,
) -> Float[Tensor, "S T R 3"]:
    """Linear radiance towards the camera.

    Args:
        lit: share of the main light that arrives: 0 in its shadow.
        x, y, z: the rays' directions.
    """

    def each(value: Tensor) -> Tensor:
        return value[:, None, None]

    px, py, pz = surface.point
    nx, ny, nz = surface.normal
    back = torch.rsqrt(x * x + y * y + z * z)
    vx, vy, vz = -x * back, -y * back, -z * back

    # What corners and edges of the room withhold of the light from everywhere.
    hidden = torch.ones_like(px)
    for place, normal, far in ((px, nx, 0), (py, ny, 1), (pz, nz, 2)):
        for gap in (place, each(room[:, far]) - place):
            hidden = hidden * (1 - 0.38 * (1 - normal.abs()) * torch.exp(-gap.clamp(min=0) * 2.6))
    above = 1 + each(lights.bounce) * nz
    total = [each(lights.ambient[:, i]) * above * hidden for i in range(3)]
    shine = [torch.zeros_like(px) for _ in range(3)]
    for number in range(3):
        position = lights.position[:, number]
        lx, ly, lz = each(position[:, 0]) - px, each(position[:, 1]) - py, each(position[:, 2]) - pz
        squared = lx * lx + ly * ly + lz * lz
        inverse = torch.rsqrt(squared.clamp(min=1e-6))
        lx, ly, lz = lx * inverse, ly * inverse, lz * inverse
        reach = 1 / (squared + each(lights.size[:, number]))
        if number == 0:
            reach = reach * lit
        cosine = nx * lx + ny * ly + nz * lz
        cosine = cosine.clamp(min=0) if number == 0 else (0.2 + 0.8 * cosine).clamp(min=0) * hidden
        hx, hy, hz = lx + vx, ly + vy, lz + vz
        half = (nx * hx + ny * hy + nz * hz) * torch.rsqrt((hx * hx + hy * hy + hz * hz).clamp(min=1e-6))
        highlight = torch.exp(surface.sharpness * (half.clamp(0, 1) - 1) * 2) * surface.gloss * (cosine > 0)
        highlight = highlight * (0.3 + surface.sharpness * 0.03)
        for i in range(3):
            power = each(lights.power[:, number, i]) * reach
            total[i] = total[i] + power * cosine
            shine[i] = shine[i] + power * highlight
    # A glossy surface mirrors the bright room at grazing angles (Schlick's approximation).
    grazing = (1 - (nx * vx + ny * vy + nz * vz).abs()).clamp(0, 1) ** 5
    mirror = surface.gloss.clamp(max=1) * (0.03 + 0.5 * grazing)
    result = []
    for i, albedo in enumerate(surface.albedo):
        around = each(lights.ambient[:, i]) * 1.2
        result.append(albedo * (total[i] + surface.glow) + mirror * around + shine[i])
    return torch.stack(result, -1)


def through_opening(lights: Lights, point: Planes) -> Float[Tensor, "S T R"]:
    """Share of the main light that the opening in its wall lets through: 1 inside, soft at its edge."""

    def each(value: Tensor) -> Tensor:
        return value[:, None, None]

    px, py, pz = point
    source = lights.position[:, 0]
    along_x = each(lights.axis) < 0.5
    from_wall = torch.where(along_x, each(source[:, 0]), each(source[:, 1]))
    to_wall = torch.where(along_x, px, py)
    share = (each(lights.plane) - from_wall) / (to_wall - from_wall + 1e-4 * torch.sign(to_wall - from_wall))
    other = torch.where(along_x, each(source[:, 1]), each(source[:, 0]))
    across = other + share * (torch.where(along_x, py, px) - other)
    up = each(source[:, 2]) + share * (pz - each(source[:, 2]))
    middle, height, wide, tall = (each(lights.opening[:, i]) for i in range(4))
    soft = 0.04 + 0.03 * (1 - share).abs() * 4
    gap = torch.minimum(wide - (across - middle).abs(), tall - (up - height).abs())
    return torch.where(each(lights.axis) < 0, torch.ones_like(px), (0.5 + gap / soft).clamp(0, 1))
