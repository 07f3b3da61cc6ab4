"""A scene: the room, what stands in it and hangs on its walls, its lights, and the camera's path."""

from __future__ import annotations

import hashlib
import math
import random
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from zoo.synth.rooms.build import ROW, Builder
from zoo.synth.rooms.cast import Solids
from zoo.synth.rooms.domain import RoomDomain
from zoo.synth.rooms.fixtures import FIXTURES
from zoo.synth.rooms.furniture import AGAINST_WALL, PIECES
from zoo.synth.rooms.lights import Lights, draw_lights
from zoo.synth.rooms.path import Obstacles, Path, draw_path

WALLS: Final = 6
"""The first slots of a scene: the room's faces at x = 0, x = width, y = 0, y = depth, floor, ceiling."""


_ENOUGH: Final = 260
"""Solids after which no further piece is put into a room."""


class Scenes(NamedTuple):
    """A batch of scenes on a device."""

    solids: Solids  # the first six slots are the room's faces, of kind NOTHING
    rows: Float[Tensor, "S P F"]  # see `zoo.synth.rooms.build`: matrix, centre, half, material
    room: Float[Tensor, "S 3"]
    lights: Lights
    cam_to_world: Float[Tensor, "S V 4 4"]
    focal: Float[Tensor, "S"]
    centre: Float[Tensor, "S 2"]


class _Scene(NamedTuple):
    kinds: Int[np.ndarray, "P"]
    rows: Float[np.ndarray, "P F"]
    room: Float[np.ndarray, "3"]
    lights: Lights
    path: Path


def draw_scenes(
    domain: RoomDomain, seed: int, index: Int[Tensor, "S"], views: int, device: torch.device
) -> Scenes:
    """The scenes with these indices: each is a function of (domain, seed, index) alone."""
    drawn = [_draw(domain, seed, int(i), views) for i in index.tolist()]
    slots = max(len(scene.kinds) for scene in drawn)
    kinds = torch.zeros(len(drawn), slots, dtype=torch.int64)
    rows = torch.zeros(len(drawn), slots, ROW)
    rows[..., 0] = rows[..., 4] = rows[..., 8] = 1.0
    for number, scene in enumerate(drawn):
        kinds[number, : len(scene.kinds)] = torch.from_numpy(scene.kinds)
        rows[number, : len(scene.kinds)] = torch.from_numpy(scene.rows)
    rows = rows.to(device)
    solids = Solids(
        kinds.to(device), rows[..., 9:12].contiguous(), rows[..., :9].unflatten(-1, (3, 3)).contiguous()
    )

    def stacked(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values)).float().to(device)

    lights = Lights(
        *(torch.stack(parts).to(device) for parts in zip(*(scene.lights for scene in drawn), strict=True))
    )
    return Scenes(
        solids=solids,
        rows=rows,
        room=stacked([scene.room for scene in drawn]),
        lights=lights,
        cam_to_world=stacked([scene.path.cam_to_world for scene in drawn]),
        focal=stacked([np.asarray(scene.path.focal) for scene in drawn]),
        centre=stacked([np.asarray(scene.path.centre) for scene in drawn]),
    )


def _draw(domain: RoomDomain, seed: int, index: int, views: int) -> _Scene:
    digest = hashlib.blake2b(f"{domain.scenes}/{seed}/{index}".encode(), digest_size=8).digest()
    b = Builder(random.Random(int.from_bytes(digest, "little")), domain)
    room = np.array(
        [2.6 + 5.4 * b.rng.random() ** 1.15, 2.6 + 5.4 * b.rng.random() ** 1.15, b.number(2.3, 3.2)]
    )
    _shell(b, room)
    _fixtures(b, room)
    _furnish(b, room)
    rows = np.array(b.rows, dtype=np.float64)
    kinds = np.array(b.kinds)
    kinds[:WALLS] = 0
    solid = rows[WALLS:]
    obstacles = Obstacles(solid[:, 9:12], solid[:, :9].reshape(-1, 3, 3), solid[:, 12:15], room)
    path = draw_path(b, obstacles, views)
    lights = draw_lights(b, room)
    return _Scene(kinds, rows.astype(np.float32), room, lights, path)


def _shell(b: Builder, room: np.ndarray) -> None:
    """Six faces with their materials; skirting boards, beams, a block that makes the room L-shaped."""
    wall = b.surface("plain", "plaster", "concrete", "motif", "stripes", "panels", "bricks", plain=0.6)
    wall = wall.with_(detail=0.5 * wall.detail)
    if b.chance(0.6):  # white or grey, as most are
        level = b.number(0.4, 0.85)
        factor = b.number(0.93, 1.06) if b.chance(0.7) else b.number(0.75, 1.2)
        tint = (level, level * b.number(0.93, 1.03), level * b.number(0.85, 1.05))
        wall = wall.with_(low=tint, high=tuple(v * factor for v in tint))
    floor = b.surface(
        "planks", "parquet", "tiles", "carpet", "concrete", "speckle", "terrazzo", "herringbone", plain=0.15
    )
    ceiling = b.painted((0.6, 0.9), 0.1) if b.chance(0.7) else b.surface("plain", "panels", "grid", plain=0.5)
    other = (
        b.surface("plain", "plaster", "tiles", "wood", "panels", "bricks", plain=0.5)
        if b.chance(0.35)
        else wall
    )
    wx, wy, wz = (float(v) / 2 for v in room)
    for face in range(WALLS):
        m = floor if face == 4 else ceiling if face == 5 else other if face == 0 else wall
        b.instance = face
        b.box((wx, wy, wz), (wx, wy, wz), m)
    b.instance = WALLS
    if b.chance(0.6):
        m = b.painted((0.1, 0.85), 0.2) if b.chance(0.6) else b.surface("wood")
        h = b.number(0.03, 0.06)
        for y in (0.0, 2 * wy):
            b.box((wx, y, h), (wx, 0.012, h), m)
        for x in (0.0, 2 * wx):
            b.box((x, wy, h), (0.012, wy, h), m)
    if b.chance(0.3) and min(room[:2]) > 3.5:
        hx, hy = b.number(0.3, 0.9), b.number(0.3, 0.9)
        x, y = (hx if b.chance(0.5) else 2 * wx - hx), (hy if b.chance(0.5) else 2 * wy - hy)
        b.instance += 1
        b.box((x, y, wz), (hx, hy, wz), wall if b.chance(0.6) else other)
    if b.chance(0.3):
        b.instance += 1
        beam = b.surface("wood", "plain", "concrete", plain=0.5)
        for i in range(b.whole(1, 4)):
            b.box((wx, 2 * wy * (i + 0.5) / 4, 2 * wz - 0.06), (wx, b.number(0.03, 0.1), 0.06), beam)


def _fixtures(b: Builder, room: np.ndarray) -> None:
    """Each wall is cut into stretches; most carry something."""
    for side in range(4):
        length = float(room[1] if side < 2 else room[0])
        at = 0.0
        while at < length - 0.8:
            free = min(b.number(0.4, 1.3), (length - at) / 2)
            middle = at + free
            x, y, turn = _against(side, middle, room)
            if b.chance(0.8):
                with b.thing(x, y, 0.0, turn):
                    FIXTURES[b.one_of(b.domain.fixtures)](b, free - 0.08, float(room[2]))
                    if "posters" in b.domain.fixtures and b.chance(0.3):
                        FIXTURES["posters"](b, free - 0.08, float(room[2]))
            at += 2 * free


def _against(side: int, along: float, room: np.ndarray) -> tuple[float, float, float]:
    """(x, y, turn) of a frame whose -y looks into the room from a wall."""
    if side == 0:
        return 0.0, along, math.pi / 2
    if side == 1:
        return float(room[0]), along, -math.pi / 2
    if side == 2:
        return along, 0.0, math.pi
    return along, float(room[1]), 0.0


def _furnish(b: Builder, room: np.ndarray) -> None:
    """Pieces along the walls and in the room; where two would overlap, the second is left out."""
    taken: list[tuple[float, float, float, float]] = []
    wanted = b.whole(7, 11 + int(float(room[0] * room[1]) / 3))
    # Few kinds a room, repeated: chairs of one set stand about one table.
    kinds = [b.one_of(b.domain.objects) for _ in range(b.whole(3, 7))]
    for _ in range(wanted):
        if len(b.kinds) > _ENOUGH:
            break
        kind = b.one_of(kinds) if b.chance(0.75) else b.one_of(b.domain.objects)
        for _ in range(3):
            if kind in AGAINST_WALL and b.chance(0.85):
                side = b.whole(0, 3)
                along = b.number(0.5, float(room[1] if side < 2 else room[0]) - 0.5)
                x, y, turn = _against(side, along, room)
                gap = 0.36 if kind in ("counter", "monitor", "sofa") else 0.3
                x, y = x + gap * math.sin(turn), y - gap * math.cos(turn)
            else:
                x, y = b.number(0.45, float(room[0]) - 0.45), b.number(0.45, float(room[1]) - 0.45)
                turn = (
                    b.number(0, 2 * math.pi)
                    if b.chance(0.4)
                    else b.whole(0, 3) * math.pi / 2 + b.number(-0.1, 0.1)
                )
            reach = 0.55
            if any(abs(x - ox) < reach + hx and abs(y - oy) < reach + hy for ox, oy, hx, hy in taken):
                continue
            with b.thing(x, y, 0.0, turn):
                wide, deep, _ = PIECES[kind](b)
            c, s = abs(math.cos(turn)), abs(math.sin(turn))
            if wide:
                taken.append((x, y, max(0.0, c * wide + s * deep - 0.2), max(0.0, s * wide + c * deep - 0.2)))
            break
