"""From radiance to what a cheap infrared camera delivers: blur, exposure, noise, compression, eight bits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.draws import Draws
from zoo.imaging import compress, gaussian_blur, normal_noise
from zoo.synth.eyes.shade import Look


def expose(draws: Draws, radiance: Float[Tensor, "B H W"], sensor: Look) -> Float[Tensor, "B H W"]:
    """Image in [0, 1], rounded to eight bits."""
    height, width = radiance.shape[1:]
    look = {name: value[:, :, None, None] for name, value in sensor.items()}
    v = torch.linspace(-1, 1, height, device=radiance.device)[:, None]
    u = torch.linspace(-1, 1, width, device=radiance.device)
    tilt = draws.normal("sensor.falloff", 0.0, 0.35, 2, 1, 1, 1)
    falloff = 1 - look["vignette"] * 0.5 * ((u + tilt[:, 0]) ** 2 + (v + tilt[:, 1]) ** 2)

    base, motion = sensor["blur"][:, 0], sensor["motion"][:, 0]
    along_u = draws.chance("sensor.motion", 0.5)
    image = radiance[:, None] * falloff.clamp(min=0.2)
    image = gaussian_blur(image, base + motion * along_u, base + motion * ~along_u)

    # Exposure as cameras meter it, against the typical level of the frame, then contrast about that level.
    typical = image.clamp(max=1.5).mean(dim=(1, 2, 3), keepdim=True).clamp(min=0.02)
    image = (1 + look["contrast"] * (image / typical - 1)).clamp(min=0)
    image = (look["level"] * image ** look["gamma"]).clamp(0, 1)
    image = image + (look["read"] + look["shot"] * image.sqrt()) * normal_noise(draws, "sensor.noise", image)
    image = image + look["rows"] * draws.normal("sensor.rows", 0.0, 1.0, 1, height, 1)
    softened = torch.nn.functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
    image = (image + look["sharpen"] * (image - softened)).clamp(0, 1)
    return (compress(image, sensor["jpeg"][:, 0])[:, 0] * 255).round() / 255
