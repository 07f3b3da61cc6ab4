"""NVGaze, the rendered part: infrared eyes with masks of their regions. Untested on genuine files.

Kim et al., "NVGaze: An Anatomically-Informed Dataset for Low-Latency, Near-Eye Gaze Estimation", CHI 2019.
Read from ``nvgaze_{female,male}_NN_public_50K_N/footage_image_data.zip``, which stays zipped: its members
``type_img_frame_{n}.png``, ``type_maskWithSkin_frame_{n}.png``, ``type_maskWithoutSkin_frame_{n}.png``.

What the labels mean: classes are from the mask with skin, so they show what is visible; its red skin is
background. Masks are anti-aliased: a pixel that is none of the stated colours (a mixture, a glint) is
unknown. The pupil's ellipse is from the mask without skin, so it is whole under the lids; it is that of the
convex hull's second moments, and unknown where the border cuts it. Gaze is not read: which way the angles
of ``footage_description.csv`` turn is not documented well enough. People are the faces (``female_01``,
...).
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

from zoo.conventions import BACKGROUND, IGNORE, IRIS, PUPIL, SCLERA
from zoo.data.sources.frame import EyeFrame, Labelled
from zoo.data.sources.frame_source import FrameSource
from zoo.data.sources.people import People
from zoo.errors import ZooError

ARCHIVE: Final = "footage_image_data.zip"
_FOLDER: Final = re.compile(r"^nvgaze_((?:female|male)_\d+)_public_50K_\d+$")
_IMAGE: Final = re.compile(r"^(?:.*/)?type_img_frame_(\d+)\.png$")
_COLOURS: Final = {
    (0, 255, 0): PUPIL,
    (255, 255, 0): IRIS,
    (255, 215, 0): SCLERA,
    (255, 0, 0): BACKGROUND,
    (0, 0, 0): BACKGROUND,
}
"""RGB of the regions, skin and empty space."""
_TOLERANCE: Final = 16  # of each channel; iris and sclera are 40 apart


class NvGaze(FrameSource):
    """The pictures of all archives below a folder, by number.

    Args:
        root: the folder that holds the folders of the faces.
        height, width: size of the canvas that frames are letterboxed to.
        people: of whom.

    Raises:
        ZooError: no such folders, or an archive that is damaged or lacks masks.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        people: People = People(),  # noqa: B008 (immutable)
    ) -> None:
        super().__init__(root, height, width, "synthetic")
        found = [(m[1], p) for p in sorted(self.root.glob("nvgaze_*")) if (m := _FOLDER.match(p.name))]
        if not found:
            raise ZooError(f"{self.root}: holds no folder nvgaze_<female|male>_<NN>_public_50K_<N>")
        self._archives: list[Path] = []
        self._subjects: list[int] = []
        self._places: list[tuple[int, str]] = []
        for i, subject in people.numbered([name for name, _ in found], str(self.root)):
            archive = found[i][1] / ARCHIVE
            self._places += [(len(self._archives), image) for image in _images(archive)]
            self._archives.append(archive)
            self._subjects.append(subject)
        self._open: dict[int, zipfile.ZipFile] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}  # a worker process opens the archives itself

    def name(self, row: int) -> str:
        archive, name = self._places[row]
        return f"{self._archives[archive]}: {name}"

    def read(self, row: int) -> Labelled:
        archive, name = self._places[row]
        image = self._member(archive, name, cv2.IMREAD_GRAYSCALE)
        visible, whole = (
            classes_of(self._member(archive, name.replace("type_img_", kind), cv2.IMREAD_COLOR_RGB))
            for kind in _MASKS
        )
        return Labelled(image, _labels(visible, whole, self._subjects[archive]), visible)

    def _member(self, archive: int, name: str, flags: int) -> UInt8[np.ndarray, "..."]:
        path = self._archives[archive]
        try:
            if archive not in self._open:
                self._open[archive] = zipfile.ZipFile(path)
            data = self._open[archive].read(name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ZooError(f"{path}: {name} is not readable ({error})") from None
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
        if image is None:
            raise ZooError(f"{path}: {name} is not a readable image")
        return image.astype(np.uint8)


_MASKS: Final = ("type_maskWithSkin_", "type_maskWithoutSkin_")


def classes_of(mask: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """Class ids of a mask's RGB colours; 255 where a pixel has none of them."""
    classes = np.full(mask.shape[:2], IGNORE, np.uint8)
    for colour, label in _COLOURS.items():
        near = np.abs(mask.astype(np.int16) - np.array(colour, np.int16)).max(2) <= _TOLERANCE
        classes[near] = label
    return classes


def _images(archive: Path) -> list[str]:
    """Members that are pictures, by their numbers."""
    try:
        with zipfile.ZipFile(archive) as file:
            names = set(file.namelist())
    except FileNotFoundError:
        raise ZooError(f"{archive}: missing; the pictures of a face are in it, zipped") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise ZooError(f"{archive}: not a readable zip file ({error})") from None
    images = sorted((int(m[1]), name) for name in names if (m := _IMAGE.match(name)))
    for _, name in images:
        for kind in _MASKS:
            if name.replace("type_img_", kind) not in names:
                raise ZooError(f"{archive}: {name} has no {name.replace('type_img_', kind)}")
    if not images:
        raise ZooError(f"{archive}: holds no type_img_frame_<n>.png")
    return [name for _, name in images]


def _labels(visible: UInt8[np.ndarray, "h w"], whole: UInt8[np.ndarray, "h w"], subject: int) -> EyeFrame:
    shows = bool((visible == PUPIL).any())
    pupil = np.pad((whole == PUPIL).astype(np.uint8), 1)
    points = cv2.findNonZero(pupil)
    if points is None:
        return EyeFrame(subject=subject, pupil_present=shows)
    u, v, width, height = cv2.boundingRect(points)
    if u == 1 or v == 1 or u + width == pupil.shape[1] - 1 or v + height == pupil.shape[0] - 1:
        return EyeFrame(subject=subject, pupil_present=shows)
    cv2.fillConvexPoly(pupil, cv2.convexHull(points), 1)
    v_in, u_in = np.nonzero(pupil)
    # A full ellipse has a quarter of its squared half axes as variance.
    variances, directions = np.linalg.eigh(np.cov(np.stack([u_in, v_in]), bias=True))
    minor, major = (4 * np.sqrt(np.maximum(variances, 1e-6))).tolist()
    angle = float(np.arctan2(directions[1, 1], directions[0, 1]) % np.pi)
    return EyeFrame(
        subject=subject,
        pupil_present=shows,
        pupil_px=(float(u_in.mean()) - 1, float(v_in.mean()) - 1),
        pupil_axes=(major, minor, angle),
    )
