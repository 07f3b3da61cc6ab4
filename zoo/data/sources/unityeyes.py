"""UnityEyes and UnityEyes2: colour eyes rendered by a game engine, a JSON file beside each picture.

Wood et al., "Learning an appearance-based gaze estimator from one million synthesised images", ETRA 2016;
UnityEyes2 by A. Smith. The layouts that are read, anywhere below the root:

* UnityEyes: ``N.jpg`` and ``N.json`` with ``iris_2d``, ``interior_margin_2d``, ``caruncle_2d`` and
  ``eye_details.look_vec``. Read from a genuine label file; its picture was not at hand.
* UnityEyes2, one camera: ``N.jpg`` and ``N.json`` with ``ground_truth.gaze_vec``. Tried on genuine files.
* UnityEyes2, several cameras: ``FRAME_CAMERA.jpg`` and ``FRAME.json`` with the above under
  ``cameras.CAMERA``. Untested on genuine files.

What the labels mean:

* Gaze is the direction of the eyeball, without kappa: the optical axis. It is in the camera's frame with y
  up; here y is turned down. Neither program writes the camera's focal length: give its field of view, or no
  3D axis is learnt.
* 2D points have their origin at the bottom left, y up. With a picture H pixels high they are at ``H - y``.
* The lid opening and the limbus are polygons: sclera and background are known. Inside the limbus it is iris
  or pupil, whose size has no stated unit and which, being deeper, shows off its middle: unknown. So is the
  caruncle.
* Where the caruncle is labelled, the eye's side follows from it: it is towards the nose.
* People cannot be told apart: all samples are subject 0.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from zoo.conventions import BACKGROUND, IGNORE, SCLERA, EyeSide
from zoo.data.sources.frame import EyeFrame, Labelled, fov_camera, read_grey
from zoo.data.sources.frame_source import FrameSource
from zoo.errors import ZooError

_NUMBER: Final = re.compile(r"^\(\s*(-?[\d.eE+-]+(?:\s*,\s*-?[\d.eE+-]+)+)\s*\)$")
_SUBPIXEL: Final = 4  # binary digits of the polygons that OpenCV fills


class UnityEyes(FrameSource):
    """The pictures below a folder, by number; files are read when they are asked for.

    Args:
        root: the folder of the pictures (``imgs`` of UnityEyes, ``EER_eye_data`` of UnityEyes2), or above it.
        height, width: size of the canvas that frames are letterboxed to.
        horizontal_fov_deg: of the camera; its principal point is the picture's centre. None: no camera.

    Raises:
        ZooError: no pictures, or pictures without their labels.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        horizontal_fov_deg: float | None = None,
    ) -> None:
        super().__init__(root, height, width, "synthetic")
        self._fov = horizontal_fov_deg
        self._files = _find(self.root)

    def __len__(self) -> int:
        return len(self._files)

    def name(self, row: int) -> str:
        return str(self._files[row][0])

    def read(self, row: int) -> Labelled:
        picture, labels, camera = self._files[row]
        image = read_grey(picture)
        return Labelled(image, *read_labels(labels, image.shape, camera, self._fov))


def read_labels(
    path: Path, size: tuple[int, int], camera: str | None = None, horizontal_fov_deg: float | None = None
) -> tuple[EyeFrame, UInt8[np.ndarray, "h w"] | None]:
    """The labels of a picture of (height, width) `size` and its classes, where its outlines are labelled.

    Raises:
        ZooError: the file is not as one of the programs writes it.
    """
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if camera is not None:
            found = found["cameras"][camera]
        first = "eye_details" in found
        gaze = found["eye_details"]["look_vec"] if first else found["ground_truth"]["gaze_vec"]
        x, y, z = _vector(gaze)[:3]
        outlines = {
            key: np.array([_vector(point)[:2] for point in found[f"{key}_2d"]])
            for key in ("interior_margin", "iris", "caruncle")
            if f"{key}_2d" in found
        }
    except OSError as error:
        raise ZooError(f"{path}: not readable ({error.strerror or error})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{path}: not a label file of UnityEyes or UnityEyes2 ({error!r})") from None
    if not 0.9 < math.hypot(x, y, z) < 1.1:
        raise ZooError(f"{path}: the gaze ({x:g}, {y:g}, {z:g}) is no unit vector")
    for points in outlines.values():
        points[:, 1] = size[0] - points[:, 1]
    frame = EyeFrame(
        eye_side=_side(outlines),
        camera=None if horizontal_fov_deg is None else fov_camera(size, horizontal_fov_deg),
        optical=(x, -y, z),
    )
    whole = {"interior_margin", "iris"} <= outlines.keys()
    return frame, _classes(outlines, size) if whole else None


def _find(root: Path) -> list[tuple[Path, Path, str | None]]:
    """(picture, labels, camera in them), in the order of their numbers."""
    if not root.is_dir():
        raise ZooError(f"{root}: no such folder; it holds the .jpg and .json files of UnityEyes")
    labels = set(root.rglob("*.json"))
    found: list[tuple[Path, Path, str | None]] = []
    alone = []
    for picture in sorted(root.rglob("*.jpg"), key=_natural):
        frame, _, camera = picture.stem.partition("_")
        if picture.with_suffix(".json") in labels:
            found.append((picture, picture.with_suffix(".json"), None))
        elif camera and picture.with_name(f"{frame}.json") in labels:
            found.append((picture, picture.with_name(f"{frame}.json"), camera))
        else:
            alone.append(picture)
    if alone:
        raise ZooError(f"{root}: {len(alone)} pictures have no .json file, such as {alone[0].name}")
    if not found:
        raise ZooError(f"{root}: holds no picture N.jpg with labels N.json")
    return found


def _natural(path: Path) -> tuple[str, list[tuple[int, str]]]:
    parts = re.findall(r"\d+|\D+", path.stem)
    return str(path.parent), [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _vector(text: str) -> tuple[float, ...]:
    """The numbers of "(x, y, ...)"."""
    match = _NUMBER.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no vector")
    return tuple(float(part) for part in match[1].split(","))


def _side(outlines: dict[str, Float[np.ndarray, "n 2"]]) -> EyeSide | None:
    """Seen from the front the nose is on the left of a left eye; unknown where the eye is turned too far."""
    if not {"caruncle", "interior_margin"} <= outlines.keys():
        return None
    towards = outlines["caruncle"].mean(0) - outlines["interior_margin"].mean(0)
    if abs(towards[0]) < abs(towards[1]):
        return None
    return "left" if towards[0] < 0 else "right"


def _classes(
    outlines: dict[str, Float[np.ndarray, "n 2"]], size: tuple[int, int]
) -> UInt8[np.ndarray, "h w"]:
    eye = np.full(size, SCLERA, np.uint8)
    _fill(eye, outlines["iris"], IGNORE)
    inside = np.zeros(size, np.uint8)
    _fill(inside, outlines["interior_margin"], 1)
    classes = np.where(inside == 1, eye, BACKGROUND).astype(np.uint8)
    if "caruncle" in outlines:
        _fill(classes, outlines["caruncle"], IGNORE)
    return classes


def _fill(image: UInt8[np.ndarray, "h w"], outline: Float[np.ndarray, "n 2"], value: int) -> None:
    points = np.round(outline * 2**_SUBPIXEL).astype(np.int32)
    cv2.fillPoly(image, [points], value, shift=_SUBPIXEL)
