"""The surface in a grid of signed distances, by naive surface nets.

One vertex in each cell that the surface crosses, at the mean of the crossings of the cell's edges (after
Gibson, Constrained elastic surface nets, MICCAI 1998, without her relaxation), and a quadrilateral about each
crossed edge. Fewer slivers than marching cubes, no table of cases, and no seams between blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, Shaped, UInt8

from zoo.predict.rooms.mesh import Mesh

SIDE: Final = 8
"""Voxels along a block."""
_CORNERS: Final = np.array(list(product((0, 1), repeat=3)))  # x, y, z; corner 4 x + 2 y + z
_OF_AXIS: Final = (4, 2, 1)  # the corner that lies one step along x, y, z from corner 0
_EDGES: Final = [
    (low, low + step) for step in _OF_AXIS for low in range(8) if not low & step
]  # pairs of corners
_CHUNK: Final = 512  # blocks at a time

RowsOf = Callable[[Any], Any]
"""From places of blocks (n, 3) to their rows (n,); -1 where there is none."""


def extract(
    blocks: Int64[np.ndarray, "N 3"],
    distance: Float32[np.ndarray, "N 8 8 8"],
    known: Bool[np.ndarray, "N 8 8 8"],
    colour: Shaped[np.ndarray, "N 8 8 8 4"],
    voxel_m: float,
) -> Mesh:
    """The surface where the distance passes zero, with its positive side outside.

    Args:
        blocks: places of the blocks in the world, counted in blocks; voxel (i, j, k) of block (x, y, z) is
            at ``voxel_m * (8 x + i, 8 y + j, 8 z + k)``.
        distance: signed, of the voxels; any unit.
        known: a cell with an unknown corner holds no surface.
        colour: red, green, blue in [0, 255] and their weight.
        voxel_m: metres.
    """
    order = np.argsort(_packed(blocks), kind="stable")
    sorted_keys = _packed(blocks)[order]

    def rows_of(places: Int64[np.ndarray, "n 3"]) -> Int64[np.ndarray, "n"]:
        keys = _packed(places)
        at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
        return np.where(sorted_keys[at] == keys, order[at], -1)

    number = np.full((len(blocks), SIDE**3), -1, dtype=np.int32)
    vertices, colours, cells, signs = [], [], [], []
    total = 0
    for start in range(0, len(blocks), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(blocks)))
        corners = [_shifted(rows, rows_of, blocks, corner) for corner in _CORNERS]
        value = np.stack([distance.reshape(-1)[at] for at, _ in corners], axis=-1)
        there = np.stack([known.reshape(-1)[at] & valid for at, valid in corners], axis=-1).all(-1)
        inside = value < 0
        active = np.flatnonzero(there & inside.any(-1) & ~inside.all(-1))
        value, inside = value[active], inside[active]
        place = _positions(value)
        cell = rows[0] * SIDE**3 + active
        local = np.stack(np.unravel_index(active % SIDE**3, (SIDE,) * 3), axis=-1)
        vertices.append(voxel_m * (blocks[cell // SIDE**3] * SIDE + local + place))
        colours.append(_mixed(np.stack([colour.reshape(-1, 4)[at[active]] for at, _ in corners], axis=1)))
        number.reshape(-1)[cell] = total + np.arange(len(active))
        cells.append(cell)
        signs.append(inside[:, [0, *_OF_AXIS]])
        total += len(active)
    every = np.concatenate(cells) if cells else np.zeros(0, dtype=np.int64)
    if not len(every):
        empty = np.zeros((0, 3))
        return Mesh(empty.astype(np.float32), empty.astype(np.int32), empty.astype(np.uint8))
    faces = _faces(every, np.concatenate(signs), number, blocks, rows_of)
    return Mesh(np.concatenate(vertices).astype(np.float32), faces, np.concatenate(colours))


def _packed(places: Int64[np.ndarray, "n 3"]) -> Int64[np.ndarray, "n"]:
    """One number a block; 21 bits an axis."""
    shifted = places + (1 << 20)
    return (shifted[:, 0] << 42) | (shifted[:, 1] << 21) | shifted[:, 2]


def _shifted(
    rows: Int64[np.ndarray, "r"],
    rows_of: RowsOf,
    blocks: Int64[np.ndarray, "N 3"],
    corner: Int64[np.ndarray, "3"],
) -> tuple[Int64[np.ndarray, "v"], Bool[np.ndarray, "v"]]:
    """Flat positions of the voxels one corner away from those of `rows`, and whether they are there."""
    local = np.indices((SIDE,) * 3).reshape(3, -1).T + corner
    over = local // SIDE
    inner = np.ravel_multi_index(tuple((local % SIDE).T), (SIDE,) * 3)
    where = np.empty((len(rows), SIDE**3), dtype=np.int64)
    for step in np.unique(over, axis=0):
        mask = (over == step).all(1)
        where[:, mask] = rows_of(blocks[rows] + step)[:, None]
    valid = where >= 0
    return np.where(valid, where * SIDE**3 + inner, 0).ravel(), valid.ravel()


def _positions(value: Float32[np.ndarray, "M 8"]) -> Float32[np.ndarray, "M 3"]:
    """Means of the crossings, in voxels from corner 0."""
    total, count = np.zeros((len(value), 3)), np.zeros(len(value))
    for low, high in _EDGES:
        a, b = value[:, low].astype(np.float64), value[:, high].astype(np.float64)
        crossed = (a < 0) != (b < 0)
        share = np.where(crossed, a / np.where(crossed, a - b, 1.0), 0.0)
        at = _CORNERS[low] + share[:, None] * (_CORNERS[high] - _CORNERS[low])
        total += np.where(crossed[:, None], at, 0.0)
        count += crossed
    return (total / count[:, None]).astype(np.float32)


def _mixed(corners: Shaped[np.ndarray, "M 8 4"]) -> UInt8[np.ndarray, "M 3"]:
    corners = corners.astype(np.float32)
    weight = corners[..., 3:]
    mean = (corners[..., :3] * weight).sum(1) / np.maximum(weight.sum(1), 1e-6)
    return np.clip(np.rint(mean), 0, 255).astype(np.uint8)


def _faces(
    cells: Int64[np.ndarray, "M"],
    signs: Bool[np.ndarray, "M 4"],
    number: Int32[np.ndarray, "N 512"],
    blocks: Int64[np.ndarray, "N 3"],
    rows_of: RowsOf,
) -> Int32[np.ndarray, "F 3"]:
    """Two triangles about each crossed edge whose four cells all have a vertex."""
    rows, local = cells // SIDE**3, np.stack(np.unravel_index(cells % SIDE**3, (SIDE,) * 3), axis=-1)
    found: list[Int32[np.ndarray, "n 3"]] = []
    for axis in range(3):
        crossed = np.flatnonzero(signs[:, 0] != signs[:, 1 + axis])
        b, c = np.eye(3, dtype=np.int64)[[(axis + 1) % 3, (axis + 2) % 3]]
        corners = []
        for step in (-b - c, -c, 0 * b, -b):
            place = local[crossed] + step
            over = place // SIDE
            row = rows[crossed].copy()
            outside = over.any(1)
            row[outside] = rows_of(blocks[row[outside]] + over[outside])
            flat = np.ravel_multi_index(tuple((place % SIDE).T), (SIDE,) * 3)
            corners.append(np.where(row >= 0, number[row, flat], -1))
        quads = np.stack(corners, axis=-1)
        whole = (quads >= 0).all(1)
        quads, from_inside = quads[whole], signs[crossed[whole], 0]
        quads[~from_inside] = quads[~from_inside][:, ::-1]  # the outside is where the distance is positive
        found += [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
    return np.concatenate(found).astype(np.int32)
