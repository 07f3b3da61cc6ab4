"""Fusion of depth images: a truncated signed distance function on voxel blocks near the surfaces.

After Curless and Levoy (SIGGRAPH 1996), stored sparsely as by Niessner et al. (SIGGRAPH Asia 2013). Memory
grows with the surface that was seen and not with the number of frames, and ends at `max_blocks`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from zoo.predict.rooms.mesh import Mesh
from zoo.predict.rooms.surface import SIDE, extract

BLOCK_BYTES: Final = SIDE**3 * (4 + 4 + 8)
"""Distance, weight, and colour with its weight in half precision."""
MOST_WEIGHT: Final = 60.0
"""Frames that a voxel remembers: later ones still correct it."""
_CHUNK: Final = 512  # blocks that are updated at a time
_NEAREST_M: Final = 0.05


class Volume:
    """Add frames with `integrate`, then take the `mesh`; the same frames give the same mesh.

    Args:
        voxel_m: edge of a voxel, metres.
        truncation_m: how far from a surface distances are kept; 4 voxels by default.
        max_blocks: of 8 x 8 x 8 voxels (8 KiB each). What would need more is left out, and `full` is true.
    """

    def __init__(self, voxel_m: float, truncation_m: float | None = None, max_blocks: int = 120_000) -> None:
        self.voxel_m = voxel_m
        self.truncation_m = 4 * voxel_m if truncation_m is None else truncation_m
        self.full = False
        self._most = max_blocks
        self._rows: dict[tuple[int, int, int], int] = {}
        self._blocks = np.zeros((0, 3), dtype=np.int64)
        self._distance = np.zeros((0, SIDE**3), dtype=np.float32)
        self._weight = np.zeros((0, SIDE**3), dtype=np.float32)
        self._colour = np.zeros((0, SIDE**3, 4), dtype=np.float16)

    def __len__(self) -> int:
        return len(self._rows)

    def integrate(
        self,
        depth: Float[np.ndarray, "H W"],
        weight: Float[np.ndarray, "H W"],
        image: UInt8[np.ndarray, "H W 3"],
        camera: Float[np.ndarray, "3 3"],
        cam_to_world: Float[np.ndarray, "4 4"],
    ) -> None:
        """Add a frame of a pinhole camera.

        Args:
            depth: z, metres; 0 where it is unknown.
            weight: in [0, 1], how much a pixel counts.
            image: RGB.
            camera: intrinsics of these images.
            cam_to_world: pose.
        """
        known = (depth > 0) & (weight > 0)
        if not known.any():
            return
        depth = np.where(known, depth, 0).astype(np.float32)
        near = self._near(depth, camera, cam_to_world)
        rows = np.union1d(self._allocated(near), self._in_front(depth, camera, cam_to_world))
        for start in range(0, len(rows), _CHUNK):
            self._update(rows[start : start + _CHUNK], depth, weight, image, camera, cam_to_world)

    def mesh(self, least_weight: float = 0.0) -> Mesh:
        """The surface between voxels of more than a weight; without vertices where nothing was seen."""
        count = len(self._rows)
        cube = (count, SIDE, SIDE, SIDE)
        return extract(
            self._blocks[:count],
            self._distance[:count].reshape(cube),
            (self._weight[:count] > least_weight).reshape(cube),
            self._colour[:count].reshape(*cube, 4),
            self.voxel_m,
        )

    def _near(
        self,
        depth: Float32[np.ndarray, "H W"],
        camera: Float[np.ndarray, "3 3"],
        cam_to_world: Float[np.ndarray, "4 4"],
    ) -> Int64[np.ndarray, "n 3"]:
        """Blocks within the truncation of what the pixels show, in order."""
        v, u = np.nonzero(depth)
        z = depth[v, u].astype(np.float64)
        rays = np.stack(
            ((u - camera[0, 2]) / camera[0, 0], (v - camera[1, 2]) / camera[1, 1], np.ones(len(u))), axis=-1
        )
        edge = SIDE * self.voxel_m
        steps = int(np.ceil(2 * self.truncation_m / (0.5 * edge))) + 1
        found = []
        for offset in np.linspace(-self.truncation_m, self.truncation_m, steps):
            local = rays * np.maximum(z + offset, _NEAREST_M)[:, None]
            world = local @ cam_to_world[:3, :3].T + cam_to_world[:3, 3]
            found.append(np.unique(np.floor(world / edge).astype(np.int64), axis=0))
        return np.unique(np.concatenate(found), axis=0)

    def _allocated(self, blocks: Int64[np.ndarray, "n 3"]) -> Int64[np.ndarray, "m"]:
        """Rows of the blocks, made where they are new and there is room."""
        rows = []
        for key in map(tuple, blocks.tolist()):
            row = self._rows.get(key)
            if row is None:
                if len(self._rows) >= self._most:
                    self.full = True
                    continue
                row = self._rows[key] = len(self._rows)
                if row >= len(self._blocks):
                    self._grow()
                self._blocks[row] = key
            rows.append(row)
        return np.array(rows, dtype=np.int64)

    def _grow(self) -> None:
        more = min(max(1024, len(self._blocks) // 2), self._most - len(self._blocks))
        for name in ("_blocks", "_distance", "_weight", "_colour"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate((old, np.zeros((more, *old.shape[1:]), old.dtype))))

    def _in_front(
        self,
        depth: Float32[np.ndarray, "H W"],
        camera: Float[np.ndarray, "3 3"],
        cam_to_world: Float[np.ndarray, "4 4"],
    ) -> Int64[np.ndarray, "m"]:
        """Rows of blocks that this frame sees through: what is in them was wrong."""
        edge = SIDE * self.voxel_m
        centres = (self._blocks[: len(self._rows)] + 0.5) * edge
        seen, found, z = _looked_up(centres, depth, camera, cam_to_world)
        there = np.zeros(len(centres), dtype=np.float32)
        there[seen] = depth.ravel()[found]
        return np.flatnonzero((there > 0) & (there - z > self.truncation_m + edge))

    def _update(
        self,
        rows: Int64[np.ndarray, "m"],
        depth: Float32[np.ndarray, "H W"],
        weight: Float[np.ndarray, "H W"],
        image: UInt8[np.ndarray, "H W 3"],
        camera: Float[np.ndarray, "3 3"],
        cam_to_world: Float[np.ndarray, "4 4"],
    ) -> None:
        inner = np.indices((SIDE,) * 3).reshape(3, -1).T
        places = (self._blocks[rows][:, None] * SIDE + inner).reshape(-1, 3) * self.voxel_m
        seen, pixel, z = _looked_up(places, depth, camera, cam_to_world)
        there = depth.ravel()[pixel]
        distance = there - z[seen]
        keep = (there > 0) & (distance > -self.truncation_m)
        seen, pixel, distance = seen[keep], pixel[keep], distance[keep]
        at = (rows[:, None] * SIDE**3 + np.arange(SIDE**3)).ravel()[seen]
        scaled = np.minimum(distance / self.truncation_m, 1).astype(np.float32)
        # Behind the surface nothing is seen, and thin things have another side: counts less the deeper it is.
        gain = (weight.ravel()[pixel] * np.minimum(1 + scaled, 1)).astype(np.float32)
        values, weights = self._distance.reshape(-1), self._weight.reshape(-1)
        total = weights[at] + gain
        share = gain / np.maximum(total, 1e-9)
        values[at] += share * (scaled - values[at])
        weights[at] = np.minimum(total, MOST_WEIGHT)
        close = scaled < 1
        at, pixel, gain = at[close], pixel[close], gain[close]
        colours = self._colour.reshape(-1, 4)
        old = colours[at].astype(np.float32)
        total = old[:, 3] + gain
        share = (gain / np.maximum(total, 1e-9))[:, None]
        old[:, :3] += share * (image.reshape(-1, 3)[pixel] - old[:, :3])
        old[:, 3] = np.minimum(total, MOST_WEIGHT)
        colours[at] = old


def _looked_up(
    places: Float[np.ndarray, "n 3"],
    depth: Float32[np.ndarray, "H W"],
    camera: Float[np.ndarray, "3 3"],
    cam_to_world: Float[np.ndarray, "4 4"],
) -> tuple[Int64[np.ndarray, "m"], Int64[np.ndarray, "m"], Float[np.ndarray, "n"]]:
    """Which places the image shows, the flat pixel of each of these, and the z of all."""
    local = (places - cam_to_world[:3, 3]) @ cam_to_world[:3, :3]
    z = local[:, 2]
    ahead = np.flatnonzero(z > _NEAREST_M)
    height, width = depth.shape
    u = np.rint(local[ahead, 0] / z[ahead] * camera[0, 0] + camera[0, 2])
    v = np.rint(local[ahead, 1] / z[ahead] * camera[1, 1] + camera[1, 2])
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    seen = ahead[inside]
    return seen, (v[inside] * width + u[inside]).astype(np.int64), z
