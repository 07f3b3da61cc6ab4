"""Eyes drawn from ellipses, with labels that agree with one another and with the pixels."""

from __future__ import annotations

import torch

from zoo.conventions import IRIS, PUPIL, SCLERA
from zoo.data.sample import EyeBatch, check_eye_batch, empty_eye_batch
from zoo.geometry.cameras import pixel_grid, project
from zoo.geometry.ellipse import ellipse_points, ellipse_shape


def drawn_eyes(count: int, height: int = 48, width: int = 64, seed: int = 0) -> EyeBatch:
    """Every label known: a pupil in an iris in a sclera; the 3D cornea projects to the pupil's centre."""
    g = torch.Generator().manual_seed(seed)
    eyes = empty_eye_batch(count, height, width)

    def spread(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand((count, *shape), generator=g)

    centre = torch.stack([spread(0.35, 0.65) * width, spread(0.35, 0.65) * height], -1)
    major, ratio, angle = spread(0.2, 0.3) * height, spread(0.6, 0.95), spread(0, 3.1)
    pupil = torch.cat([centre, torch.stack([major, major * ratio, angle], -1)], -1)
    classes = eyes["segmentation"].fill_(0)
    for label, factor in ((SCLERA, 3.2), (IRIS, 2.0), (PUPIL, 1.0)):
        outline = pupil * torch.tensor([1, 1, factor, factor, 1])
        classes[_filled(outline, height, width)] = label
    grey = torch.tensor([0.5, 0.8, 0.4, 0.1])[classes.long()]
    noise = 0.02 * torch.randn(count, height, width, generator=g)
    eyes["image"] = ((grey + noise).clamp(0, 1)[:, None] * 255).round() / 255
    shown = (classes == PUPIL).float()
    grid = pixel_grid(height, width)
    eyes["pupil_mask_px"] = (shown[..., None] * grid).sum((1, 2)) / shown.sum((1, 2))[:, None]
    eyes["pupil_ellipse"] = pupil

    eyes["camera"][:, 0, 0] = eyes["camera"][:, 1, 1] = 1.4 * width
    eyes["camera"][:, :2, 2] = torch.stack([spread(0.4, 0.6) * width, spread(0.4, 0.6) * height], -1)
    focal, depth = eyes["camera"][:, :1, 0], spread(30, 60, 1)
    ray = torch.cat([(centre - eyes["camera"][:, :2, 2]) / focal, torch.ones(count, 1)], -1)
    eyes["cornea_mm"] = ray * depth
    for key in ("optical", "visual"):
        eyes[key] = torch.nn.functional.normalize(spread(-0.5, 0.5, 3) - torch.tensor([0, 0, 1.5]), dim=-1)
    eyes["cornea_radius_mm"].fill_(7.8)
    eyes["pupil_mm"] = eyes["cornea_mm"] + 4.2 * eyes["optical"]
    eyes["eyeball_mm"] = eyes["cornea_mm"] - 5.3 * eyes["optical"]
    eyes["glints_px"][:, :4] = ellipse_points(pupil * torch.tensor([1, 1, 1.5, 1.5, 1]), 4)
    eyes["glints_visible"][:, :4] = True

    for key, value in (("openness", 0.8), ("pupil_visible", 1.0), ("pupil_present", 1.0)):
        eyes[key].fill_(value)
    eyes["eye_side"] = torch.arange(count) % 2
    eyes["subject"] = torch.arange(count)
    eyes["domain"].fill_(1)
    for key, value in eyes.items():
        if key.endswith("_valid"):
            value.fill_(True)
    check_eye_batch(eyes, "drawn")
    torch.testing.assert_close(project(eyes["cornea_mm"], eyes["camera"]), centre)
    return eyes


def _filled(ellipse: torch.Tensor, height: int, width: int) -> torch.Tensor:
    offset = pixel_grid(height, width) - ellipse[:, None, None, :2]
    inverse = torch.linalg.inv(ellipse_shape(ellipse))
    return torch.einsum("bhwi,bij,bhwj->bhw", offset, inverse, offset) <= 1
