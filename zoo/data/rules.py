"""What the labels of one eye have to do with one another.

A label in another unit, frame or pixel size breaks a rule of range or of agreement: degrees for radians, y
up, metres for millimetres. The contract (`zoo.data.sample.check_eye_batch`) has been kept before;
`zoo.data.majority` asks what only many samples together can tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.conventions import PUPIL
from zoo.data.sample import EyeBatch
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import project

MIN_PIXELS: Final = 20
"""Of a class, for its pixels to say something."""
_OFF_AXIS_DEG: Final = 15.0  # between an optical axis and the line from cornea to pupil, which it is
_KAPPA_DEG: Final = 20.0  # between both axes; people have 2 to 8


class Broken(NamedTuple):
    """A sample that breaks a rule."""

    place: int
    """In the batch."""
    sentence: str


class _Rule(NamedTuple):
    broken: Bool[Tensor, "B"]
    sentence: str
    """With {} for each of the values."""
    values: tuple[Tensor, ...] = ()
    """(B,) or (B, k)."""


def broken_samples(batch: EyeBatch) -> list[Broken]:
    """Samples whose labels leave their range or contradict one another, with the first rule of each."""
    found: dict[int, str] = {}
    for rules in (_places, _pupils, _solids, _directions):
        for rule in rules(batch):
            for place in rule.broken.nonzero()[:, 0].tolist():
                shown = (_numbers(value[place]) for value in rule.values)
                found.setdefault(place, rule.sentence.format(*shown))
    return [Broken(place, found[place]) for place in sorted(found)]


def class_centroid(batch: EyeBatch, label: int) -> tuple[Float[Tensor, "B 2"], Float[Tensor, "B"]]:
    """(u, v) of the pixels of a class, 0 where there are none, and how many there are."""
    there = (batch["segmentation"] == label).float()
    columns, rows, area = there.sum(1), there.sum(2), there.flatten(1).sum(1)
    u = (columns * torch.arange(columns.shape[1])).sum(1) / area.clamp_min(1)
    v = (rows * torch.arange(rows.shape[1])).sum(1) / area.clamp_min(1)
    return torch.stack([u, v], 1), area


def _places(batch: EyeBatch) -> Iterator[_Rule]:
    """Points lie where the picture is, and the camera fits its size."""
    height, width = batch["content"].shape[-2:]
    size = torch.tensor([width, height])

    def outside(points: Tensor, margin: float) -> Tensor:
        return ((points < -margin * size) | (points > (1 + margin) * size)).any(-1)

    beyond = f"lies far outside of the {width}x{height} input (pixels of another size?)"
    centre, centroid, glints = batch["pupil_ellipse"][:, :2], batch["pupil_mask_px"], batch["glints_px"]
    yield _Rule(_centred(batch) & outside(centre, 2.0), f"the pupil's centre ({{}}) {beyond}", (centre,))
    visible = batch["pupil_mask_px_valid"] & outside(centroid, 0.02)
    yield _Rule(visible, f"the centroid of the visible pupil ({{}}) {beyond}", (centroid,))
    away = outside(glints, 0.02) & batch["glints_visible"]
    first = glints[torch.arange(len(glints)), away.int().argmax(1)]
    yield _Rule(batch["glints_valid"] & away.any(1), f"a visible glint ({{}}) {beyond}", (first,))
    focal, middle = batch["camera"][:, [0, 1], [0, 1]], batch["camera"][:, :2, 2]
    off = ((focal < 0.2 * width) | (focal > 200 * width)).any(1) | outside(middle, 2.0)
    yield _Rule(
        batch["camera_valid"] & off,
        f"the camera (f {{}}, centre {{}}) does not fit the {width}x{height} input: fx, fy, cx, cy are "
        "pixels of the image",
        (focal, middle),
    )


def _pupils(batch: EyeBatch) -> Iterator[_Rule]:
    """Outline, centre, mask and class ids are of one pupil."""
    longer = max(batch["content"].shape[-2:])
    ellipse, whole, centroid = batch["pupil_ellipse"], batch["pupil_ellipse_valid"], batch["pupil_mask_px"]
    centre, (major, minor, angle) = ellipse[:, :2], ellipse[:, 2:].unbind(1)
    yield _Rule(
        whole & ((minor <= 0) | (minor > 1.001 * major) | (major > 3 * longer)),
        "the pupil's full axes are {} pixels; expected major, minor with 0 < minor <= major",
        (ellipse[:, 2:4],),
    )
    yield _Rule(
        whole & ((angle < -0.01) | (angle > math.pi + 0.01)),
        "the pupil's angle is {}; expected radians in [0, pi) (degrees?)",
        (angle,),
    )
    # The centroid of a part of an ellipse lies inside it.
    reach = torch.where(whole, major / 2, torch.full_like(major, 0.15 * longer)) + 3
    apart = (centre - centroid).norm(dim=1)
    yield _Rule(
        _centred(batch) & batch["pupil_mask_px_valid"] & (apart > reach),
        "the pupil's centre ({}) is {} pixels from the centroid of its visible part ({}): y from the bottom, "
        "or pixels of another size?",
        (centre, apart, centroid),
    )
    of_class, area = class_centroid(batch, PUPIL)
    shows = batch["segmentation_valid"] & (area >= MIN_PIXELS)
    apart = (of_class - centroid).norm(dim=1)
    yield _Rule(
        shows & batch["pupil_mask_px_valid"] & (apart > 3 + 0.02 * longer),
        f"the centroid of the visible pupil is {{}} pixels from that of class {PUPIL} in the mask",
        (apart,),
    )
    apart = (of_class - centre).norm(dim=1)
    yield _Rule(
        shows & _centred(batch) & (apart > reach),
        f"the pupil's centre is {{}} pixels from the pixels of class {PUPIL} in the mask: y from the bottom, "
        "or other class ids?",
        (apart,),
    )


def _solids(batch: EyeBatch) -> Iterator[_Rule]:
    """An eye in 3D has the size of an eye, in front of the camera, where its picture is."""
    cornea, pupil, known = batch["cornea_mm"], batch["pupil_mm"], batch["eye3d_valid"]
    apart, depth, radius = (pupil - cornea).norm(dim=1), cornea[:, 2], batch["cornea_radius_mm"]
    yield _Rule(
        known & ((apart < 1) | (apart > 10) | (depth < 3) | (depth > 3000)),
        "cornea and pupil are {} apart, {} in front of the camera; expected about 4, and tens to hundreds, "
        "in millimetres of the camera frame, z forward (metres, or another frame?)",
        (apart, depth),
    )
    yield _Rule(
        known & ((radius < 5) | (radius > 11)),
        "the cornea's radius is {}; expected about 7.8 millimetres",
        (radius,),
    )
    z = pupil[:, 2].clamp_min(1e-3)
    seen = project(torch.cat([pupil[:, :2], z[:, None]], 1), batch["camera"])
    off = (seen - batch["pupil_ellipse"][:, :2]).norm(dim=1)
    allowed = 3 * batch["camera"][:, 0, 0] / z + 3  # refraction moves it by less than a millimetre
    yield _Rule(
        known & batch["camera_valid"] & _centred(batch) & (off > allowed),
        "the pupil in 3D is seen {} pixels from its place in the picture; expected x right, y down, z "
        "forward, millimetres, and a camera in pixels of the image",
        (off,),
    )


def _directions(batch: EyeBatch) -> Iterator[_Rule]:
    """Axes point out of the eye, along the line from cornea to pupil, a kappa apart."""
    optical, visual = batch["optical"], batch["visual"]
    for name, axis, known in (
        ("optical", optical, batch["optical_valid"]),
        ("visual", visual, batch["visual_valid"]),
    ):
        yield _Rule(
            known & (axis[:, 2] > 0.5),
            f"the {name} axis ({{}}) points away from the camera; out of an eye that it sees, z < 0",
            (axis,),
        )
    off = torch.rad2deg(angle_between(optical, batch["pupil_mm"] - batch["cornea_mm"]))
    yield _Rule(
        batch["eye3d_valid"] & batch["optical_valid"] & (off > _OFF_AXIS_DEG),
        "the optical axis is {} degrees from the line from cornea to pupil, which it is (y up, or "
        "left-handed?)",
        (off,),
    )
    kappa = torch.rad2deg(angle_between(optical, visual))
    yield _Rule(
        batch["optical_valid"] & batch["visual_valid"] & (kappa > _KAPPA_DEG),
        "optical and visual axis are {} degrees apart; in people it is a few",
        (kappa,),
    )


def _centred(batch: EyeBatch) -> Bool[Tensor, "B"]:
    return batch["pupil_centre_valid"] | batch["pupil_ellipse_valid"]


def _numbers(values: Tensor) -> str:
    return ", ".join(f"{value:.4g}" for value in values.reshape(-1).tolist())
