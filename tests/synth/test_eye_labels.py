"""Labels against the rendered pixels, mirrored eyes, and one eye through two cameras."""

from __future__ import annotations

import pytest
import torch

from zoo.config.rendering import load_domain
from zoo.conventions import IGNORE, PUPIL
from zoo.data.sample import EyeBatch, check_eye_batch
from zoo.draws import Draws
from zoo.geometry.cameras import flip_camera, intrinsics, pixel_grid, project
from zoo.geometry.ellipse import ellipse_area
from zoo.geometry.rotations import rotation_about
from zoo.geometry.vectors import transform
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.eyes.scene import Scene, draw_scene

COUNT, SEED = 48, 5


@pytest.fixture(scope="module")
def renderer() -> EyeRenderer:
    return EyeRenderer(load_domain("unseen"), SEED)


@pytest.fixture(scope="module")
def batch(renderer: EyeRenderer) -> EyeBatch:
    return renderer.render(torch.arange(COUNT))


@pytest.fixture(scope="module")
def scene(renderer: EyeRenderer) -> Scene:
    return draw_scene(SEED, torch.arange(COUNT), renderer.domain, renderer.rig, 120, 160)


def test_keeps_the_contract(batch: EyeBatch) -> None:
    check_eye_batch(batch, "renderer")
    assert (batch["segmentation"][~batch["content"]] == IGNORE).all()
    assert 0.5 < batch["pupil_present"].mean() < 0.95
    assert 0.1 < batch["blink"].mean() < 0.5


def test_sample_depends_on_its_index_alone(renderer: EyeRenderer, batch: EyeBatch) -> None:
    again = renderer.render(torch.tensor([17, 3]))
    for key, value in again.items():
        expected = batch[key][[17, 3]]  # type: ignore[literal-required]
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-3, msg=key)


def test_pupil_pixels_fill_the_refracted_ellipse(batch: EyeBatch) -> None:
    ellipse = batch["pupil_ellipse"]
    pupil = batch["segmentation"] == PUPIL
    whole = (batch["pupil_visible"] == 1) & (ellipse[:, 3] > 8)
    assert whole.sum() >= 5
    area = pupil.sum((1, 2)).float()
    # A pixel's worth of rounding along the contour.
    slack = 0.35 * torch.pi * ellipse[:, 2]
    assert ((area - ellipse_area(ellipse)).abs()[whole] < slack[whole]).all()
    assert ((batch["pupil_mask_px"] - ellipse[:, :2]).norm(dim=-1)[whole] < 0.25).all()

    grid = pixel_grid(120, 160)
    for i in whole.nonzero()[:, 0].tolist():
        u, v, major, minor, angle = ellipse[i]
        x, y = grid[..., 0] - u, grid[..., 1] - v
        along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
        radius = ((2 * along / major) ** 2 + (2 * across / minor) ** 2).sqrt()
        margin = 1.2 / minor * 2
        assert pupil[i][radius < 1 - margin].all()
        assert not pupil[i][radius > 1 + margin].any()


def test_visible_share_agrees_with_the_pixels(batch: EyeBatch) -> None:
    big = batch["pupil_ellipse"][:, 3] > 12
    share = (batch["segmentation"] == PUPIL).sum((1, 2)) / ellipse_area(batch["pupil_ellipse"])
    assert ((share.clamp(max=1) - batch["pupil_visible"]).abs()[big] < 0.08).all()


def test_unrefracted_pupil_is_another_place(batch: EyeBatch) -> None:
    straight = project(batch["pupil_mm"], batch["camera"])
    off = (straight - batch["pupil_ellipse"][:, :2]).norm(dim=-1)
    assert off.median() > 0.2


def test_glints_are_bright_blobs(renderer: EyeRenderer, scene: Scene) -> None:
    """Against the same scenes with the LEDs' mirror images left out: the difference peaks at the labels."""
    plain = {name: torch.zeros_like(value) for name, value in scene.sensor.items()}
    plain |= {name: plain[name] + value for name, value in (("level", 0.3), ("contrast", 1), ("gamma", 1))}
    plain["jpeg"] = plain["jpeg"] + 100
    draws = Draws(SEED, torch.arange(COUNT)).fork("frame")
    bare = scene._replace(sensor=plain, lash=scene.lash | {"thick": 0 * scene.lash["thick"]})
    dark = bare._replace(view=bare.view._replace(led_on=torch.zeros_like(bare.view.led_on)))
    lit, unlit = renderer.render_scene(bare, draws), renderer.render_scene(dark, draws)
    mean = unlit["image"].mean((2, 3), keepdim=True), lit["image"].mean((2, 3), keepdim=True)
    glow = (lit["image"] / mean[1] - unlit["image"] / mean[0])[:, 0]
    checked = 0
    for i, k in lit["glints_visible"].nonzero().tolist():
        u, v = lit["glints_px"][i, k].round().int().tolist()
        others = (lit["glints_px"][i] - lit["glints_px"][i, k]).norm(dim=-1)
        others[k] = 1e9
        inner = 3 <= u < 157 and 3 <= v < 117
        if inner and others[lit["glints_visible"][i]].min() > 6 and scene.has_eye[i]:
            assert glow[i, v, u] > 0.15 * glow[i].max(), (i, k)
            checked += 1
    assert checked >= 15


def _mirrored(scene: Scene, width: int) -> Scene:
    """The scene in a mirror: x negated, the other eye."""
    view, sign = scene.view, torch.tensor([-1.0, 1.0, 1.0])
    flip = torch.diag(sign)
    left, top, right, bottom = view.content.unbind(-1)
    eye = scene.eye._replace(eyeball=scene.eye.eyeball * sign, rotation=flip @ scene.eye.rotation @ flip)
    return scene._replace(
        side=1 - scene.side,
        visual=scene.visual * sign,
        eye=eye,
        light=scene.light._replace(position=scene.light.position * sign),
        view=view._replace(
            camera=flip_camera(view.camera, width),
            content=torch.stack([width - right, top, width - left, bottom], dim=-1),
            eyeball=view.eyeball * sign,
            head=flip @ view.head @ flip,
            leds=view.leds * sign,
        ),
    )


def test_other_eye_in_a_mirror_is_the_same_picture(renderer: EyeRenderer, scene: Scene) -> None:
    mirrored = _mirrored(scene, 160)
    shaded, reflected = renderer.trace(scene), renderer.trace(mirrored)
    picture, picture_mirrored = (x.radiance.view(-1, 120, 160) for x in (shaded, reflected))
    assert (picture - picture_mirrored.flip(-1)).abs().quantile(0.995) < 0.02
    classes, classes_mirrored = (x.segmentation.view(-1, 120, 160) for x in (shaded, reflected))
    assert (classes != classes_mirrored.flip(-1)).float().mean() < 1e-3

    draws = Draws(SEED, torch.arange(COUNT)).fork("frame")
    labels, flipped = renderer.render_scene(scene, draws), renderer.render_scene(mirrored, draws)
    torch.testing.assert_close(
        flipped["pupil_ellipse"][:, 0], 159 - labels["pupil_ellipse"][:, 0], atol=0.02, rtol=0
    )
    torch.testing.assert_close(flipped["optical"][:, 0], -labels["optical"][:, 0], atol=1e-4, rtol=0)
    assert (flipped["glints_visible"] == labels["glints_visible"]).float().mean() > 0.99


def test_visual_axis_is_nasal_of_the_optical_axis(renderer: EyeRenderer, scene: Scene) -> None:
    """Before the camera, in the head: towards the nose on both sides."""
    nasal = torch.where(scene.side == 1, 1.0, -1.0)  # head x: image right is the right eye's nose
    to_head = scene.view.head.transpose(-1, -2)
    inward = (transform(to_head, scene.visual) - transform(to_head, scene.eye.optical))[:, 0] * nasal
    assert (inward > 0).float().mean() > 0.9


def test_one_eye_through_two_cameras(renderer: EyeRenderer, scene: Scene) -> None:
    """A camera turned about its own centre, with another focal length: pixels follow the homography."""
    turn = rotation_about("y", torch.full((COUNT,), 0.03)) @ rotation_about("z", torch.full((COUNT,), 0.2))
    view = scene.view
    camera = intrinsics(
        *(view.camera[:, i, j] * s for i, j, s in ((0, 0, 1.1), (1, 1, 1.1), (0, 2, 1), (1, 2, 1)))
    )
    eye = scene.eye._replace(eyeball=transform(turn, scene.eye.eyeball), rotation=turn @ scene.eye.rotation)
    other = scene._replace(
        eye=eye,
        light=scene.light._replace(position=transform(turn, scene.light.position)),
        view=view._replace(
            camera=camera,
            eyeball=transform(turn, view.eyeball),
            head=turn @ view.head,
            leds=transform(turn[:, None], view.leds),
        ),
    )
    draws = Draws(SEED, torch.arange(COUNT)).fork("frame")
    here, there = renderer.render_scene(scene, draws), renderer.render_scene(other, draws)
    homography = camera @ turn @ torch.linalg.inv(view.camera)

    def carried(points: torch.Tensor) -> torch.Tensor:
        moved = torch.cat([points, torch.ones_like(points[..., :1])], dim=-1) @ homography.transpose(-1, -2)
        return moved[..., :2] / moved[..., 2:]

    shown = there["glints_visible"] & here["glints_visible"]
    assert shown.sum() > 20
    torch.testing.assert_close(
        carried(here["glints_px"])[shown], there["glints_px"][shown], atol=0.05, rtol=1e-3
    )
    torch.testing.assert_close(transform(turn, here["cornea_mm"]), there["cornea_mm"], atol=1e-3, rtol=1e-4)
    whole = (here["pupil_visible"] == 1) & (there["pupil_visible"] == 1) & (here["pupil_ellipse"][:, 3] > 8)
    assert whole.any()
    moved = carried(here["pupil_mask_px"][:, None])[:, 0]
    assert ((moved - there["pupil_mask_px"]).norm(dim=-1)[whole] < 0.6).all()
