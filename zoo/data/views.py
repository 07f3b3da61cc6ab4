"""The sample contract of rooms: what a view sample holds, checked where data enters.

A sample is an anchor view, whose depth is wanted, and its sources. View 0 is the anchor. Frames and units are
those of `zoo.conventions`: OpenCV's camera frame, metres, depth as z, pixels from the centre of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from zoo.conventions import DOMAINS, Domain
from zoo.geometry.views import is_rigid


class ViewSample(TypedDict):
    """Posed views of one room, and the anchor's depth where it is known."""

    images: Tensor  # (V, 3, H, W) float32 RGB in [0, 1]; view 0 is the anchor
    cameras: Tensor  # (V, 3, 3) float32 intrinsics without distortion, pixels of `images`
    cam_to_world: Tensor  # (V, 4, 4) float32 rigid poses, metres
    views_valid: Tensor  # (V,) bool: false on views that only fill up; the anchor's is true
    depth: Tensor  # (H, W) float32: z of the anchor's pixels in metres, 0 unknown
    depth_valid: Tensor  # () bool: there is a depth to learn from or to compare with
    seen: Tensor  # (H, W) uint8: how many sources see the anchor's pixel, unhidden
    seen_valid: Tensor  # () bool
    sparse_depth: Tensor  # (H, W) float32: measured z at some of the anchor's pixels, else 0; may be noisy
    sparse_confidence: Tensor  # (H, W) float32 in [0, 1]; 0 where `sparse_depth` is
    scene: Tensor  # () int64, unique within the source
    source: Tensor  # () int64: which source of a mixture; 0 where there is one
    domain: Tensor  # () int64: index into conventions.DOMAINS


class ViewBatch(TypedDict):
    """`ViewSample` with a batch dimension B in front of every field."""

    images: Tensor  # (B, V, 3, H, W) float32
    cameras: Tensor  # (B, V, 3, 3) float32
    cam_to_world: Tensor  # (B, V, 4, 4) float32
    views_valid: Tensor  # (B, V) bool
    depth: Tensor  # (B, H, W) float32
    depth_valid: Tensor  # (B,) bool
    seen: Tensor  # (B, H, W) uint8
    seen_valid: Tensor  # (B,) bool
    sparse_depth: Tensor  # (B, H, W) float32
    sparse_confidence: Tensor  # (B, H, W) float32
    scene: Tensor  # (B,) int64
    source: Tensor  # (B,) int64
    domain: Tensor  # (B,) int64


_FIELDS: dict[str, tuple[tuple[str | int, ...], torch.dtype]] = {
    "images": (("V", 3, "H", "W"), torch.float32),
    "cameras": (("V", 3, 3), torch.float32),
    "cam_to_world": (("V", 4, 4), torch.float32),
    "views_valid": (("V",), torch.bool),
    "depth": (("H", "W"), torch.float32),
    "depth_valid": ((), torch.bool),
    "seen": (("H", "W"), torch.uint8),
    "seen_valid": ((), torch.bool),
    "sparse_depth": (("H", "W"), torch.float32),
    "sparse_confidence": (("H", "W"), torch.float32),
    "scene": ((), torch.int64),
    "source": ((), torch.int64),
    "domain": ((), torch.int64),
}
_PER_VIEW = ("images", "cameras", "cam_to_world", "views_valid")


def empty_view_batch(
    batch: int, views: int, height: int, width: int, device: torch.device | str = "cpu"
) -> ViewBatch:
    """A batch in which nothing is known: black images, unit cameras and poses, only the anchors valid.

    A source fills in what it has and leaves the rest.
    """
    sizes = {"V": views, "H": height, "W": width}
    tensors = {
        key: torch.zeros((batch, *_sized(shape, sizes)), dtype=dtype, device=device)
        for key, (shape, dtype) in _FIELDS.items()
    }
    tensors["cameras"][:] = torch.eye(3, device=device)
    tensors["cam_to_world"][:] = torch.eye(4, device=device)
    tensors["views_valid"][:, 0] = True
    return cast(ViewBatch, tensors)


def view_sample(
    images: Sequence[Shaped[np.ndarray, "H W 3"]],
    cameras: Sequence[Float[np.ndarray, "3 3"]],
    cam_to_world: Sequence[Float[np.ndarray, "4 4"]],
    depth: Float[np.ndarray, "H W"] | None = None,
    *,
    sparse_depth: Float[np.ndarray, "H W"] | None = None,
    sparse_confidence: Float[np.ndarray, "H W"] | None = None,
    views: int | None = None,
    scene: int = 0,
    source: int = 0,
    domain: Domain = "real",
) -> ViewSample:
    """A sample from arrays; the anchor comes first.

    Args:
        images: (H, W, 3) RGB, uint8, or float in [0, 1].
        cameras: (3, 3) intrinsics of these images, without distortion.
        cam_to_world: (4, 4) poses.
        depth: (H, W) of the anchor, metres; 0 or not finite where unknown.
        sparse_depth: (H, W) as `depth`, of measured points.
        sparse_confidence: (H, W) in [0, 1]; 1 at every point of `sparse_depth` unless given.
        views: how many views the sample shall have; what is missing repeats the anchor and is not valid.
        scene, source: numbers, as in `ViewSample`.
        domain: real or synthetic.
    """
    height, width = images[0].shape[:2]
    batch = empty_view_batch(1, max(len(images), views or 0), height, width)
    count = len(images)
    for key, values in (("images", images), ("cameras", cameras), ("cam_to_world", cam_to_world)):
        tensors = [_float(_channels_first(v) if key == "images" else v) for v in values]
        target: Tensor = batch[key][0]  # type: ignore[literal-required]
        target[:count] = torch.stack(tensors)
        target[count:] = tensors[0]
    batch["views_valid"][0, :count] = True
    if depth is not None:
        batch["depth"][0] = _known(depth)
        batch["depth_valid"][0] = bool((batch["depth"] > 0).any())
    if sparse_depth is not None:
        batch["sparse_depth"][0] = points = _known(sparse_depth)
        confidence = torch.ones_like(points) if sparse_confidence is None else _float(sparse_confidence)
        batch["sparse_confidence"][0] = torch.where(points > 0, confidence, 0.0)
    batch["scene"].fill_(scene)
    batch["source"].fill_(source)
    batch["domain"].fill_(DOMAINS.index(domain))
    return cast(ViewSample, {key: cast(Tensor, value)[0] for key, value in batch.items()})


def stack_views(samples: Sequence[ViewSample]) -> ViewBatch:
    """A batch of samples of one image size; those of fewer views are filled up with some not valid."""
    views = max(len(sample["images"]) for sample in samples)
    batch: dict[str, Tensor] = {}
    for key in _FIELDS:
        values = [cast(Mapping[str, Tensor], sample)[key] for sample in samples]
        if key in _PER_VIEW:
            values = [_filled(value, views, key) for value in values]
        batch[key] = torch.stack(values)
    return cast(ViewBatch, batch)


def unstack_views(batch: ViewBatch) -> list[ViewSample]:
    """The samples of a batch."""
    tensors = cast(Mapping[str, Tensor], batch)
    return [
        cast(ViewSample, {key: value[i] for key, value in tensors.items()})
        for i in range(len(batch["images"]))
    ]


def check_view_batch(batch: ViewBatch, source: str) -> None:
    """Raise `ValueError` naming `source` and the field that breaks the contract (key, shape, type, range)."""
    missing = [key for key in _FIELDS if key not in batch]
    unknown = [key for key in batch if key not in _FIELDS]
    if missing or unknown:
        raise ValueError(f"{source}: a view batch lacks {missing} and has unknown keys {unknown}")
    b, v, _, h, w = batch["images"].shape
    for key, (shape, dtype) in _FIELDS.items():
        value = cast(Mapping[str, Tensor], batch)[key]
        expected = (b, *_sized(shape, {"V": v, "H": h, "W": w}))
        if tuple(value.shape) != expected or value.dtype != dtype:
            raise ValueError(
                f"{source}: {key} is {tuple(value.shape)} {value.dtype}, expected {expected} {dtype}"
            )
        if dtype == torch.float32 and not torch.isfinite(value).all():
            raise ValueError(f"{source}: {key} has values that are not finite")
    for key in ("images", "sparse_confidence"):
        value = cast(Mapping[str, Tensor], batch)[key]
        if value.min() < 0 or value.max() > 1:
            raise ValueError(f"{source}: {key} leaves [0, 1]: {value.min():.3g} to {value.max():.3g}")
    for key in ("depth", "sparse_depth"):
        value = cast(Mapping[str, Tensor], batch)[key]
        if value.min() < 0:
            raise ValueError(f"{source}: {key} is negative ({value.min():.3g}); unknown depth is 0")
    if not is_rigid(batch["cam_to_world"]).all():
        raise ValueError(f"{source}: cam_to_world has poses that are no rotation and translation")
    focal = batch["cameras"].diagonal(dim1=-2, dim2=-1)[..., :2]
    if (focal <= 0).any():
        raise ValueError(f"{source}: cameras have focal lengths that are not positive ({focal.min():.3g})")
    if not batch["views_valid"][:, 0].all():
        raise ValueError(f"{source}: views_valid is false for an anchor (view 0)")
    if ((batch["sparse_confidence"] > 0) & (batch["sparse_depth"] == 0)).any():
        raise ValueError(f"{source}: sparse_confidence is positive where sparse_depth is 0 (unknown)")
    if (batch["depth_valid"] & (batch["depth"] == 0).flatten(1).all(1)).any():
        raise ValueError(f"{source}: depth_valid is true where no pixel of depth is known")


def _sized(shape: tuple[str | int, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[d] if isinstance(d, str) else d for d in shape)


def _float(value: Shaped[np.ndarray, "..."]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32))


def _channels_first(image: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    scale = np.float32(255) if image.dtype == np.uint8 else np.float32(1)
    return np.moveaxis(image.astype(np.float32) / scale, -1, 0)


def _known(depth: Shaped[np.ndarray, "..."]) -> Tensor:
    return _float(np.where(np.isfinite(depth) & (depth > 0), depth, 0))


def _filled(value: Tensor, views: int, key: str) -> Tensor:
    missing = views - len(value)
    filler = torch.zeros_like(value[:1]) if key == "views_valid" else value[:1]
    return torch.cat((value, filler.expand(missing, *value.shape[1:])))
