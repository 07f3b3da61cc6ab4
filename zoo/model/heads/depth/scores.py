"""Scores of depth maps and of points, per frame: of the head's predictions and of any other method's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.data.views import ViewBatch
from zoo.model.heads.base import Masked

CLOSE: Final = 0.05
"""A point within this share of the true depth is right."""
SURE: Final = 0.8
"""Share of the pixels, those of the lowest sigma, that is scored apart."""
CONFIDENT: Final = 0.25
"""Share of the labelled points, those of the highest confidence, that is scored."""


def depth_errors(prediction: Mapping[str, Tensor], batch: ViewBatch) -> dict[str, Masked]:
    """`dense_errors` and `point_errors` of a prediction with the keys of `DepthHead.forward`."""
    dense = dense_errors(prediction["depth"], prediction["sigma"], batch)
    points = point_errors(
        prediction["point_px"], prediction["point_depth"], prediction["point_confidence"], batch
    )
    return dense | points


def dense_errors(
    depth: Float[Tensor, "B H W"], sigma: Float[Tensor, "B H W"], batch: ViewBatch
) -> dict[str, Masked]:
    """Scores of each frame over all labelled pixels, those that a source sees (``seen_``), the surest 80 %.

    ``absrel_ratio``: mean of |z - z*| / z*; ``rmse_m``; ``delta_share``: largest of z / z*, z* / z below
    1.25; ``sigma_share``: relative error below the stated one; ``seen_pixels_share``: how many of the
    labelled pixels a source sees.

    Args:
        depth: metres.
        sigma: relative error that 68 % of the errors stay below; orders the pixels of ``sure_``.
        batch: its labels.
    """
    truth = batch["depth"]
    known = (truth > 0) & batch["depth_valid"][:, None, None]
    seen = known & (batch["seen"] > 0)
    any_known = known.flatten(1).any(1)
    errors: dict[str, Masked] = {}
    for name, region in {"": known, "seen_": seen, "sure_": _surest(sigma, known, SURE)}.items():
        ok = region.flatten(1).any(1)
        ok = ok & batch["seen_valid"] if name == "seen_" else ok
        for key, value in _scores(depth, truth, region).items():
            errors[f"{name}{key}"] = Masked(value, ok)
    relative = (depth / torch.where(known, truth, torch.ones_like(truth)) - 1).abs()
    errors["sigma_share"] = Masked(_mean(relative <= sigma, known), any_known)
    errors["seen_pixels_share"] = Masked(_mean(seen, known), any_known & batch["seen_valid"])
    return errors


def point_errors(
    pixels: Float[Tensor, "B P 2"],
    depth: Float[Tensor, "B P"],
    confidence: Float[Tensor, "B P"],
    batch: ViewBatch,
) -> dict[str, Masked]:
    """Scores of the most confident quarter of each frame's labelled points; all of them at equal confidence.

    ``point_share``: those within 5 % of the true depth; ``point_absrel_ratio``: their mean relative error;
    ``point_count``: how many they are.

    Args:
        pixels: of the anchor, inside it.
        depth: metres.
        confidence: 0 where there is no point.
        batch: its labels.
    """
    truth = batch["depth"]
    at_points = truth.flatten(1).gather(1, pixel_index(pixels, truth.shape[2]))
    labelled = (at_points > 0) & (confidence > 0) & batch["depth_valid"][:, None]
    relative = (depth / at_points.clamp(min=1e-3) - 1).abs()
    chosen = _surest(-confidence[:, None], labelled[:, None], CONFIDENT)[:, 0]
    some = chosen.any(1)
    return {
        "point_share": Masked(_mean(relative < CLOSE, chosen), some),
        "point_absrel_ratio": Masked(_mean(relative, chosen), some),
        "point_count": Masked(chosen.sum(1).to(torch.float32), batch["depth_valid"]),
    }


def pixel_index(pixels: Float[Tensor, "B P 2"], width: int) -> Int[Tensor, "B P"]:
    """Position, in an image laid out by rows, of the pixel that a point falls into."""
    whole = pixels.round().long()
    return whole[..., 1] * width + whole[..., 0]


def _scores(depth: Tensor, truth: Tensor, region: Tensor) -> dict[str, Tensor]:
    safe = torch.where(region, truth, torch.ones_like(truth))
    ratio = torch.maximum(depth / safe, safe / depth.clamp(min=1e-3))
    return {
        "absrel_ratio": _mean((depth - safe).abs() / safe, region),
        "rmse_m": _mean((depth - safe).square(), region).sqrt(),
        "delta_share": _mean(ratio < 1.25, region),
    }


def _mean(value: Tensor, region: Tensor) -> Tensor:
    value = torch.where(region, value.to(torch.float32), torch.zeros((), device=value.device))
    return value.flatten(1).sum(1) / region.flatten(1).sum(1).clamp(min=1)


def _surest(sigma: Tensor, known: Tensor, share: float) -> Bool[Tensor, "..."]:
    """The share of the known places that has the lowest sigma, of each sample."""
    flat = torch.where(known, sigma, torch.full_like(sigma, torch.inf)).flatten(1)
    count = (share * known.flatten(1).sum(1)).ceil().long()
    order = flat.sort(dim=1).values
    limit = order.gather(1, (count - 1).clamp(min=0)[:, None])
    return known & (sigma <= limit[..., None]) & (count > 0)[:, None, None]
