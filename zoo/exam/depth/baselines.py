"""What needs no learning: a constant depth, interpolated truth (an oracle), and SIFT with known poses.

All are scored as a network is, by `zoo.model.heads.depth.scores`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from zoo.data.views import ViewBatch
from zoo.draws import Draws
from zoo.evaluate.rows import view_rows
from zoo.evaluate.summary import summarise
from zoo.exam.depth.interpolate import interpolate
from zoo.exam.depth.measure import SEED, VIEWS, interpolated
from zoo.exam.depth.samples import DepthSamples
from zoo.exam.depth.sparse import Protocol, sparse_points
from zoo.geometry.cameras import rays
from zoo.geometry.triangulation import triangulate
from zoo.geometry.vectors import transform
from zoo.geometry.views import relative_pose
from zoo.model.heads.base import Masked
from zoo.model.heads.depth.scores import dense_errors, point_errors

RATIO: Final = 0.8
"""Of the distances to the nearest and the second nearest descriptor (Lowe, 2004)."""
EPIPOLAR_PX: Final = 1.5
ORACLE: Final = Protocol(512)
_RANGE_M: Final = (0.25, 10.0)
_NO_PRIOR: Final = (0.4, 1e3)

Metrics = dict[str, float]


class Points(NamedTuple):
    """Triangulated points of the anchor."""

    pixels: Float[np.ndarray, "P 2"]
    depth: Float[np.ndarray, "P"]


def measure_baselines(samples: DepthSamples) -> dict[str, Metrics]:
    """Metrics of every baseline, by its name; those over the surest pixels say nothing here and are left out.

    ``constant``: the median of the labelled depths of all samples. ``truth_512``: 512 true depths at random
    pixels, interpolated. ``sift``: SIFT at the images' own size, matched to each source, triangulated and
    interpolated; ``truth_at_sift``: the true depth at those points, interpolated.
    """
    median = median_depth(samples)
    tables: dict[str, list[pl.DataFrame]] = {
        name: [] for name in ("constant", "truth_512", "sift", "truth_at_sift")
    }
    for row in samples.rows:
        batch, native = samples.batch([row], VIEWS), samples.native(row, VIEWS)
        points = on_canvas(sift_points(native), native, batch)
        truth = batch["depth"][0].numpy().astype(np.float64)
        u, v = np.rint(points.pixels).astype(int).T
        known = truth[v, u] > 0
        given: ViewBatch = {
            **batch,
            "sparse_depth": sparse_points(batch["depth"], ORACLE, Draws(SEED, torch.tensor([row]))),
        }
        maps = {
            "constant": torch.full_like(batch["depth"], median),
            "truth_512": interpolated(given),
            "sift": _filled(points, batch, median),
            "truth_at_sift": _filled(Points(points.pixels[known], truth[v, u][known]), batch, median),
        }
        for name, depth in maps.items():
            errors = _dense(depth, batch)
            if name == "sift" and len(points.depth):
                errors |= point_errors(
                    torch.from_numpy(points.pixels)[None].float(),
                    torch.from_numpy(points.depth)[None].float(),
                    torch.ones(1, len(points.depth)),
                    batch,
                )
            tables[name].append(view_rows({"depth": errors}, batch))
    return {name: summarise(pl.concat(parts, how="diagonal")) for name, parts in tables.items()}


def median_depth(samples: DepthSamples) -> float:
    """Of all labelled pixels (every seventh is looked at), metres."""
    parts = []
    for row in samples.rows:
        depth = samples.batch([row], 1)["depth"].flatten()
        parts.append(depth[depth > 0][::7])
    return float(torch.cat(parts).median())


def sift_points(batch: ViewBatch) -> Points:
    """Points of the anchor of a batch of one that at least one source shows too, by SIFT and known poses.

    A match counts if it passes the ratio test and lies near its epipolar line; points outside 0.25 to 10 m
    are dropped. With several sources each point is triangulated from all that show it.
    """
    grey = [_grey(image) for image in batch["images"][0]]
    detector = cv2.SIFT.create()
    found = [detector.detectAndCompute(image, None) for image in grey]
    anchors, descriptors = found[0]
    count, sources = len(anchors), len(grey) - 1
    if count < 2:
        return Points(np.zeros((0, 2)), np.zeros(0))
    pixels = torch.tensor([point.pt for point in anchors], dtype=torch.float64)
    there = torch.zeros(count, sources, 2, dtype=torch.float64)
    weight = torch.zeros(count, sources, dtype=torch.float64)
    pose, cameras = batch["cam_to_world"][0].double(), batch["cameras"][0].double()
    relative = relative_pose(pose[:1], pose[1:])
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    for source, (points, others) in enumerate(found[1:]):
        if len(points) < 2 or not bool(batch["views_valid"][0, 1 + source]):
            continue
        for best, second in matcher.knnMatch(descriptors, others, k=2):
            if best.distance < RATIO * second.distance:
                there[best.queryIdx, source] = torch.tensor(points[best.trainIdx].pt, dtype=torch.float64)
                weight[best.queryIdx, source] = 1.0
        off = epipolar_distance(pixels, there[:, source], cameras[0], cameras[1 + source], relative[source])
        weight[:, source] *= off < EPIPOLAR_PX
    solved = triangulate(pixels, there, weight, cameras[0], cameras[1:], relative, prior=_NO_PRIOR)
    depth = solved.inverse_depth
    good = (weight > 0).any(1) & (depth > 1 / _RANGE_M[1]) & (depth < 1 / _RANGE_M[0])
    return Points(pixels[good].numpy(), (1 / depth[good]).numpy())


def epipolar_distance(
    anchor_pixels: Float[Tensor, "P 2"],
    source_pixels: Float[Tensor, "P 2"],
    anchor_camera: Float[Tensor, "3 3"],
    source_camera: Float[Tensor, "3 3"],
    source_from_anchor: Float[Tensor, "4 4"],
) -> Float[Tensor, "P"]:
    """Pixels between a point of the source and the epipolar line of a point of the anchor."""
    ray = transform(source_from_anchor[:3, :3], rays(anchor_pixels, anchor_camera))
    normal = torch.linalg.cross(source_from_anchor[:3, 3].expand_as(ray), ray)
    line = transform(torch.linalg.inv(source_camera).mT, normal)
    value = line[:, 0] * source_pixels[:, 0] + line[:, 1] * source_pixels[:, 1] + line[:, 2]
    return value.abs() / torch.linalg.vector_norm(line[:, :2], dim=1).clamp(min=1e-12)


def on_canvas(points: Points, native: ViewBatch, batch: ViewBatch) -> Points:
    """Points of the native anchor as pixels of the batch's; those outside its crop are dropped."""
    own, camera = native["cameras"][0, 0].double().numpy(), batch["cameras"][0, 0].double().numpy()
    scale = np.array([camera[0, 0] / own[0, 0], camera[1, 1] / own[1, 1]])
    pixels = (points.pixels - own[:2, 2]) * scale + camera[:2, 2]
    height, width = batch["depth"].shape[1:]
    inside: Bool[np.ndarray, "P"] = (np.rint(pixels) >= 0).all(1) & (
        np.rint(pixels) <= np.array([width - 1, height - 1])
    ).all(1)
    limited = pixels[inside].clip(0, [width - 1, height - 1])
    return Points(limited, points.depth[inside])


def _filled(points: Points, batch: ViewBatch, fallback: float) -> Tensor:
    height, width = batch["depth"].shape[1:]
    if not len(points.depth):
        return torch.full_like(batch["depth"], fallback)
    return torch.from_numpy(interpolate(points.pixels, points.depth, height, width)).float()[None]


def _dense(depth: Tensor, batch: ViewBatch) -> dict[str, Masked]:
    errors = dense_errors(depth, torch.zeros_like(depth), batch)
    return {key: value for key, value in errors.items() if not key.startswith(("sure_", "sigma_"))}


def _grey(image: Float[Tensor, "3 H W"]) -> UInt8[np.ndarray, "H W"]:
    colour = (image * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
