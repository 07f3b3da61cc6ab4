"""What light, lens, sensor and compression do to images (B, 1, H, W) in [0, 1], each by draws of its own.

In a camera's order: blur, uneven light, contrast, exposure, noise, clipping, gamma, compression, 8 bits.
Padding stays 0.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo import imaging
from zoo.data.config import PhotometricConfig
from zoo.draws import Draws


def photometric(
    image: Float[Tensor, "B 1 H W"], content: Bool[Tensor, "B H W"], draws: Draws, config: PhotometricConfig
) -> Float[Tensor, "B 1 H W"]:
    """The image as another camera in other light might have taken it; see `PhotometricConfig`."""
    mask = content[:, None].to(image.dtype)
    image = image.clone()
    if config.blur:
        chosen = draws.chance("blur", config.blur).nonzero()[:, 0]
        sd = draws.uniform("blur_px", *config.blur_px)[chosen]
        image[chosen] = gaussian_blur(image[chosen], mask[chosen], sd)
    if config.gradient or config.vignette:
        image.mul_(_uneven_light(draws, config, image.shape[-2], image.shape[-1]))
    if config.contrast != (1.0, 1.0):
        mean = (image * mask).sum((2, 3), keepdim=True) / mask.sum((2, 3), keepdim=True).clamp_min(1)
        factor = draws.log_uniform("contrast", *config.contrast, 1, 1, 1)
        image.mul_(factor).add_(mean * (1 - factor))
    if config.exposure_stops:
        stops = config.exposure_stops * (draws.unit("exposure", 2).sum(1) - 1)
        image.mul_(torch.exp2(stops)[:, None, None, None])
    image.clamp_(0, 1)
    if config.read_noise or config.shot_noise:
        read = draws.uniform("read_noise", 0.0, config.read_noise, 1, 1, 1)
        shot = draws.uniform("shot_noise", 0.0, config.shot_noise, 1, 1, 1)
        sd = (image * shot.square()).add_(read.square()).sqrt_()
        image.addcmul_(sd, imaging.normal_noise(draws, "noise", image)).clamp_(0, 1)
    if config.gamma != (1.0, 1.0):
        image.pow_(draws.log_uniform("gamma", *config.gamma, 1, 1, 1))
    if config.jpeg:
        chosen = draws.chance("jpeg", config.jpeg).nonzero()[:, 0]
        image[chosen] = imaging.compress(
            image[chosen], draws.uniform("jpeg_quality", *config.jpeg_quality)[chosen]
        )
    if config.quantise:
        image.mul_(255).round_().div_(255)
    return image.mul_(mask)


def gaussian_blur(
    image: Float[Tensor, "B 1 H W"], mask: Float[Tensor, "B 1 H W"], sd: Float[Tensor, "B"]
) -> Float[Tensor, "B 1 H W"]:
    """Blur by each image's own standard deviation in pixels; what the mask leaves out has no weight."""
    blurred = imaging.gaussian_blur(torch.cat([image * mask, mask], 1), sd, sd)
    return blurred[:, :1] / blurred[:, 1:].clamp_min(1e-6)


def _uneven_light(draws: Draws, config: PhotometricConfig, height: int, width: int) -> Tensor:
    """(B, 1, height, width) factors: a slope in any direction, and a fall-off towards the corners."""
    slope = draws.uniform("gradient", -config.gradient, config.gradient, 1, 1)
    angle = draws.uniform("gradient_direction", 0.0, torch.pi, 1, 1)
    corner = draws.uniform("vignette", 0.0, config.vignette, 1, 1)
    x = torch.linspace(-1, 1, width, device=draws.device)
    y = torch.linspace(-1, 1, height, device=draws.device)
    across = 1 + slope * torch.cos(angle) * x - corner / 2 * x.square()
    down = slope * torch.sin(angle) * y - corner / 2 * y.square()
    return (across[..., None, :] + down[..., :, None]).clamp_min_(0)
