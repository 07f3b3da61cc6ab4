"""Sparse measurements of a single image, completed: at the size that suits them, and kept where they lie.

Two steps about the network, neither of which is trained. Both were chosen on rendered validation rooms.

Few points lie many cells apart, farther than the densifier learned to fill: the image is then halved, which
brings them nearer together. Where they are many, the halved image and the whole one err differently, and
their mean errs less; so do an image and its mirror image.

What the network says at a measured pixel is seldom exactly what was measured. Where the measurements agree
well with the map, this residual is spread over it: pull and push, as in `zoo.model.heads.depth.fill`. Where
they scatter about it they are noisy, and it stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.data.views import ViewBatch
from zoo.geometry.cameras import flip_camera, resize_camera
from zoo.model.heads.depth.fill import pull_push

SPARSE: Final = 300
"""Pixels for each point, above which only the halved image is asked."""
SCATTER: Final = 0.01
"""Median distance, in log depth, of map and measurements at which half of the residual is spread ..."""
_STEEPNESS: Final = 8
"""... and how soon all or none of it is."""
_MOST: Final = 0.3
"""Largest residual, in log depth: what is farther off is no measurement of this surface."""

_MAPS: Final = ("depth", "sigma")
_KEYS: Final = (*_MAPS, "point_px", "point_depth", "point_confidence")
Views = Callable[[ViewBatch], Mapping[str, Tensor]]


def complete(views: Views, batch: ViewBatch, halve: bool = True) -> dict[str, Tensor]:
    """The answer of a depth head, of samples that have sources or not.

    Samples with a source, or without a measurement, get what `views` says. The matched points of a sample
    that was only halved, which have confidence 0 as all without a source, are padded.

    Args:
        views: from a batch to what `zoo.model.heads.depth.DepthHead` gives.
        batch: any samples of one size.
        halve: whether `views` takes other sizes than this.

    Returns:
        `depth`, `sigma`, `point_px`, `point_depth`, `point_confidence`.
    """
    height, width = batch["sparse_depth"].shape[1:]
    count = (batch["sparse_depth"] > 0).sum((1, 2))
    alone = ~batch["views_valid"][:, 1:].any(1) & (count > 0)
    few = count * SPARSE < height * width
    small: Views = partial(_at_half_size, views)
    both: Views = partial(_at_both_sizes, views)
    if not halve or height % 2 or width % 2:
        small = both = views
    parts, rows = [], []
    for chosen, answering in ((~alone, views), (alone & few, small), (alone & ~few, both)):
        if chosen.any():
            answer = answering(_rows(batch, chosen))
            parts.append({key: answer[key] for key in _KEYS})
            rows.append(chosen.nonzero()[:, 0])
    order = torch.cat(rows).argsort()
    points = max(part["point_depth"].shape[1] for part in parts)
    joined = {key: torch.cat([_padded(part[key], key, points) for part in parts])[order] for key in _KEYS}
    kept = keep_measured(joined["depth"], batch["sparse_depth"], batch["sparse_confidence"])
    return {**joined, "depth": torch.where(alone[:, None, None], kept, joined["depth"])}


def keep_measured(
    depth: Float[Tensor, "B H W"], sparse_depth: Float[Tensor, "B H W"], confidence: Float[Tensor, "B H W"]
) -> Float[Tensor, "B H W"]:
    """The map with the residual at the measurements spread over it, as far as they are no noisier than it.

    Args:
        depth: metres, of the network.
        sparse_depth: metres; 0 where nothing was measured.
        confidence: of the measurements.
    """
    there = sparse_depth > 0
    ratio = torch.where(there, sparse_depth, torch.ones_like(depth)) / depth
    residual = torch.where(there, ratio.clamp(min=1e-3).log(), torch.zeros_like(depth))
    scatter = torch.where(there, residual.abs(), torch.nan).flatten(1).nanmedian(1).values
    share = 1 / (1 + (scatter / SCATTER) ** _STEEPNESS)
    spread = pull_push(residual.clamp(-_MOST, _MOST), confidence * there)
    return depth * (share.nan_to_num(0.0)[:, None, None] * spread).exp()


def _rows(batch: ViewBatch, chosen: Bool[Tensor, "B"]) -> ViewBatch:
    return {key: value[chosen] for key, value in batch.items()}  # type: ignore[return-value, index]


def _at_half_size(views: Views, batch: ViewBatch) -> dict[str, Tensor]:
    """The mean of what the halved image and its mirror image tell, at the full size."""
    halved = _halved(batch)
    answer, mirrored = views(halved), views(_mirrored(halved))
    back = {key: mirrored[key].flip(-1) for key in _MAPS}
    return _enlarged(_mean(answer, back))


def _at_both_sizes(views: Views, batch: ViewBatch) -> dict[str, Tensor]:
    return _mean(views(batch), _at_half_size(views, batch))


def _mean(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Geometric means of the maps; the rest is that of the first."""
    return {**one, **{key: (one[key] * other[key]).sqrt() for key in _MAPS}}


def _mirrored(batch: ViewBatch) -> ViewBatch:
    """Mirror images, of single images alone: sources are left as they are."""
    flipped = {key: batch[key].flip(-1) for key in ("images", "sparse_depth", "sparse_confidence")}
    cameras = flip_camera(batch["cameras"], batch["images"].shape[-1])
    return {**batch, **flipped, "cameras": cameras}  # type: ignore[typeddict-item]


def _halved(batch: ViewBatch) -> ViewBatch:
    """Images of half the size; of measurements that fall into one pixel, the mean of inverse depth."""
    sparse = batch["sparse_depth"]
    there = (sparse > 0).to(sparse.dtype)
    inverse = there / sparse.clamp(min=1e-2)
    count, total = (F.avg_pool2d(x[:, None], 2)[:, 0] for x in (there, inverse))
    known = count > 0
    images = batch["images"]
    return {
        **batch,
        "images": F.avg_pool2d(images.flatten(0, 1), 2).unflatten(0, images.shape[:2]),
        "cameras": resize_camera(batch["cameras"], 0.5),
        "sparse_depth": torch.where(known, count / torch.where(known, total, 1.0), 0.0),
        "sparse_confidence": F.max_pool2d((batch["sparse_confidence"] * there)[:, None], 2)[:, 0],
    }


def _enlarged(answer: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """To twice the size, linear in the logarithm."""
    maps = {
        key: F.interpolate(answer[key].log()[:, None], scale_factor=2, mode="bilinear")[:, 0].exp()
        for key in _MAPS
    }
    return {**answer, **maps, "point_px": 2 * answer["point_px"] + 0.5}


def _padded(value: Tensor, key: str, points: int) -> Tensor:
    missing = points - value.shape[1] if key.startswith("point_") else 0
    return F.pad(value, (0, 0, 0, missing) if value.dim() == 3 else (0, missing)) if missing else value
