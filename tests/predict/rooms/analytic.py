"""A ball in a box, seen by pinhole cameras: depth that is known exactly."""

from __future__ import annotations

import numpy as np

HEIGHT, WIDTH = 90, 120
K = np.array([[100.0, 0, 59.5], [0, 100.0, 44.5], [0, 0, 1]])
RADIUS = 0.5
WALL = 1.4  # half the box's edge


def pose(turn: float, distance: float = 1.2) -> np.ndarray:
    """A camera that looks at the origin from a place on a circle about y."""
    back = np.array([np.sin(turn), 0.0, np.cos(turn)])
    made = np.eye(4)
    made[:3, 0] = [-np.cos(turn), 0, np.sin(turn)]
    made[:3, 1] = [0, 1, 0]
    made[:3, 2] = -back
    made[:3, 3] = distance * back
    assert np.isclose(np.linalg.det(made[:3, :3]), 1)
    return made


def view(cam_to_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth (z, metres) and an image that is red on the ball and blue on the walls."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    local = np.stack(((u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)), axis=-1)
    rays, start = local @ cam_to_world[:3, :3].T, cam_to_world[:3, 3]
    with np.errstate(divide="ignore"):
        walls = np.where(rays > 0, (WALL - start) / rays, (-WALL - start) / rays).min(-1)
    a, b, c = (rays**2).sum(-1), rays @ start, start @ start - RADIUS**2
    root = b**2 - a * c
    ball = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
    hit = ball < walls
    image = np.where(hit[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    return np.where(hit, ball, walls), image


def distance(points: np.ndarray) -> np.ndarray:
    """From the nearest surface."""
    ball = np.abs(np.linalg.norm(points, axis=-1) - RADIUS)
    walls = np.abs(WALL - np.abs(points)).min(-1)
    return np.minimum(ball, walls)
