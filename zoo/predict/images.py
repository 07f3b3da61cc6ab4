"""Grey images from arrays and from files, whatever their depth and colour. Imports no torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, ImageOps

MIN_SIDE = 8
"""Smaller images show no eye."""
MAX_ASPECT = 16
"""Longer images keep less than 10 rows of the network's input."""
MAX_PIXELS = 64_000_000
"""Larger files are not decoded: their float copies would need gigabytes."""

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and OpenCV


class BadImageError(Exception):
    """A file or frame that cannot be used; the text says why, without naming the file."""


def check_size(height: int, width: int) -> None:
    """Raise `BadImageError` for sizes in which no eye can be seen or that are too large to decode."""
    if min(height, width) < MIN_SIDE:
        raise BadImageError(f"too small: {width}x{height} pixels, at least {MIN_SIDE}x{MIN_SIDE} are needed")
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise BadImageError(f"too elongated: {width}x{height} pixels, at most {MAX_ASPECT} to 1 is possible")
    if height * width > MAX_PIXELS:
        raise BadImageError(f"too large: {width}x{height} pixels, at most {MAX_PIXELS / 1e6:.0f} megapixels")


def to_unit_grey(image: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "h w"]:
    """HxW or HxWxC (C = 1, 3 RGB, or 4 with alpha) of uint8, uint16 or float to HxW float32 in [0, 1].

    8 bits are divided by 255. 16 bits are scaled by the range of the image (sensors fill
    10 to 16 bits of it), but by 255 levels at least. Floats must already lie in [0, 1].

    Raises:
        ValueError: another shape or type, or floats outside [0, 1].
    """
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise ValueError(f"an image is HxW or HxWxC with C = 1, 3 or 4, not {image.shape} (several: a list)")
    if image.ndim == 3:
        if image.shape[2] == 1:
            image = image[:, :, 0]
        else:
            grey = image[:, :, :3].astype(np.float32) @ np.array(_LUMA, dtype=np.float32)
            image = grey if image.dtype.kind == "f" else np.rint(grey).astype(image.dtype)
    if image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    if image.dtype == np.uint16:
        return scale_by_range(image)
    if image.dtype.kind == "f":
        if not np.isfinite(image).all() or image.min() < -1e-4 or image.max() > 1 + 1e-4:
            raise ValueError("a float image must be finite and in [0, 1]; divide by its full scale first")
        return np.clip(image, 0, 1).astype(np.float32)
    raise ValueError(f"an image has type uint8, uint16 or float, not {image.dtype}")


def to_unit_grey8(image: Shaped[np.ndarray, "..."]) -> UInt8[np.ndarray, "h w"]:
    """As `to_unit_grey`, in 256 levels for drawing."""
    if image.dtype == np.uint8 and image.ndim == 2:
        return image
    return np.rint(to_unit_grey(image) * 255).astype(np.uint8)


def scale_by_range(image: Shaped[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Smallest value to 0, largest to 1; a range below 255 levels is divided by 255."""
    values = image.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    return (values - np.float32(low)) / np.float32(max(high - low, 255.0))


def read_image(path: Path) -> tuple[Shaped[np.ndarray, "h w"], str | None]:
    """Read an image file as grey, and a remark for the user.

    uint8, or uint16 or float32 in [0, 1] where the file has more depth. Turned upright as its EXIF tag says,
    as viewers and OpenCV do. Alpha is dropped. Of several pages the first is read, and the remark says so.

    Raises:
        BadImageError: the file is not an image, or is damaged, truncated, empty, too small or too large.
    """
    try:
        if path.stat().st_size == 0:
            raise BadImageError("empty file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels decide
            with Image.open(path) as image:
                check_size(image.height, image.width)
                pages = getattr(image, "n_frames", 1)
                image.load()
                grey = _grey(ImageOps.exif_transpose(image))
    except BadImageError:
        raise
    except OSError as error:
        raise BadImageError(_reason(error)) from None
    except (MemoryError, Image.DecompressionBombError):
        raise BadImageError(f"too large: more than {MAX_PIXELS / 1e6:.0f} megapixels") from None
    except Exception as error:  # decoders of damaged files raise almost anything, and a batch must not stop
        raise BadImageError(f"cannot be decoded ({type(error).__name__}: {error})") from None
    return grey, f"has {pages} pages, only the first is used" if pages > 1 else None


def _grey(image: Image.Image) -> np.ndarray[Any, np.dtype[Any]]:
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        if not np.isfinite(values).all():
            raise BadImageError("has values that are not finite")
        if image.mode == "I" and values.min() >= 0 and values.max() <= 65535:
            return values.astype(np.uint16)
        low, high = float(values.min()), float(values.max())
        return ((values - low) / (high - low if high > low else 1.0)).astype(np.float32)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return np.asarray(image.convert("L"))


def _reason(error: OSError) -> str:
    if error.strerror:
        return f"cannot be read ({error.strerror})"
    text = str(error)
    return text if text and not text.startswith("cannot identify") else "not an image that can be decoded"
