"""The shader: one ray a pixel through lids, eyeball, cornea and iris, on separate (B, P) planes.

Separate planes and a static graph let one function serve eager and compiled execution on CPU and GPU. The
frame is the canonical head frame of `zoo.synth.eyes.lids`; lengths are millimetres; radiance is linear, about
1 for white skin in full light. Edges are blended over the footprint of a pixel; labels are decided at its
centre.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.conventions import BACKGROUND, IRIS, PUPIL, SCLERA
from zoo.synth.eyes.atlas import BLOBS, FBM, GRAIN, RIDGES, look_up
from zoo.synth.eyes.lids import Lids, Shell, aperture, arch, lid_curves, shell_hit

Look = dict[str, Tensor]  # parameter -> (B, 1)
Planes = tuple[Tensor, Tensor, Tensor]  # x, y, z, each (B, P)


class EyeParameters(NamedTuple):
    """The two-sphere eye in the canonical head frame; scalars are (B, 1), vectors (B, 3)."""

    eyeball_radius: Tensor
    cornea_radius: Tensor
    limbus_radius: Tensor
    limbus_plane: Tensor  # distance of the limbus circle's plane from the rotation centre
    pupil_distance: Tensor
    pupil_radius: Tensor
    refractive_index: Tensor
    axis: Tensor  # optical axis, unit
    right: Tensor  # the eye's own x and y axes, unit
    down: Tensor
    cornea: Tensor  # centre of the corneal sphere


class Light(NamedTuple):
    """One effective lamp and ambient light; scalars (B, 1)."""

    position: Tensor  # (B, 3)
    ambient: Tensor
    reach: Tensor  # distance at which the lamp has unit strength
    bright_pupil: Tensor  # light that the retina returns to a camera beside the lamp
    reflection: Tensor  # strength of the surroundings mirrored by cornea and tear film
    reflection_offset: Tensor


class Shaded(NamedTuple):
    """Planes of a rendered batch, each (B, P)."""

    radiance: Tensor
    segmentation: Tensor  # uint8 class ids
    eye: Tensor  # coverage of the pixel by the open eye, [0, 1]
    lamp: Tensor  # strength of the lamp's light on hairs and spectacles


def _dot(a: Planes, b: Planes) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _columns(vector: Tensor) -> Planes:
    return vector[:, 0:1], vector[:, 1:2], vector[:, 2:3]


def _unit(v: Planes) -> Planes:
    inverse = torch.rsqrt(_dot(v, v).clamp(min=1e-12))
    return v[0] * inverse, v[1] * inverse, v[2] * inverse


def _bump(x: Tensor, width: Tensor | float) -> Tensor:
    return torch.exp(-((x / width) ** 2))


def _edge(distance: Tensor, pixel: Tensor) -> Tensor:
    """Coverage of a pixel whose centre lies `distance` inside an edge."""
    return (distance / pixel + 0.5).clamp(0, 1)


def _mix(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return a + (b - a) * share


def _lamp(light: Light, point: Planes, normal: Planes) -> tuple[Tensor, Tensor, Planes]:
    """(light arriving with the cosine, without it, unit direction to the lamp)."""
    x, y, z = _columns(light.position)
    to_lamp = x - point[0], y - point[1], z - point[2]
    squared = _dot(to_lamp, to_lamp)
    direction = _unit(to_lamp)
    # The constant stands for the size of the lamps: no point of a face is lit by one point alone.
    strength = ((light.reach * light.reach + 200) / (squared + 200)).clamp(max=2.2)
    return strength * (0.15 + 0.85 * _dot(normal, direction)).clamp(min=0.0), strength, direction


def _skin(
    skin: Look,
    lids: Lids,
    light: Light,
    atlas: Tensor,
    origin: Tensor,
    ray: Planes,
    outer: Shell,
    pixel: Tensor,
) -> tuple[Tensor, Tensor]:
    """(radiance of the skin, strength of the lamp there)."""
    ox, oy, oz = _columns(origin)
    depth = (-9.0 - oz) / ray[2].clamp(min=0.12)
    x, y = (ox + depth * ray[0]).clamp(-90, 90), (oy + depth * ray[1]).clamp(-90, 90)

    # Height field towards the viewer: the globe under the lids, the side of the nose, the brow, the cheek.
    globe = 5.0 * torch.exp(-(x * x / 190 + y * y / 130))
    nose = torch.sigmoid(-(x + 22 + 0.012 * (y + 8) ** 2) / 5.0)
    brow = torch.sigmoid(-(y + 19 - 0.012 * (x - 4) ** 2) / 4.5)
    cheek = torch.sigmoid((y - 17 - 0.01 * x * x) / 5.0)
    slope_x = -globe * x / 95 - 11 * nose * (1 - nose) / 5.0
    slope_y = -globe * y / 65 - 6 * brow * (1 - brow) / 4.5 + 4 * cheek * (1 - cheek) / 5.0

    offset = skin["offset"]
    coarse = look_up(atlas, x / 60 + offset, y / 60 + 0.37 * offset)
    fine = look_up(atlas, x / 17 + 3.1 * offset, y / 17 + offset)
    detail = (0.25 / pixel).clamp(max=1.0)
    grain = fine[..., GRAIN] * detail
    wrinkles = fine[..., RIDGES] * detail
    slope_x = slope_x + skin["grain"] * 2.5 * grain + skin["cloud"] * coarse[..., FBM]
    slope_y = slope_y + skin["grain"] * 2.5 * fine[..., FBM] * detail + skin["wrinkle"] * 1.2 * wrinkles
    normal = _unit((-slope_x, -slope_y, -torch.ones_like(slope_x)))

    albedo = skin["tone"] * (
        (1 + skin["cloud"] * coarse[..., FBM] + 0.5 * skin["grain"] * grain)
        * (1 - skin["spots"] * fine[..., BLOBS])
        * (1 - 0.5 * skin["wrinkle"] * wrinkles)
    )

    upper, lower, u = lid_curves(lids, outer.s)
    arch_up = arch(u, lids.upper_peak, lids.upper_round)
    arch_low = arch(u, lids.lower_peak, lids.lower_round)
    spread = (4 * u * (1 - u)).clamp(min=0) ** 0.25
    fold = outer.t + (lids.upper + skin["fold_offset"]) * arch_up - 0.5 * lids.drift
    below_fold = torch.sigmoid(fold / 0.4)
    lateral = (0.35 + u.clamp(0, 1)).clamp(max=1.0)  # the fold fades towards the nose
    shadow = skin["fold_depth"] * lateral * (_bump(fold, 0.35 + 0.4 * pixel) + 0.3 * _bump(fold + 0.9, 1.1))
    shadow = shadow + skin["orbit_depth"] * _bump(fold + 4.5, 4.0) * (1.2 - lateral)
    bag = outer.t - (lids.lower + lids.drift) * arch_low - skin["bag_offset"] * (0.3 + 0.7 * arch_low)
    bag_fades = (1.3 - u.clamp(0, 1)).clamp(max=1.0)
    shadow = (
        shadow * spread
        + skin["bag_depth"] * bag_fades * (_bump(bag, 1.1) + 0.4 * _bump(bag + 2.0, 2.0)) * spread
    )
    gap = torch.maximum(upper - outer.t, outer.t - lower)
    shadow = shadow + 0.25 * _bump(gap, 0.6 + pixel) * spread
    liner = skin["liner"]
    painted = torch.sigmoid((liner - gap) / 0.25) * (liner > 0.05) * (0.4 + 0.6 * spread)
    albedo = albedo * (1 - skin["liner_depth"] * painted * (0.8 + 0.4 * grain))
    albedo = albedo * (1 - shadow).clamp(min=0.1) * (1 + 0.06 * below_fold * spread)

    cosine, strength, direction = _lamp(light, (x, y, torch.full_like(x, -10.0)), normal)
    view = _unit((-ray[0], -ray[1], -ray[2]))
    half = _unit((direction[0] + view[0], direction[1] + view[1], direction[2] + view[2]))
    gloss = _dot(normal, half).clamp(min=0) ** 24
    sparkle = (0.35 + 2.0 * (fine[..., FBM] * grain).clamp(min=0) + 0.5 * fine[..., RIDGES]) * gloss
    return albedo * (cosine + light.ambient) + skin["shine"] * strength * sparkle, strength


def _iris(
    iris: Look, eye: EyeParameters, light: Light, atlas: Tensor, point: Planes, normal: Planes, ray: Planes,
    pixel: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(radiance seen through the cornea, radius in the pupil's plane) of rays that enter at `point`."""
    ratio = 1 / eye.refractive_index
    cosine = -_dot(normal, ray)
    bent = ratio * cosine - (1 - ratio * ratio * (1 - cosine * cosine)).clamp(min=0).sqrt()
    inner = tuple(ratio * r + bent * n for r, n in zip(ray, normal, strict=True))
    axis, right, down = _columns(eye.axis), _columns(eye.right), _columns(eye.down)
    centre = tuple(c + eye.pupil_distance * a for c, a in zip(_columns(eye.cornea), axis, strict=True))
    from_centre = point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]
    depth = -_dot(from_centre, axis) / _dot(inner, axis).clamp(max=-0.05)  # type: ignore[arg-type]
    hit = tuple(f + depth * i for f, i in zip(from_centre, inner, strict=True))
    x, y = _dot(hit, right), _dot(hit, down)  # type: ignore[arg-type]
    radius = (x * x + y * y).clamp(min=1e-9).sqrt()

    turn = torch.atan2(y, x) / (2 * math.pi)
    ring = ((radius - eye.pupil_radius) / (eye.limbus_radius - eye.pupil_radius)).clamp(0, 1.2)
    fibres = look_up(
        atlas, turn * iris["fibre_count"].round() + iris["angle"], ring * 0.12 + 7 * iris["angle"]
    )
    spots = look_up(atlas, x / 26 + iris["angle"], y / 26 + 3 * iris["angle"])
    detail = (0.35 / pixel).clamp(max=1.0)
    texture = (
        1
        + iris["fibre"] * (fibres[..., FBM] + 0.7 * fibres[..., GRAIN]) * detail
        + iris["cloud"] * 2 * spots[..., FBM]
        - iris["crypt"] * spots[..., BLOBS] * (1 - ring * 0.3)
        + iris["collarette"] * _bump(ring - 0.3, 0.14)
        + iris["sector"] * torch.sign(torch.sin(2 * math.pi * (turn + iris["angle"])))
    )
    rim = torch.sigmoid((radius - eye.limbus_radius + iris["limbus_width"]) / (0.35 * iris["limbus_width"]))
    level = iris["base"] * texture.clamp(min=0.15) * (1 - iris["limbus_dark"] * rim)
    lit, strength, _ = _lamp(light, hit, tuple(a.expand_as(x) for a in axis))  # type: ignore[arg-type]
    arriving = 0.75 * lit + 0.15 + light.ambient
    radiance = level * arriving
    # What lens and cornea scatter is a share of the light that falls on the iris, or weak lamps would leave
    # pupils brighter than the iris without any light from the retina.
    pupil = iris["base"] * iris["pupil_level"] * arriving + light.bright_pupil * strength
    # The pigment rim of the iris about the pupil is nearly as dark as the pupil: hand-drawn masks stop at its
    # inner border, thresholds at its outer one.
    ruff = iris["ruff_depth"] * _edge(eye.pupil_radius + iris["ruff"] - radius, 0.9 * pixel + 0.08)
    radiance = _mix(radiance, pupil.clamp(max=1.0), ruff * (light.bright_pupil == 0))
    return _mix(radiance, pupil, _edge(eye.pupil_radius - radius, 0.9 * pixel)), radius


def _reflection(light: Light, atlas: Tensor, ray: Planes, normal: Planes) -> Tensor:
    """Surroundings mirrored by a wet surface."""
    twice = 2 * _dot(normal, ray)
    x, y = ray[0] - twice * normal[0], ray[1] - twice * normal[1]
    scene = look_up(atlas, 0.045 * x + light.reflection_offset, 0.045 * y + 0.5 * light.reflection_offset)
    return light.reflection * (0.35 + scene[..., FBM]).clamp(min=0)


def shade(
    eye: EyeParameters, lids: Lids, light: Light, iris: Look, skin: Look, atlas: Tensor,
    origin: Tensor, dx: Tensor, dy: Tensor, dz: Tensor, pixel: Tensor,
) -> Shaded:  # fmt: skip
    """Trace a batch.

    Args:
        origin: (B, 3) camera centre.
        dx, dy, dz: (B, P) unit ray directions.
        pixel: (B, 1) millimetres that one pixel spans at the eye.
    """
    ray = (dx, dy, dz)
    outer = shell_hit(lids, origin, dx, dy, dz, lids.thickness)
    inner = shell_hit(lids, origin, dx, dy, dz, 0.0)
    opening, below_upper, above_lower, u = aperture(lids, outer)
    contact, below_inner, above_inner, _ = aperture(lids, inner)
    visible = torch.minimum(opening, contact)

    ox, oy, oz = _columns(origin)
    along = ox * dx + oy * dy + oz * dz
    squared = ox * ox + oy * oy + oz * oz
    discriminant = along * along - squared + eye.eyeball_radius**2
    distance = -along - discriminant.clamp(min=0).sqrt()
    ball = (ox + distance * dx, oy + distance * dy, oz + distance * dz)
    ball_normal = _unit(ball)

    cx, cy, cz = _columns(eye.cornea)
    along_c = (ox - cx) * dx + (oy - cy) * dy + (oz - cz) * dz
    squared_c = (ox - cx) ** 2 + (oy - cy) ** 2 + (oz - cz) ** 2
    discriminant_c = along_c * along_c - squared_c + eye.cornea_radius**2
    distance_c = -along_c - discriminant_c.clamp(min=0).sqrt()
    front = (ox + distance_c * dx, oy + distance_c * dy, oz + distance_c * dz)
    front_normal = _unit((front[0] - cx, front[1] - cy, front[2] - cz))
    above_limbus = _dot(front, _columns(eye.axis)) - eye.limbus_plane
    cap = torch.where(discriminant_c > 0, above_limbus, torch.full_like(above_limbus, -1.0))

    iris_radiance, radius = _iris(iris, eye, light, atlas, front, front_normal, ray, pixel)
    iris_radiance = iris_radiance + _reflection(light, atlas, ray, front_normal)

    across, along_eye = _dot(ball, _columns(eye.right)), _dot(ball, _columns(eye.down))
    vessels = look_up(atlas, across / 40 + skin["offset"], along_eye / 40 + 2 * skin["offset"])
    redness = 0.6 * vessels[..., RIDGES] * (0.35 / pixel).clamp(max=1.0) + 0.2 * vessels[..., FBM]
    white = (skin["tone"] * skin["sclera"]).clamp(max=1.0) * (1 - skin["vessels"] * redness)
    lit, strength, _ = _lamp(light, ball, ball_normal)
    sclera = white * (0.85 * lit + 0.1 + light.ambient) + 0.5 * _reflection(light, atlas, ray, ball_normal)
    corner = _edge((u - skin["caruncle_end"]) * lids.width, 3 * pixel + 0.3)
    caruncle = (
        skin["tone"] * skin["caruncle"] * (0.7 * strength + light.ambient) * (1 + 0.3 * vessels[..., FBM])
    )
    sclera = _mix(caruncle, sclera, corner)
    limbus = _edge(cap, 1.1 * pixel + skin["limbus_blur"])
    open_eye = _mix(sclera, iris_radiance, limbus)
    occluded = torch.exp(-below_inner.clamp(min=0) / 1.6) + 0.5 * torch.exp(-above_inner.clamp(min=0) / 1.0)
    open_eye = open_eye * (1 - skin["occlusion"] * occluded).clamp(min=0.15)
    open_eye = open_eye + skin["tear"] * strength * _bump(above_inner - 0.15, 0.2 + 0.5 * pixel)

    skin_radiance, lamp = _skin(skin, lids, light, atlas, origin, ray, outer, pixel)
    margin = skin["tone"] * skin["wet_margin"] * (0.65 * lamp + light.ambient)
    margin = margin * torch.where(below_upper < above_lower, 0.55, 1.0)
    face = _mix(skin_radiance, margin, _edge(opening, pixel))
    cover = _edge(visible, pixel)
    radiance = _mix(face, open_eye, cover)

    is_eye = (visible > 0) & (u > skin["caruncle_end"]) & ((discriminant > 0) | (cap > 0))
    inside = torch.where(radius < eye.pupil_radius, PUPIL, IRIS)
    classes = torch.where(is_eye, torch.where(cap > 0, inside, SCLERA), BACKGROUND)
    return Shaded(radiance, classes.to(torch.uint8), cover, lamp)
