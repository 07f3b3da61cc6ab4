"""The table of samples, and the file of a calibration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.predict.calibration.made import shifted
from zoo.errors import ZooError
from zoo.predict.calibration.corrections import MODELS, Model
from zoo.predict.calibration.file import read, save
from zoo.predict.calibration.fit import fit
from zoo.predict.calibration.samples import Angles, Point
from zoo.predict.calibration.targets import read_targets


def written(path: Path, head: str, *lines: str) -> Path:
    for line in lines:
        name = line.split(",")[0]
        if name.endswith(".png") and not name.startswith("missing"):
            (path.parent / name).touch()
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_a_table_of_angles_and_one_of_points(tmp_path: Path) -> None:
    (tmp_path / "b.png").touch()
    head = "\ufefftarget_yaw_deg, file,target_pitch_deg,eye_side"
    lines = ("3,a.png,-2,Left", f"4,{tmp_path / 'b.png'},5,")
    (tmp_path / "a.png").touch()
    one, two = read_targets(written(tmp_path / "a.csv", head, *lines))
    assert (one.path, one.target, one.eye_side) == (tmp_path / "a.png", Angles(-2, 3), "left")
    assert (two.path, two.eye_side) == (tmp_path / "b.png", None)
    (row,) = read_targets(
        written(tmp_path / "b.csv", "file,target_x_mm,target_y_mm,target_z_mm", "a.png,100,200,-300")
    )
    assert row.target == Point(100, 200, -300)


@pytest.mark.parametrize(
    ("head", "lines", "message"),
    [
        (
            "file,target_pitch,target_yaw_deg",
            [],
            r"lacks the columns target_pitch_deg \(it has 'target_pitch'\)",
        ),
        ("frame,target_x_mm,target_y_mm,target_z", [], r"columns file, target_z_mm \(it has 'target_z'\)"),
        ("file,a", [], "lacks the columns target_pitch_deg, target_yaw_deg; valid: file,target_pitch_deg"),
        ("", [], "lacks the columns file"),
        ("file,target_pitch_deg,target_yaw_deg,target_x_mm,target_y_mm,target_z_mm", [], "has both"),
        ("file,target_pitch_deg,target_yaw_deg", [], "has no samples"),
        (
            "file,target_pitch_deg,target_yaw_deg",
            ["a.png,up,2"],
            "line 2: target_pitch_deg is a number, not 'up'",
        ),
        ("file,target_pitch_deg,target_yaw_deg", ["a.png,1"], "line 2: target_yaw_deg is a number, not ''"),
        ("file,target_pitch_deg,target_yaw_deg", ["a.png,1,nan"], "line 2: target_yaw_deg is finite"),
        (
            "file,target_pitch_deg,target_yaw_deg",
            ["a.png,1,2", "b.png,1,180"],
            "line 3: a yaw of 180.0 degrees",
        ),
        ("file,target_pitch_deg,target_yaw_deg", [",1,2"], "line 2: names no file"),
        ("file,target_pitch_deg,target_yaw_deg", ["a.png,1,2", "a.png,3,4"], "a.png stands in lines 2 and 3"),
        (
            "file,target_pitch_deg,target_yaw_deg",
            ["a.png,1,2", "missing.png,1,2"],
            r"no such file: missing.png \(line 3\); relative files are looked up in",
        ),
        ("file,target_pitch_deg,target_yaw_deg,eye_side", ["a.png,1,2,lft"], "did you mean 'left'"),
        ("file,target_pitch_deg,target_yaw_deg,eye_sied", ["a.png,1,2,left"], "did you mean 'eye_side'"),
        ("file,target_pitch_deg,target_yaw_deg,target_yaw_deg", [], "'target_yaw_deg' stands there twice"),
        ("file,target_pitch_deg,target_yaw_deg", ["a.png,1,2,3"], "line 2: has more cells"),
        ("file,target_x_mm,target_y_mm,target_z_mm", ["a.png,0.2,-0.1,-0.5"], "are they in metres"),
    ],
)
def test_tables_that_are_not_valid(tmp_path: Path, head: str, lines: list[str], message: str) -> None:
    with pytest.raises(ZooError, match=message):
        read_targets(written(tmp_path / "samples.csv", head, *lines))


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="cannot be read"):
        read_targets(tmp_path / "none.csv")


@pytest.mark.parametrize("model", MODELS)
def test_a_calibration_comes_back_from_its_file_unchanged(model: Model, tmp_path: Path) -> None:
    made = fit(model, shifted(noise=1.0, eye_side="left"))
    save(tmp_path / "me.json", made)
    assert read(tmp_path / "me.json") == made
    assert [path.name for path in tmp_path.iterdir()] == ["me.json"]


def altered(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"correction": {"model": "offset", "pitch_deg": 3.0, "yaw_deg": 0.0}},
            "altered after it was written",
        ),
        ({"used": 100}, "altered after it was written"),
        ({"checksum": None}, "altered after it was written"),
        ({"format_version": 2}, "format version 2, but this version of zoo reads 1"),
        ({"format_version": "1"}, "is not a calibration"),
    ],
)
def test_a_changed_file_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    save(path, fit("offset", shifted()))
    altered(path, **changes)
    with pytest.raises(ZooError, match=message):
        read(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    with pytest.raises(ZooError, match="cannot be read"):
        read(path)
    for text, message in (
        ("{", "not valid JSON"),
        ("[]", "is not a calibration"),
        ("{}", "is not a calibration"),
    ):
        path.write_text(text)
        with pytest.raises(ZooError, match=message):
            read(path)
    odd = fit("offset", shifted()).model_copy(update={"used": 0})  # with the right checksum
    save(path, odd)
    with pytest.raises(ZooError, match="used: Input should be greater than or equal to 1; calibrate again"):
        read(path)
