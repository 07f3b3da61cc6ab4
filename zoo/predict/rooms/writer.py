"""Where predictions of rooms go: depth, uncertainty and previews a frame, points and mesh of all."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped, UInt16

from zoo.data.captures.files import BadFileError, read_rgb
from zoo.errors import ZooError
from zoo.files import replacing, write_text
from zoo.predict.rooms.fuse import MAX_SIGMA
from zoo.predict.rooms.mesh import Mesh
from zoo.predict.rooms.mesh_files import write_glb, write_mesh_ply, write_points_ply
from zoo.predict.rooms.native import to_native
from zoo.predict.rooms.predictor import FittedDepth
from zoo.predict.rooms.preview import far_of, preview
from zoo.predict.rooms.reader import Loaded
from zoo.predict.rooms.table import RoomTable

CAMERAS_FILE: Final = "cameras.json"
CONFIDENT: Final = 0.1
"""A pixel whose relative uncertainty is at most this counts as confident in the table."""
MIN_CONFIDENCE: Final = 0.5
"""Of points that are written."""
_MM: Final = 1000.0


class RoomWriter:
    """Writes into a folder, whose files are complete or absent at any time:

    ``depth/<frame>.png`` (16 bit, millimetres, 0 unknown, the image's size), ``uncertainty/<frame>.png``
    (likewise: 68 % of errors are below it), ``preview/<frame>.png``, ``predictions.csv``; and when the
    context is left ``points.ply``, and ``cameras.json`` for `zoo view`, where frames have poses.

    Raises:
        ZooError: the folder cannot be written to, or the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._far: float | None = None
        self._points: list[Float32[np.ndarray, "n 3"]] = []
        self._colours: list[Shaped[np.ndarray, "n 3"]] = []
        self._confidence: list[Float32[np.ndarray, "n"]] = []
        self._cameras: list[dict[str, object]] = []

    def __enter__(self) -> RoomWriter:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._table = RoomTable(self._folder / "predictions.csv")
        except OSError as error:
            raise _write_error(self._folder, error) from None
        return self

    def write(self, loaded: Loaded, predicted: FittedDepth) -> None:
        """Write one frame; its row comes last, so that a row has all its files."""
        frame = loaded.job.frame
        depth, sigma = to_native(frame, predicted.depth, predicted.sigma)
        known = depth > 0
        if self._far is None:
            self._far = far_of(depth)
        try:
            image = read_rgb(frame)
        except BadFileError:  # it went away since; its prediction is here
            image = np.zeros((*depth.shape, 3), dtype=np.uint8)
        points = self._keep_points(loaded, predicted)
        try:
            name = f"{frame.name}.png"
            _write_png(self._folder / "depth" / name, _millimetres(depth, known))
            _write_png(self._folder / "uncertainty" / name, _millimetres(sigma * depth, known))
            picture = preview(image, depth, sigma, self._far)
            _write_png(self._folder / "preview" / name, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            self._table.write(
                str(frame.image),
                frame.name,
                [source.name for source in loaded.job.sources],
                float(np.median(depth[known])) if known.any() else None,
                float((sigma[known] <= CONFIDENT).mean()) if known.any() else 0.0,
                points,
                loaded.job.baseline_m,
                loaded.job.remarks,
            )
        except OSError as error:
            raise _write_error(self._folder, error) from None

    def write_mesh(self, mesh: Mesh, up: Float[np.ndarray, "3"] | None) -> None:
        """Write ``mesh.ply`` and ``mesh.glb``; those of an earlier run go where there is none."""
        paths = self._folder / "mesh.ply", self._folder / "mesh.glb"
        try:
            if len(mesh.faces):
                write_mesh_ply(paths[0], mesh)
                write_glb(paths[1], mesh, up)
            else:
                for path in paths:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise _write_error(self._folder, error) from None

    def _keep_points(self, loaded: Loaded, predicted: FittedDepth) -> int:
        """Remember camera and points of a posed frame, in the world; returns how many points."""
        frame, camera = loaded.job.frame, loaded.view.camera
        pose = frame.cam_to_world
        if pose is None:
            return 0
        self._cameras.append(
            {
                "frame": frame.name,
                "size": list(frame.size),
                "fx_fy_cx_cy": frame.camera[[0, 1, 0, 1], [0, 1, 2, 2]].tolist(),
                "cam_to_world": pose.tolist(),
            }
        )
        column, row = np.rint(predicted.point_px).astype(int).T
        # The matcher sees no more than a neighbourhood: what the whole picture leaves unsure is not kept.
        good = (predicted.point_confidence >= MIN_CONFIDENCE) & (predicted.sigma[row, column] <= MAX_SIGMA)
        pixels, z = predicted.point_px[good], predicted.point_depth[good]
        rays = (pixels - camera[:2, 2]) / camera[[0, 1], [0, 1]]
        local = np.concatenate((rays, np.ones_like(rays[:, :1])), axis=1) * z[:, None]
        self._points.append((local @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32))
        self._colours.append(loaded.view.image[row[good], column[good]])
        self._confidence.append(predicted.point_confidence[good])
        return int(good.sum())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._cameras:
                points = (np.concatenate(x) for x in (self._points, self._colours, self._confidence))
                write_points_ply(self._folder / "points.ply", *points)
                write_text(self._folder / CAMERAS_FILE, json.dumps({"cameras": self._cameras}, indent=1))
            else:  # those of an earlier run are of other frames
                for name in ("points.ply", CAMERAS_FILE):
                    (self._folder / name).unlink(missing_ok=True)
            self._table.close()
        except OSError as failed:
            if kind is None:
                raise _write_error(self._folder, failed) from None


def _millimetres(
    metres: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]
) -> UInt16[np.ndarray, "h w"]:
    """16 bit; what is known is at least 1, as 0 means unknown, and what is too far for 16 bits is unknown."""
    values = np.rint(metres * _MM)
    fits = known & (values <= np.iinfo(np.uint16).max)
    return np.where(fits, np.maximum(values, 1), 0).astype(np.uint16)


def _write_png(path: Path, image: Shaped[np.ndarray, "..."]) -> None:
    done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done, "OpenCV encodes every 8-bit and 16-bit image"
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _write_error(folder: Path, error: OSError) -> ZooError:
    where = error.filename or folder
    return ZooError(f"cannot write {where}: {error.strerror or error}; what was done stays")
