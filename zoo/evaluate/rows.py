"""Predictions and labels to a table with one row per sample."""

from __future__ import annotations

import polars as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.conventions import CLASSES, DOMAINS, EYE_SIDES, PUPIL
from zoo.data.kinds import Batch, is_views
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch
from zoo.geometry.views import baseline, relative_pose
from zoo.model.heads import Masked
from zoo.model.masks import pupil_mask as predicted_pupil_mask
from zoo.model.network import Network


def rows(
    predictions: dict[str, dict[str, Tensor]],
    batch: Batch,
    network: Network,
    scale: Float[Tensor, "B"] | None = None,
    pupil_mask: Bool[Tensor, "B H W"] | None = None,
) -> pl.DataFrame:
    """One row per sample, in the order of the batch; cells without a valid label are null.

    Columns:
        subject, domain, eye_side, skin_tone, spectacles, openness, pupil_visible, gaze_eccentricity_deg
        (between the optical axis and the direction from the cornea to the camera), focal_over_width: what to
        slice eyes by.
        scene, domain, sources, baseline_m, mean_depth_m, texture (mean difference between neighbouring pixels
        of the anchor, in grey levels of 255), focal_over_width: what to slice rooms by.
        label/...: positions, axes and pixel counts from which `baseline` predicts.
        <head>/<error>: `Head.errors`; <head>/<name>_score and <head>/<name>_label: `Head.scores`.

    Args:
        predictions: of `network` for `batch["image"]`, by head.
        scale: native pixels per pixel of the batch; columns that end in ``_px`` are multiplied by it.
        pupil_mask: for data that labels the pupil alone: fills the pupil's intersection and union where
            the batch has no segmentation. Compared with the largest blob of the predicted pupil.
    """
    if is_views(batch):
        native, columns = torch.ones(len(batch["images"])), _rooms(batch)
    else:
        native = torch.ones(len(batch["image"])) if scale is None else scale.cpu()
        columns = _slices(batch) | _labels(batch, native)
    for name, prediction in predictions.items():
        head = network.head(name)
        errors: dict[str, Masked] = head.errors(prediction, batch)
        if pupil_mask is not None and "logits" in prediction:
            errors |= _pupil_only(prediction["logits"], pupil_mask, errors)
        for key, error in errors.items():
            value = error.value.cpu() * native if key.endswith("_px") else error.value
            columns[f"{name}/{key}"] = _nullable(value, error.valid)
        for key, scored in head.scores(prediction, batch).items():
            columns[f"{name}/{key}_score"] = _nullable(scored.score, scored.valid)
            columns[f"{name}/{key}_label"] = _nullable(scored.label, scored.valid)
    return pl.DataFrame(columns)


def view_rows(errors: dict[str, dict[str, Masked]], batch: ViewBatch) -> pl.DataFrame:
    """As `rows`, of methods that are no network: from their errors, by name of the head."""
    columns = _rooms(batch)
    for name, some in errors.items():
        columns |= {f"{name}/{key}": _nullable(error.value, error.valid) for key, error in some.items()}
    return pl.DataFrame(columns)


def _nullable(value: Tensor, valid: Tensor) -> pl.Series:
    dtype = pl.Boolean if value.dtype == torch.bool else pl.Float64
    pairs = zip(value.tolist(), valid.tolist(), strict=True)
    return pl.Series([v if ok else None for v, ok in pairs], dtype=dtype)


def _slices(batch: EyeBatch) -> dict[str, pl.Series]:
    sides = [
        EYE_SIDES[side] if known else None
        for side, known in zip(batch["eye_side"].tolist(), batch["eye_side_valid"].tolist(), strict=True)
    ]
    to_camera, optical = -batch["cornea_mm"], batch["optical"]
    across = torch.linalg.cross(optical, to_camera).norm(dim=1)
    eccentricity = torch.rad2deg(torch.atan2(across, (optical * to_camera).sum(1)))
    return {
        "subject": pl.Series(batch["subject"].tolist(), dtype=pl.Int64),
        "domain": pl.Series([DOMAINS[i] for i in batch["domain"].tolist()], dtype=pl.String),
        "eye_side": pl.Series(sides, dtype=pl.String),
        "skin_tone": _nullable(batch["skin_tone"], batch["skin_tone_valid"]),
        "spectacles": _nullable(batch["spectacles"], batch["spectacles_valid"]),
        "openness": _nullable(batch["openness"], batch["openness_valid"]),
        "pupil_visible": _nullable(batch["pupil_visible"], batch["pupil_visible_valid"]),
        "gaze_eccentricity_deg": _nullable(eccentricity, batch["eye3d_valid"] & batch["optical_valid"]),
        "focal_over_width": _nullable(
            batch["camera"][:, 0, 0] / batch["image"].shape[3], batch["camera_valid"]
        ),
    }


def _rooms(batch: ViewBatch) -> dict[str, pl.Series]:
    pose = batch["cam_to_world"]
    relative = relative_pose(pose[:, :1], pose[:, 1:])
    valid = batch["views_valid"][:, 1:]
    length = (baseline(relative) * valid).sum(1) / valid.sum(1).clamp(min=1)
    known = batch["depth"] > 0
    middle = (batch["depth"] * known).sum((1, 2)) / known.sum((1, 2)).clamp(min=1)
    return {
        "scene": pl.Series(batch["scene"].tolist(), dtype=pl.Int64),
        "domain": pl.Series([DOMAINS[i] for i in batch["domain"].tolist()], dtype=pl.String),
        "sources": pl.Series(valid.sum(1).tolist(), dtype=pl.Int64),
        "baseline_m": _nullable(length, valid.any(1)),
        "mean_depth_m": _nullable(middle, batch["depth_valid"]),
        "texture": pl.Series(_texture(batch["images"][:, 0]).tolist()),
        "focal_over_width": pl.Series((batch["cameras"][:, 0, 0, 0] / batch["images"].shape[-1]).tolist()),
    }


def _texture(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B"]:
    grey = 255 * images.mean(1)
    across, down = grey.diff(dim=2).abs(), grey.diff(dim=1).abs()
    return (across.mean((1, 2)) + down.mean((1, 2))) / 2


def _labels(batch: EyeBatch, native: Tensor) -> dict[str, pl.Series]:
    labels = {}
    positions = {
        "pupil": (batch["pupil_ellipse"][:, :2], batch["pupil_centre_valid"]),
        "pupil_mask": (batch["pupil_mask_px"], batch["pupil_mask_px_valid"]),
    }
    for name, (position, valid) in positions.items():
        for axis, value in zip("uv", (position.cpu() * native[:, None]).unbind(1), strict=True):
            labels[f"label/{name}_{axis}_px"] = _nullable(value, valid)
    for name, mask in (("optical", "optical"), ("visual", "visual"), ("cornea_mm", "eye3d")):
        solid = batch[f"{mask}_valid"]  # type: ignore[literal-required]
        for axis, value in zip("xyz", batch[name].cpu().unbind(1), strict=True):  # type: ignore[literal-required]
            labels[f"label/{name}_{axis}"] = _nullable(value, solid)
    for c, name in enumerate(CLASSES):
        pixels = (batch["segmentation"] == c).sum((1, 2)).float()
        labels[f"label/{name}_pixels"] = _nullable(pixels, batch["segmentation_valid"])
    return labels


def _pupil_only(logits: Tensor, pupil_mask: Tensor, errors: dict[str, Masked]) -> dict[str, Masked]:
    ours = predicted_pupil_mask(logits)
    counts = {"intersection": ours & pupil_mask, "union": ours | pupil_mask}
    filled = {}
    for count, pixels in counts.items():
        key = f"{CLASSES[PUPIL]}_{count}"
        value, valid = errors[key]
        filled[key] = Masked(torch.where(valid, value, pixels.sum((1, 2)).float()), torch.ones_like(valid))
    return filled
