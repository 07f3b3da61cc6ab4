"""Images and depth in HDF5 files, as Ma and Karaman published NYUv2. h5py is imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from zoo.data.captures.files import BadFileError
from zoo.errors import ZooError


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of ``rgb``."""
    shape = _dataset(path, "rgb", read=False)
    return int(shape[2]), int(shape[1])


def read_rgb(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """``rgb``, stored channels first."""
    return np.ascontiguousarray(np.moveaxis(_dataset(path, "rgb").astype(np.uint8), 0, -1))


def read_depth(path: Path) -> Float32[np.ndarray, "h w"]:
    """``depth`` in metres."""
    return _dataset(path, "depth").astype(np.float32)


def _dataset(path: Path, name: str, *, read: bool = True) -> Any:
    """An array of the file, or only its shape."""
    try:
        h5py = import_module("h5py")  # an extra: nothing else needs it
    except ImportError:
        raise ZooError(f"{path}: to read HDF5 files install h5py: pip install 'eye-room-zoo[nyu]'") from None
    try:
        with h5py.File(path, "r") as file:
            data = file[name]
            if data.ndim != (3 if name == "rgb" else 2):
                raise BadFileError(f"{name} has shape {data.shape}, expected 3xHxW for rgb and HxW for depth")
            return data[()] if read else data.shape
    except (OSError, KeyError) as error:
        raise BadFileError(f"not a readable HDF5 file with rgb and depth ({error})") from None
