"""TEyeD: infrared videos of seven head-mounted trackers with estimated labels. Untested on genuine files.

Fuhl et al., "TEyeD: Over 20 million real-world eye images", arXiv 2102.02115. Read from
``VIDEOS/<video>.mp4``, its labels from ``ANNOTATIONS/<video>.mp4<suffix>.txt`` beside ``VIDEOS``, or from
the folder of the video. Cells are separated by ``;``, a header stands first, frames count from 1, and
unknown is -1 or -2. Needed are ``pupil_eli`` and ``validity_pupil``; also read are ``gaze_vec``,
``eye_movements``, and, for classes, ``iris_eli``, ``validity_iris``, ``lid_lm_2D`` and ``validity_lid``.

What the labels mean (they were estimated by programs, not measured): the pupil's ellipse has full axes, its
angle turns its *width* from x towards y, where `validity_pupil` is above 0. Gaze points out of the eye from
the eyeball's centre to the pupil's, in pixels of a camera without perspective: x right, y down, z *towards*
the camera, so z is negated here. It is the optical axis as seen along the line of sight. Blink is the eye
movement "blink", a stretch of time that begins before and ends after the lid covers the pupil; "error" is
unknown. Classes are drawn: the convex hull of the lid's points, the iris and the pupil inside it. Signs and
angle agree with one another in the labels of one genuine recording (Dikablis); its video was not at hand. In
some recordings of a second camera y may count from the bottom: `zoo check` compares it with the pictures. 3D
points are in pixels, so they are not read. No split is published; people are the names of the videos up to
the last number (``DikablisT_26_13`` is ``DikablisT_26``).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from zoo.conventions import IRIS, PUPIL, SCLERA
from zoo.data.sources.frame import EyeFrame, Labelled, Point, Vector, fov_camera
from zoo.data.sources.people import People
from zoo.data.sources.video import VideoSource
from zoo.errors import ZooError

_ERROR, _BLINK = 1, 2  # eye movements; fixation, saccade and smooth pursuit follow
_SUBPIXEL: Final = 4  # binary digits of the hull that OpenCV fills

Axes = tuple[float, float, float]


class _Ellipse(NamedTuple):
    centre: Point
    axes: Axes
    """Major and minor axis in pixels, angle in radians."""


class _Labels:
    """The labels of one video, a row a frame; None where there is no such file."""

    def __init__(self, stem: str) -> None:
        self.pupil = _require(stem, "pupil_eli", 5)
        self.pupil_valid = _require(stem, "validity_pupil", 1)[:, 0] > 0
        self.gaze = _read(stem, "gaze_vec", 3)
        self.movement = _read(stem, "eye_movements", 1)
        self.iris, self.iris_valid = _read(stem, "iris_eli", 5), _read(stem, "validity_iris", 1)
        self.lid, self.lid_valid = _read(stem, "lid_lm_2D", None), _read(stem, "validity_lid", 1)
        self._stem = stem

    def frame(self, i: int) -> tuple[_Ellipse | None, Vector | None, bool | None]:
        """(pupil, optical axis, blink) of frame i."""
        pupil = self._ellipse(self.pupil, i, "pupil_eli") if self._at(self.pupil_valid, i) else None
        axis = None
        if self.gaze is not None and i < len(self.gaze) and pupil is not None:
            x, y, z = self.gaze[i].tolist()
            length = math.hypot(x, y, z)
            if abs(length - 1) < 0.02:
                axis = (x / length, y / length, -z / length)
            elif (x, y, z) not in ((-1, -1, -1), (-2, -2, -2)):
                raise ZooError(
                    f"{self._stem}gaze_vec.txt, frame {i + 1}: ({x:g}, {y:g}, {z:g}) is no unit vector"
                )
        blink = None
        if self.movement is not None and i < len(self.movement) and self.movement[i, 0] > _ERROR:
            blink = bool(self.movement[i, 0] == _BLINK)
        return pupil, axis, blink

    def classes(self, i: int, size: tuple[int, ...]) -> UInt8[np.ndarray, "h w"] | None:
        """What shows of a frame of (height, width) `size`; None unless lids, iris and pupil are known."""
        if self.lid is None or self.iris is None or not self._at(self.pupil_valid, i):
            return None
        if not (self._at(self.lid_valid, i) and self._at(self.iris_valid, i)):
            return None
        iris, pupil = self._ellipse(self.iris, i, "iris_eli"), self._ellipse(self.pupil, i, "pupil_eli")
        if iris is None or pupil is None or not len(self.lid[i]):
            return None
        points = self.lid[i, 1:].reshape(-1, 2).astype(np.float32)  # the first cell is an inaccuracy
        hull = np.round(cv2.convexHull(points) * 2**_SUBPIXEL).astype(np.int32)
        eye = np.zeros(size, np.uint8)
        cv2.fillConvexPoly(eye, hull, SCLERA, shift=_SUBPIXEL)
        between_lids = eye == SCLERA
        eye[between_lids & _inside(iris, size)] = IRIS
        eye[between_lids & _inside(pupil, size)] = PUPIL
        return eye

    @staticmethod
    def _at(valid: np.ndarray | None, i: int) -> bool:
        return valid is not None and i < len(valid) and bool(np.all(valid[i] > 0))

    def _ellipse(self, rows: Float[np.ndarray, "n 5"], i: int, suffix: str) -> _Ellipse | None:
        if i >= len(rows) or rows[i, 3] <= 0 or rows[i, 4] <= 0:
            return None
        angle, u, v, width, height = rows[i].tolist()
        if abs(angle) > 360:
            raise ZooError(f"{self._stem}{suffix}.txt, frame {i + 1}: an angle of {angle:g} degrees")
        turn = angle if width >= height else angle + 90
        axes = (max(width, height), min(width, height), math.radians(turn % 180))
        return _Ellipse((u, v), axes)


class Teyed(VideoSource):
    """The frames of all videos, by number. Frames out of order are slow: pack first (``scripts/prepare.py``).

    Args:
        root: the folder ``TEyeD``, or that of one tracker.
        height, width: size of the canvas that frames are letterboxed to.
        people: of whom.
        every: of so many frames of a video the first is used.
        horizontal_fov_deg: of the camera, which the files do not say; None: no camera.

    Raises:
        ZooError: the folder is not in this layout, or a label is not as described, naming file and frame.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        people: People = People(),  # noqa: B008 (immutable)
        every: int = 1,
        horizontal_fov_deg: float | None = None,
    ) -> None:
        root, self._fov = Path(root), horizontal_fov_deg
        found = [(path, stem) for path in sorted(root.rglob("*.mp4")) if (stem := _stem(path))]
        if not found:
            raise ZooError(f"{root}: holds no VIDEOS/<video>.mp4 with ANNOTATIONS/<video>.mp4pupil_eli.txt")
        names = [path.stem.rpartition("_")[0] or path.stem for path, _ in found]
        chosen = people.numbered(names, str(root))
        self._subjects = [subject for _, subject in chosen]
        self._stems = [found[i][1] for i, _ in chosen]
        self._labels: tuple[str, _Labels] | None = None
        labelled = [(found[i][0], _count(found[i][1])) for i, _ in chosen]
        super().__init__(root, height, width, labelled, every)

    def name(self, row: int) -> str:
        video, frame = self.place(row)
        return f"{self.videos[video]}, frame {frame + 1}"

    def read(self, row: int) -> Labelled:
        video, number = self.place(row)
        image, labels = self.image(row), self._labels_of(self._stems[video])
        pupil, axis, blink = labels.frame(number)
        frame = EyeFrame(
            subject=self._subjects[video],
            camera=None if self._fov is None else fov_camera(image.shape, self._fov),
            blink=blink,
            pupil_px=None if pupil is None else pupil.centre,
            pupil_axes=None if pupil is None else pupil.axes,
            optical=axis,
        )
        return Labelled(image, frame, labels.classes(number, image.shape))

    def _labels_of(self, stem: str) -> _Labels:
        if self._labels is None or self._labels[0] != stem:
            self._labels = (stem, _Labels(stem))
        return self._labels[1]


def _stem(video: Path) -> str | None:
    """What the paths of a video's label files begin with; None: it has none (a mask, say)."""
    for folder in (
        video.parent.with_name("ANNOTATIONS"),
        video.parent.with_name("annotations"),
        video.parent,
    ):
        if (folder / f"{video.name}pupil_eli.txt").is_file():
            return str(folder / video.name)
    return None


def _count(stem: str) -> int:
    """How many frames have a line, without reading them as numbers: there are millions."""
    path = Path(f"{stem}pupil_eli.txt")
    return sum(line[:1].isdigit() for line in path.read_bytes().splitlines())


def _require(stem: str, suffix: str, cells: int) -> Float[np.ndarray, "n c"]:
    found = _read(stem, suffix, cells)
    if found is None:
        raise ZooError(f"{stem}{suffix}.txt: missing beside the other labels of the video (half unpacked?)")
    return found


def _read(stem: str, suffix: str, cells: int | None) -> Float[np.ndarray, "n c"] | None:
    """The numbers after the frame's; `cells` None: as many as the first line has. None: no such file."""
    path = Path(f"{stem}{suffix}.txt")
    if not path.is_file():
        return None
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    rows = [line.rstrip("; \r").split(";") for line in lines if line[:1].isdigit()]
    if cells is None:
        cells = len(rows[0]) - 1 if rows else 0
    for number, row in enumerate(rows, start=1):
        if row[0] != str(number) or len(row) != cells + 1:
            raise ZooError(f"{path}: frame {number} is missing or has {len(row) - 1} cells, not {cells}")
    try:
        return np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), cells)
    except ValueError as error:
        raise ZooError(f"{path}: {error}") from None


def _inside(ellipse: _Ellipse, size: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    """Which pixels of (height, width) `size` have their centres in the ellipse."""
    (u, v), (major, minor, angle) = ellipse
    y, x = np.indices(size, dtype=np.float32)
    along = (x - u) * math.cos(angle) + (y - v) * math.sin(angle)
    across = (y - v) * math.cos(angle) - (x - u) * math.sin(angle)
    inside: Bool[np.ndarray, "h w"] = (2 * along / major) ** 2 + (2 * across / minor) ** 2 <= 1
    return inside
