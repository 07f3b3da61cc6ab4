"""Augment, answer as a perfect oracle would, undo: the answers are the labels again, all of them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.data.drawn import drawn_eyes
from zoo.data.affine import invert, move_points
from zoo.data.augment import Motion, augment, draw_motion
from zoo.data.config import AugmentConfig, GeometricConfig
from zoo.data.sample import EyeBatch
from zoo.draws import Draws
from zoo.geometry.cameras import project
from zoo.geometry.ellipse import ellipse_points

COUNT, H, W = 8, 48, 64
GEOMETRIC = GeometricConfig(flip=0.5, half_turn=0.3, rotate_deg=60, scale=(0.6, 1.6), shift=0.3, reframe=0.5)
CONFIG = AugmentConfig.off().model_copy(update={"geometric": GEOMETRIC})
seeds = st.integers(0, 10_000)


def moved(seed: int) -> tuple[EyeBatch, EyeBatch, Motion]:
    """Eyes with pixels that are not square and skew, what augmentation makes of them, and how they moved."""
    eyes, draws = drawn_eyes(COUNT, H, W, seed), Draws(seed, torch.arange(COUNT))
    eyes["camera"][:, 1, 1] *= 1.1
    eyes["camera"][:, 0, 1] = 2.0
    return eyes, augment(eyes, draws, CONFIG), draw_motion(draws, GEOMETRIC, H, W)


def points_back(points: Tensor, motion: Motion) -> Tensor:
    """(B, n, 2) pixels of the augmented frame, in those of the frame as it was."""
    back = move_points(points, invert(motion.affine))
    flipped = torch.stack([W - 1 - back[..., 0], back[..., 1]], -1)
    return torch.where(motion.flip[:, None, None], flipped, back)


def turn_of(motion: Motion) -> Tensor:
    """(B, 3, 3) about the camera's axis, from the similarity alone."""
    angle = torch.atan2(motion.affine[:, 1, 0], motion.affine[:, 0, 0])
    turn = torch.eye(3).repeat(COUNT, 1, 1)
    turn[:, 0, 0] = turn[:, 1, 1] = angle.cos()
    turn[:, 0, 1], turn[:, 1, 0] = -angle.sin(), angle.sin()
    return turn


def mirror_of(motion: Motion) -> Tensor:
    """(B, 3), of directions."""
    return torch.where(motion.flip[:, None], torch.tensor([-1.0, 1, 1]), torch.ones(3))


@settings(max_examples=12)
@given(seeds)
def test_3d_answers_come_back(seed: int) -> None:
    """With square pixels: other cameras turn into ones with skew, whose axes are not the picture's."""
    eyes, draws = drawn_eyes(COUNT, H, W, seed), Draws(seed, torch.arange(COUNT))
    out, motion = augment(eyes, draws, CONFIG), draw_motion(draws, GEOMETRIC, H, W)
    for key in ("cornea_mm", "pupil_mm", "eyeball_mm", "optical", "visual"):
        answer: Tensor = out[key]  # type: ignore[literal-required]
        back = (turn_of(motion).mT @ answer[..., None])[..., 0] * mirror_of(motion)
        torch.testing.assert_close(back, eyes[key], rtol=1e-4, atol=1e-4)  # type: ignore[literal-required]
    assert torch.equal(out["cornea_radius_mm"], eyes["cornea_radius_mm"])
    assert torch.equal(out["eye_side"] != eyes["eye_side"], motion.flip)
    # A K = K' R, and mirrored u = W - 1 - u with mirrored x.
    affine = torch.cat([motion.affine, torch.tensor([0.0, 0, 1]).expand(COUNT, 1, 3)], 1)
    camera = torch.linalg.inv(affine) @ out["camera"] @ turn_of(motion)
    flip = torch.tensor([[-1.0, 0, W - 1], [0, 1, 0], [0, 0, 1]])
    unflipped = flip @ camera @ torch.diag(torch.tensor([-1.0, 1, 1]))
    camera = torch.where(motion.flip[:, None, None], unflipped, camera)
    torch.testing.assert_close(camera, eyes["camera"], rtol=1e-3, atol=1e-2)


@settings(max_examples=12)
@given(seeds)
def test_2d_answers_come_back(seed: int) -> None:
    eyes, out, motion = moved(seed)
    torch.testing.assert_close(points_back(out["glints_px"], motion), eyes["glints_px"], rtol=0, atol=1e-3)
    # The ellipse as a curve: its axes and its angle at once.
    outline = points_back(ellipse_points(out["pupil_ellipse"], 32), motion)
    offset = outline - eyes["pupil_ellipse"][:, None, :2]
    major, minor, angle = eyes["pupil_ellipse"][:, 2:, None].unbind(1)
    u = offset[..., 0] * angle.cos() + offset[..., 1] * angle.sin()
    v = offset[..., 1] * angle.cos() - offset[..., 0] * angle.sin()
    on_it = (2 * u / major) ** 2 + (2 * v / minor) ** 2
    torch.testing.assert_close(on_it, torch.ones_like(on_it), rtol=0, atol=1e-3)
    # The centroid of what shows, where nothing of the pupil was cut.
    whole = out["pupil_visible"] == 1
    centroid = points_back(out["pupil_mask_px"][:, None], motion)[:, 0]
    far = (centroid - eyes["pupil_mask_px"]).norm(dim=1)
    assert (far[whole & out["pupil_mask_px_valid"]] < 0.6).all()  # pixels are counted anew


@settings(max_examples=12)
@given(seeds)
def test_the_camera_sees_3d_answers_where_2d_answers_are(seed: int) -> None:
    eyes, out, motion = moved(seed)
    for key in ("cornea_mm", "pupil_mm", "eyeball_mm"):
        seen = project(out[key], out["camera"])[:, None]  # type: ignore[literal-required]
        expected = project(eyes[key], eyes["camera"])[:, None]  # type: ignore[literal-required]
        torch.testing.assert_close(points_back(seen, motion), expected, rtol=1e-4, atol=5e-3)


def test_the_motions_of_these_tests_do_what_they_say() -> None:
    motion = draw_motion(Draws(0, torch.arange(COUNT)), GEOMETRIC, H, W)
    scale = torch.linalg.det(motion.affine[:, :, :2]).sqrt()
    assert motion.flip.any() and not motion.flip.all() and float(scale.std()) > 0.1
    assert float(turn_of(motion)[:, 0, 0].min()) == pytest.approx(-1, abs=0.5)
