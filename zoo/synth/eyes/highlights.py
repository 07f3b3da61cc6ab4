"""Mirror images of the LEDs: glints on the cornea, smears on the sclera, reflections in spectacles."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.conventions import MAX_GLINTS
from zoo.draws import Draws
from zoo.geometry.cameras import project
from zoo.geometry.reflection import glint, glint_on_cap
from zoo.synth.eyes.scene import Scene


class Glints(NamedTuple):
    """Where LEDs are mirrored, per LED, before lids and the image border are considered."""

    pixel: Float[Tensor, "B 8 2"]
    on_cornea: Bool[Tensor, "B 8"]
    sclera_pixel: Float[Tensor, "B 8 2"]
    on_sclera: Bool[Tensor, "B 8"]


def trace_glints(scene: Scene) -> Glints:
    """Specular points of every LED on the corneal sphere and on the eyeball, projected."""
    eye = scene.eye.per_point()
    camera = scene.view.camera[:, None]
    point = glint(eye.cornea, eye.cornea_radius, scene.view.leds)
    on_cornea = scene.view.led_on & glint_on_cap(point, eye)
    on_ball = glint(eye.eyeball, eye.eyeball_radius, scene.view.leds)
    covered = (on_ball - eye.cornea).norm(dim=-1) < eye.cornea_radius
    return Glints(
        pixel=project(point, camera),
        on_cornea=on_cornea,
        sclera_pixel=project(on_ball, camera),
        on_sclera=scene.view.led_on & ~covered & ~on_cornea,
    )


def _spots(
    centre: Tensor, radius_u: Tensor, radius_v: Tensor, strength: Tensor, height: int, width: int
) -> Float[Tensor, "B P"]:
    """Sum of Gaussian spots: centres (B, N, 2), radii and strengths (B, N). Separable, so one product."""
    u = torch.arange(width, device=centre.device)
    v = torch.arange(height, device=centre.device)
    across = torch.exp(-(((u - centre[..., 0:1]) / radius_u[..., None]) ** 2))
    down = torch.exp(-(((v - centre[..., 1:2]) / radius_v[..., None]) ** 2)) * strength[..., None]
    return torch.einsum("bnv,bnu->bvu", down, across).flatten(1)


def highlights(draws: Draws, scene: Scene, glints: Glints, height: int, width: int) -> Float[Tensor, "B P"]:
    """Radiance that wet surfaces of the open eye mirror from the LEDs."""
    focal, depth = scene.view.camera[:, 0, 0], scene.view.eyeball[:, 2].clamp(min=15.0)
    # The corneal mirror shows an LED about R / (2 distance) as large as it is.
    demagnified = scene.eye.cornea_radius / (
        2 * (scene.view.leds - scene.eye.cornea[:, None]).norm(dim=-1).mean(1)
    )
    radius = (scene.view.led_radius * demagnified * focal / depth).clamp(max=4.0)
    radius = (radius + draws.uniform("glint.softness", 0.35, 0.75))[:, None].expand(-1, MAX_GLINTS)
    strength = draws.log_uniform("glint.strength", 0.6, 8.0)[:, None] * draws.uniform(
        "glint.balance", 0.4, 1.0, MAX_GLINTS
    )
    cornea = _spots(glints.pixel, radius, radius, strength * glints.on_cornea, height, width)
    bloom = draws.uniform("glint.bloom", 0.0, 0.05)[:, None]
    cornea = cornea + _spots(
        glints.pixel, 4 * radius, 4 * radius, bloom * strength * glints.on_cornea, height, width
    )

    # The sclera is a worse mirror: each image breaks into a few smeared pieces.
    pieces = 3
    smear = draws.normal("sclera.pieces", 0.0, 1.0, MAX_GLINTS, pieces, 2)
    pixel_per_mm = (focal / depth)[:, None, None]
    spread = draws.uniform("sclera.spread", 0.2, 1.6)[:, None, None, None] * pixel_per_mm[..., None]
    centre = (glints.sclera_pixel[:, :, None] + smear * spread).flatten(1, 2)
    size = draws.uniform("sclera.size", 0.1, 0.5, MAX_GLINTS * pieces, 2) * pixel_per_mm + 0.4
    amount = draws.uniform("sclera.amount", 0.0, 0.7)[:, None] * strength
    amount = (amount * glints.on_sclera)[..., None].expand(-1, -1, pieces).flatten(1)
    return cornea + _spots(centre, size[..., 0], size[..., 1], amount, height, width)


def spectacle_light(draws: Draws, scene: Scene, height: int, width: int) -> Float[Tensor, "B P"]:
    """Radiance that the lenses of spectacles mirror into the camera; zero without spectacles."""
    count = 4
    centre = draws.uniform("lens.place", -0.1, 1.1, count, 2) * torch.tensor(
        [width, height], device=draws.device
    )
    size = draws.log_uniform("lens.size", 1.0, 9.0, count, 2)
    strength = draws.log_uniform("lens.strength", 0.1, 3.0, count) * draws.chance("lens.shown", 0.6, count)
    veil = draws.uniform("lens.veil", 0.0, 0.15)[:, None]
    light = _spots(centre, size[..., 0], size[..., 1], strength, height, width) + veil
    return light * scene.spectacles[:, None]
