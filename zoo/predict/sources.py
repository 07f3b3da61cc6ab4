"""Which files, folders, globs and cameras the user means, in a stable order. Imports no torch."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from zoo.errors import ZooError

# fmt: off
IMAGES: Final = frozenset({
    ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm", ".gif", ".jp2",
})
VIDEOS: Final = frozenset({
    ".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mjpeg", ".ts", ".m2ts",
    ".ogv", ".3gp", ".flv", ".y4m",
})
# fmt: on

_CAMERA: Final = re.compile(r"camera:(\d+)")
_NUMBERED: Final = re.compile(r"(.+)_\d{6,}")


@dataclass(frozen=True)
class Source:
    """One image, video or camera.

    Attributes:
        file: as it stands in the table of results.
        key: name of what is written for it, unique within a run.
        renamed: whether the key is not the file's stem, because another input has that stem.
    """

    kind: Literal["image", "video", "camera"]
    file: str
    key: str
    renamed: bool = False

    @property
    def path(self) -> Path:
        """Of an image or a video."""
        return Path(self.file)

    @property
    def device(self) -> int:
        """Number of a camera."""
        return int(self.file.split(":")[1])


def find_sources(patterns: Sequence[str], skip: Path | None = None) -> list[Source]:
    """Expand files, folders (with their subfolders), globs and `camera:N`, each file once.

    Args:
        patterns: as the user gave them; a folder gives its images and videos by name.
        skip: a folder that is left out: the results of an earlier run may lie inside a source.

    Raises:
        ZooError: nothing is where a pattern points to.
    """
    names = _Names()
    seen: set[str] = set()
    found: list[Source] = []
    for pattern in patterns:
        camera = _CAMERA.fullmatch(pattern)
        for file in [pattern] if camera else _files(pattern, skip):
            identity = file if camera else os.path.realpath(file)
            if identity in seen:
                continue
            seen.add(identity)
            kind = _kind(file) if not camera else "camera"
            stem = f"camera{camera[1]}" if camera else Path(file).stem
            key = names.take(stem, Path(file).resolve().parent.name, moving=kind != "image")
            found.append(Source(kind, file, key, renamed=key != stem))
    return found


def _files(pattern: str, skip: Path | None) -> list[str]:
    path = Path(pattern).expanduser()
    if path.is_dir():
        listed = [str(file) for file in _walk(path, skip)]
        if not listed:
            raise ZooError(
                f"{pattern}: no images or videos in this folder ({' '.join(sorted(IMAGES | VIDEOS))})"
            )
        return listed
    if path.exists():
        return [str(path)]
    if glob.has_magic(pattern):
        listed = []
        for match in sorted(glob.glob(str(path), recursive=True)):
            listed += [str(file) for file in _walk(Path(match), skip)] if os.path.isdir(match) else [match]
        if not listed:
            raise ZooError(f"{pattern}: nothing matches")
        return listed
    folder = path.parent
    if not folder.is_dir():
        raise ZooError(f"{pattern}: no such file (there is no folder {folder})")
    close = get_close_matches(path.name, os.listdir(folder), n=1)
    raise ZooError(
        f"{pattern}: no such file" + (f"; did you mean {str(folder / close[0])!r}?" if close else "")
    )


def _walk(folder: Path, skip: Path | None) -> Iterator[Path]:
    barred = skip.resolve() if skip is not None else None
    closed: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        here = Path(parent)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != barred
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGES | VIDEOS:
                yield here / name
    yield from closed  # reading them says why, so that they are named and counted


def _kind(file: str) -> Literal["image", "video"]:
    return "video" if Path(file).suffix.lower() in VIDEOS else "image"


class _Names:
    """Hands out names such that no two inputs write the same file, on any file system.

    An image writes `<key>.png`, a video `<key>_<frame>.png`: an image `a_000001` and a video `a` clash too.
    """

    def __init__(self) -> None:
        self._images: set[str] = set()
        self._image_series: set[str] = set()
        self._videos: set[str] = set()

    def take(self, stem: str, folder: str, moving: bool) -> str:
        for key in self._candidates(stem, folder):
            folded = key.casefold()
            match = _NUMBERED.fullmatch(folded)
            if moving and folded not in self._videos and folded not in self._image_series:
                self._videos.add(folded)
                return key
            if not moving and folded not in self._images and not (match and match[1] in self._videos):
                self._images.add(folded)
                if match:
                    self._image_series.add(match[1])
                return key
        raise AssertionError("unreachable: the candidates do not end")

    @staticmethod
    def _candidates(stem: str, folder: str) -> Iterator[str]:
        yield stem
        longer = f"{folder}_{stem}" if folder else stem
        yield longer
        number = 2
        while True:
            yield f"{longer}_{number}"
            number += 1
