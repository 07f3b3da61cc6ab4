"""Poses as users write them, checked and made exact; rotations of quaternions and of axes."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Shaped

from zoo.geometry.views import is_rigid, nearest_rigid

OPENGL_TO_OPENCV: Final = np.diag([1.0, -1.0, -1.0, 1.0])
"""Multiplied from the right onto a cam_to_world of OpenGL's camera axes (x right, y up, z back)."""


class BadPoseError(Exception):
    """A pose that cannot be used; the text says why and what to do."""


def checked_pose(pose: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "4 4"]:
    """A cam_to_world (3x4 or 4x4) as an exactly rigid 4x4 matrix.

    Raises:
        BadPoseError: wrong shape, not finite, or no rotation and translation.
    """
    if pose.shape == (3, 4):
        pose = np.vstack((pose, (0.0, 0.0, 0.0, 1.0)))
    if pose.shape != (4, 4):
        raise BadPoseError(f"the pose is {' x '.join(map(str, pose.shape))} numbers; 4x4 or 3x4 are needed")
    pose = pose.astype(np.float64)
    if not np.isfinite(pose).all():
        raise BadPoseError("the pose has values that are not finite (tracking was lost here)")
    matrix = torch.from_numpy(pose)
    if not is_rigid(matrix):
        raise BadPoseError(_diagnosis(pose))
    rigid: Float[np.ndarray, "4 4"] = nearest_rigid(matrix).numpy()
    return rigid


def inverse(pose: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """The inverse of a rigid pose."""
    turned = np.eye(4)
    turned[:3, :3] = pose[:3, :3].T
    turned[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return turned


def pose_of_quaternion(
    w: float, x: float, y: float, z: float, translation: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "4 4"]:
    """Pose of a quaternion of any positive length.

    Raises:
        BadPoseError: the quaternion is zero or not finite.
    """
    values = np.array([w, x, y, z], dtype=np.float64)
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length < 1e-6:
        raise BadPoseError(f"the quaternion {w:g}, {x:g}, {y:g}, {z:g} is no rotation")
    w, x, y, z = (values / length).tolist()
    pose = np.eye(4)
    pose[:3, :3] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    pose[:3, 3] = translation
    return pose


def _diagnosis(pose: Float[np.ndarray, "4 4"]) -> str:
    if np.abs(pose[3] - (0, 0, 0, 1)).max() > 1e-2:
        if np.abs(pose[:, 3] - (0, 0, 0, 1)).max() < 1e-6:
            return (
                "the pose is transposed: its translation stands in the last row; write it in the last column"
            )
        return f"the pose's last row is {pose[3].tolist()} instead of 0 0 0 1"
    rotation = pose[:3, :3]
    determinant = float(np.linalg.det(rotation))
    scale = np.cbrt(abs(determinant))
    if scale > 0 and np.abs(rotation.T @ rotation / scale**2 - np.eye(3)).max() < 1e-2:
        if determinant < 0:
            return "the pose mirrors (left-handed axes); convert it to a right-handed world and camera"
        return f"the pose's rotation is scaled by {scale:.4g}; divide it out"
    return "the pose is not rigid: its 3x3 part is no rotation"
