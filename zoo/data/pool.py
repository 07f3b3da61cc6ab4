"""A pool: rendered samples in a folder of memory-mappable arrays, written in order, readable at any time.

``pool.json`` holds the format, the size, the recipe (`spec`) and how many samples are done; ``<key>.npy``
holds one field of the sample contract for all samples.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from zoo.data.column import Column, columns
from zoo.data.sample import EyeBatch
from zoo.errors import ZooError
from zoo.files import write_text

FORMAT = "zoo-eye-pool"
VERSION = 2
_DESCRIPTION = "pool.json"
_ONCE_SHARED = {
    "optical_valid": "eye3d_valid",
    "visual_valid": "eye3d_valid",
    "pupil_centre_valid": "pupil_ellipse_valid",
}
"""Masks that older pools lack, and the one that stood for them: rendered labels come together."""
_ONCE_UNKNOWN = ("skin_tone", "skin_tone_valid", "spectacles", "spectacles_valid")
"""What older pools do not say of their samples."""


class Layout(NamedTuple):
    """What kind of samples a pool holds."""

    format: str
    version: int
    sizes: Mapping[str, int]
    """Sizes beyond count, height and width that the columns depend on; stated in the description."""
    columns: Callable[[int, int], dict[str, Column]]
    """(height, width) -> columns by key."""


EYES = Layout(FORMAT, VERSION, {}, columns)


class PoolWriter:
    """Writes a pool from its first sample to its last; opened again, it continues where it stopped.

    Args:
        path: the folder: new, empty, or a pool of the same recipe and size.
        spec: the recipe, in what JSON can hold: all that decides the samples (seed, domain, version).
        count: how many samples the finished pool holds.
        height, width: image size in pixels.
        layout: what the samples hold.

    Raises:
        ZooError: the folder holds something else or a pool of another recipe, or the disk lacks room.
    """

    def __init__(
        self,
        path: Path | str,
        spec: Mapping[str, Any],
        count: int,
        height: int,
        width: int,
        layout: Layout = EYES,
    ) -> None:
        self.path = Path(path)
        self.count = count
        self.done = 0
        self._columns = layout.columns(height, width)
        self._head = {
            "format": layout.format,
            "version": layout.version,
            "count": count,
            "height": height,
            "width": width,
            **layout.sizes,
            "spec": json.loads(json.dumps(spec)),
        }
        if (self.path / _DESCRIPTION).exists():
            found = _read_description(self.path, layout.format, layout.version)
            self.done = found.pop("done")
            _refuse_differences(self.path, found, self._head)
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise ZooError(f"{self.path}: holds something that is not a pool; give a new or an empty folder")
        self._check_room()
        if self.done == 0:
            self._create()
        self._begin = {key: column.check(self._file(key), count) for key, column in self._columns.items()}

    def write(self, start: int, batch: Mapping[str, Any]) -> None:
        """Append `batch` as samples `start`, `start` + 1, ...: first to the disk, then counted in `done`.

        Raises:
            ValueError: `start` is not `done`, or the batch is not of the pool's size.
            ZooError: the disk is full; what was counted before stays readable, and the pool can be continued.
        """
        end = start + len(next(iter(batch.values())))
        if start != self.done or end > self.count:
            raise ValueError(f"samples {start} to {end} do not follow the {self.done} of {self.count} done")
        try:
            for key, column in self._columns.items():
                column.write(self._file(key), self._begin[key], start, cast(Tensor, batch[key]))
            self._publish(end)
        except OSError as error:
            raise self._explain(error) from error

    def _file(self, key: str) -> Path:
        return self.path / f"{key}.npy"

    def _create(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._publish(0)
            for key, column in self._columns.items():
                column.create(self._file(key), self.count)
        except OSError as error:
            raise self._explain(error) from error

    def _publish(self, done: int) -> None:
        write_text(self.path / _DESCRIPTION, json.dumps({**self._head, "done": done}, indent=1) + "\n")
        self.done = done

    def _check_room(self) -> None:
        need = (self.count - self.done) * sum(column.row_bytes for column in self._columns.values())
        folder = next(p for p in (self.path, *self.path.absolute().parents) if p.is_dir())
        free = shutil.disk_usage(folder).free
        if need > free:
            raise ZooError(
                f"{self.path}: needs {need / 1e9:.2f} GB, but the disk has {free / 1e9:.2f} GB left"
            )

    def _explain(self, error: OSError) -> ZooError:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        return ZooError(
            f"{self.path}: {reason}. {self.done} of {self.count} samples are written and readable; "
            "the same command continues from there"
        )


class Pool:
    """Reads the samples of a pool that are done, also while more are being written.

    Args:
        path: the pool's folder.

    Raises:
        ZooError: no pool, an empty one, or a file in it that is missing, cut off or of another kind.
    """

    _format, _version = FORMAT, VERSION

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        description = _read_description(self.path, self._format, self._version)
        self.spec: dict[str, Any] = description["spec"]
        self.height: int = description["height"]
        self.width: int = description["width"]
        self._done: int = description["done"]
        if self._done == 0:
            raise ZooError(f"{self.path}: the pool has no samples yet")
        layout = self._layout(description)
        self.sizes = layout.sizes
        count = description["count"]
        self._columns = layout.columns(self.height, self.width)
        self._arrays = {
            key: column.unknown(count)
            if key in _ONCE_UNKNOWN and not self._file(key).exists()
            else column.map(self._file(key), count)
            for key, column in self._columns.items()
        }

    @staticmethod
    def _layout(description: dict[str, Any]) -> Layout:
        return EYES

    def _file(self, key: str) -> Path:
        path = self.path / f"{key}.npy"
        older = _ONCE_SHARED.get(key)
        return path if older is None or path.exists() else self.path / f"{older}.npy"

    def __len__(self) -> int:
        return self._done

    def batch(self, rows: Int[np.ndarray, "B"]) -> EyeBatch:
        """The samples at `rows`, in that order; IndexError where a row lies outside [0, len)."""
        source = torch.zeros(len(rows), dtype=torch.int64)
        return cast(EyeBatch, {**self.stored(rows), "source": source})

    def stored(self, rows: Int[np.ndarray, "B"]) -> dict[str, Tensor]:
        """What the files hold of the samples at `rows`; IndexError where a row lies outside [0, len)."""
        if len(rows) and not 0 <= rows.min() <= rows.max() < self._done:
            raise IndexError(f"{self.path}: rows {rows.min()} to {rows.max()} of a pool of {self._done}")
        return {key: self._columns[key].decode(array[rows]) for key, array in self._arrays.items()}

    def __reduce__(self) -> tuple[type[Pool], tuple[Path]]:
        # A memory map would be pickled with all its content; a worker process opens the files itself.
        return type(self), (self.path,)


def _read_description(folder: Path, kind: str, expected: int) -> dict[str, Any]:
    """``pool.json``, checked for what the readers rely on."""
    path = folder / _DESCRIPTION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ZooError(f"{folder}: not a pool: it holds no {_DESCRIPTION}") from None
    except (OSError, ValueError) as error:
        raise ZooError(f"{path}: not readable ({error})") from error
    if not isinstance(found, dict) or found.get("format") != kind:
        raise ZooError(f"{path}: does not describe a pool of this kind (format {kind!r})")
    if found.get("version") != expected:
        version = found.get("version")
        raise ZooError(
            f"{path}: format version {version}, this zoo reads version {expected}; render it again"
        )
    sizes = [found.get(key) for key in ("count", "height", "width", "done")]
    if (
        not all(isinstance(n, int) and n >= 0 for n in sizes)
        or found["done"] > found["count"]
        or "spec" not in found
    ):
        raise ZooError(f"{path}: count, height, width, done or spec is missing or out of range")
    return found


def _refuse_differences(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differences = [f"{key}: {a} there, {b} asked for" for key, a, b in _differences(found, wanted)]
    if differences:
        listed = "; ".join(differences[:5]) + ("; ..." if len(differences) > 5 else "")
        raise ZooError(
            f"{folder}: holds a pool of another recipe ({listed}); give another folder or remove it"
        )


def _differences(found: Any, wanted: Any, where: str = "") -> Iterator[tuple[str, str, str]]:
    """(dotted key, found, wanted) of each leaf that differs."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            missing = [side for side in (found, wanted) if key not in side]
            inner = f"{where}.{key}" if where else key
            if missing:
                shown = [json.dumps(side[key]) if key in side else "nothing" for side in (found, wanted)]
                yield inner, shown[0], shown[1]
            else:
                yield from _differences(found[key], wanted[key], inner)
    elif found != wanted:
        yield where, json.dumps(found), json.dumps(wanted)
