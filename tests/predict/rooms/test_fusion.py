"""Fusion and surface against scenes whose surface is known, and the files that hold the mesh."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.predict.rooms import analytic
from zoo.predict.rooms.mesh import Mesh
from zoo.predict.rooms.mesh_files import write_glb, write_mesh_ply, write_points_ply
from zoo.predict.rooms.surface import extract
from zoo.predict.rooms.tsdf import Volume

VOXEL = 0.04


def fused(count: int = 12, **options: int) -> Volume:
    volume = Volume(VOXEL, **options)
    for turn in np.linspace(0, 2 * np.pi, count, endpoint=False):
        to_world = analytic.pose(turn)
        depth, image = analytic.view(to_world)
        volume.integrate(depth, np.ones_like(depth), image, analytic.K, to_world)
    return volume


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return fused().mesh().without_fragments(20)


def test_mesh_lies_on_the_surfaces(mesh: Mesh) -> None:
    away = analytic.distance(mesh.vertices)
    assert len(mesh.faces) > 5000
    assert np.quantile(away, 0.99) < VOXEL
    assert away.mean() < 0.3 * VOXEL


def test_faces_look_outward_and_colours_follow(mesh: Mesh) -> None:
    radius = np.linalg.norm(mesh.vertices, axis=-1)
    ball = np.abs(radius - analytic.RADIUS) < VOXEL
    outward = (mesh.normals()[ball] * mesh.vertices[ball]).sum(-1) / radius[ball]
    assert np.median(outward) > 0.98
    assert (mesh.colours[ball][:, 0] > 150).mean() > 0.95
    assert (mesh.colours[radius > 1.2][:, 2] > 150).all()


def test_fusion_is_deterministic_and_needs_no_more_memory_for_more_frames(mesh: Mesh) -> None:
    again = fused().mesh().without_fragments(20)
    assert all(np.array_equal(one, other) for one, other in zip(mesh, again, strict=True))
    volume = fused()
    blocks = len(volume)
    for _ in range(2):
        depth, image = analytic.view(analytic.pose(0.0))
        volume.integrate(depth, np.ones_like(depth), image, analytic.K, analytic.pose(0.0))
    assert len(volume) == blocks


def test_memory_ends_at_the_limit_and_says_so() -> None:
    volume = fused(2, max_blocks=100)
    assert len(volume) == 100 and volume.full
    assert len(volume.mesh().vertices)


def test_what_a_later_frame_sees_through_goes() -> None:
    volume = Volume(VOXEL)
    to_world = analytic.pose(0.0)
    depth, image = analytic.view(to_world)
    ghost = np.zeros_like(depth)
    ghost[10:60, 10:60] = 0.4
    volume.integrate(ghost, np.full_like(depth, 0.3), image, analytic.K, to_world)
    near = lambda: (np.linalg.norm(volume.mesh().vertices - to_world[:3, 3], axis=-1) < 0.6).sum()  # noqa: E731
    assert near() > 0
    volume.integrate(depth, np.ones_like(depth), image, analytic.K, to_world)
    assert near() == 0


def test_nothing_known_gives_an_empty_mesh(tmp_path: Path) -> None:
    volume = Volume(VOXEL)
    depth, image = analytic.view(analytic.pose(0.0))
    volume.integrate(0 * depth, np.ones_like(depth), image, analytic.K, analytic.pose(0.0))
    empty = volume.mesh().without_fragments(10)
    assert len(empty.vertices) == len(empty.faces) == 0
    write_mesh_ply(tmp_path / "empty.ply", empty)


def test_a_closed_surface_across_blocks_has_no_holes() -> None:
    """Every edge of the mesh of a ball belongs to two faces, also where blocks meet."""
    blocks = np.stack(np.meshgrid(*[np.arange(-2, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    inner = np.indices((8, 8, 8)).reshape(3, -1).T
    places = (blocks[:, None] * 8 + inner).astype(np.float64)
    value = (np.linalg.norm(places - [0.3, -0.2, 0.1], axis=-1) - 9.3).reshape(-1, 8, 8, 8)
    colour = np.ones((len(blocks), 8, 8, 8, 4), dtype=np.float16)
    known = np.ones_like(value, dtype=bool)
    made = extract(blocks, value.astype(np.float32), known, colour, 1.0)
    radius = np.linalg.norm(made.vertices - [0.3, -0.2, 0.1], axis=-1)
    assert np.abs(radius - 9.3).max() < 0.15
    edges = np.sort(
        np.concatenate([made.faces[:, [0, 1]], made.faces[:, [1, 2]], made.faces[:, [2, 0]]]), axis=1
    )
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert (uses == 2).all()
    assert len(made.vertices) - len(uses) + len(made.faces) == 2  # Euler's number of a sphere


def test_fragments_go_and_the_rest_keeps_its_shape() -> None:
    square = np.array(
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [5, 5, 5], [6, 5, 5], [5, 6, 5]], np.float32
    )
    faces = np.array([[4, 5, 6], [0, 1, 2], [0, 2, 3]], np.int32)
    left = Mesh(square, faces, np.zeros((7, 3), np.uint8)).without_fragments(2)
    assert np.array_equal(left.vertices, square[:4])
    assert np.array_equal(left.faces, faces[1:])


def test_ply_is_laid_out_as_its_header_says(mesh: Mesh, tmp_path: Path) -> None:
    write_mesh_ply(tmp_path / "mesh.ply", mesh)
    header, _, body = (tmp_path / "mesh.ply").read_bytes().partition(b"end_header\n")
    assert f"element vertex {len(mesh.vertices)}".encode() in header
    assert len(body) == 27 * len(mesh.vertices) + 13 * len(mesh.faces)
    x, y, z = struct.unpack_from("<3f", body)
    assert np.allclose((x, y, z), mesh.vertices[0])
    count, *corners = struct.unpack_from("<B3i", body, 27 * len(mesh.vertices))
    assert count == 3 and corners == mesh.faces[0].tolist()
    write_points_ply(tmp_path / "points.ply", mesh.vertices[:5], mesh.colours[:5], np.ones(5, np.float32))
    assert b"property float confidence\n" in (tmp_path / "points.ply").read_bytes()


def test_glb_holds_the_mesh_and_stands_upright(mesh: Mesh, tmp_path: Path) -> None:
    up = np.array([0.0, -1.0, 0.2])
    write_glb(tmp_path / "mesh.glb", mesh, up)
    data = (tmp_path / "mesh.glb").read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    scene = json.loads(data[20 : 20 + size])
    places = np.frombuffer(data, "<f4", 3 * len(mesh.vertices), 28 + size).reshape(-1, 3)
    assert np.array_equal(places, mesh.vertices)
    last = scene["bufferViews"][scene["accessors"][3]["bufferView"]]
    faces = np.frombuffer(data, "<u4", mesh.faces.size, 28 + size + last["byteOffset"])
    assert np.array_equal(faces.reshape(-1, 3), mesh.faces)
    turn = np.array(scene["nodes"][0]["matrix"]).reshape(4, 4).T[:3, :3]
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.isclose(np.linalg.det(turn), 1)
    assert np.allclose(turn @ up / np.linalg.norm(up), [0, 1, 0])
