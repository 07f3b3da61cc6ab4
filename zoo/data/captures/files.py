"""Images, depth images and tables of numbers of a capture, read as they are on disk."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, Float32, Shaped, UInt8
from PIL import Image

from zoo.data.captures.capture import DepthFile, Frame

IMAGE_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm")
_MAX_PIXELS: Final = 100_000_000


class BadFileError(Exception):
    """A file that cannot be used; the text says why, without naming it."""


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file, from its header.

    Raises:
        BadFileError: missing, or no image.
    """
    if path.suffix == ".h5":
        from zoo.data.captures import h5

        return h5.image_size(path)
    if not path.is_file():
        raise BadFileError("the image is missing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata
            with Image.open(path) as image:
                width, height = image.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadFileError(f"not a readable image ({error})") from None
    if width * height > _MAX_PIXELS:
        raise BadFileError(f"too large: {width}x{height} pixels")
    return width, height


def read_rgb(frame: Frame) -> UInt8[np.ndarray, "h w 3"]:
    """The frame's image as its file stores it: EXIF's orientation is ignored, as cameras were calibrated so.

    Raises:
        BadFileError: damaged, or its size changed since the capture was opened.
    """
    if frame.image.suffix == ".h5":
        from zoo.data.captures import h5

        return h5.read_rgb(frame.image)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(frame.image) as image:
                if image.size != frame.size:
                    raise BadFileError(f"has {image.width}x{image.height} pixels, not {frame.size} any more")
                if image.mode.startswith("I"):  # Pillow would clip more than 8 bits
                    grey = np.asarray(image).astype(np.float32)
                    grey = np.clip(grey * (255 / max(255.0, float(grey.max()))), 0, 255).astype(np.uint8)
                    return np.repeat(grey[..., None], 3, axis=-1)
                return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise BadFileError(f"cannot be decoded ({error})") from None


def read_depth(depth: DepthFile) -> Float32[np.ndarray, "h w"]:
    """z in metres in the file's own pixels; 0 where it is unknown, negative or not finite.

    From PNG and TIFF of 8, 16 or 32 bits, ``.npy``, and ``.npz`` with one array.

    Raises:
        BadFileError: missing, damaged, or of more than one channel.
    """
    path = depth.path
    try:
        if path.suffix == ".h5":
            from zoo.data.captures import h5

            stored: Shaped[np.ndarray, "..."] = h5.read_depth(path)
        elif path.suffix == ".npy":
            stored = np.load(path, allow_pickle=False)
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                stored = arrays[arrays.files[0]]
        else:
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if image is None:
                raise BadFileError("missing or not a readable depth image")
            stored = image
    except (OSError, ValueError, IndexError) as error:
        raise BadFileError(f"not a readable depth image ({error})") from None
    if stored.ndim == 3 and stored.shape[-1] == 1:
        stored = stored[..., 0]
    if stored.ndim != 2:
        raise BadFileError(
            f"has shape {stored.shape}: a colour-mapped preview? Depth has one channel, 16 bits or float"
        )
    known = np.isfinite(stored) & (stored > 0)
    if depth.invalid is not None:
        known &= stored != depth.invalid
    return np.where(known, stored, 0).astype(np.float32) * np.float32(depth.metres_per_unit)


def read_numbers(path: Path) -> Float[np.ndarray, "rows columns"]:
    """A table of numbers separated by blanks or commas; lines after # are comments.

    Raises:
        BadFileError: missing, or not a rectangular table of numbers.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"cannot be read ({error})") from None
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].replace(",", " ").split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError:
            raise BadFileError(f"line {number} is not a row of numbers: {line.strip()[:60]!r}") from None
    if not rows or len({len(row) for row in rows}) > 1:
        raise BadFileError("is empty or its rows have different lengths; expected a table of numbers")
    return np.array(rows)


def read_camera(path: Path) -> Float[np.ndarray, "3 3"]:
    """Intrinsics of a text file: 3x3 (or the corner of 4x4), 9 numbers in a row, or fx fy cx cy.

    Raises:
        BadFileError: missing or neither.
    """
    values = read_numbers(path)
    if values.shape in ((3, 3), (4, 4), (3, 4)):
        return values[:3, :3]
    if values.size == 9:
        return values.reshape(3, 3)
    if values.size == 4:
        fx, fy, cx, cy = values.ravel()
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    raise BadFileError(f"holds {values.size} numbers; intrinsics are a 3x3 matrix, or fx fy cx cy")
