"""Camera paths: views as a hand-held or head-worn camera takes them while it moves through a room."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from zoo.synth.rooms.build import Builder, turned

_CLEARANCE = 0.3  # metres between a camera and what is around it
_AHEAD = (0.5, 0.8)
"""Metres along the line of sight where most anchors see nothing yet."""


class Path(NamedTuple):
    """Poses and the focal length of one scene."""

    cam_to_world: Float[np.ndarray, "V 4 4"]
    focal: float  # in image widths
    centre: tuple[float, float]  # principal point, as a share of the width away from the image's middle


class Obstacles(NamedTuple):
    """The solids of a scene, and its room's extent."""

    centre: Float[np.ndarray, "P 3"]
    to_unit: Float[np.ndarray, "P 3 3"]
    half: Float[np.ndarray, "P 3"]
    room: Float[np.ndarray, "3"]  # width, depth, height

    def free(self, point: Float[np.ndarray, "3"], clearance: float = _CLEARANCE) -> bool:
        """Whether a point is inside the room and away from every solid."""
        if (point < clearance).any() or (point > self.room - clearance).any():
            return False
        unit = np.einsum("pij,pj->pi", self.to_unit, point - self.centre)
        gap = (np.abs(unit) - 1) * self.half
        return bool((gap.max(axis=1) > clearance).all())


def draw_path(b: Builder, obstacles: Obstacles, views: int) -> Path:
    """An anchor that looks at something 0.5 to 6 m away, and sources round it that look nearly there too."""
    domain = b.domain
    for attempt in range(60):
        patience = _CLEARANCE if attempt < 40 else 0.05
        eye, target = _stand(b, obstacles, patience)
        distance = float(np.linalg.norm(target - eye))
        step = _direction(b)
        eyes = [eye]
        for view in range(1, views):
            baseline = domain.typical_baseline_m * math.exp(0.55 * b.rng.gauss(0, 1))
            baseline = min(max(baseline, domain.baseline_m[0]), domain.baseline_m[1])
            # Sources lie on both sides of the anchor, or follow each other; the path is not straight.
            sign = -1.0 if view % 2 else 1.0
            way = sign * step + 0.5 * _direction(b)
            way /= np.linalg.norm(way)
            far = 1 + 0.45 * ((view - 1) // 2)
            eyes.append(eye + way * min(baseline * far, domain.baseline_m[1]))
        ahead = [eye + far * (target - eye) / distance for far in _AHEAD if far < 0.8 * distance]
        clear = attempt >= 30 or all(obstacles.free(place, 0.15) for place in ahead)
        if (clear and all(obstacles.free(place, patience) for place in eyes)) or attempt == 59:
            break
    roll = math.radians(b.rng.gauss(0, 4))
    anchor = _look(eye, target, roll)
    poses = [_pose(anchor, eye)]
    for place in eyes[1:]:
        # The camera follows its target only in part: the head turns as it walks.
        follows = _look(place, eye + (target - eye) / distance * max(distance, 1.0), roll)
        median, most = domain.turn_deg
        angle = min(math.radians(median) * math.exp(0.6 * b.rng.gauss(0, 1)), math.radians(most)) * 0.85
        axis = np.array([b.rng.gauss(0, 1), b.rng.gauss(0, 1), 0.5 * b.rng.gauss(0, 1)])
        axis *= angle / max(float(np.linalg.norm(axis)), 1e-6)
        rotation = follows @ turned(*axis)
        for _ in range(6):
            cosine = (np.trace(anchor.T @ rotation) - 1) / 2
            if cosine >= math.cos(math.radians(most)):
                break
            rotation = _halfway(anchor, rotation)
        poses.append(_pose(rotation, place))
    focal = b.number(*domain.focal)
    centre = (b.rng.gauss(0, 0.012), b.rng.gauss(0, 0.012))
    return Path(np.stack(poses), focal, centre)


def _stand(b: Builder, obstacles: Obstacles, clearance: float) -> tuple[np.ndarray, np.ndarray]:
    room = obstacles.room
    eye = np.array([b.number(0.3, room[0] - 0.3), b.number(0.3, room[1] - 0.3), 1.5])
    for _ in range(30):
        height = b.number(1.35, 1.8) if b.chance(0.75) else b.number(0.6, 1.35)
        eye = np.array(
            [b.number(0.3, room[0] - 0.3), b.number(0.3, room[1] - 0.3), min(height, room[2] - 0.4)]
        )
        if obstacles.free(eye, clearance):
            break
    wanted = math.exp(b.number(math.log(0.9), math.log(6.5)))
    best, best_off = room / 2, 1e9
    for _ in range(12):  # a thing, or a place on the wall, at about the distance that is wanted
        if b.chance(0.85) and len(obstacles.centre) > 8:
            target = obstacles.centre[b.whole(0, len(obstacles.centre) - 1)].copy()
        else:
            target = np.array([b.number(0, room[0]), b.number(0, room[1]), b.number(0.2, 0.75 * room[2])])
            side = b.whole(0, 3)
            target[side // 2] = 0 if side % 2 == 0 else room[side // 2]
        across = math.hypot(target[0] - eye[0], target[1] - eye[1])
        if across < 0.3 or not -1.3 * across < target[2] - eye[2] < 0.45 * across:
            continue
        off = abs(math.log(float(np.linalg.norm(target - eye)) / wanted))
        if off < best_off:
            best, best_off = target, off
    return eye, best


def _direction(b: Builder) -> np.ndarray:
    """A unit vector, sideways more often than up."""
    v = np.array([b.rng.gauss(0, 1), b.rng.gauss(0, 1), 0.45 * b.rng.gauss(0, 1)])
    return v / max(float(np.linalg.norm(v)), 1e-6)


def _look(eye: np.ndarray, target: np.ndarray, roll: float) -> np.ndarray:
    """Rotation (camera to world) of a camera that looks at `target`, z up in the world, rolled a little."""
    z = (target - eye) / max(float(np.linalg.norm(target - eye)), 1e-6)
    x = np.cross(z, (0.0, 0.0, 1.0))
    x /= max(float(np.linalg.norm(x)), 1e-6)
    y = np.cross(z, x)
    return np.stack([x, y, z], axis=1) @ turned(0, 0, roll)


def _halfway(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A rotation between two that are not far apart."""
    u, _, v = np.linalg.svd(a + b)
    return np.asarray(u @ v)


def _pose(rotation: np.ndarray, place: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, place
    return pose
