"""Meshes and points as files: binary PLY, and GLB (glTF 2.0)."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from zoo.files import replacing
from zoo.predict.rooms.mesh import Mesh

_FLOAT: Final = 5126  # component types and buffer targets of the glTF 2.0 specification, 3.6 and 5.1
_UINT32: Final = 5125
_UINT8: Final = 5121
_VERTICES: Final = 34962
_INDICES: Final = 34963


def write_mesh_ply(path: Path, mesh: Mesh) -> None:
    """A mesh with a colour and a normal a vertex, in its own coordinates."""
    vertices = _records(mesh.vertices, mesh.colours, {"nx": 0, "ny": 1, "nz": 2}, mesh.normals())
    faces = np.empty(len(mesh.faces), dtype=[("n", "u1"), ("i", "<i4", (3,))])
    faces["n"], faces["i"] = 3, mesh.faces
    header = [*_header(vertices), f"element face {len(faces)}", "property list uchar int vertex_indices"]
    _write_ply(path, header, vertices.tobytes() + faces.tobytes())


def write_points_ply(
    path: Path,
    points: Float32[np.ndarray, "N 3"],
    colours: UInt8[np.ndarray, "N 3"],
    confidence: Float32[np.ndarray, "N"],
) -> None:
    """Points in world coordinates with their colour, and `confidence` in [0, 1] as a property of its own."""
    records = _records(points, colours, {"confidence": 0}, confidence[:, None])
    _write_ply(path, _header(records), records.tobytes())


class Part(NamedTuple):
    """A mesh of a scene, and how much of what is behind it it hides: 1 all, 0 nothing."""

    mesh: Mesh
    opacity: float = 1.0


def write_glb(path: Path, mesh: Mesh, up: Float[np.ndarray, "3"] | None = None) -> None:
    """A mesh for viewers of glTF, lengths in metres.

    Args:
        path: the file.
        mesh: in world coordinates, which its vertices keep.
        up: what is up in the world; glTF's y axis is, so the node is turned by that. None: as it is.
    """
    write_parts_glb(path, [Part(mesh)], up)


def write_parts_glb(path: Path, parts: Sequence[Part], up: Float[np.ndarray, "3"] | None = None) -> None:
    """As `write_glb`, of several meshes, which may be translucent."""
    chunks: list[bytes] = []
    accessors: list[dict[str, Any]] = []
    for mesh, _ in parts:
        opaque = np.full((len(mesh.colours), 4), 255, dtype=np.uint8)  # 4 bytes: attributes are aligned
        opaque[:, :3] = _linear(mesh.colours)
        first, count = len(chunks), len(mesh.vertices)
        low, high = (
            (mesh.vertices.min(0).tolist(), mesh.vertices.max(0).tolist())
            if count
            else ([0.0] * 3, [0.0] * 3)
        )
        chunks += [
            mesh.vertices.astype("<f4").tobytes(),
            mesh.normals().astype("<f4").tobytes(),
            opaque.tobytes(),
            mesh.faces.astype("<u4").tobytes(),
        ]
        accessors += [
            {"bufferView": first, "componentType": _FLOAT, "count": count, "type": "VEC3"}
            | {"min": low, "max": high},
            {"bufferView": first + 1, "componentType": _FLOAT, "count": count, "type": "VEC3"},
            {"bufferView": first + 2, "componentType": _UINT8, "normalized": True}
            | {"count": count, "type": "VEC4"},
            {"bufferView": first + 3, "componentType": _UINT32, "count": mesh.faces.size, "type": "SCALAR"},
        ]
    starts = np.cumsum([0, *map(len, chunks)]).tolist()
    node: dict[str, Any] = {"mesh": 0, "name": "mesh"}
    if up is not None:
        node["matrix"] = _upright(up).T.ravel().tolist()  # column by column
    scene = {
        "asset": {"version": "2.0", "generator": "zoo"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [node],
        "meshes": [{"primitives": [_primitive(number) for number in range(len(parts))]}],
        "materials": [_material(part.opacity) for part in parts],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": len(chunk)}
            | {"target": _INDICES if number % 4 == 3 else _VERTICES}
            for number, (start, chunk) in enumerate(zip(starts[:-1], chunks, strict=True))
        ],
        "buffers": [{"byteLength": starts[-1]}],
    }
    text = json.dumps(scene, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(chunks)
    length = 12 + 8 + len(text) + 8 + len(binary)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, length))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)


def _primitive(number: int) -> dict[str, Any]:
    names = ("POSITION", "NORMAL", "COLOR_0")
    attributes = {name: 4 * number + offset for offset, name in enumerate(names)}
    return {"attributes": attributes, "indices": 4 * number + 3, "material": number}


def _material(opacity: float) -> dict[str, Any]:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    if opacity == 1:
        return {"pbrMetallicRoughness": surface, "doubleSided": True}
    surface["baseColorFactor"] = [1.0, 1.0, 1.0, opacity]
    return {"pbrMetallicRoughness": surface, "alphaMode": "BLEND", "doubleSided": False}


def _records(
    points: Float32[np.ndarray, "N 3"],
    colours: UInt8[np.ndarray, "N 3"],
    further: dict[str, int],
    values: Float32[np.ndarray, "N k"],
) -> np.ndarray[Any, np.dtype[Any]]:
    names = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), *((name, "<f4") for name in further)]
    records = np.empty(len(points), dtype=[*names, ("red", "u1"), ("green", "u1"), ("blue", "u1")])
    for axis, name in enumerate("xyz"):
        records[name] = points[:, axis]
    for name, column in further.items():
        records[name] = values[:, column]
    for channel, name in enumerate(("red", "green", "blue")):
        records[name] = colours[:, channel]
    return records


def _header(records: np.ndarray[Any, np.dtype[Any]]) -> list[str]:
    assert records.dtype.fields is not None
    kinds = {"f": "float", "u": "uchar"}
    lines = [f"property {kinds[kind.kind]} {name}" for name, (kind, *_) in records.dtype.fields.items()]
    return [f"element vertex {len(records)}", *lines]


def _write_ply(path: Path, header: list[str], body: bytes) -> None:
    lines = ["ply", "format binary_little_endian 1.0", "comment metres, world coordinates", *header]
    with replacing(path) as temporary:
        temporary.write_bytes(("\n".join([*lines, "end_header"]) + "\n").encode() + body)


def _linear(colours: UInt8[np.ndarray, "N 3"]) -> UInt8[np.ndarray, "N 3"]:
    """COLOR_0 of glTF is linear light, images are sRGB (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    table = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    found: UInt8[np.ndarray, "N 3"] = np.rint(255 * table).astype(np.uint8)[colours]
    return found


def _upright(up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """The shortest turn of `up` onto the y axis."""
    x, y, z = up / np.linalg.norm(up)
    turn = np.eye(4)
    if y < -0.999999:
        turn[1, 1] = turn[2, 2] = -1
        return turn
    # Rodrigues' formula about up x (0, 1, 0) = (-z, 0, x).
    cross = np.array([[0, -x, 0], [x, 0, z], [0, -z, 0]])
    turn[:3, :3] = np.eye(3) + cross + cross @ cross / (1 + y)
    return turn
