"""What only many samples of a source together tell: axes and ids that are consistently wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zoo.conventions import PUPIL, SCLERA
from zoo.data.rules import MIN_PIXELS
from zoo.data.sample import EyeBatch

_FEW: Final = 12
"""Samples from which a majority says something."""
_CONTRAST: Final = 0.03  # of full scale, between two places
_OFF_CENTRE: Final = 0.1  # of the height: nearer to the middle, a place and its mirror image are one
_SPREAD_DEG: Final = 0.3  # people look about by more


class _Seen(NamedTuple):
    """Gaze and the pupil's place of one sample."""

    gaze: tuple[float, float]
    """x and y."""
    place: tuple[float, float]
    """u and v, pixels."""


class Majority:
    """Fed with the batches of a source, asked at the end."""

    def __init__(self) -> None:
        self._darker: list[bool] = []  # the pupil's place than that place counted from the bottom
        self._ordered: list[bool] = []  # the pupil than the sclera
        self._gaze: list[Float[np.ndarray, "3"]] = []
        self._people: dict[int, list[_Seen]] = defaultdict(list)
        self._openness: dict[bool, list[float]] = {True: [], False: []}

    def add(self, batch: EyeBatch) -> None:
        """Take note of the samples of a batch."""
        place, shown = _pupils(batch)
        axis = torch.where(batch["optical_valid"][:, None], batch["optical"], batch["visual"])
        looks = batch["optical_valid"] | batch["visual_valid"]
        for i in range(len(axis)):
            if shown[i]:
                self._compare_with_mirror(batch, i, place[i])
            if looks[i]:
                self._gaze.append(axis[i].numpy())
            if looks[i] and shown[i]:
                (x, y), (u, v) = axis[i, :2].tolist(), place[i].tolist()
                self._people[int(batch["subject"][i])].append(_Seen((x, y), (u, v)))
            if batch["segmentation_valid"][i]:
                self._compare_classes(batch, i)
            if batch["blink_valid"][i] and batch["openness_valid"][i]:
                self._openness[bool(batch["blink"][i] > 0.5)].append(float(batch["openness"][i]))

    def _compare_with_mirror(self, batch: EyeBatch, i: int, place: Tensor) -> None:
        (u, v), last = place.tolist(), batch["content"].shape[1] - 1
        here, there = (_grey(batch, i, u, y) for y in (v, last - v))
        if here is None or there is None or abs(v - last / 2) < _OFF_CENTRE * last:
            return
        if abs(here - there) > _CONTRAST:
            self._darker.append(here < there)

    def _compare_classes(self, batch: EyeBatch, i: int) -> None:
        masks = [batch["segmentation"][i] == label for label in (PUPIL, SCLERA)]
        if min(int(mask.sum()) for mask in masks) >= MIN_PIXELS:
            pupil, sclera = (float(batch["image"][i, 0][mask].median()) for mask in masks)
            self._ordered.append(pupil < sclera)

    def broken(self) -> Iterator[str]:
        """A sentence for each rule that the samples together break."""
        if len(self._darker) >= _FEW and np.mean(self._darker) < 0.25:
            yield (
                f"in most of {len(self._darker)} pictures the place of the pupil is brighter than that place "
                "counted from the bottom: y points up, or the pictures are upside down"
            )
        if len(self._ordered) >= _FEW and np.mean(self._ordered) < 0.2:
            yield (
                f"in most of {len(self._ordered)} masks the pupil (class {PUPIL}) is brighter than the "
                f"sclera (class {SCLERA}): other ids? valid: 0 background, 1 sclera, 2 iris, 3 pupil"
            )
        if len(self._gaze) >= 5 * _FEW and (spread := _spread_deg(np.stack(self._gaze))) < _SPREAD_DEG:
            yield (
                f"{len(self._gaze)} directions of gaze lie within {spread:.2g} degrees of one another: "
                "degrees turned into radians twice?"
            )
        for axis, name in enumerate("xy"):
            senses = [_sense(seen, axis) for seen in self._people.values()]
            known = [sense for sense in senses if sense is not None]
            if known and np.mean(known) < -0.5:
                yield (
                    f"the farther gaze turns to +{name}, the farther the pupil moves to -{'uv'[axis]}: "
                    f"{name} of the gaze has the wrong sign (x right, y down)"
                )
        if all(len(values) >= _FEW for values in self._openness.values()):
            closed, opened = (float(np.mean(self._openness[blink])) for blink in (True, False))
            if closed > opened:
                yield f"openness is {closed:.2f} in blinks and {opened:.2f} elsewhere (means); 1 is wide open"


def _pupils(batch: EyeBatch) -> tuple[Tensor, Tensor]:
    """Where each pupil is, and whether that is known and shows."""
    centred = batch["pupil_centre_valid"] | batch["pupil_ellipse_valid"]
    place = torch.where(centred[:, None], batch["pupil_ellipse"][:, :2], batch["pupil_mask_px"])
    hidden = batch["pupil_present_valid"] & (batch["pupil_present"] < 0.5)
    return place, (centred | batch["pupil_mask_px_valid"]) & ~hidden


def _grey(batch: EyeBatch, i: int, u: float, v: float) -> float | None:
    """Median of the 5x5 pixels about a point; None where they leave the picture."""
    image, content = batch["image"][i, 0], batch["content"][i]
    column, row = round(u), round(v)
    if not (2 <= column < image.shape[1] - 2 and 2 <= row < image.shape[0] - 2):
        return None
    window = (slice(row - 2, row + 3), slice(column - 2, column + 3))
    return float(image[window].median()) if bool(content[window].all()) else None


def _spread_deg(gaze: Float[np.ndarray, "n 3"]) -> float:
    """Mean angle to the mean direction."""
    mean = gaze.mean(0) / max(float(np.linalg.norm(gaze.mean(0))), 1e-9)
    across = np.linalg.norm(np.cross(gaze, mean), axis=1)
    return float(np.degrees(np.arctan2(across, gaze @ mean).mean()))


def _sense(seen: list[_Seen], axis: int) -> float | None:
    """Correlation of one person's gaze with the pupil's place along an axis; None where too little varies."""
    gaze = np.array([sample.gaze[axis] for sample in seen])
    place = np.array([sample.place[axis] for sample in seen])
    if len(seen) < 2 * _FEW or gaze.std() < 0.05 or place.std() < 1.0:
        return None
    return float(np.corrcoef(gaze, place)[0, 1])
