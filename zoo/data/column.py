"""One field of the sample contract as a ``.npy`` file of fixed length: created, checked, written and mapped.

Images are kept in 8 bit, boolean images packed to bits, everything else as it is in memory.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from zoo.data.sample import empty_eye_batch
from zoo.errors import ZooError

_PREAMBLE = (1, 0)  # version of the .npy header


def columns(height: int, width: int) -> dict[str, Column]:
    """The columns of a pool of height x width images, by key of `EyeBatch`; `source` is a matter of runs."""
    return {
        key: Column(key, cast(Tensor, value))
        for key, value in empty_eye_batch(1, height, width).items()
        if key != "source"
    }


class Column:
    """How the field `key` is kept on disk; `like` is a batch of it."""

    def __init__(self, key: str, like: Tensor) -> None:
        shape = tuple(like.shape[1:])
        self._is_image = key in ("image", "images")
        self._bits = shape[-1] if like.dtype == torch.bool and len(shape) == 2 else 0
        self.shape = (shape[0], math.ceil(shape[1] / 8)) if self._bits else shape
        self.dtype = np.dtype(np.uint8) if self._bits or self._is_image else like.numpy().dtype
        self.row_bytes = math.prod(self.shape) * self.dtype.itemsize

    def create(self, path: Path, count: int) -> None:
        """Make a sparse file of its final size, zeros throughout."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (count, *self.shape),
        }
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + count * self.row_bytes)

    def check(self, path: Path, count: int) -> int:
        """Return where the rows begin, in bytes; ZooError unless the file is as `create` made it."""
        try:
            with path.open("rb") as file:
                if np.lib.format.read_magic(file) != _PREAMBLE:
                    raise ValueError("unknown version of the header")
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
                begin = file.tell()
        except FileNotFoundError:
            raise ZooError(
                f"{path}: missing; the pool is incomplete, or of another version of the zoo"
            ) from None
        except (OSError, ValueError) as error:
            raise ZooError(f"{path}: not a readable .npy file ({error})") from error
        expected = (count, *self.shape)
        if shape != expected or dtype != self.dtype or fortran:
            raise ZooError(f"{path}: holds {shape} {dtype}, but this pool's is {expected} {self.dtype}")
        size, whole = path.stat().st_size, begin + count * self.row_bytes
        if size != whole:
            raise ZooError(f"{path}: has {size} bytes of {whole}: the file was cut off or changed")
        return begin

    def map(self, path: Path, count: int) -> Shaped[np.ndarray, "N ..."]:
        """The file's rows as a read-only memory map, checked."""
        return np.memmap(path, self.dtype, "r", self.check(path, count), (count, *self.shape))

    def unknown(self, count: int) -> Shaped[np.ndarray, "N ..."]:
        """Rows of zeros without a file: a field that an older pool does not have."""
        return np.broadcast_to(np.zeros((), self.dtype), (count, *self.shape))

    def write(self, path: Path, begin: int, start: int, value: Tensor) -> None:
        """Put `value` in place of the rows from `start` on, down to the disk; OSError if that has no room."""
        data = np.ascontiguousarray(self._encode(value), self.dtype)
        if data.shape[1:] != self.shape:
            raise ValueError(f"{path.stem} is {data.shape[1:]}, but this pool's is {self.shape}")
        # Not through a memory map: with a full disk that ends the process (SIGBUS), here it is an OSError.
        with path.open("r+b") as file:
            file.seek(begin + start * self.row_bytes)
            file.write(data.data)
            file.flush()
            os.fsync(file.fileno())

    def decode(self, rows: Shaped[np.ndarray, "N ..."]) -> Tensor:
        """Rows of the file as they are in a batch."""
        if self._bits:
            return torch.from_numpy(np.unpackbits(rows, axis=-1, count=self._bits)).view(torch.bool)
        value = torch.from_numpy(rows)
        return value.float().div_(255) if self._is_image else value

    def _encode(self, value: Tensor) -> Shaped[np.ndarray, "N ..."]:
        if self._bits:
            return np.packbits(value.cpu().numpy(), axis=-1)
        if self._is_image:
            return (value * 255).round().to(torch.uint8).cpu().numpy()
        return value.cpu().numpy()
