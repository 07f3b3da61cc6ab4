"""`zoo view`: mesh, points and cameras of a predicted capture in a browser.

viser is imported when it is needed; it is an optional extra.
"""

from __future__ import annotations

import json
import math
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float
from rich.console import Console

from zoo.errors import ZooError
from zoo.predict.rooms.writer import CAMERAS_FILE

_PICTURES: Final = 40  # cameras that show their image: pages of hundreds are slow
_PICTURE_WIDTH: Final = 160
_FRUSTUM_M: Final = 0.08
_FRUSTUM_LINE_M: Final = 0.003
_FRUSTUM_COLOUR: Final = (42, 125, 225)
_BEHIND_M, _ABOVE_M, _AHEAD_M = 0.7, 0.35, 2.0  # the first look, from a camera


def serve(folder: Path, host: str, port: int, console: Console) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        ZooError: the folder holds no predicted capture, viser is not installed, or the port is taken.
    """
    server = build(folder, host, port)
    console.print(f"http://{host}:{server.get_port()} shows {folder}; Ctrl-C ends it", highlight=False)
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        server.stop()


def build(folder: Path, host: str, port: int) -> Any:
    """The running server, with everything on its page."""
    mesh, points, file = folder / "mesh.ply", folder / "points.ply", folder / CAMERAS_FILE
    if not file.is_file():
        raise ZooError(
            f"{folder}: holds no {CAMERAS_FILE}; give a folder that `zoo predict` of a posed capture wrote"
        )
    try:
        cameras = json.loads(file.read_text(encoding="utf-8"))["cameras"]
        poses = np.array([camera["cam_to_world"] for camera in cameras], dtype=np.float64)
        if poses.shape != (len(cameras), 4, 4) or not len(cameras):
            raise ValueError(f"poses of the shape {poses.shape}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{file}: not what `zoo predict` writes ({error})") from None
    viser, trimesh = _import("viser"), _import("trimesh")
    try:
        server = viser.ViserServer(host=host, port=port, verbose=False)
    except OSError as error:
        raise ZooError(f"no page on {host}:{port}: {error.strerror or error}; try another --port") from None
    up = -poses[:, :3, 1].mean(0)
    server.scene.set_up_direction(tuple(up.tolist()))
    found = []
    if mesh.is_file():
        surface = trimesh.load(mesh, process=False)
        server.scene.add_mesh_trimesh("/mesh", surface)
        found.append(np.asarray(surface.vertices))
    if points.is_file() and len((cloud := trimesh.load(points)).vertices):
        found.append(np.asarray(cloud.vertices))
        server.scene.add_point_cloud(
            "/points",
            points=np.asarray(cloud.vertices, dtype=np.float32),
            colors=np.asarray(cloud.colors)[:, :3],
            point_size=0.01,
        )
    position, look_at = _first_look(poses, found[0] if found else None)
    server.initial_camera.position, server.initial_camera.look_at = position, look_at
    every = max(1, math.ceil(len(cameras) / _PICTURES))
    for number, camera in enumerate(cameras):
        picture = _picture(folder, camera) if number % every == 0 else None
        _add_camera(server, camera, picture)
    return server


def _first_look(
    poses: Float[np.ndarray, "N 4 4"], seen: Float[np.ndarray, "V 3"] | None
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Where to stand and what to look at: from behind the camera that faces the middle of what was found."""
    centres, ahead = poses[:, :3, 3], poses[:, :3, 2]
    middle = centres[0] + _AHEAD_M * ahead[0] if seen is None else np.median(seen, axis=0)
    towards = middle - centres
    towards /= np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-9)
    best = int((towards * ahead).sum(1).argmax())
    return centres[best] - _BEHIND_M * ahead[best] - _ABOVE_M * poses[best, :3, 1], middle


def _add_camera(server: Any, camera: dict[str, Any], picture: Any) -> None:
    pose = np.array(camera["cam_to_world"])
    width, height = camera["size"]
    server.scene.add_camera_frustum(
        f"/cameras/{camera['frame']}",
        fov=2 * math.atan(height / 2 / camera["fx_fy_cx_cy"][1]),
        aspect=width / height,
        scale=_FRUSTUM_M,
        thickness=_FRUSTUM_LINE_M,
        color=_FRUSTUM_COLOUR,
        wxyz=_quaternion(pose[:3, :3]),
        position=pose[:3, 3],
        image=picture,
    )


def _quaternion(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "4"]:
    """w, x, y, z."""
    turn = cv2.Rodrigues(rotation)[0][:, 0]
    angle = float(np.linalg.norm(turn))
    axis = turn / angle if angle > 0 else turn
    return np.array([math.cos(angle / 2), *(math.sin(angle / 2) * axis)])


def _picture(folder: Path, camera: dict[str, Any]) -> Any:
    """The frame's image, small: the left third of its preview, above the strip of text."""
    stored = cv2.imread(str(folder / "preview" / f"{camera['frame']}.png"))
    if stored is None:
        return None
    width = stored.shape[1] // 3
    image = stored[: round(width * camera["size"][1] / camera["size"][0]), :width, ::-1]
    height = max(1, round(_PICTURE_WIDTH * image.shape[0] / image.shape[1]))
    return cv2.resize(np.ascontiguousarray(image), (_PICTURE_WIDTH, height), interpolation=cv2.INTER_AREA)


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ZooError(
            f"the viewer needs {name}, which is not installed: pip install 'eye-room-zoo[view]'. "
            "mesh.glb opens in any viewer of glTF without it"
        ) from None
