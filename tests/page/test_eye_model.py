from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tests.page.made import OPTICAL, result
from zoo.draw import OPTICAL_COLOUR, VISUAL_COLOUR
from zoo.page.eye_model import write_eye
from zoo.synth.eyes.anatomy import ANATOMY


def read(path: Path) -> tuple[dict[str, Any], list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """The scene, and of each primitive vertices as a viewer places them, sRGB colours and faces."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    scene, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    turn = np.array(scene["nodes"][0]["matrix"]).reshape(4, 4).T

    def array(accessor: int, dtype: str, width: int) -> np.ndarray:
        found = scene["accessors"][accessor]
        start = scene["bufferViews"][found["bufferView"]]["byteOffset"]
        return np.frombuffer(binary, dtype, found["count"] * width, start).reshape(-1, width)

    parts = []
    for primitive in scene["meshes"][0]["primitives"]:
        names = primitive["attributes"]
        vertices = array(names["POSITION"], "<f4", 3) @ turn[:3, :3].T
        colours = array(names["COLOR_0"], "u1", 4)[:, :3]
        parts.append((vertices, colours, array(primitive["indices"], "<u4", 1).reshape(-1, 3)))
    return scene, parts


def coloured(vertices: np.ndarray, colours: np.ndarray, wanted: tuple[int, int, int]) -> np.ndarray:
    """Vertices of about that colour; glTF's are linear light."""
    linear = np.rint(255 * ((np.array(wanted) / 255 + 0.055) / 1.055) ** 2.4)
    return vertices[(np.abs(colours.astype(int) - linear) <= 2).all(1)]


def test_the_axis_points_where_the_camera_sees_it_point(tmp_path: Path) -> None:
    path = tmp_path / "eye.glb"
    assert write_eye(path, result(visual=(0.0, 0.0, -1.0)))
    _, parts = read(path)
    vertices, colours, _ = parts[0]
    shown = np.array(OPTICAL) * [1, -1, -1]  # glTF: y up, the camera looks along -z
    rod = coloured(vertices, colours, OPTICAL_COLOUR)
    tip = rod[(rod @ shown).argmax()]
    foot = rod[(rod @ shown).argmin()]
    assert np.allclose((tip - foot) / np.linalg.norm(tip - foot), shown, atol=0.02)
    visual = coloured(vertices, colours, VISUAL_COLOUR)
    assert visual[:, 2].max() > 25 and len(visual)


def test_the_eyeball_turns_about_its_centre_and_the_cornea_bulges_out_of_it(tmp_path: Path) -> None:
    path = tmp_path / "eye.glb"
    write_eye(path, result())
    scene, parts = read(path)
    radius = ANATOMY["eyeball_radius"].mean
    sclera = coloured(parts[0][0], parts[0][1], (238, 232, 226))
    assert np.allclose(np.linalg.norm(sclera, axis=1), radius, atol=1e-3)
    cornea = parts[1][0]
    assert radius + 1 < np.linalg.norm(cornea, axis=1).max() < radius + 3
    assert scene["materials"][0].get("alphaMode") is None
    assert [material["alphaMode"] for material in scene["materials"][1:]] == ["BLEND", "BLEND"]


def test_faces_of_translucent_parts_look_outward(tmp_path: Path) -> None:
    path = tmp_path / "eye.glb"
    write_eye(path, result())
    _, parts = read(path)
    for vertices, _, faces in parts[1:]:
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        normal = np.cross(b - a, c - a)
        solid = np.linalg.norm(normal, axis=1) > 1e-6
        inside = vertices.mean(0)
        outward = (normal * ((a + b + c) / 3 - inside)).sum(1)[solid]
        assert (outward > 0).mean() > 0.95


def test_the_pupil_is_as_wide_as_the_image_shows_it(tmp_path: Path) -> None:
    widths = []
    for major in (20.0, 40.0):
        path = tmp_path / "eye.glb"
        write_eye(path, result(pupil_major_px=major))
        _, parts = read(path)
        pupil = coloured(parts[0][0], parts[0][1], (6, 6, 8))
        widths.append(np.linalg.norm(pupil - pupil.mean(0), axis=1).max())
    assert np.isclose(widths[1] / widths[0], 2, rtol=0.02)


def test_there_is_no_model_without_3d(tmp_path: Path) -> None:
    path = tmp_path / "eye.glb"
    assert not write_eye(path, result(cornea_mm=None))
    assert not write_eye(path, result(optical=None))
    assert not path.exists()


def test_a_gaze_along_the_camera_and_one_without_sigma_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "eye.glb"
    straight = result(
        cornea_mm=(0.0, 0.0, 40.0), pupil_mm=(0.0, 0.0, 35.6), optical=(0.0, 0.0, -1.0), gaze_sigma_deg=None
    )
    assert write_eye(path, straight)
    scene, parts = read(path)
    assert len(scene["materials"]) == 2 and all(np.isfinite(part[0]).all() for part in parts)
