"""The sample contract: what an eye sample holds, checked where data enters.

Sources yield batches: every tensor has a leading batch dimension ``B``. A label ``x`` has its validity
mask ``x_valid`` beside it; where the mask is false the value is finite but means nothing. See
`zoo.conventions` for frames, units and class ids.
"""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

from zoo.conventions import IGNORE, MAX_GLINTS


class EyeBatch(TypedDict):
    """A batch of near-eye images and their labels."""

    image: Tensor  # (B, 1, H, W) float32 in [0, 1]
    content: Tensor  # (B, H, W) bool: true on the camera's pixels, false on letterbox padding
    camera: Tensor  # (B, 3, 3) float32 intrinsics, pixels of `image`
    camera_valid: Tensor  # (B,) bool
    eye_side: Tensor  # (B,) int64: index into conventions.EYE_SIDES
    eye_side_valid: Tensor  # (B,) bool
    subject: Tensor  # (B,) int64, unique within the source
    skin_tone: (
        Tensor  # (B,) float32 in [0, 1]: share of light that the skin returns at the camera's wavelength
    )
    skin_tone_valid: Tensor  # (B,) bool
    spectacles: Tensor  # (B,) bool: worn in front of the eye
    spectacles_valid: Tensor  # (B,) bool
    source: Tensor  # (B,) int64: which source of a mixture; 0 where there is one
    domain: Tensor  # (B,) int64: index into conventions.DOMAINS

    segmentation: Tensor  # (B, H, W) uint8 class ids; 255 = ignore
    segmentation_valid: Tensor  # (B,) bool
    openness: Tensor  # (B,) float32 in [0, 1]: lid gap over this person's wide-open gap
    openness_valid: Tensor  # (B,) bool
    blink: Tensor  # (B,) float32, 0 or 1
    blink_valid: Tensor  # (B,) bool
    pupil_visible: Tensor  # (B,) float32 in [0, 1]: visible share of the full pupil's area
    pupil_visible_valid: Tensor  # (B,) bool
    pupil_present: Tensor  # (B,) float32, 0 or 1: enough of a pupil shows to locate it
    pupil_present_valid: Tensor  # (B,) bool
    pupil_ellipse: Tensor  # (B, 5) float32: u, v, major, minor [px], angle [rad] of the full refracted pupil
    pupil_ellipse_valid: Tensor  # (B,) bool
    pupil_centre_valid: Tensor  # (B,) bool: its first two numbers are known, be the others so or not
    pupil_mask_px: Tensor  # (B, 2) float32: centroid of the visible pupil pixels
    pupil_mask_px_valid: Tensor  # (B,) bool
    glints_px: Tensor  # (B, 8, 2) float32
    glints_visible: Tensor  # (B, 8) bool: which slots hold a glint that shows
    glints_valid: Tensor  # (B,) bool: the set of visible glints is known

    eyeball_mm: Tensor  # (B, 3) float32: rotation centre, camera frame
    cornea_mm: Tensor  # (B, 3) float32: centre of the corneal sphere, camera frame
    pupil_mm: Tensor  # (B, 3) float32: centre of the pupil, camera frame
    cornea_radius_mm: Tensor  # (B,) float32, of the corneal sphere
    eye3d_valid: Tensor  # (B,) bool: one mask for the points and the radius, which come together
    optical: Tensor  # (B, 3) float32 unit vector, camera frame, out of the eye
    optical_valid: Tensor  # (B,) bool
    visual: Tensor  # (B, 3) float32 unit vector, camera frame, out of the eye
    visual_valid: Tensor  # (B,) bool


_EYE_FIELDS: dict[str, tuple[tuple[str | int, ...], torch.dtype]] = {
    "image": ((1, "H", "W"), torch.float32),
    "content": (("H", "W"), torch.bool),
    "camera": ((3, 3), torch.float32),
    "camera_valid": ((), torch.bool),
    "eye_side": ((), torch.int64),
    "eye_side_valid": ((), torch.bool),
    "subject": ((), torch.int64),
    "skin_tone": ((), torch.float32),
    "skin_tone_valid": ((), torch.bool),
    "spectacles": ((), torch.bool),
    "spectacles_valid": ((), torch.bool),
    "source": ((), torch.int64),
    "domain": ((), torch.int64),
    "segmentation": (("H", "W"), torch.uint8),
    "segmentation_valid": ((), torch.bool),
    "openness": ((), torch.float32),
    "openness_valid": ((), torch.bool),
    "blink": ((), torch.float32),
    "blink_valid": ((), torch.bool),
    "pupil_visible": ((), torch.float32),
    "pupil_visible_valid": ((), torch.bool),
    "pupil_present": ((), torch.float32),
    "pupil_present_valid": ((), torch.bool),
    "pupil_ellipse": ((5,), torch.float32),
    "pupil_ellipse_valid": ((), torch.bool),
    "pupil_centre_valid": ((), torch.bool),
    "pupil_mask_px": ((2,), torch.float32),
    "pupil_mask_px_valid": ((), torch.bool),
    "glints_px": ((MAX_GLINTS, 2), torch.float32),
    "glints_visible": ((MAX_GLINTS,), torch.bool),
    "glints_valid": ((), torch.bool),
    "eyeball_mm": ((3,), torch.float32),
    "cornea_mm": ((3,), torch.float32),
    "pupil_mm": ((3,), torch.float32),
    "cornea_radius_mm": ((), torch.float32),
    "eye3d_valid": ((), torch.bool),
    "optical": ((3,), torch.float32),
    "optical_valid": ((), torch.bool),
    "visual": ((3,), torch.float32),
    "visual_valid": ((), torch.bool),
}


def _sized(shape: tuple[str | int, ...], height: int, width: int) -> tuple[int, ...]:
    sizes = {"H": height, "W": width}
    return tuple(sizes[d] if isinstance(d, str) else d for d in shape)


def empty_eye_batch(batch: int, height: int, width: int, device: torch.device | str = "cpu") -> EyeBatch:
    """A batch in which nothing is known: black images, every label masked out.

    A source fills in what it has and leaves the rest.
    """
    tensors = {
        key: torch.zeros((batch, *_sized(shape, height, width)), dtype=dtype, device=device)
        for key, (shape, dtype) in _EYE_FIELDS.items()
    }
    tensors["content"].fill_(True)
    tensors["segmentation"].fill_(IGNORE)
    tensors["camera"][:] = torch.eye(3)
    for axis in ("optical", "visual"):
        tensors[axis][:, 2] = -1.0
    return tensors  # type: ignore[return-value]


def check_eye_batch(batch: EyeBatch, source: str) -> None:
    """Raise `ValueError` naming `source` and the field that breaks the contract (key, shape, type, range)."""
    missing = [key for key in _EYE_FIELDS if key not in batch]
    unknown = [key for key in batch if key not in _EYE_FIELDS]
    if missing or unknown:
        raise ValueError(f"{source}: an eye batch lacks {missing} and has unknown keys {unknown}")
    b, _, h, w = batch["image"].shape
    for key, (shape, dtype) in _EYE_FIELDS.items():
        value: Tensor = batch[key]  # type: ignore[literal-required]
        expected = (b, *_sized(shape, h, w))
        if tuple(value.shape) != expected or value.dtype != dtype:
            raise ValueError(
                f"{source}: {key} is {tuple(value.shape)} {value.dtype}, expected {expected} {dtype}"
            )
        if dtype == torch.float32 and not torch.isfinite(value).all():
            raise ValueError(f"{source}: {key} has values that are not finite")
    unit = ("image", "skin_tone", "openness", "blink", "pupil_visible", "pupil_present")
    for key in unit:
        value = batch[key]  # type: ignore[literal-required]
        if value.min() < 0 or value.max() > 1:
            raise ValueError(f"{source}: {key} leaves [0, 1]: {value.min():.3g} to {value.max():.3g}")
    labels = batch["segmentation"]
    if ((labels > 3) & (labels != IGNORE)).any():
        raise ValueError(f"{source}: segmentation has a class id outside 0-3 and 255")
    for key in ("optical", "visual"):
        norm = batch[key].norm(dim=-1)  # type: ignore[literal-required]
        if ((norm - 1).abs() > 1e-3).any():
            lengths = f"{norm.min():.4g} to {norm.max():.4g}"
            raise ValueError(f"{source}: {key} is not a unit vector (length {lengths})")
