"""Rendered eyes with exact labels: sample indices in, a batch of the sample contract out."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from zoo.conventions import BACKGROUND
from zoo.data.sample import EyeBatch
from zoo.draws import Draws
from zoo.geometry.cameras import pixel_grid, unit_rays
from zoo.geometry.eye import limbus
from zoo.geometry.rotations import listing
from zoo.imaging import normal_noise
from zoo.synth.eyes.atlas import noise_atlas
from zoo.synth.eyes.domain import EyeDomain
from zoo.synth.eyes.hairs import hair_coverage
from zoo.synth.eyes.highlights import highlights, spectacle_light, trace_glints
from zoo.synth.eyes.labels import label
from zoo.synth.eyes.rig import RandomRig, Rig
from zoo.synth.eyes.scene import Scene, draw_scene
from zoo.synth.eyes.sensor import expose
from zoo.synth.eyes.shade import EyeParameters, Shaded, shade


class EyeRenderer:
    """Draws and renders near-eye infrared frames.

    A frame is a function of (seed, index) and the settings alone, whatever the batch, up to the rounding of
    the device's arithmetic.

    Args:
        domain: what may be drawn.
        seed: of poses, cameras, light and noise; people depend on the domain alone.
        rig: cameras and LEDs; random by default.
        height, width: of the frames, pixels.
        device: where to render.
    """

    def __init__(
        self,
        domain: EyeDomain,
        seed: int,
        rig: Rig | None = None,
        height: int = 120,
        width: int = 160,
        device: torch.device | str = "cpu",
    ) -> None:
        self.domain, self.seed, self.rig = domain, seed, rig or RandomRig()
        self.height, self.width = height, width
        self.device = torch.device(device)
        self._shade = shade

    def compile(self) -> None:
        """Fuse the shader; worth its minute of compilation from some thousand frames on."""
        self._shade = torch.compile(shade, dynamic=False)

    @torch.no_grad()
    def render(self, index: Int[Tensor, "B"], recording: Int[Tensor, "B"] | None = None) -> EyeBatch:
        """The samples with these global indices, as one batch on the renderer's device.

        Args:
            recording: one number for all frames of a recording; see `draw_scene`.
        """
        index = index.to(self.device)
        group = None if recording is None else recording.to(self.device)
        scene = draw_scene(self.seed, index, self.domain, self.rig, self.height, self.width, group)
        still = None if group is None else Draws(self.seed, group).fork("frame")
        return self.render_scene(scene, Draws(self.seed, index).fork("frame"), still)

    @torch.no_grad()
    def render_scene(self, scene: Scene, draws: Draws, still: Draws | None = None) -> EyeBatch:
        """Frames of given scenes.

        Args:
            draws: makes the noise and, without `still`, all of the rest.
            still: makes the hairs and the strength of glints and of light on spectacles.
        """
        still = still or draws
        shaded = self.trace(scene)
        glints = trace_glints(scene)
        size = self.height, self.width

        seen = scene.has_eye[:, None]
        radiance = shaded.radiance + shaded.eye * highlights(still, scene, glints, *size)
        hair = hair_coverage(still, scene, *size)
        hair_light = scene.lash["shade"] * (0.3 + 0.7 * shaded.lamp.clamp(max=1.5))
        radiance = radiance + (hair_light - radiance) * hair
        radiance = radiance + spectacle_light(still, scene, *size)
        radiance = torch.where(seen, radiance, self._nothing(draws))
        image = expose(draws, radiance.view(-1, *size), scene.sensor)
        classes = torch.where(seen, shaded.segmentation, BACKGROUND).view(-1, *size)
        return label(scene, glints, classes, image)

    def trace(self, scene: Scene) -> Shaded:
        """Radiance and classes of every pixel, before hairs, highlights and sensor."""
        eye, view = scene.eye, scene.view
        grid = pixel_grid(self.height, self.width, device=self.device).reshape(1, -1, 2)
        directions = unit_rays(grid, view.camera[:, None])
        turned = scene.to_canonical(directions + view.eyeball[:, None])  # a direction: the origin cancels
        dx, dy, dz = (plane.contiguous() for plane in turned.unbind(-1))
        origin = scene.to_canonical(torch.zeros_like(view.eyeball))
        rotation = listing(scene.axis)
        parameters = EyeParameters(
            eyeball_radius=eye.eyeball_radius[:, None],
            cornea_radius=eye.cornea_radius[:, None],
            limbus_radius=scene.limbus_radius[:, None],
            limbus_plane=(limbus(eye).height + eye.cornea_distance)[:, None],
            pupil_distance=eye.pupil_distance[:, None],
            pupil_radius=eye.pupil_radius[:, None],
            refractive_index=torch.as_tensor(eye.refractive_index)[:, None],
            axis=scene.axis,
            right=rotation[:, :, 0],
            down=rotation[:, :, 1],
            cornea=scene.axis * eye.cornea_distance[:, None],
        )
        light = scene.light._replace(position=scene.to_canonical(scene.light.position))
        pixel = (view.eyeball.norm(dim=-1) - 10).clamp(min=5) / view.camera[:, 0, 0]
        return self._shade(
            parameters, scene.lids, light, scene.iris, scene.skin, noise_atlas(self.device),
            origin, dx, dy, dz, pixel[:, None],
        )  # fmt: skip

    def _nothing(self, draws: Draws) -> Tensor:
        """What a tracker sees off the face: blurred shapes, stripes, or noise and nearly nothing."""
        coarse = draws.unit("nothing.coarse", 1, 6, 8)
        fine = draws.unit("nothing.fine", 1, 24, 32)
        size = (self.height, self.width)
        cloud = torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)
        detail = torch.nn.functional.interpolate(fine, size, mode="bilinear", align_corners=False)
        amount = draws.uniform("nothing.detail", 0.0, 0.4)[:, None]
        shapes = 0.1 + 0.6 * cloud.flatten(1) + amount * detail.flatten(1)

        turn = draws.uniform("nothing.turn", 0.0, torch.pi)[:, None]
        u, v = pixel_grid(*size, device=self.device).flatten(0, 1).unbind(-1)
        along = u * turn.cos() + v * turn.sin()
        period = draws.log_uniform("nothing.period", 3.0, 300.0)[:, None]
        wave = torch.sin(2 * torch.pi * (along / period + draws.unit("nothing.phase")[:, None]))
        sharp = draws.uniform("nothing.sharp", 1.0, 9.0)[:, None]
        stripes = 0.4 + 0.3 * torch.tanh(sharp * wave)
        strength = draws.uniform("nothing.noise", 0.0, 0.15)[:, None]
        noise = (0.4 + strength * normal_noise(draws, "nothing.pixel", shapes)).clamp(min=0)

        kind = draws.choice("nothing.kind", [2.0, 1.0, 1.0])[:, None]
        return torch.where(kind == 0, shapes, torch.where(kind == 1, stripes, noise))
