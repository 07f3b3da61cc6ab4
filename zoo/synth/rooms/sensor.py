"""From radiance to what a cheap camera delivers; every view has its own exposure, white balance and noise."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.draws import Draws
from zoo.imaging import compress, gaussian_blur, normal_noise
from zoo.synth.rooms.families import SENSOR_DEFAULTS, SENSORS


def draw_sensor(draws: Draws, names: tuple[str, ...]) -> dict[str, Tensor]:
    """One family a scene, then every parameter within that family's range: name -> (S,)."""
    family = draws.choice("sensor.family", [1.0] * len(names))
    look = {}
    for name, default in SENSOR_DEFAULTS.items():
        ranges = torch.tensor([SENSORS[chosen].get(name, default) for chosen in names], device=draws.device)
        low, high = ranges[family].unbind(-1)
        look[name] = draws.uniform(f"sensor.{name}", low, high)
    return look


def expose(
    draws: Draws, radiance: Float[Tensor, "S V 3 H W"], names: tuple[str, ...]
) -> Float[Tensor, "S V 3 H W"]:
    """Images in [0, 1], rounded to eight bits."""
    scenes, views, _, height, width = radiance.shape
    look = {name: value[:, None, None, None, None] for name, value in draw_sensor(draws, names).items()}

    def varying(name: str, sd: float, *shape: int) -> Tensor:
        """A factor about 1 for each view."""
        value = torch.exp(draws.normal(f"sensor.{name}", 0.0, sd, views, *shape, low=-3 * sd, high=3 * sd))
        return value.view(scenes, views, *shape, *(1 for _ in range(3 - len(shape))))

    v = torch.linspace(-1, 1, height, device=radiance.device)[:, None]
    u = torch.linspace(-1, 1, width, device=radiance.device)
    image = radiance * (1 - look["vignette"] * 0.5 * (u * u + v * v))

    scale = width / 160
    base = (look["blur"][:, 0, 0, 0] * scale).expand(scenes, views)
    # The camera moves in some views and rests in others.
    motion = look["motion"][:, 0, 0, 0] * scale * draws.unit("sensor.moves", views) ** 2 * 2
    along_u = draws.unit("sensor.direction", views)
    blur_u, blur_v = base + motion * along_u, base + motion * (1 - along_u)
    image = gaussian_blur(image.flatten(0, 1), blur_u.flatten(), blur_v.flatten()).view_as(image)

    # Cameras meter the typical level, not the lamps; the meter drifts between views.
    typical = image.clamp(0, 3).sqrt().mean(dim=(2, 3, 4), keepdim=True).square().clamp(min=0.01)
    drift = varying("exposure", 0.08) * varying("wild", 0.35) ** (
        draws.unit("sensor.wild_on", views) < 0.12
    ).float().view(scenes, views, 1, 1, 1)
    balance = torch.exp(draws.normal("sensor.white", 0.0, 0.07, 1, 3, 1, 1)) * varying("white_view", 0.025, 3)
    image = image * (0.23 * drift / typical) * balance  # linear middle grey
    image = torch.where(
        image < 0.6, image, 0.6 + (1 - torch.exp(-(image - 0.6) * 1.6)) * 0.42
    )  # soft shoulder
    image = image.clamp(min=1e-4) ** (1 / 2.2)
    grey = image.mean(dim=2, keepdim=True)
    image = grey + look["saturation"] * (image - grey)
    image = look["level"] + look["contrast"] * (image - 0.5) + 0.02
    softened = torch.nn.functional.avg_pool2d(image.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(
        image
    )
    image = (image + look["sharpen"] * (image - softened)).clamp(0, 1)
    noise = normal_noise(draws, "sensor.noise", image)
    image = image + (look["read"] + look["shot"] * image.sqrt()) * noise
    quality = look["jpeg"].expand(scenes, views, 3, 1, 1).flatten()
    image = compress(image.clamp(0, 1).reshape(-1, 1, height, width), quality).view_as(image)
    return (image * 255).round() / 255
