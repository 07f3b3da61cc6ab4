"""Moving an eye sample's frame: the image, every label and the camera together, exactly.

A frame is mirrored (`hflip`) or moved by a similarity (`warp`). Either way the new camera projects the new
3D labels onto the moved 2D points:

* mirror: x of 3D points and directions changes sign, left and right eye swap, the principal point moves;
* similarity A (turn, enlargement, shift): ``A K = K' R`` with R a rotation about the camera's z axis; K' is
  the new camera (its skew is zero where the pixels are square) and R turns the 3D labels.

Where the frame's border cuts the pupil, what depends on the part that shows is computed anew, or unknown
where that cannot be done. Blink and openness describe the lids, so a pupil that leaves the frame is no blink:
they keep their values, and become unknown once the pupil's centre is outside.
"""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.conventions import BACKGROUND, IGNORE, PUPIL, PUPIL_PRESENT
from zoo.data.affine import move_points, sample, sampling_grid
from zoo.data.sample import EyeBatch
from zoo.geometry.cameras import flip_camera
from zoo.geometry.ellipse import ellipse_points, transform_ellipse
from zoo.geometry.vectors import matrix

FILLS: Final = ("padding", "black", "edge")
"""What a part of the new frame that the old one does not cover can be; see `warp`."""
_GUESSED_DIAMETER = 0.2
"""Diameter of a pupil of which only the centre is known, as a share of the frame's shorter side."""
_CONTOUR = 16  # points on the pupil's contour that are looked at to see whether the border cuts it


def hflip(batch: EyeBatch, which: Bool[Tensor, "B"]) -> EyeBatch:
    """Mirror the samples that `which` selects, left to right."""
    width = batch["content"].shape[-1]
    sign, edge = torch.where(which, -1.0, 1.0), torch.where(which, width - 1.0, 0.0)
    zero, one = torch.zeros_like(sign), torch.ones_like(sign)
    mirror = matrix([[sign, zero, edge], [zero, one, zero]])
    directions = torch.stack([sign, one, one], -1)
    moved = _move_labels(batch, mirror)
    moved["image"] = _mirrored(batch["image"], which)
    moved["content"] = _mirrored(batch["content"], which)
    moved["segmentation"] = _mirrored(batch["segmentation"], which)
    moved["eye_side"] = torch.where(which, 1 - batch["eye_side"], batch["eye_side"])
    moved["camera"] = torch.where(which[:, None, None], flip_camera(batch["camera"], width), batch["camera"])
    for key in ("eyeball_mm", "cornea_mm", "pupil_mm", "optical", "visual"):
        moved[key] = batch[key] * directions
    return moved


def warp(
    batch: EyeBatch,
    affine: Float[Tensor, "B 2 3"],
    frame: Bool[Tensor, "B H W"] | None = None,
    fill: Int[Tensor, "B"] | None = None,
) -> EyeBatch:
    """Move each sample's content within its frame by a similarity (turn, enlargement, shift; no mirroring).

    Args:
        batch: the samples.
        affine: from old to new pixels.
        frame: the part of the result that shows, all of it by default; what lies outside is padding.
        fill: what becomes of the part of the frame that the old one does not cover, an index into `FILLS`;
            padding by default.
    """
    grid = sampling_grid(affine, *batch["content"].shape[-2:])
    image = sample(batch["image"], grid, padding="border")
    # Only pixels in which no padding is mixed.
    content = sample(batch["content"][:, None].float(), grid)[:, 0] > 0.999
    if frame is not None:
        content &= frame
    classes = sample(batch["segmentation"][:, None].float(), grid, mode="nearest")[:, 0].to(torch.uint8)

    moved = _move_labels(batch, affine)
    moved["content"] = content
    moved["segmentation"] = classes.masked_fill_(~content, IGNORE)
    moved["glints_visible"] = batch["glints_visible"] & _shows(moved["glints_px"], content)
    moved["camera"], turn = _turned_camera(batch["camera"], affine)
    for key in ("eyeball_mm", "cornea_mm", "pupil_mm", "optical", "visual"):
        moved[key] = (turn @ batch[key][..., None])[..., 0]
    moved = _cut(moved, batch, affine)

    visible = content
    if fill is not None:
        kind = fill[:, None, None]
        empty = (kind != FILLS.index("padding")) & ~content
        if frame is not None:
            empty &= frame
        visible = content | (empty & (kind == FILLS.index("edge")))
        moved["segmentation"].masked_fill_(empty, BACKGROUND)
        moved["content"] = content | empty
    moved["image"] = image.masked_fill_(~visible[:, None], 0)
    return moved


def _move_labels(batch: EyeBatch, affine: Tensor) -> EyeBatch:
    """A copy of the batch with all points in pixels moved."""
    moved = batch.copy()
    moved["glints_px"] = move_points(batch["glints_px"], affine)
    moved["pupil_mask_px"] = move_points(batch["pupil_mask_px"], affine)
    known, centred = batch["pupil_ellipse_valid"][:, None], batch["pupil_centre_valid"][:, None]
    anything = batch["pupil_ellipse"].new_tensor([1.0, 1.0, 0.0])
    axes = torch.where(known, batch["pupil_ellipse"][:, 2:], anything)
    ellipse = transform_ellipse(torch.cat([batch["pupil_ellipse"][:, :2], axes], -1), affine)
    moved["pupil_ellipse"] = torch.where(known | centred, ellipse, batch["pupil_ellipse"])
    return moved


def _mirrored(value: Tensor, which: Tensor) -> Tensor:
    value = value.clone()
    value[which] = value[which].flip(-1)
    return value


def _turned_camera(camera: Tensor, affine: Tensor) -> tuple[Tensor, Tensor]:
    """(camera K', rotation R about z) with ``affine K = K' R``, by the RQ decomposition of its 2x2 part."""
    product = affine[..., :2] @ camera[..., :2, :2]
    (a, b), (c, d) = (row.unbind(-1) for row in product.unbind(-2))
    fy = torch.hypot(c, d)
    sin, cos = c / fy, d / fy
    zero, one = torch.zeros_like(fy), torch.ones_like(fy)
    turn = matrix([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])
    cx, cy = move_points(camera[..., :2, 2], affine).unbind(-1)
    skew = a * sin + b * cos
    return matrix([[a * cos - b * sin, skew, cx], [zero, fy, cy], [zero, zero, one]]), turn


def _shows(points: Tensor, content: Tensor) -> Tensor:
    """(B, n, 2) points, (B, H, W) content -> (B, n) bool: whether the pixel a point falls on is content."""
    height, width = content.shape[-2:]
    u, v = points.round().unbind(-1)
    within = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    index = v.clamp(0, height - 1) * width + u.clamp(0, width - 1)
    return within & content.flatten(1).gather(1, index.long())


def _cut(moved: EyeBatch, before: EyeBatch, affine: Tensor) -> EyeBatch:
    """Mend the labels that say how much of the pupil shows, where the border cut it."""
    content, known, labelled = moved["content"], moved["pupil_ellipse_valid"], moved["segmentation_valid"]
    enlargement = torch.linalg.det(affine[..., :2])

    # The pupil's outline, or where only a point is known, a circle that a pupil would hardly exceed.
    diameter = _GUESSED_DIAMETER * min(content.shape[-2:]) * enlargement.sqrt()
    rest = torch.stack([diameter, diameter, torch.zeros_like(diameter)], -1)
    centred = moved["pupil_centre_valid"]
    centre = torch.where(centred[:, None], moved["pupil_ellipse"][:, :2], moved["pupil_mask_px"])
    circle = torch.cat([centre, rest], -1)
    outline = ellipse_points(torch.where(known[:, None], moved["pupil_ellipse"], circle), _CONTOUR)
    whole = _shows(outline, content).all(1)

    pupil = (moved["segmentation"] == PUPIL).float()
    columns, rows = pupil.sum(1), pupil.sum(2)
    area = rows.sum(1)
    area_before = (before["segmentation"] == PUPIL).flatten(1).float().sum(1) * enlargement
    share = (area / area_before.clamp_min(1)).clamp(max=1)
    left = torch.where(whole | (area_before == 0), 1.0, share)  # of what showed before

    moved["pupil_visible"] = moved["pupil_visible"] * left
    moved["pupil_visible_valid"] = moved["pupil_visible_valid"] & (whole | labelled)
    enough = whole | (moved["pupil_visible"] >= PUPIL_PRESENT)
    moved["pupil_present"] = moved["pupil_present"] * enough
    moved["pupil_present_valid"] = moved["pupil_present_valid"] & (whole | moved["pupil_visible_valid"])

    u = (columns * torch.arange(columns.shape[1], device=columns.device)).sum(1) / area.clamp_min(1)
    v = (rows * torch.arange(rows.shape[1], device=rows.device)).sum(1) / area.clamp_min(1)
    centroid = torch.stack([u, v], -1)
    moved["pupil_mask_px"] = torch.where(labelled[:, None], centroid, moved["pupil_mask_px"])
    still = torch.where(labelled, area > 0, whole)
    moved["pupil_mask_px_valid"] = moved["pupil_mask_px_valid"] & still

    located = centred | before["pupil_mask_px_valid"]
    seen = ~located | _shows(centre[:, None], content)[:, 0]
    moved["blink_valid"] = moved["blink_valid"] & seen
    moved["openness_valid"] = moved["openness_valid"] & seen
    return moved
