from __future__ import annotations

import re

import numpy as np
import pytest

from tests.page.made import PITCH_DEG, YAW_DEG, result
from zoo.errors import ZooError
from zoo.page.camera import CameraFields
from zoo.page.curves import Curve, curves_svg, ticks
from zoo.page.numbers import RELATIVE, remark, rows


def test_rows_have_units_and_angles_in_the_order_pitch_yaw() -> None:
    found = {name: (value, unit) for name, value, unit, _ in rows(result())}
    assert found["optical axis (pitch, yaw)"] == (f"{PITCH_DEG:+.1f}, {YAW_DEG:+.1f}", "°")
    assert found["pupil centre (u, v)"] == ("120.2, 90.5", "px")
    assert found["cornea centre (x, y, z)"] == ("-5.0, -2.0, 40.0", "mm")
    assert found["sigma of the optical axis"] == ("4.2", "°")
    assert "visual axis (pitch, yaw)" not in found


def test_lengths_are_flagged_as_relative_only_without_a_camera() -> None:
    def flagged(known: bool) -> set[str]:
        return {name for name, *_, note in rows(result(camera_known=known)) if note == RELATIVE}

    assert flagged(True) == set()
    assert flagged(False) == {
        "optical axis (pitch, yaw)", "cornea centre (x, y, z)", "pupil centre (x, y, z)",
    }  # fmt: skip
    assert "relative" in remark(result()) and "relative" not in remark(result(camera_known=True))


def test_a_shut_eye_says_why_there_is_no_gaze() -> None:
    shut = result(
        pupil_px=None,
        pupil_major_px=None,
        optical=None,
        cornea_mm=None,
        pupil_mm=None,
        pupil_present=0.1,
        gaze_sigma_deg=None,
    )
    assert "No pupil is visible" in remark(shut)
    assert all("axis" not in name for name, *_ in rows(shut))


def test_intrinsics_are_read_however_they_are_separated() -> None:
    wanted = np.array([[330.0, 0, 160.5], [0, 331, 118], [0, 0, 1]])
    for text in ("330,331,160.5,118", " 330 331 160.5 118 ", "330; 331; 160.5; 118", "330, 331, 160.5, 118"):
        found = CameraFields(text).matrix(240, 320)
        assert found is not None and np.array_equal(found, wanted)
    assert CameraFields("  ", 0.0).matrix(240, 320) is None


def test_a_field_of_view_spans_the_width() -> None:
    matrix = CameraFields(fov_deg=90.0).matrix(240, 320)
    assert matrix is not None
    edge = np.linalg.solve(matrix, [319.5, 119.5, 1])  # the right edge of the last pixel, half way down
    assert np.allclose(edge / edge[2], [1, 0, 1])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (CameraFields("1,2,3"), "four numbers"),
        (CameraFields("a,b,c,d"), "are numbers"),
        (CameraFields("-1,330,1,1"), "positive"),
        (CameraFields("", 200.0), "1 to 170"),
        (CameraFields("", float("nan")), "1 to 170"),
        (CameraFields("330,330,1,1", 40.0), "not both"),
    ],
)
def test_wrong_cameras_are_refused_with_what_is_valid(fields: CameraFields, text: str) -> None:
    with pytest.raises(ZooError, match=text):
        fields.matrix(240, 320)


def test_curves_leave_gaps_where_a_value_is_missing() -> None:
    plot = Curve(
        "gaze", [0.0, 0.1, 0.2, 0.3, 0.4], {"pitch": [1.0, 2.0, None, 3.0, 4.0], "<yaw>": [None] * 5}
    )
    svg = curves_svg([plot], "seconds")
    lines = re.findall(r'<polyline points="([^"]+)"', svg)
    assert [len(points.split()) for points in lines] == [2, 2]
    assert "&lt;yaw&gt;" in svg and "<yaw>" not in svg
    assert curves_svg([Curve("none", [None], {"a": [1.0]})], "s") == ""


def test_ticks_are_round_and_within_the_range() -> None:
    assert ticks(0.0, 1.0) == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    assert str(ticks(-0.02, 0.5)[0]) == "0.0"  # not -0.0
    assert ticks(-17.2, 23.0) == pytest.approx([-10, 0, 10, 20])
    for low, high in ((0.0013, 0.0014), (-1e4, 3e5), (5.0, 5.0)):
        assert all(low - 1e-6 <= value <= high + 1e-6 for value in ticks(low, high))
