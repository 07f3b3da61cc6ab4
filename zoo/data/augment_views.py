"""What training does to posed views after they were read: each sample by draws of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo import imaging
from zoo.data.config import SparseConfig, ViewAugmentConfig
from zoo.data.views import ViewBatch
from zoo.draws import Draws
from zoo.geometry.cameras import flip_camera

_REFERENCE: float = 320 * 240
_FAR_M = 12.0


def augment_views(batch: ViewBatch, draws: Draws, config: ViewAugmentConfig) -> ViewBatch:
    """Mirror, scale the world, leave views out, change the pictures, and pretend to have measured depths.

    Args:
        batch: the samples; left as they are.
        draws: one index a sample; the same index, seed and configuration give the same result in any batch.
        config: what may happen, and how much of it.
    """
    batch = _mirrored(batch, draws.chance("flip", config.flip))
    if config.world_scale != (1.0, 1.0):
        batch = _scaled(batch, draws.log_uniform("world_scale", *config.world_scale))
    measured = draws.chance("sparse", config.sparse.share)
    if config.sparse.share:
        batch = _measured(batch, draws, config.sparse, measured)
    batch = _fewer(batch, draws, config, measured)
    return {**batch, "images": _pictures(batch["images"], draws, config)}


def _mirrored(batch: ViewBatch, chosen: Tensor) -> ViewBatch:
    """The world mirrored in x, and every camera and picture with it."""
    width = batch["images"].shape[-1]
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0], device=chosen.device))
    flipped = {
        "images": batch["images"].flip(-1),
        "cameras": flip_camera(batch["cameras"], width),
        "cam_to_world": mirror @ batch["cam_to_world"] @ mirror,
        "depth": batch["depth"].flip(-1),
        "seen": batch["seen"].flip(-1),
        "sparse_depth": batch["sparse_depth"].flip(-1),
        "sparse_confidence": batch["sparse_confidence"].flip(-1),
    }
    mixed = {
        key: torch.where(chosen.view(-1, *[1] * (value.dim() - 1)), value, batch[key])  # type: ignore[literal-required]
        for key, value in flipped.items()
    }
    return {**batch, **mixed}  # type: ignore[typeddict-item]


def _scaled(batch: ViewBatch, factor: Tensor) -> ViewBatch:
    pose = batch["cam_to_world"].clone()
    pose[..., :3, 3] *= factor[:, None, None]
    image = factor[:, None, None]
    return {
        **batch,
        "cam_to_world": pose,
        "depth": batch["depth"] * image,
        "sparse_depth": batch["sparse_depth"] * image,
    }


def _measured(batch: ViewBatch, draws: Draws, config: SparseConfig, chosen: Tensor) -> ViewBatch:
    """Depth at random pixels, with noise and outliers; at edges and corners more often in half the samples.

    Some miss a part of the frame, as sensors and reconstructions do.
    """
    depth = batch["depth"]
    height, width = depth.shape[1:]
    share = draws.log_uniform("sparse_count", *config.count, 1, 1) / _REFERENCE
    grey = batch["images"][:, 0].mean(1)
    texture = torch.zeros_like(depth)
    texture[:, :-1, :-1] = (grey[:, 1:, :-1] - grey[:, :-1, :-1]).abs() + (
        grey[:, :-1, 1:] - grey[:, :-1, :-1]
    ).abs()
    texture = texture / texture.mean((1, 2), keepdim=True).clamp(min=1e-6)
    wanted = torch.where(
        draws.chance("sparse_texture", 0.5, 1, 1), texture.clamp(max=5), torch.ones_like(depth)
    )
    side = draws.uniform("sparse_side", -1.0, 1.0, 2)
    x = torch.linspace(-1, 1, width, device=depth.device)[None, None, :] * side[:, 0, None, None].sign()
    covered = (x > side[:, 1, None, None].abs() - 1.0) | draws.chance("sparse_whole", 0.7, 1, 1)
    here = draws.unit("sparse_where", height, width) < share * wanted
    here = here & covered & (depth > 0) & chosen[:, None, None]
    noise = (draws.uniform("sparse_noise", -0.5, 1.0, 1, 1)).clamp(min=0) * config.noise
    wrong = (draws.uniform("sparse_outliers", -0.5, 1.0, 1, 1)).clamp(min=0) * config.outliers
    value = depth * (1 + noise * draws.normal("sparse_error", 0.0, 1.0, height, width, low=-3.0, high=3.0))
    elsewhere = draws.uniform("sparse_elsewhere", 0.4, _FAR_M, height, width)
    value = torch.where(draws.unit("sparse_wrong", height, width) < wrong, elsewhere, value).clamp(min=0.05)
    zero = torch.zeros_like(depth)
    return {
        **batch,
        "sparse_depth": torch.where(here, value, zero),
        "sparse_confidence": here.to(depth.dtype),
    }


def _fewer(batch: ViewBatch, draws: Draws, config: ViewAugmentConfig, measured: Tensor) -> ViewBatch:
    valid = batch["views_valid"].clone()
    views = valid.shape[1]
    if views > 2 and config.drop:
        lost = 1 + draws.choice("drop_which", [1.0] * (views - 1))
        drop = draws.chance("drop", config.drop) & (valid.sum(1) > 2)
        valid[drop, lost[drop]] = False
    alone = measured & draws.chance("alone", config.alone)
    valid[alone, 1:] = False
    return {**batch, "views_valid": valid}


def _pictures(images: Tensor, draws: Draws, config: ViewAugmentConfig) -> Tensor:
    b, v = images.shape[:2]
    images = images.clone()
    if config.blur:
        chosen = draws.chance("blur", config.blur, v).flatten().nonzero()[:, 0]
        sd = draws.uniform("blur_px", 0.2, config.blur_px, v).flatten()[chosen]
        flat = images.flatten(0, 1)
        flat[chosen] = imaging.gaussian_blur(flat[chosen], sd, sd)
        images = flat.unflatten(0, (b, v))
    if config.contrast != (1.0, 1.0):
        factor = draws.log_uniform("contrast", *config.contrast, 1, 1, 1, 1)
        mean = images.mean((2, 3, 4), keepdim=True)
        images = images * factor + mean * (1 - factor)
    stops, colour = config.exposure_stops, config.colour
    level = draws.uniform("exposure", -stops, stops, 1, 1, 1, 1) + draws.uniform(
        "view_exposure", -stops / 3, stops / 3, v, 1, 1, 1
    )
    tint = draws.uniform("colour", -colour, colour, 1, 3, 1, 1) + draws.uniform(
        "view_colour", -colour / 3, colour / 3, v, 3, 1, 1
    )
    images = (images * torch.exp2(level) * (1 + tint)).clamp(0, 1)
    if config.noise:
        sd = draws.uniform("noise", 0.0, config.noise, 1, 1, 1, 1)
        images = (images + sd * imaging.normal_noise(draws, "noise_of", images)).clamp(0, 1)
    if config.gamma != (1.0, 1.0):
        images = images.clamp(min=1e-4) ** draws.log_uniform("gamma", *config.gamma, 1, 1, 1, 1)
    return images
