"""MEYE's human infrared eyes: pupil masks, a blink flag and subject ids on 128x128 frames.

Mazziotti et al., "MEYE: Web App for Translational and Real-Time Pupillometry", eNeuro 8(5), 2021; Zenodo
record 4488164. Read from a folder with ``labels.csv``, ``images/<stem>.jpg`` (grey) and ``masks/<stem>.png``
(pupil 1, else 0).

What the labels mean:

* ``blink`` is "lid closing or closed": half of these eyes still show some iris, some a pupil without a mask.
  So the pupil counts where blink is 0 and there is a mask, and nowhere else.
* A row with blink 0 and no mask contradicts itself: neither label counts.
* Which eye it is, the camera, iris and sclera are unknown; a mask is no full segmentation.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image
from torch import Tensor

from zoo.conventions import DOMAINS
from zoo.data.letterbox import letterbox_batch
from zoo.data.sample import EyeBatch, check_eye_batch, empty_eye_batch
from zoo.errors import ZooError

SIZE = 128
"""Height and width of every frame and mask, in pixels."""
_COLUMNS = ("filename", "sub", "blink", "pupil_area_px", "cx", "cy", "group")


class Labels(NamedTuple):
    """The table, a row a frame, in native pixels."""

    names: Shaped[np.ndarray, "N"]  # of the image files
    groups: Shaped[np.ndarray, "N"]  # frames of one second or one crop series: the unit to resample by
    subjects: Int[np.ndarray, "N"]
    blink: Bool[np.ndarray, "N"]
    blink_valid: Bool[np.ndarray, "N"]
    pupil_px: Float[np.ndarray, "N 2"]  # centroid of the mask, 0 where it is empty
    pupil_valid: Bool[np.ndarray, "N"]


class Meye:
    """The data set in a folder; its images are read when they are asked for.

    Args:
        root: the folder that holds ``labels.csv``.
        height, width: size of the canvas that frames are letterboxed to.

    Raises:
        ZooError: the table or a file that it names is missing or not as described, naming it.
    """

    def __init__(self, root: Path | str, height: int = 120, width: int = 160) -> None:
        self.root = Path(root)
        self.labels = _read_labels(self.root / "labels.csv")
        stems = [Path(name).stem for name in self.labels.names]
        self._images = [self.root / "images" / name for name in self.labels.names]
        self._masks = [self.root / "masks" / f"{stem}.png" for stem in stems]
        _require(self.root, self._images)
        _require(self.root, self._masks)
        self._size = (height, width)
        self.letterbox = letterbox_batch(torch.zeros(1, 1, SIZE, SIZE), height, width)[2]

    def __len__(self) -> int:
        return len(self._images)

    def name(self, row: int) -> str:
        """Where the sample is from, for messages."""
        return str(self._images[row])

    def batch(self, rows: Int[np.ndarray, "B"]) -> EyeBatch:
        """The frames at `rows`, letterboxed, in pixels of the canvas: blink and the pupil mask's centroid."""
        labels = self.labels
        batch = empty_eye_batch(len(rows), *self._size)
        image, content, box = letterbox_batch(self.images(rows), *self._size)
        batch["image"] = image.clamp(0, 1)  # resampling white rounds to a hair above 1
        batch["content"] = content.expand(len(rows), -1, -1).clone()
        batch["subject"] = torch.from_numpy(labels.subjects[rows])
        batch["domain"].fill_(DOMAINS.index("real"))
        batch["blink"] = torch.from_numpy(labels.blink[rows]).float()
        batch["blink_valid"] = torch.from_numpy(labels.blink_valid[rows])
        batch["pupil_mask_px"] = box.to_canvas(torch.from_numpy(labels.pupil_px[rows]).float())
        batch["pupil_mask_px_valid"] = torch.from_numpy(labels.pupil_valid[rows])
        check_eye_batch(batch, str(self.root))
        return batch

    def images(self, rows: Int[np.ndarray, "B"]) -> Float[Tensor, "B 1 128 128"]:
        """The frames at `rows` as they are, in [0, 1]."""
        frames = np.stack([_read(self._images[row]) for row in rows])
        return torch.from_numpy(frames)[:, None].float() / 255

    def masks(self, rows: Int[np.ndarray, "B"]) -> Bool[Tensor, "B 128 128"]:
        """The pupil masks at `rows`, in native pixels; empty where none was drawn."""
        return torch.from_numpy(np.stack([_read(self._masks[row]) for row in rows]) > 0)


def _read(path: Path) -> UInt8[np.ndarray, "128 128"]:
    try:
        with Image.open(path) as image:
            if image.size != (SIZE, SIZE) or image.mode != "L":
                raise ZooError(
                    f"{path}: is {image.width}x{image.height} {image.mode}, not {SIZE}x{SIZE} grey"
                )
            return np.array(image)
    except OSError as error:
        raise ZooError(f"{path}: not a readable image ({error})") from error


def _require(root: Path, paths: list[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        example = missing[0].relative_to(root)
        raise ZooError(f"{root}: labels.csv names {len(missing)} files that are missing, such as {example}")


def _read_labels(path: Path) -> Labels:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            absent = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if absent:
                raise ZooError(f"{path}: has no column {', '.join(absent)}; needed: {', '.join(_COLUMNS)}")
            rows = list(reader)
    except FileNotFoundError:
        raise ZooError(f"{path}: missing; the root of MEYE holds labels.csv, images/ and masks/") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"{path}: not readable ({error})") from error
    if not rows:
        raise ZooError(f"{path}: has no rows")
    points, masked = np.zeros((len(rows), 2)), np.zeros(len(rows), dtype=bool)
    subjects, blink = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
    for i, row in enumerate(rows):
        try:
            subjects[i] = int(row["sub"])
            blink[i] = {"0": False, "1": True}[row["blink"]]
            masked[i] = int(row["pupil_area_px"]) > 0
            points[i] = (float(row["cx"]), float(row["cy"])) if masked[i] else 0.0
            valid = bool(row["filename"]) and ((points[i] >= 0) & (points[i] < SIZE)).all()
        except (ValueError, KeyError, TypeError):
            valid = False
        if not valid:
            raise ZooError(
                f"{path}, line {i + 2}: {dict(row)} is not valid: sub and pupil_area_px are whole numbers, "
                f"blink is 0 or 1, and where there is a mask, cx and cy lie in [0, {SIZE})"
            )
    return Labels(
        names=np.array([row["filename"] for row in rows]),
        groups=np.array([row["group"] for row in rows]),
        subjects=subjects,
        blink=blink,
        blink_valid=blink | masked,
        pupil_px=points,
        pupil_valid=masked & ~blink,
    )
