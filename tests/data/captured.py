"""A small painted room, and writers of captures of it in the published layouts."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

from tests.geometry.posed import pose, room_depth
from zoo.data.captures.assemble import scale_camera
from zoo.geometry.views import back_project, transform_points

WIDTH, HEIGHT = 64, 48
K = np.array([[55.0, 0, 32.2], [0, 54.0, 23.1], [0, 0, 1]])
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


class Room(NamedTuple):
    camera: np.ndarray
    images: list[np.ndarray]  # (H, W, 3) uint8
    depths: list[np.ndarray]  # (H, W) metres
    poses: list[np.ndarray]  # (4, 4) cam_to_world


def room(camera: np.ndarray = K, count: int = 4) -> Room:
    """Frames of a walk of 16 cm steps towards a corner of the room."""
    images, depths, poses = [], [], []
    for i in range(count):
        to_world = pose((0.05 * i, 0.5 - 0.04 * i, 0.02 * i), (0.1 * i - 0.2, 0.05 * i, 0.12 * i))
        depth = room_depth(torch.from_numpy(camera), to_world, HEIGHT, WIDTH)
        world = transform_points(to_world, back_project(depth, torch.from_numpy(camera)))
        paint = torch.stack([torch.sin(2.5 * world[..., j] + j) for j in range(3)], dim=-1)
        images.append((127.5 * (1 + 0.9 * paint)).round().byte().numpy())
        depths.append(depth.numpy())
        poses.append(to_world.numpy())
    return Room(camera, images, depths, poses)


def write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_depth(path: Path, depth: np.ndarray, steps_per_metre: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.rint(depth * steps_per_metre).astype(np.uint16))


def write_numbers(path: Path, rows: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.atleast_2d(rows))


def hololens(root: Path, scene: Room, steps_per_metre: float = 1000) -> None:
    for i, (image, depth) in enumerate(zip(scene.images, scene.depths, strict=True)):
        write_image(root / "images" / f"{2 * i + 3:05d}.png", image)
        write_depth(root / "depth" / f"{2 * i + 3:05d}.png", depth, steps_per_metre)
    write_numbers(root / "K.txt", scene.camera)
    write_numbers(root / "poses.txt", np.stack(scene.poses).reshape(-1, 16))


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """w x y z, for rotations of less than half a turn."""
    w = np.sqrt(1 + np.trace(rotation)) / 2
    off = rotation - rotation.T
    return np.array([w, *(np.array([off[2, 1], off[0, 2], off[1, 0]]) / (4 * w))])


COLMAP_IDS = {
    "SIMPLE_PINHOLE": 0,
    "PINHOLE": 1,
    "SIMPLE_RADIAL": 2,
    "RADIAL": 3,
    "OPENCV": 4,
    "OPENCV_FISHEYE": 5,
    "FOV": 7,
}


def colmap(
    root: Path, scene: Room, *, binary: bool, model: str = "PINHOLE", further: tuple[float, ...] = ()
) -> None:
    """`further`: parameters behind focal length and principal point."""
    folder = root / "sparse" / "0"
    folder.mkdir(parents=True)
    for i, image in enumerate(scene.images):
        write_image(root / "images" / "walk" / f"{i}.png", image)
    fx, fy = scene.camera[0, 0], scene.camera[1, 1]
    centre = scene.camera[:2, 2] + 0.5
    focal = [fx, fy] if model in ("PINHOLE", "OPENCV", "OPENCV_FISHEYE", "FOV") else [fx]
    values = [*focal, *centre, *further]
    poses = [np.linalg.inv(p) for p in scene.poses]
    entries = [(*quaternion(p[:3, :3]), *p[:3, 3]) for p in poses]
    order = [2, 0, 3, 1]  # COLMAP writes in no order
    place = scene.poses[1] @ np.array([0.0, 0.0, 4.0, 1.0])  # one point, 4 units before the second camera
    if binary:
        data = struct.pack("<QiiQQ", 1, 7, COLMAP_IDS[model], WIDTH, HEIGHT)
        (folder / "cameras.bin").write_bytes(data + struct.pack(f"<{len(values)}d", *values))
        data = struct.pack("<Q", len(entries))
        for i in order:
            name = f"walk/{i}.png".encode() + b"\0"
            points = struct.pack("<Qddqddq", 2, 1.5, 2.5, -1, 3.5, 4.5, 17)
            data += struct.pack("<i7di", i + 1, *entries[i], 7) + name + points
        (folder / "images.bin").write_bytes(data)
        data = struct.pack("<QQ3d3BdQ4i", 1, 17, *place[:3], 9, 9, 9, 0.5, 2, 2, 0, 2, 5)
        (folder / "points3D.bin").write_bytes(data)
        return
    numbers = " ".join(map(str, values))
    (folder / "cameras.txt").write_text(f"# comment\n7 {model} {WIDTH} {HEIGHT} {numbers}\n")
    lines = ["# comment"]
    for i in order:
        points = "1.5 2.5 -1" if i % 2 else ""
        lines += [f"{i + 1} {' '.join(map(str, entries[i]))} 7 walk/{i}.png", points]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "points3D.txt").write_text(f"# comment\n17 {' '.join(map(str, place[:3]))} 9 9 9 0.5 2 0 2 5\n")


def transforms(root: Path, scene: Room, *, blender: bool = False, per_frame: bool = False) -> None:
    """Nerfstudio's layout, or Blender's: no endings, and a field of view instead of intrinsics."""
    camera = {
        "fl_x": scene.camera[0, 0],
        "fl_y": scene.camera[1, 1],
        "cx": scene.camera[0, 2] + 0.5,
        "cy": scene.camera[1, 2] + 0.5,
        "w": WIDTH,
        "h": HEIGHT,
    }
    frames = []
    for i, (image, depth, to_world) in enumerate(zip(scene.images, scene.depths, scene.poses, strict=True)):
        write_image(root / "train" / f"r_{i}.png", image)
        entry = {"file_path": f"./train/r_{i}", "transform_matrix": (to_world @ FLIP).tolist()}
        if not blender:
            write_depth(root / "depths" / f"r_{i}.png", depth, 1000)
            entry |= {"file_path": f"train/r_{i}.png", "depth_file_path": f"depths/r_{i}.png"}
        frames.append(entry | (camera if per_frame else {}))
    meta: dict[str, object] = {"frames": frames}
    if blender:
        meta["camera_angle_x"] = 2 * np.arctan(0.5 * WIDTH / scene.camera[0, 0])
    elif not per_frame:
        meta |= {**camera, "camera_model": "OPENCV", "k1": 0.0, "k2": 0.0, "p1": 0.0, "p2": 0.0}
    name = "transforms_train.json" if blender else "transforms.json"
    (root / name).write_text(json.dumps(meta))


def tum(root: Path, scene: Room) -> None:
    lists: dict[str, list[str]] = {
        "rgb": ["# color images"],
        "depth": ["# depth maps"],
        "groundtruth": ["# tx"],
    }
    for i, (image, depth, to_world) in enumerate(zip(scene.images, scene.depths, scene.poses, strict=True)):
        time = 1305031102.1 + 0.033 * i
        write_image(root / "rgb" / f"{time:.6f}.png", image)
        write_depth(root / "depth" / f"{time + 0.004:.6f}.png", depth, 5000)
        w, x, y, z = quaternion(to_world[:3, :3])
        lists["rgb"].append(f"{time:.6f} rgb/{time:.6f}.png")
        lists["depth"].append(f"{time + 0.004:.6f} depth/{time + 0.004:.6f}.png")
        numbers = " ".join(f"{v:.8f}" for v in (*to_world[:3, 3], x, y, z, w))
        lists["groundtruth"].append(f"{time - 0.003:.4f} {numbers}")
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")


def scannet(root: Path, scene: Room) -> None:
    """Colour images are smaller than the published ones, depth images half as large as they."""
    square = np.eye(4)
    square[:3, :3] = scale_camera(scene.camera, 1296 / WIDTH, 968 / HEIGHT)
    write_numbers(root / "intrinsic" / "intrinsic_color.txt", square)
    square[:3, :3] = scale_camera(scene.camera, 0.5, 0.5)
    write_numbers(root / "intrinsic" / "intrinsic_depth.txt", square)
    for i, (image, depth, to_world) in enumerate(zip(scene.images, scene.depths, scene.poses, strict=True)):
        write_image(root / "color" / f"{9 + i}.jpg", image)
        # Where the centre of a pixel of half the size falls between pixels, nothing but an average is exact.
        half = depth.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3))
        write_depth(root / "depth" / f"{9 + i}.png", half, 1000)
        write_numbers(root / "pose" / f"{9 + i}.txt", to_world)


def seven_scenes(root: Path, scene: Room) -> None:
    for i, (image, to_world) in enumerate(zip(scene.images, scene.poses, strict=True)):
        name = f"frame-{i:06d}"
        write_image(root / f"{name}.color.png", image)
        camera = np.array([[58.5, 0, 31.55], [0, 58.5, 23.55], [0, 0, 1]])
        depth = room_depth(torch.from_numpy(camera), torch.from_numpy(to_world), HEIGHT, WIDTH).numpy().copy()
        depth[:2] = 65.535
        write_depth(root / f"{name}.depth.png", depth, 1000)
        write_numbers(root / f"{name}.pose.txt", to_world)


def kitti_selection(root: Path, scene: Room) -> None:
    for i, (image, depth) in enumerate(zip(scene.images, scene.depths, strict=True)):
        name = f"2011_09_26_drive_0002_sync_{{}}_{i:010d}_image_02"
        write_image(root / "image" / f"{name.format('image')}.png", image)
        write_depth(root / "groundtruth_depth" / f"{name.format('groundtruth_depth')}.png", depth, 256)
        sparse = np.zeros_like(depth)
        sparse[::8, ::8] = depth[::8, ::8]
        write_depth(root / "velodyne_raw" / f"{name.format('velodyne_raw')}.png", sparse, 256)
        write_numbers(root / "intrinsics" / f"{name.format('image')}.txt", scene.camera.reshape(1, 9))


def kitti_drive(root: Path, scene: Room) -> None:
    for i, (image, depth) in enumerate(zip(scene.images, scene.depths, strict=True)):
        write_image(root / "image_02" / "data" / f"{i:010d}.png", image)
        for kind in ("groundtruth", "velodyne_raw"):
            write_depth(root / "proj_depth" / kind / "image_02" / f"{i:010d}.png", depth, 256)
    matrix = np.hstack((scene.camera, [[3.0], [0.1], [0.0]])).ravel()
    (root.parent / "calib_cam_to_cam.txt").write_text(
        f"calib_time: 09-Jan-2012 13:57:47\nS_rect_02: {WIDTH:e} {HEIGHT:e}\n"
        f"P_rect_02: {' '.join(f'{v:e}' for v in matrix)}\n"
    )
