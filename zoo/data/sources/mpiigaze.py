"""MPIIGaze: normalised eye patches of people at their laptops, with gaze. Untested on genuine files.

Zhang et al., "Appearance-based gaze estimation in the wild", CVPR 2015. Read from
``Data/Normalized/pNN/dayNN.mat`` (``data.{left,right}.{image,gaze,pose}`` and ``filenames``), the samples of
the protocol from ``Evaluation Subset/sample list for eye image/pNN.txt`` (``dayNN/NNNN.jpg left|right``).

What the labels mean: a patch is 60x36 pixels of a virtual camera (focal length 960 pixels, 600 mm away) that
looks at the eye's centre, its x axis along the head's. Gaze is the direction from there to the target on the
screen, so it is a visual axis, in that camera's frame, which is ours (x right, y down, z forward). It was
normalised by the scaled rotation of Sugano et al. 2014, as all published figures on these files assume; the
rotation alone (ETRA 2018) would make it differ by up to a few degrees. Right eyes are not mirrored here.
Where the pupil is and whether the eye blinks is not labelled. Protocol: leave one person out on the
evaluation subset, 1500 left and 1500 right eyes of each of 15 people.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

import numpy as np
from jaxtyping import Float, UInt8

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.data.sources.frame import EyeFrame, Labelled, Vector
from zoo.data.sources.frame_source import FrameSource
from zoo.data.sources.matlab import read_mat
from zoo.data.sources.people import People
from zoo.errors import ZooError

SIZE: Final = (36, 60)
"""Height and width of a patch, in pixels."""
CAMERA: Final = (960.0, 960.0, 30.0, 18.0)
"""fx, fy, cx, cy of the virtual camera."""
_LISTS: Final = "Evaluation Subset/sample list for eye image"


class _Patches(NamedTuple):
    """Chosen patches of one day of one person."""

    images: UInt8[np.ndarray, "n 36 60"]
    gaze: Float[np.ndarray, "n 3"]
    sides: list[EyeSide]
    names: list[str]


class MpiiGaze(FrameSource):
    """The patches, by number; they are read into memory at the start (2 KB each, 97 MB of the subset).

    Args:
        root: the folder ``MPIIGaze``.
        height, width: size of the canvas that patches are letterboxed to.
        subset: evaluation: the samples of the protocol; all: both eyes of every picture.
        people: of whom, by the names of the folders (``p00`` to ``p14``).

    Raises:
        ZooError: the folder is not in this layout, or a label is not as described, naming the file.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        subset: Literal["evaluation", "all"] = "evaluation",
        people: People = People(),  # noqa: B008 (immutable)
    ) -> None:
        super().__init__(root, height, width)
        folders = sorted(path for path in (self.root / "Data" / "Normalized").glob("p*") if path.is_dir())
        if not folders:
            raise ZooError(f"{self.root}: holds no Data/Normalized/p<NN>/day<NN>.mat (half unpacked?)")
        names = [folder.name for folder in folders]
        parts: list[tuple[int, _Patches]] = []
        for i, subject in people.numbered(names, str(self.root)):
            if subset == "evaluation":
                days = _evaluation(self.root / _LISTS / f"{names[i]}.txt")
                found = [_read_day(folders[i] / f"{day}.mat", chosen) for day, chosen in sorted(days.items())]
            else:
                found = [_read_day(path) for path in sorted(folders[i].glob("day*.mat"))]
            parts += [(subject, patches) for patches in found]
        if not parts:
            raise ZooError(f"{self.root}: holds no day<NN>.mat of these people")
        self._images = np.concatenate([patches.images for _, patches in parts])
        self._gaze = np.concatenate([patches.gaze for _, patches in parts])
        self._sides = [side for _, patches in parts for side in patches.sides]
        self._names = [name for _, patches in parts for name in patches.names]
        self._subjects = np.concatenate([np.full(len(p.images), number) for number, p in parts])

    def __len__(self) -> int:
        return len(self._images)

    def name(self, row: int) -> str:
        return self._names[row]

    def read(self, row: int) -> Labelled:
        frame = EyeFrame(
            subject=int(self._subjects[row]),
            eye_side=self._sides[row],
            camera=CAMERA,
            visual=cast(Vector, tuple(self._gaze[row].tolist())),
        )
        return Labelled(self._images[row], frame)


def _evaluation(path: Path) -> dict[str, list[tuple[str, EyeSide]]]:
    """By day, (file name, side) of a person's samples."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(
            f"{path}: not readable ({error}); it lists the samples of the protocol "
            "(data.subset=all reads the rest)"
        ) from None
    days: dict[str, list[tuple[str, EyeSide]]] = defaultdict(list)
    for number, line in enumerate(lines, start=1):
        place, _, side = line.strip().partition(" ")
        day, _, name = place.partition("/")
        if not name or side not in EYE_SIDES:
            raise ZooError(f"{path}, line {number}: {line!r} is not dayNN/NNNN.jpg left|right")
        days[day].append((name, side))
    return days


def _read_day(path: Path, chosen: list[tuple[str, EyeSide]] | None = None) -> _Patches:
    """The patches of a day: those `chosen`, or both eyes of every picture."""
    found = read_mat(path, "data", "filenames")
    names = [str(name) for name in np.atleast_1d(found["filenames"])]
    sides = {side: _side(path, found["data"], side, len(names)) for side in EYE_SIDES}
    if chosen is None:
        chosen = [(name, side) for name in names for side in EYE_SIDES]
    places = {name: place for place, name in enumerate(names)}
    lost = [name for name, _ in chosen if name not in places]
    if lost:
        raise ZooError(f"{path}: has no sample {lost[0]}, which the evaluation subset names")
    rows = [(sides[side], places[name]) for name, side in chosen]
    return _Patches(
        np.stack([images[row] for (images, _), row in rows]),
        np.stack([gaze[row] for (_, gaze), row in rows]),
        [side for _, side in chosen],
        [f"{path}: {name}, {side}" for name, side in chosen],
    )


def _side(
    path: Path, data: Any, side: EyeSide, count: int
) -> tuple[UInt8[np.ndarray, "n 36 60"], Float[np.ndarray, "n 3"]]:
    """(images, gaze) of one side; days with a single sample come without their first axis."""
    try:
        eye = getattr(data, side)
        images = np.asarray(eye.image).reshape(count, *SIZE)
        gaze = np.asarray(eye.gaze, dtype=np.float64).reshape(count, 3)
    except (AttributeError, ValueError) as error:
        raise ZooError(
            f"{path}: data.{side} is not image ({count}x{SIZE[0]}x{SIZE[1]}) and gaze ({count}x3): {error}"
        ) from None
    if images.dtype != np.uint8:
        raise ZooError(f"{path}: data.{side}.image is {images.dtype}, not 8 bit")
    length = np.linalg.norm(gaze, axis=1)
    wrong = np.flatnonzero(~(np.abs(length - 1) < 0.01) | ~(gaze[:, 2] < 0))
    if len(wrong):
        x, y, z = gaze[wrong[0]]
        raise ZooError(
            f"{path}: data.{side}.gaze of sample {wrong[0]} is ({x:.3g}, {y:.3g}, {z:.3g}); expected a unit "
            "vector towards the camera (z < 0), not angles"
        )
    return images, gaze
