"""MPIIFaceGaze: webcam pictures of faces, cut to patches of an eye with its gaze. Untested on genuine files.

Zhang et al., "It's written all over your face", CVPRW 2017. Read from the pictures ``pNN/dayNN/*.jpg``, a
line each in ``pNN/pNN.txt`` (28 cells: file, target on the screen, 6 landmarks in pixels, head pose as
rotation vector and translation, face centre, target in 3D, which eye) and ``pNN/Calibration/Camera.mat``;
lengths are in mm, in the camera's frame, which is ours. The normalised faces
(``MPIIFaceGaze_normalized.zip``) are not read: they say nothing of the camera.

What the labels mean: the patch is what a camera would see that is turned about its centre to look at the
eye, with the head's x axis to the right (Zhang et al., "Revisiting data normalization", ETRA 2018),
undistorted, 37.5 x 22.5 mm of the eye's region as in MPIIGaze. A rotation changes no 3D, so the sample's
camera is that camera with its true focal length, and the visual axis is the turned direction from the eye's
centre to the target. The eye's centre is the middle of its corners in the 6-point face model of Sugano et
al. 2014, placed by the head pose. Protocol: leave one person out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.data.sources.frame import EyeFrame, Labelled, Vector, read_grey, read_lines
from zoo.data.sources.frame_source import FrameSource
from zoo.data.sources.matlab import read_mat
from zoo.data.sources.people import People
from zoo.errors import ZooError

PATCH: Final = (72, 120)
"""Height and width of a patch, in pixels."""
_WIDTH_MM: Final = 37.5  # of what a patch shows at the eye: 60 pixels of f 960 at 600 mm
_EYE_X: Final = {"left": 33.2048, "right": -33.2048}
"""mm, of the middle of an eye's corners in the face model, whose origin lies between the eyes."""
_CORNERS: Final = {"right": slice(0, 2), "left": slice(2, 4)}
_CELLS: Final = 28
_WORKING_MM: Final = (150.0, 2500.0)


class _Picture(NamedTuple):
    """One line of a person's table."""

    path: Path
    landmarks: Float[np.ndarray, "6 2"]
    rotation: Float[np.ndarray, "3 3"]
    """Of the head."""
    translation: Float[np.ndarray, "3"]
    target: Float[np.ndarray, "3"]
    listed: EyeSide

    def eye(self, side: EyeSide) -> Float[np.ndarray, "3"]:
        """Centre of an eye, mm."""
        return self.rotation[:, 0] * _EYE_X[side] + self.translation


class _Camera(NamedTuple):
    matrix: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, "k"]


class MpiiFaceGaze(FrameSource):
    """Eyes of the pictures, by number; pictures are read when they are asked for.

    Args:
        root: the folder ``MPIIFaceGaze``, which holds ``p00`` to ``p14``.
        height, width: size of the canvas that patches are letterboxed to.
        eyes: listed: of each picture the eye that its line names, as in the evaluation subset; both.
        people: of whom, by the names of the folders.

    Raises:
        ZooError: the folder is not in this layout, or head poses contradict the landmarks, naming the file.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        eyes: Literal["listed", "both"] = "listed",
        people: People = People(),  # noqa: B008 (immutable)
    ) -> None:
        super().__init__(root, height, width)
        tables = sorted(path for path in self.root.glob("p*/p*.txt") if path.stem == path.parent.name)
        if not tables:
            raise ZooError(f"{self.root}: holds no p<NN>/p<NN>.txt (the normalised faces are not read)")
        names = [table.stem for table in tables]
        self._cameras: list[_Camera] = []
        self._subjects: list[int] = []
        self._eyes: list[tuple[int, _Picture, EyeSide]] = []
        for i, subject in people.numbered(names, str(self.root)):
            camera = _read_camera(tables[i].parent / "Calibration" / "Camera.mat")
            pictures = _read_table(tables[i])
            _check_pose(tables[i], pictures, camera)
            for picture in pictures:
                for side in (picture.listed,) if eyes == "listed" else EYE_SIDES:
                    self._eyes.append((len(self._cameras), picture, side))
            self._cameras.append(camera)
            self._subjects.append(subject)
        missing = [p.path for _, p, _ in self._eyes if not p.path.is_file()]
        if missing:
            raise ZooError(
                f"{self.root}: {len(missing)} pictures of the tables are missing, such as {missing[0]}"
            )

    def __len__(self) -> int:
        return len(self._eyes)

    def name(self, row: int) -> str:
        _, picture, side = self._eyes[row]
        return f"{picture.path}, {side} eye"

    def read(self, row: int) -> Labelled:
        person, picture, side = self._eyes[row]
        image, camera, turn = cut_eye(
            read_grey(picture.path), self._cameras[person].matrix, self._cameras[person].distortion,
            picture.eye(side), picture.rotation,
        )  # fmt: skip
        gaze = turn @ (picture.target - picture.eye(side))
        frame = EyeFrame(
            subject=self._subjects[person],
            eye_side=side,
            camera=camera,
            visual=cast(Vector, tuple((gaze / np.linalg.norm(gaze)).tolist())),
        )
        return Labelled(image, frame)


def cut_eye(
    image: UInt8[np.ndarray, "h w"],
    camera: Float[np.ndarray, "3 3"],
    distortion: Float[np.ndarray, "k"],
    eye: Float[np.ndarray, "3"],
    head: Float[np.ndarray, "3 3"],
) -> tuple[UInt8[np.ndarray, "72 120"], tuple[float, float, float, float], Float[np.ndarray, "3 3"]]:
    """The patch about an eye, as a camera sees it that is turned to look at the eye.

    Args:
        image: as the camera took it.
        camera, distortion: intrinsics, and coefficients in OpenCV's order.
        eye: centre, mm, camera frame.
        head: rotation of the head; its x axis is horizontal in the patch.

    Returns:
        The patch; fx, fy, cx, cy of the turned camera; the rotation from the camera's frame into its own.
    """
    distance = float(np.linalg.norm(eye))
    forward = eye / distance
    down = np.cross(forward, head[:, 0])
    down /= np.linalg.norm(down)
    turn = np.stack([np.cross(down, forward), down, forward])
    height, width = PATCH
    focal = width / _WIDTH_MM * distance
    centre = ((width - 1) / 2, (height - 1) / 2)
    turned = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    maps = cv2.initUndistortRectifyMap(camera, distortion, turn, turned, (width, height), cv2.CV_32FC1)
    patch = cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return patch.astype(np.uint8), (focal, focal, *centre), turn


def _read_camera(path: Path) -> _Camera:
    found = read_mat(path, "cameraMatrix", "distCoeffs")
    matrix = np.asarray(found["cameraMatrix"], dtype=np.float64)
    if matrix.shape != (3, 3) or not (matrix[0, 0] > 100 and matrix[1, 1] > 100 and matrix[2, 2] == 1):
        raise ZooError(f"{path}: cameraMatrix is no matrix of intrinsics in pixels")
    return _Camera(matrix, np.asarray(found["distCoeffs"], dtype=np.float64).reshape(-1))


def _read_table(path: Path) -> list[_Picture]:
    pictures = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.split()
        try:
            name, *numbers, side = cells
            values = np.array(numbers, dtype=np.float64)
            if len(cells) != _CELLS or side not in EYE_SIDES or not np.isfinite(values).all():
                raise ValueError
        except ValueError:
            raise ZooError(
                f"{path}, line {number}: is not {_CELLS} cells: file, 26 numbers, left or right"
            ) from None
        rotation = cv2.Rodrigues(values[14:17])[0].astype(np.float64)
        pictures.append(
            _Picture(
                path.parent / name,
                values[2:14].reshape(6, 2),
                rotation,
                values[17:20],
                values[23:26],
                side,
            )
        )
    if not pictures:
        raise ZooError(f"{path}: has no lines")
    return pictures


def _check_pose(path: Path, pictures: list[_Picture], camera: _Camera) -> None:
    """ZooError where a person's head poses, in the median, are no mm or miss the landmarks."""
    sides = [picture.listed for picture in pictures]
    eyes = np.stack([picture.eye(side) for picture, side in zip(pictures, sides, strict=True)])
    distance = float(np.median(np.linalg.norm(eyes, axis=1)))
    low, high = _WORKING_MM
    if not low <= distance <= high or np.median(eyes[:, 2]) <= 0:
        raise ZooError(
            f"{path}: eyes are {distance:.3g} from the camera; expected {low:g} to {high:g} mm in front "
            "of it (metres, or another frame?)"
        )
    seen = cv2.projectPoints(eyes, np.zeros(3), np.zeros(3), camera.matrix, camera.distortion)[0][:, 0]
    corners = np.stack([p.landmarks[_CORNERS[side]] for p, side in zip(pictures, sides, strict=True)])
    width = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    off = np.linalg.norm(seen - corners.mean(1), axis=1) / np.maximum(width, 1)
    if np.median(off) > 0.5:
        raise ZooError(
            f"{path}: by the head pose the eyes are {np.median(off):.1f} eye widths from their landmarks "
            "(median); pixels of another size, or a frame other than x right, y down, z forward"
        )
    gaze = np.stack([picture.target for picture in pictures]) - eyes
    if np.median(gaze[:, 2]) >= 0:
        raise ZooError(f"{path}: the targets lie behind the eyes (z forward, mm)")
