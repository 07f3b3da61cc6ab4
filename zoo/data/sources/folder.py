"""A folder of your own images with ``labels.csv``: any subset of the zoo's labels, an image a row.

Columns have the names of ``predictions.csv``, so predictions can be corrected by hand and trained on. Only
``file`` is needed (relative to the folder). An empty cell is unknown; a column that is not named here is an
error.

===================================================  ========================================================
``subject``                                          anything that tells people apart; one person if absent
``split``                                            train, val or test
``eye_side``                                         left or right, the person's own
``spectacles``                                       0 or 1: worn in front of the eye
``skin_tone``                                        [0, 1]: share of light that the skin returns; both only
                                                     slice metrics
``fx, fy, cx, cy``                                   the camera, pixels of the image, without lens distortion
``openness``                                         [0, 1]: lid gap over this person's wide-open gap
``blink``, ``pupil_present``                         0 or 1; of a probability, whether it reaches 0.5
``pupil_u_px, pupil_v_px``                           centre of the pupil's whole outline, covered or not
``pupil_major_px, pupil_minor_px, pupil_angle_deg``  full axes; from +x towards +y
``pupil_mask_u_px, pupil_mask_v_px``                 centroid of the pupil's visible pixels
``glint0_u_px, glint0_v_px, glint1_u_px ...``        all glints that show, in any order, at most 8
``glint_count``                                      0 says that none shows (no glint and no count: unknown)
``cornea_{x,y,z}_mm, pupil_{x,y,z}_mm``              centres in the camera frame; both or they do not count
``cornea_radius_mm, eyeball_{x,y,z}_mm``             with them; where empty, the mean of adults
``optical_{x,y,z}`` or ``optical_{pitch,yaw}_deg``   axis out of the eye, camera frame; vector preferred
``visual_{x,y,z}`` or ``visual_{pitch,yaw}_deg``     towards what is looked at
``mask``                                             indexed or grey PNG: 0 background, 1 sclera, 2 iris,
                                                     3 pupil, 255 unknown
===================================================  ========================================================

The other columns of ``predictions.csv`` (``time_s``, ``pupil_area_px``, ``glint0_score``, ...) may stay and
are not read. Where ``camera_known`` is 0 and no camera is given, 3D labels are only relative and do not
count.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

import numpy as np

from zoo.conventions import EYE_SIDES, MAX_GLINTS, EyeSide
from zoo.data.sources.degrees import check_degrees
from zoo.data.sources.frame import (
    EyeFrame,
    Labelled,
    Point,
    Solid,
    Vector,
    pitch_yaw_vector,
    read_classes,
    read_grey,
)
from zoo.data.sources.frame_source import FrameSource
from zoo.data.sources.people import People
from zoo.errors import ZooError, did_you_mean

TABLE: Final = "labels.csv"
Split = Literal["train", "val", "test"]
_SPLITS: Final = ("train", "val", "test")
_CAMERA: Final = ("fx", "fy", "cx", "cy")
_AXES: Final = ("pupil_major_px", "pupil_minor_px", "pupil_angle_deg")
_GLINTS: Final = tuple((f"glint{k}_u_px", f"glint{k}_v_px") for k in range(MAX_GLINTS))
_SOLID: Final = tuple(f"{name}_{axis}_mm" for name in ("cornea", "pupil", "eyeball") for axis in "xyz")
_GAZE: Final = tuple(
    f"{name}_{part}" for name in ("optical", "visual") for part in ("x", "y", "z", "pitch_deg", "yaw_deg")
)
_NUMBERS: Final = (
    *_CAMERA,
    *("spectacles", "skin_tone", "openness", "blink", "pupil_present", "pupil_u_px", "pupil_v_px", *_AXES),
    *("pupil_mask_u_px", "pupil_mask_v_px", *(name for pair in _GLINTS for name in pair), "glint_count"),
    *_SOLID,
    *("cornea_radius_mm", *_GAZE, "camera_known"),
)
_TEXTS: Final = ("file", "subject", "split", "eye_side", "mask")
_UNREAD: Final = (
    *("frame", "time_s", "pupil_area_px", *(f"glint{k}_score" for k in range(MAX_GLINTS))),
    *("gaze_sigma_deg", "glints_used"),
)
COLUMNS: Final = (*_TEXTS, *_NUMBERS)
"""Every column that is read."""


class _Row(NamedTuple):
    file: str
    mask: str
    subject: str
    split: str
    frame: EyeFrame


class Folder(FrameSource):
    """The images of a folder with the labels of its table; images are read when they are asked for.

    Args:
        root: the folder that holds ``labels.csv``.
        height, width: size of the canvas that frames are letterboxed to.
        split: only rows whose ``split`` says so; None: all.
        people: of whom.
        domain: what the images are.

    Raises:
        ZooError: the table or a file that it names is missing or not as described, naming it and the line.
    """

    def __init__(
        self,
        root: Path | str,
        height: int = 120,
        width: int = 160,
        split: Split | None = None,
        people: People = People(),  # noqa: B008 (immutable)
        domain: Literal["real", "synthetic"] = "real",
    ) -> None:
        super().__init__(root, height, width, domain)
        table = self.root / TABLE
        rows = _read(table)
        chosen = people.numbered([row.subject for row in rows], str(table))
        if split is not None:
            chosen = [(i, subject) for i, subject in chosen if rows[i].split == split]
            if not chosen:
                found = Counter(row.split or "(empty)" for row in rows)
                counts = ", ".join(f"{name}: {count}" for name, count in sorted(found.items()))
                raise ZooError(f"{table}: no row is left of split={split} (rows by split: {counts})")
        self._rows = [rows[i] for i, _ in chosen]
        self._subjects = [subject for _, subject in chosen]
        _require(self.root, self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def name(self, row: int) -> str:
        return str(self.root / self._rows[row].file)

    def read(self, row: int) -> Labelled:
        found = self._rows[row]
        image = read_grey(self.root / found.file)
        mask = read_classes(self.root / found.mask, image.shape) if found.mask else None
        _check_places(self.root / found.file, found.frame, *image.shape)
        return Labelled(image, replace(found.frame, subject=self._subjects[row]), mask)


def _require(root: Path, rows: list[_Row]) -> None:
    names = [name for row in rows for name in (row.file, row.mask) if name]
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        raise ZooError(f"{root}: {TABLE} names {len(missing)} files that are missing, such as {missing[0]}")


def _read(path: Path) -> list[_Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            _check_header(path, reader.fieldnames or ())
            table = list(reader)
    except FileNotFoundError:
        raise ZooError(f"{path}: missing; a folder of images has its labels in {TABLE}") from None
    except (OSError, csv.Error) as error:
        raise ZooError(f"{path}: not readable ({error})") from error
    if not table:
        raise ZooError(f"{path}: has no rows")
    rows = [_parse(path, line, row) for line, row in enumerate(table, start=2)]
    check_degrees(path, table)
    return rows


def _check_header(path: Path, names: object) -> None:
    header = list(cast("tuple[str, ...]", names))
    if "file" not in header:
        raise ZooError(f"{path}: has no column file; the first line names the columns")
    for name in header:
        if name not in COLUMNS and name not in _UNREAD:
            raise ZooError(f"{path}: unknown column {name!r}; {did_you_mean(name, COLUMNS)}")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ZooError(f"{path}: column {twice[0]!r} stands there twice")


def _parse(path: Path, line: int, row: dict[str, str | None]) -> _Row:
    where = f"{path}, line {line}"
    if None in row or None in row.values():
        raise ZooError(f"{where}: has another number of cells than the header")
    text = {name: (row.get(name) or "").strip() for name in _TEXTS}
    if not text["file"]:
        raise ZooError(f"{where}: file is empty")
    if (row.get("frame") or "0").strip() not in ("", "0"):
        raise ZooError(f"{where}: a frame of a video; write its frames as images first")
    if text["eye_side"] not in ("", *EYE_SIDES):
        raise ZooError(f"{where}: eye_side={text['eye_side']}; valid: left, right")
    if text["split"] not in ("", *_SPLITS):
        raise ZooError(f"{where}: split={text['split']}; valid: {', '.join(_SPLITS)}")
    cells = _Cells(where, row)
    return _Row(text["file"], text["mask"], text["subject"], text["split"], _frame(cells, text["eye_side"]))


class _Cells:
    """The numbers of one row, and the groups that they make."""

    def __init__(self, where: str, row: dict[str, str | None]) -> None:
        self.where = where
        self._values: dict[str, float] = {}
        for name in _NUMBERS:
            cell = (row.get(name) or "").strip()
            if cell:
                try:
                    value = float(cell)
                except ValueError:
                    value = math.nan
                if not math.isfinite(value):
                    raise ZooError(f"{where}: {name}={cell} is not a number; leave unknown cells empty")
                self._values[name] = value

    def one(self, name: str, low: float = -math.inf, high: float = math.inf) -> float | None:
        value = self._values.get(name)
        if value is not None and not low <= value <= high:
            raise ZooError(f"{self.where}: {name}={value:g} is not in [{low:g}, {high:g}]")
        return value

    def group(self, *names: str) -> tuple[float, ...] | None:
        """All of them, None where all are empty; some of them is an error."""
        values = [self._values.get(name) for name in names]
        empty = [name for name, value in zip(names, values, strict=True) if value is None]
        if empty and len(empty) < len(names):
            raise ZooError(f"{self.where}: {empty[0]} is empty, but not all of {', '.join(names)}")
        return None if empty else cast("tuple[float, ...]", tuple(values))


def _frame(cells: _Cells, eye_side: str) -> EyeFrame:
    camera = cells.group(*_CAMERA)
    if camera is not None and min(camera[:2]) <= 0:
        raise ZooError(f"{cells.where}: fx and fy are focal lengths in pixels, above 0")
    relative = camera is None and cells.one("camera_known", 0.0, 1.0) == 0
    solid = None if relative else _solid(cells)
    optical = None if relative else _axis(cells, "optical")
    pupil_px = cast("Point | None", cells.group("pupil_u_px", "pupil_v_px"))
    if solid is not None:
        _check_agreement(cells.where, solid, optical, camera, pupil_px)
    blink, present = cells.one("blink", 0.0, 1.0), cells.one("pupil_present", 0.0, 1.0)
    spectacles = cells.one("spectacles", 0.0, 1.0)
    return EyeFrame(
        eye_side=cast(EyeSide, eye_side) if eye_side else None,
        camera=cast("tuple[float, float, float, float] | None", camera),
        spectacles=None if spectacles is None else spectacles >= 0.5,
        skin_tone=cells.one("skin_tone", 0.0, 1.0),
        openness=cells.one("openness", 0.0, 1.0),
        blink=None if blink is None else blink >= 0.5,
        pupil_present=None if present is None else present >= 0.5,
        pupil_px=pupil_px,
        pupil_axes=_pupil_axes(cells),
        pupil_mask_px=cast("Point | None", cells.group("pupil_mask_u_px", "pupil_mask_v_px")),
        glints_px=_glints(cells),
        solid=solid,
        optical=optical,
        visual=None if relative else _axis(cells, "visual"),
    )


def _pupil_axes(cells: _Cells) -> tuple[float, float, float] | None:
    axes = cells.group(*_AXES)
    if axes is None:
        return None
    major, minor, angle = axes
    if not 0 < minor <= major:
        raise ZooError(f"{cells.where}: the pupil's axes are {major:g} and {minor:g}; 0 < minor <= major")
    if abs(angle) > 360:
        raise ZooError(f"{cells.where}: pupil_angle_deg={angle:g} is more than a turn; it is in degrees")
    return major, minor, math.radians(angle % 180)


def _glints(cells: _Cells) -> tuple[Point, ...] | None:
    pairs = [cells.group(*names) for names in _GLINTS]
    glints = tuple(cast(Point, pair) for pair in pairs if pair is not None)
    count = cells.one("glint_count", 0.0, float(MAX_GLINTS))
    if count is not None and count != len(glints):
        raise ZooError(f"{cells.where}: glint_count={count:g}, but {len(glints)} glints are given")
    return glints if glints or count is not None else None


def _solid(cells: _Cells) -> Solid | None:
    points = [cells.group(*_SOLID[3 * i : 3 * i + 3]) for i in range(3)]
    cornea, pupil, eyeball = (cast("Vector | None", point) for point in points)
    radius = cells.one("cornea_radius_mm", 5.0, 11.0)
    if cornea is None or pupil is None:
        return None
    distance = math.dist(cornea, pupil)
    if not (1 <= distance <= 10 and min(cornea[2], pupil[2]) > 0):
        raise ZooError(
            f"{cells.where}: cornea and pupil are {distance:.3g} apart at z {cornea[2]:g} and {pupil[2]:g}; "
            "in millimetres and the camera frame (z forward) they are about 4 apart, in front of the camera"
        )
    return Solid(cornea, pupil, radius, eyeball)


def _check_agreement(
    where: str, solid: Solid, optical: Vector | None, camera: tuple[float, ...] | None, pupil_px: Point | None
) -> None:
    """ZooError where labels of one eye contradict one another: other units, axes or another camera."""
    (x, y, z), axis = solid.pupil, np.subtract(solid.pupil, solid.cornea)
    if optical is not None:
        cosine = float(axis @ np.array(optical)) / math.hypot(*axis)
        if cosine < math.cos(math.radians(15)):
            raise ZooError(
                f"{where}: optical is {math.degrees(math.acos(max(cosine, -1.0))):.0f} degrees from the line "
                "from cornea to pupil, which it is; the camera frame is x right, y down, z forward"
            )
    if camera is not None and pupil_px is not None:
        fx, fy, cx, cy = camera
        off = math.dist((fx * x / z + cx, fy * y / z + cy), pupil_px)
        if off > 3 * fx / z + 3:  # refraction moves it by less than a millimetre
            raise ZooError(
                f"{where}: pupil_x_mm, pupil_y_mm, pupil_z_mm are seen {off:.0f} pixels from pupil_u_px, "
                "pupil_v_px; the camera frame is x right, y down, z forward, fx, cx are pixels of the image"
            )


def _check_places(path: Path, frame: EyeFrame, height: int, width: int) -> None:
    for name in ("pupil_px", "pupil_mask_px"):
        point = getattr(frame, name)
        if point is not None and not (-width < point[0] < 2 * width and -height < point[1] < 2 * height):
            raise ZooError(f"{path}: {name} ({point[0]:g}, {point[1]:g}) is far outside of {width}x{height}")


def _axis(cells: _Cells, name: str) -> Vector | None:
    vector = cells.group(*(f"{name}_{axis}" for axis in "xyz"))
    angles = cells.group(f"{name}_pitch_deg", f"{name}_yaw_deg")
    if vector is None:
        if angles is None:
            return None
        if abs(angles[0]) > 90 or abs(angles[1]) > 180:
            raise ZooError(f"{cells.where}: {name} has pitch {angles[0]:g} and yaw {angles[1]:g} degrees")
        vector = pitch_yaw_vector(*(math.radians(angle) for angle in angles))
    if abs(math.hypot(*vector) - 1) > 0.01:
        raise ZooError(f"{cells.where}: {name} has length {math.hypot(*vector):.3g}, not 1")
    if vector[2] > 0.3:
        raise ZooError(
            f"{cells.where}: {name} points away from the camera (z {vector[2]:.2f}); "
            "an eye that looks into the camera has z < 0, or pitch and yaw 0"
        )
    return cast(Vector, vector)
