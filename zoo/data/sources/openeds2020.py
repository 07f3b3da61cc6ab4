"""OpenEDS 2020: infrared eyes in a VR headset, two tracks. Untested on genuine files.

Palmero et al., "OpenEDS2020: Open Eyes Dataset", arXiv 2005.03876; Sensors 21(14):4769, 2021.

Gaze: ``{train,validation}/sequences/<sequence>/<NNN>.png`` with ``labels/<sequence>.txt``, lines
``frame,x,y,z``. A unit vector along the visual axis. Which way its axes point is not published with the
files: without `axes` it is unknown here. The test part has no labels. Published figures are forecasts of 1
to 5 frames ahead, not of the frame itself.

Sparse segmentation: ``S_<n>/<k>.png``, a twentieth of them with ``label_<k>.npy``: class ids as in OpenEDS
2019 (0 background, 1 sclera, 2 iris, 3 pupil), what is visible.

Who is in which sequence is not published: a sequence stands for a person here, and one person may be in
several. Camera and eye side are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np
from jaxtyping import Float

from zoo.conventions import EyeSide
from zoo.data.sources.frame import EyeFrame, Labelled, Vector, fov_camera, read_grey, read_lines
from zoo.data.sources.frame_source import FrameSource
from zoo.data.sources.openeds import MaskedPictures
from zoo.data.sources.people import People, subject_numbers
from zoo.errors import ZooError

AXES: Final = ("x", "y", "z", "-x", "-y", "-z")
_SEQUENCE: Final = re.compile(r"^S_(\d+)$")


class OpenEds2020Gaze(FrameSource):
    """The labelled pictures of one part of the published split; files are read when they are asked for.

    Args:
        root: the folder ``openEDS2020-GazePrediction``.
        height, width: size of the canvas that frames are letterboxed to.
        split: train or validation.
        people: of whom: names of sequences.
        axes: which of the file's axes are our x (right in the picture), y (down) and z (away from the
            camera), such as ``("-x", "-y", "-z")``; None: gaze is unknown.
        eye_side: of all of them, where it is known.
        horizontal_fov_deg: of the camera; None: no camera.

    Raises:
        ZooError: the folder is not in this layout, or a label is no unit vector, naming file and line.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        split: Literal["train", "validation"] = "train",
        people: People = People(),  # noqa: B008 (immutable)
        axes: Sequence[str] | None = None,
        eye_side: EyeSide | None = None,
        horizontal_fov_deg: float | None = None,
    ) -> None:
        super().__init__(root, height, width)
        self._turn = None if axes is None else _turn(axes)
        self._side, self._fov = eye_side, horizontal_fov_deg
        folder = self.root / split
        tables = sorted((folder / "labels").glob("*.txt"))
        if not tables:
            raise ZooError(f"{folder}: holds no labels/<sequence>.txt beside sequences/<sequence>/<NNN>.png")
        names = [table.stem for table in tables]
        self._files: list[Path] = []
        self._subjects: list[int] = []
        gaze: list[Float[np.ndarray, "3"]] = []
        for i, subject in people.numbered(names, str(folder)):
            pictures = {
                int(p.stem): p for p in (folder / "sequences" / names[i]).glob("*.png") if p.stem.isdecimal()
            }
            for number, vector in _read_gaze(tables[i]).items():
                if number not in pictures:
                    raise ZooError(f"{tables[i]}: labels frame {number}, which sequences/{names[i]} has not")
                self._files.append(pictures[number])
                self._subjects.append(subject)
                gaze.append(vector)
        self._gaze = np.stack(gaze)

    def __len__(self) -> int:
        return len(self._files)

    def name(self, row: int) -> str:
        return str(self._files[row])

    def read(self, row: int) -> Labelled:
        image = read_grey(self._files[row])
        frame = EyeFrame(
            subject=self._subjects[row],
            eye_side=self._side,
            camera=None if self._fov is None else fov_camera(image.shape, self._fov),
            visual=None
            if self._turn is None
            else cast(Vector, tuple((self._turn @ self._gaze[row]).tolist())),
        )
        return Labelled(image, frame)


class OpenEds2020Segmentation(MaskedPictures):
    """The labelled pictures; files are read when they are asked for.

    Args:
        root: the folder that holds ``S_0``, ``S_1``, ...
        height, width: size of the canvas that frames are letterboxed to.
        people: of whom: names of sequences (``S_0``).

    Raises:
        ZooError: the folder is not in this layout.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        people: People = People(),  # noqa: B008 (immutable)
    ) -> None:
        super().__init__(root, height, width)
        tables = sorted(self.root.glob("S_*/label_*.npy"))
        found = [(m[1], path) for path in tables if (m := _SEQUENCE.match(path.parent.name))]
        if not found:
            raise ZooError(f"{self.root}: holds no S_<n>/label_<k>.npy beside S_<n>/<k>.png")
        numbers = subject_numbers([number for number, _ in found])
        chosen = people.rows([f"S_{number}" for number, _ in found], str(self.root))
        self._files = [(_picture(found[i][1]), found[i][1]) for i in chosen]
        self._subjects = [numbers[i] for i in chosen]


def _picture(labels: Path) -> Path:
    """The picture of ``label_<k>.npy``: ``<k>.png``, its number padded with zeros or not."""
    number = labels.stem.removeprefix("label_")
    for name in (number, number.lstrip("0") or "0", number.zfill(3)):
        if (picture := labels.with_name(f"{name}.png")).is_file():
            return picture
    raise ZooError(f"{labels}: its picture {number}.png is missing beside it (half unpacked?)")


def _turn(axes: Sequence[str]) -> Float[np.ndarray, "3 3"]:
    """The matrix whose rows pick the file's axes; ZooError unless each is there once."""
    turn = np.zeros((3, 3))
    for row, axis in enumerate(axes):
        if axis not in AXES:
            raise ZooError(f"gaze_axes: {axis!r} is no axis; valid: {', '.join(AXES)}")
        turn[row, "xyz".index(axis[-1])] = -1.0 if axis.startswith("-") else 1.0
    if turn.shape != (len(axes), 3) or abs(np.linalg.det(turn)) != 1:
        raise ZooError(f"gaze_axes={list(axes)}: name each of x, y and z once, with its sign")
    return turn


def _read_gaze(path: Path) -> dict[int, Float[np.ndarray, "3"]]:
    found = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            frame, *cells = line.split(",")
            vector = np.array(cells, dtype=np.float64)
            if vector.shape != (3,) or not abs(np.linalg.norm(vector) - 1) < 0.01:
                raise ValueError
            found[int(frame)] = vector
        except ValueError:
            raise ZooError(f"{path}, line {number}: {line!r} is not frame,x,y,z with a unit vector") from None
    if not found:
        raise ZooError(f"{path}: has no lines")
    return found
