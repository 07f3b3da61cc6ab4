"""OpenEDS 2019, semantic segmentation: infrared eyes in a VR headset. Untested on genuine files.

Garbin et al., "OpenEDS: Open Eye Dataset", arXiv 1905.03702. Read from
``{train,validation,test}/{images/*.png, labels/*.npy}``; who is who from the files
``OpenEDS_*_userID_mapping_to_images.json`` beside them (``[{"id": ..., "semantic_segmenation_images":
[...]}]``, misspelt there).

What the labels mean: class ids are the zoo's (0 background, 1 sclera, 2 iris, 3 pupil) and show what is
visible. The pupil's centre is the centroid of its visible pixels; where no pupil pixel is labelled the eye
is taken to show none. Which eye it is and the camera are unknown. Pictures without a label file are left
out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from zoo.conventions import PUPIL
from zoo.data.sources.frame import EyeFrame, Labelled, check_classes, read_grey
from zoo.data.sources.frame_source import FrameSource
from zoo.data.sources.people import People, subject_numbers
from zoo.errors import ZooError


class MaskedPictures(FrameSource):
    """Pictures with class ids in a file beside each; the pupil's centre is its visible centroid."""

    _files: list[tuple[Path, Path]]  # pictures, and their classes
    _subjects: list[int]

    def __len__(self) -> int:
        return len(self._files)

    def name(self, row: int) -> str:
        return str(self._files[row][0])

    def read(self, row: int) -> Labelled:
        picture, labels = self._files[row]
        image = read_grey(picture)
        mask = read_labels(labels, image.shape)
        shows = bool((mask == PUPIL).any())
        return Labelled(image, EyeFrame(subject=self._subjects[row], pupil_present=shows), mask)


class OpenEds2019(MaskedPictures):
    """The labelled pictures of one part of the published split; files are read when they are asked for.

    Args:
        root: the folder ``Semantic_Segmentation_Dataset``.
        height, width: size of the canvas that frames are letterboxed to.
        split: train, validation or test.
        people: of whom, by the ids of the mapping.

    Raises:
        ZooError: the folder is not in this layout.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        split: Literal["train", "validation", "test"] = "train",
        people: People = People(),  # noqa: B008 (immutable)
    ) -> None:
        super().__init__(root, height, width)
        folder = self.root / split
        pictures = sorted((folder / "images").glob("*.png"))
        labelled = [(p, folder / "labels" / f"{p.stem}.npy") for p in pictures]
        labelled = [(picture, labels) for picture, labels in labelled if labels.is_file()]
        if not labelled:
            raise ZooError(f"{folder}: holds no images/*.png with labels/*.npy")
        owners = _owners(self.root)
        names = [owners.get(picture.name, "unknown") for picture, _ in labelled]
        chosen = people.rows(names, str(folder))
        self._files = [labelled[i] for i in chosen]
        # Of everybody in any part of the split, so that a person keeps the number.
        everybody = sorted({*owners.values(), "unknown"})
        numbers = dict(zip(everybody, subject_numbers(everybody), strict=True))
        self._subjects = [numbers[names[i]] for i in chosen]


def read_labels(path: Path, size: tuple[int, ...]) -> UInt8[np.ndarray, "h w"]:
    """Class ids of a ``.npy`` file for a picture of (height, width) `size`; ZooError if it holds others."""
    try:
        labels = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ZooError(f"{path}: not a readable .npy file ({error})") from None
    check_classes(labels, (size[0], size[1]), path)
    return labels.astype(np.uint8)


def _owners(root: Path) -> dict[str, str]:
    """Whose each picture is, by its file name."""
    owners = {}
    for path in sorted(root.glob("OpenEDS_*_userID_mapping_to_images.json")):
        try:
            found: Any = json.loads(path.read_text(encoding="utf-8"))
            for person in found:
                for name in person["semantic_segmenation_images"]:
                    owners[Path(name).name] = str(person["id"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ZooError(f"{path}: not a list of people with their pictures ({error!r})") from None
    return owners
