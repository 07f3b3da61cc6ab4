"""Rendered rooms with exact labels: sample indices in, posed views with their depth out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from zoo.data.rooms import RoomBatch
from zoo.draws import Draws
from zoo.geometry.cameras import intrinsics
from zoo.geometry.rotations import rotation_from_axis_angle
from zoo.synth.rooms.cast import NOTHING, Bundles, Caster
from zoo.synth.rooms.domain import RoomDomain
from zoo.synth.rooms.scene import Scenes, draw_scenes
from zoo.synth.rooms.sensor import expose
from zoo.synth.rooms.shade import find_surface, light_surface, through_opening
from zoo.synth.rooms.textures import texture_bank

_TILE = 16
_SHADOW_REACH = 0.997
"""Shadow rays end this share of the way, or surfaces would shade themselves."""


class Traced(NamedTuple):
    """Planes of V views in each of S scenes on a lattice with k = 1 or 2 samples a pixel each way.

    Sample (0, 0) lies at the centre of pixel (0, 0), sample (k, k) at that of pixel (1, 1).
    """

    radiance: Float[Tensor, "S V 3 kH kW"]  # linear
    depth: Float[Tensor, "S V kH kW"]  # z in metres
    normal: Float[Tensor, "S V 3 kH kW"]  # unit, world frame, towards the camera
    instance: Int[Tensor, "S V kH kW"]  # 0-5 the faces of the room, then one number a thing


class RoomRenderer:
    """Draws and renders posed views of indoor scenes.

    A sample is a function of (seed, index) and the settings alone, whatever the batch, up to the rounding of
    the device's arithmetic.

    Args:
        domain: what may be drawn.
        seed: of scenes, paths and noise.
        height, width: of the views, pixels.
        views: how many views a sample has; the first lies in the middle of the path.
        samples: rays a pixel, each way; 2 smooths edges, 1 is nearly four times as fast.
        device: where to render.
    """

    def __init__(
        self,
        domain: RoomDomain,
        seed: int,
        height: int = 120,
        width: int = 160,
        views: int = 3,
        samples: int = 2,
        device: torch.device | str = "cpu",
    ) -> None:
        self.domain, self.seed = domain, seed
        self.height, self.width, self.views = height, width, views
        if samples not in (1, 2):
            raise ValueError(f"samples is 1 or 2, not {samples}")
        self.samples = samples
        self.device = torch.device(device)
        self._caster = Caster()
        self._find, self._light = find_surface, light_surface

    def compile(self) -> None:
        """Fuse the shaders; worth its minute of compilation from some hundred samples on."""
        self._find = torch.compile(find_surface, dynamic=True)
        self._light = torch.compile(light_surface, dynamic=True)
        self._caster.compile()

    @torch.no_grad()
    def render(self, index: Int[Tensor, "B"]) -> RoomBatch:
        """The samples with these global indices, as one batch on the renderer's device."""
        scenes = draw_scenes(self.domain, self.seed, index, self.views, self.device)
        camera = self.cameras(scenes)
        traced = self.trace(scenes, camera)
        draws = Draws(self.seed, index.to(self.device)).fork(f"rooms/{self.domain.scenes}")
        image = expose(draws, _pixels(traced.radiance, self.samples), self.domain.sensors)
        depth = traced.depth[..., :: self.samples, :: self.samples].contiguous()
        cameras = camera[:, None].expand(-1, self.views, 3, 3).contiguous()
        return {
            "images": image,
            "cameras": cameras,
            "cam_to_world": self._known_poses(draws, scenes.cam_to_world),
            "depth": depth,
            "covisible": covisible(depth, traced.depth, cameras, scenes.cam_to_world, self.samples),
            "scene": index.to(self.device),
        }

    def cameras(self, scenes: Scenes) -> Float[Tensor, "S 3 3"]:
        """Intrinsics, pixels."""
        focal = scenes.focal * self.width
        cx = (self.width - 1) / 2 + scenes.centre[:, 0] * self.width
        cy = (self.height - 1) / 2 + scenes.centre[:, 1] * self.width
        return intrinsics(focal, focal, cx, cy)

    @torch.no_grad()
    def trace(self, scenes: Scenes, camera: Float[Tensor, "S 3 3"]) -> Traced:
        """Radiance and labels, two samples a pixel each way, before the sensor."""
        rays = self._rays(scenes, camera)
        count = len(camera)
        t, slot = _room_hit(scenes.room, rays)
        hits = self._caster.cast(scenes.solids, rays, t, slot)
        slots = scenes.rows.shape[1]
        which = hits.slot.long() + torch.arange(count, device=self.device)[:, None, None] * slots
        rows = scenes.rows.flatten(0, 1)
        pixel = (1 / self.samples / (scenes.focal * self.width))[:, None, None]
        bank = texture_bank(self.domain.textures, self.device)
        origin = rays.origin.repeat_interleave(rays.x.shape[1] // self.views, 1)
        surface = self._find(
            rows, scenes.solids.kind.flatten(), bank, which, hits.t, origin, *rays[1:], pixel
        )
        lit = through_opening(scenes.lights, surface.point) * self._unshadowed(scenes, surface.point)
        radiance = self._light(surface, scenes.lights, scenes.room, lit, *rays[1:])
        instance = rows[:, -1][which].int()
        images = self._untile(torch.stack([*radiance.unbind(-1), *surface.normal, hits.t], 2))
        return Traced(
            radiance=images[:, :, 0:3],
            depth=images[:, :, 6],
            normal=images[:, :, 3:6],
            instance=self._untile(instance[:, :, None])[:, :, 0],
        )

    def _unshadowed(self, scenes: Scenes, point: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        lamp = scenes.lights.position[:, 0]
        x, y, z = (plane - lamp[:, i, None, None] for i, plane in enumerate(point))
        solids = scenes.solids
        throws = torch.where(scenes.rows[..., 32] > 0.3, NOTHING, solids.kind)  # lamps and panes do not
        reach = torch.full_like(x, _SHADOW_REACH)
        none = torch.full(x.shape, -1, dtype=torch.int32, device=x.device)
        hits = self._caster.cast(
            solids._replace(kind=throws), Bundles(lamp[:, None], x, y, z), reach, none, _SHADOW_REACH
        )
        return (hits.slot < 0).float()

    def _lattice(self) -> tuple[int, int]:
        """Tiles of the lattice: (rows, columns); it may reach over the image."""
        return -(-self.samples * self.height // _TILE), -(-self.samples * self.width // _TILE)

    def _rays(self, scenes: Scenes, camera: Tensor) -> Bundles:
        rows, columns = self._lattice()
        v = torch.arange(rows * _TILE, device=self.device).view(rows, 1, _TILE, 1) / self.samples
        u = torch.arange(columns * _TILE, device=self.device).view(1, columns, 1, _TILE) / self.samples
        shape = (rows, columns, _TILE, _TILE)
        v, u = v.expand(shape).reshape(-1, _TILE * _TILE), u.expand(shape).reshape(-1, _TILE * _TILE)
        focal = camera[:, 0, 0, None, None]
        x, y = (u - camera[:, 0, 2, None, None]) / focal, (v - camera[:, 1, 2, None, None]) / focal
        rotation = scenes.cam_to_world[:, :, :3, :3, None, None]
        x, y = x[:, None], y[:, None]
        # With z = 1 in the camera's frame, a ray's parameter is the depth.
        world = [
            (rotation[:, :, i, 0] * x + rotation[:, :, i, 1] * y + rotation[:, :, i, 2]).flatten(1, 2)
            for i in range(3)
        ]
        return Bundles(scenes.cam_to_world[:, :, :3, 3], *world)

    def _untile(self, planes: Tensor) -> Tensor:
        """(S, V * tiles, C, R) planes as (S, V, C, kH, kW) images of the lattice."""
        rows, columns = self._lattice()
        planes = planes.view(len(planes), self.views, rows, columns, planes.shape[2], _TILE, _TILE)
        images = planes.permute(0, 1, 4, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4)
        return images[..., : self.samples * self.height, : self.samples * self.width]

    def _known_poses(self, draws: Draws, cam_to_world: Tensor) -> Tensor:
        """Poses as a tracker would know them."""
        if not (self.domain.pose_noise_deg or self.domain.pose_noise_m):
            return cam_to_world
        turn = torch.deg2rad(draws.normal("pose.turn", 0.0, self.domain.pose_noise_deg, self.views, 3))
        shift = draws.normal("pose.shift", 0.0, self.domain.pose_noise_m, self.views, 3)
        turn[:, 0], shift[:, 0] = 0, 0
        noisy = cam_to_world.clone()
        noisy[..., :3, :3] = cam_to_world[..., :3, :3] @ rotation_from_axis_angle(turn)
        noisy[..., :3, 3] += shift
        return noisy


def _room_hit(room: Tensor, rays: Bundles) -> tuple[Tensor, Tensor]:
    """(t, face) where rays from inside leave the room."""
    t = slot = None
    for axis, plane in enumerate(rays[1:]):
        high = plane > 0
        wall = torch.where(high, room[:, axis, None, None], 0.0)
        origin = rays.origin[..., axis].repeat_interleave(plane.shape[1] // rays.origin.shape[1], 1)
        leave = (wall - origin[..., None]) / plane
        leave = torch.where(plane.abs() < 1e-9, 1e6, leave)
        face = (2 * axis + high.int()).int()
        if t is None or slot is None:
            t, slot = leave, face
        else:
            slot = torch.where(leave < t, face, slot)
            t = torch.minimum(t, leave)
    assert t is not None and slot is not None
    return t, slot


def _pixels(lattice: Float[Tensor, "S V C kH kW"], samples: int) -> Float[Tensor, "S V C H W"]:
    """Pixel values: a tent of a pixel's half width about each pixel's centre."""
    clipped = lattice.clamp(max=6.0)  # a lamp's edge is not all lamp
    if samples == 1:
        return clipped
    padded = torch.nn.functional.pad(clipped.flatten(0, 2)[:, None], (1, 0, 1, 0), mode="replicate")[:, 0]
    across = 0.25 * padded[:, :, 0:-1:2] + 0.5 * padded[:, :, 1::2] + 0.25 * padded[:, :, 2::2]
    down = 0.25 * across[:, 0:-1:2] + 0.5 * across[:, 1::2] + 0.25 * across[:, 2::2]
    return down.view(*lattice.shape[:3], *down.shape[1:])


def covisible(
    depth: Float[Tensor, "S V H W"],
    lattice: Float[Tensor, "S V kH kW"],
    cameras: Float[Tensor, "S V 3 3"],
    cam_to_world: Float[Tensor, "S V 4 4"],
    samples: int,
) -> UInt8[Tensor, "S V H W"]:
    """How many of the other views see what each pixel shows: inside their image and not behind something."""
    _, views, height, width = depth.shape
    v = torch.arange(height, device=depth.device, dtype=depth.dtype)[:, None]
    u = torch.arange(width, device=depth.device, dtype=depth.dtype)
    result = torch.zeros(depth.shape, dtype=torch.uint8, device=depth.device)
    rows, columns = lattice.shape[-2:]

    def each(value: Tensor) -> Tensor:
        return value[:, None, None]

    for a in range(views):
        camera = cameras[:, a]
        z = depth[:, a]
        x = (u - each(camera[:, 0, 2])) / each(camera[:, 0, 0]) * z
        y = (v - each(camera[:, 1, 2])) / each(camera[:, 1, 1]) * z
        for b in range(views):
            if a == b:
                continue
            move = torch.linalg.inv(cam_to_world[:, b]) @ cam_to_world[:, a]
            px, py, pz = (
                each(move[:, i, 0]) * x
                + each(move[:, i, 1]) * y
                + each(move[:, i, 2]) * z
                + each(move[:, i, 3])
                for i in range(3)
            )
            safe = pz.clamp(min=1e-3)
            other = cameras[:, b]
            iu = (samples * (each(other[:, 0, 0]) * px / safe + each(other[:, 0, 2]))).round()
            iv = (samples * (each(other[:, 1, 1]) * py / safe + each(other[:, 1, 2]))).round()
            inside = (pz > 0.05) & (iu >= 0) & (iu <= columns - samples) & (iv >= 0) & (iv <= rows - samples)
            flat = iv.clamp(0, rows - 1).long() * columns + iu.clamp(0, columns - 1).long()
            there = lattice[:, b].flatten(1).gather(1, flat.flatten(1)).view_as(z)
            result[:, a] += (inside & ((there - pz).abs() < 0.015 * pz + 0.015)).to(torch.uint8)
    return result
