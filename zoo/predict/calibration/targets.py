"""The table of targets: which frame shows the person looking where."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Final

from zoo.conventions import EYE_SIDES, EyeSide
from zoo.errors import ZooError, did_you_mean
from zoo.predict.calibration.samples import Angles, Point, Target, outside
from zoo.predict.header import check_cells, check_header

ANGLES: Final = ("target_pitch_deg", "target_yaw_deg")
POINTS: Final = ("target_x_mm", "target_y_mm", "target_z_mm")

_NAMED: Final = 5  # missing files that are named
_NEAR_MM: Final = 5.0  # the camera's own centre, (0, 0, 0), may be looked at


@dataclass(frozen=True)
class TargetRow:
    """One line: `file` as written, and where it lies."""

    line: int
    file: str
    path: Path
    target: Target
    eye_side: EyeSide | None


def read_targets(table: Path) -> list[TargetRow]:
    """Read a csv with `file` and `target_pitch_deg,target_yaw_deg` or `target_x_mm,target_y_mm,target_z_mm`.

    Angles are of the visual axis and points are looked at, both in the camera frame (`zoo.conventions`). A
    column `eye_side` may say left or right. Relative files lie beside the table.

    Raises:
        ZooError: it cannot be read, lacks a column, or a line is not valid; files that are not there.
    """
    rows: list[TargetRow] = []
    try:
        with table.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = _columns(table, [name.strip() for name in reader.fieldnames or []])
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            check_header(table, reader.fieldnames, ("file", *columns, "eye_side"))
            rows = [_row(table, reader.line_num, row, columns) for row in reader]
    except (OSError, csv.Error) as error:
        raise ZooError(f"{table}: cannot be read ({error})") from None
    if not rows:
        raise ZooError(f"{table}: has no samples below its head")
    _check_units(table, rows)
    _check_files(table, rows)
    return rows


def _columns(table: Path, names: Sequence[str]) -> tuple[str, ...]:
    found = [kind for kind in (ANGLES, POINTS) if set(kind) <= set(names)]
    if len(found) == 2:
        raise ZooError(f"{table}: has both {','.join(ANGLES)} and {','.join(POINTS)}; keep one of them")
    wanted = found[0] if found else max(ANGLES, POINTS, key=lambda kind: _likeness(kind, names))
    missing = [name for name in ("file", *wanted) if name not in names]
    if missing:
        texts = [name + (f" (it has {near!r})" if (near := _near(name, names)) else "") for name in missing]
        raise ZooError(
            f"{table}: lacks the columns {', '.join(texts)}; valid: file,{','.join(ANGLES)} or "
            f"file,{','.join(POINTS)}, and eye_side if known"
        )
    return wanted


def _likeness(kind: Sequence[str], names: Sequence[str]) -> float:
    """Mean over the columns of how much the nearest name is like them; 0 where none is near."""
    near = [(name, close[0]) for name in kind if (close := get_close_matches(name, names, n=1))]
    return sum(SequenceMatcher(None, *pair).ratio() for pair in near) / len(kind)


def _near(name: str, names: Sequence[str]) -> str | None:
    """What `name` may have been meant by: itself, or the nearest that is no column of ours."""
    own = {"file", "eye_side", *ANGLES, *POINTS} - {name}
    close = get_close_matches(name, [other for other in names if other not in own], n=1)
    return close[0] if close else None


def _row(table: Path, line: int, row: dict[str, str | None], columns: tuple[str, ...]) -> TargetRow:
    where = f"{table}, line {line}"
    check_cells(where, row)
    file = (row["file"] or "").strip()
    if not file:
        raise ZooError(f"{where}: names no file")
    numbers = [_number(where, name, row[name]) for name in columns]
    target: Target = Angles(*numbers) if columns == ANGLES else Point(*numbers)
    if isinstance(target, Angles) and (problem := outside(target)):
        raise ZooError(f"{where}: {problem}")
    return TargetRow(line, file, table.parent / Path(file).expanduser(), target, _side(where, row))


def _number(where: str, name: str, text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        raise ZooError(f"{where}: {name} is a number, not {text or ''!r}") from None
    if not math.isfinite(number):
        raise ZooError(f"{where}: {name} is finite, not {text}")
    return number


def _side(where: str, row: dict[str, str | None]) -> EyeSide | None:
    text = (row.get("eye_side") or "").strip().lower()
    for side in EYE_SIDES:
        if text == side:
            return side
    if text:
        raise ZooError(f"{where}: eye_side {text!r} is not valid; {did_you_mean(text, EYE_SIDES)}")
    return None


def _check_units(table: Path, rows: Sequence[TargetRow]) -> None:
    points = [row.target for row in rows if isinstance(row.target, Point)]
    farthest = max((math.hypot(*point) for point in points), default=0.0)
    if 0 < farthest < _NEAR_MM:
        raise ZooError(
            f"{table}: all points lie within {farthest:.3g} of the camera, and nobody looks at millimetres "
            f"before a lens: are they in metres? {','.join(POINTS)} are millimetres"
        )


def _check_files(table: Path, rows: Sequence[TargetRow]) -> None:
    lines: dict[Path, int] = {}
    for row in rows:
        if (first := lines.setdefault(row.path, row.line)) != row.line:
            raise ZooError(
                f"{table}: {row.file} stands in lines {first} and {row.line}; a frame is one sample"
            )
    missing = [row for row in rows if not row.path.is_file()]
    if missing:
        named = ", ".join(f"{row.file} (line {row.line})" for row in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise ZooError(
            f"{table}: no such file: {named}{more}; relative files are looked up in {table.parent}"
        )
