"""A triangle mesh: its normals, and what is too small to be a surface."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8


class Mesh(NamedTuple):
    """Vertices in world coordinates, metres; faces turn anticlockwise where they are seen from outside."""

    vertices: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    colours: UInt8[np.ndarray, "V 3"]

    def normals(self) -> Float32[np.ndarray, "V 3"]:
        """Unit normals of the vertices, means of the faces' weighted by area; (0, 0, 1) if there is none."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        of_faces = np.cross(b - a, c - a)
        total = np.stack(
            [
                np.bincount(self.faces.ravel(), np.repeat(of_faces[:, axis], 3), len(self.vertices))
                for axis in range(3)
            ],
            axis=-1,
        )
        length = np.linalg.norm(total, axis=-1, keepdims=True)
        flat = length[:, 0] < 1e-20
        total[flat], length[flat] = (0.0, 0.0, 1.0), 1.0
        return (total / length).astype(np.float32)

    def without_fragments(self, fewest_faces: int) -> Mesh:
        """The mesh without connected parts of fewer faces, and without vertices that no face uses."""
        part = _parts(len(self.vertices), self.faces)
        sizes = np.bincount(part[self.faces[:, 0]], minlength=len(self.vertices))
        faces = self.faces[sizes[part[self.faces[:, 0]]] >= fewest_faces]
        used = np.zeros(len(self.vertices), dtype=bool)
        used[faces.ravel()] = True
        renumbered = (np.cumsum(used) - 1).astype(np.int32)
        return Mesh(self.vertices[used], renumbered[faces], self.colours[used])


def _parts(count: int, faces: Int32[np.ndarray, "F 3"]) -> Int64[np.ndarray, "V"]:
    """For each vertex the smallest vertex that it is connected with.

    Every vertex points to one with a smaller number; edges join the ends of the chains, and chains are
    shortened, until nothing changes: a few rounds, not as many as the mesh is long.
    """
    root = np.arange(count)
    edges = np.concatenate((faces[:, :2], faces[:, 1:])).astype(np.int64)
    while True:
        ends = root[edges]
        low, high = ends.min(1), ends.max(1)
        apart = low < high
        if not apart.any():
            return root
        np.minimum.at(root, high[apart], low[apart])
        while True:
            shorter = root[root]
            if np.array_equal(shorter, root):
                break
            root = shorter
