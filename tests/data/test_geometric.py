from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.data.drawn import drawn_eyes
from zoo.conventions import IGNORE, IRIS, PUPIL
from zoo.data.affine import invert, move_points, sample, sampling_grid, similarity
from zoo.data.geometric import hflip, warp
from zoo.data.sample import EyeBatch, check_eye_batch, empty_eye_batch
from zoo.geometry.cameras import project
from zoo.geometry.ellipse import ellipse_points

ALL = torch.ones(4, dtype=torch.bool)


def similar(turn: float, scale: float, u: float, v: float, eyes: EyeBatch) -> torch.Tensor:
    count, height, width = eyes["content"].shape
    full = torch.ones(count)
    return similarity(
        turn * full, scale * full, torch.tensor([float(u), float(v)]).expand(count, 2), height, width
    )


def mirrored(points: torch.Tensor, width: int) -> torch.Tensor:
    return torch.stack([width - 1 - points[..., 0], points[..., 1]], -1)


motions = st.tuples(
    st.floats(-math.pi, math.pi),
    st.floats(0.5, 2),
    st.floats(-20, 20),
    st.floats(-20, 20),
    st.floats(0.7, 1.4),
)


@given(motions)
def test_projection_follows_the_image(motion: tuple[float, float, float, float, float]) -> None:
    """With pixels that are not square, too."""
    *similarity_, aspect = motion
    eyes = drawn_eyes(4)
    eyes["camera"][:, 1, 1] *= aspect
    affine = similar(*similarity_, eyes)
    moved = warp(eyes, affine)
    for key in ("cornea_mm", "pupil_mm", "eyeball_mm"):
        expected = move_points(project(eyes[key], eyes["camera"]), affine)
        torch.testing.assert_close(project(moved[key], moved["camera"]), expected, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(moved[key].norm(dim=-1), eyes[key].norm(dim=-1))
    axis = torch.nn.functional.normalize(moved["pupil_mm"] - moved["cornea_mm"], dim=-1)
    torch.testing.assert_close(axis, moved["optical"], rtol=0, atol=1e-4)
    angle = (eyes["optical"] * eyes["visual"]).sum(-1)
    torch.testing.assert_close((moved["optical"] * moved["visual"]).sum(-1), angle)
    assert (moved["camera"][:, [0, 1], [0, 1]] > 0).all()
    assert (moved["camera"][:, [1, 2, 2], [0, 0, 1]] == 0).all()


@given(motions)
def test_square_pixels_stay_square(motion: tuple[float, float, float, float, float]) -> None:
    eyes = drawn_eyes(2)
    camera = warp(eyes, similar(*motion[:4], eyes))["camera"]
    torch.testing.assert_close(camera[:, 0, 0], camera[:, 1, 1])
    torch.testing.assert_close(camera[:, 0, 0], motion[1] * eyes["camera"][:, 0, 0])
    assert camera[:, 0, 1].abs().max() < 1e-4


def test_mirror_projects_and_swaps_sides() -> None:
    eyes = drawn_eyes(4)
    eyes["camera"][:, 0, 1] = 3.0
    width = eyes["image"].shape[-1]
    moved = hflip(eyes, ALL)
    check_eye_batch(moved, "mirrored")
    for key in ("cornea_mm", "pupil_mm", "eyeball_mm"):
        expected = mirrored(project(eyes[key], eyes["camera"]), width)
        torch.testing.assert_close(project(moved[key], moved["camera"]), expected, rtol=0, atol=1e-4)
    axis = torch.nn.functional.normalize(moved["pupil_mm"] - moved["cornea_mm"], dim=-1)
    torch.testing.assert_close(axis, moved["optical"], rtol=0, atol=1e-4)
    assert torch.equal(moved["eye_side"], 1 - eyes["eye_side"])
    assert torch.equal(moved["image"], eyes["image"].flip(-1))
    torch.testing.assert_close(moved["glints_px"], mirrored(eyes["glints_px"], width))


def test_mirror_takes_only_the_chosen_and_twice_is_nothing() -> None:
    eyes = drawn_eyes(4)
    chosen = torch.tensor([True, False, True, False])
    once = hflip(eyes, chosen)
    assert torch.equal(once["image"][1], eyes["image"][1])
    assert not torch.equal(once["image"][0], eyes["image"][0])
    assert torch.equal(once["eye_side"] != eyes["eye_side"], chosen)
    twice = hflip(once, chosen)
    for key, value in eyes.items():
        torch.testing.assert_close(twice[key], value, rtol=1e-5, atol=1e-4, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.parametrize("mirror", [False, True])
def test_labels_stay_on_the_pixels(mirror: bool) -> None:
    """Ellipse, mask centroid and class ids still agree with the moved picture."""
    eyes = drawn_eyes(6, 96, 128)
    if mirror:
        eyes = hflip(eyes, torch.ones(6, dtype=torch.bool))
    moved = warp(eyes, similar(2.5, 0.9, 6, -4, eyes))
    check_eye_batch(moved, "warped")
    pupil = moved["segmentation"] == PUPIL
    for i in range(6):
        v, u = pupil[i].nonzero(as_tuple=True)
        centroid = torch.stack([u.float().mean(), v.float().mean()])
        torch.testing.assert_close(moved["pupil_mask_px"][i], centroid)
        assert (moved["pupil_ellipse"][i, :2] - centroid).norm() < 0.3
        area = math.pi / 4 * moved["pupil_ellipse"][i, 2] * moved["pupil_ellipse"][i, 3]
        assert abs(float(pupil[i].sum() / area) - 1) < 0.06
        assert moved["image"][i, 0][pupil[i]].mean() < 0.16  # the pupil is drawn 0.1, the iris 0.4
        just_inside = (
            ellipse_points(moved["pupil_ellipse"][i] * torch.tensor([1, 1, 0.8, 0.8, 1]), 16).round().long()
        )
        assert pupil[i, just_inside[:, 1], just_inside[:, 0]].all()
        around = (
            ellipse_points(moved["pupil_ellipse"][i] * torch.tensor([1, 1, 1.3, 1.3, 1]), 16).round().long()
        )
        assert (moved["segmentation"][i, around[:, 1], around[:, 0]] == IRIS).all()
    assert torch.equal(moved["pupil_visible"], eyes["pupil_visible"])  # nothing was cut: exactly as before


def test_undoing_brings_answers_back() -> None:
    eyes = drawn_eyes(4)
    affine = similar(0.7, 1.3, 3, -2, eyes)
    moved = warp(eyes, affine)
    back = invert(affine)
    torch.testing.assert_close(move_points(moved["glints_px"], back), eyes["glints_px"], rtol=0, atol=1e-4)
    answer = move_points(moved["pupil_ellipse"][:, :2], back)
    torch.testing.assert_close(answer, eyes["pupil_ellipse"][:, :2], rtol=0, atol=1e-4)


def test_padding_is_black_ignored_and_hides_glints() -> None:
    eyes = drawn_eyes(4)
    moved = warp(eyes, similar(0.0, 0.5, 0, 0, eyes))
    outside = ~moved["content"]
    assert outside.float().mean() == pytest.approx(0.75, abs=0.05)
    assert (moved["image"][:, 0][outside] == 0).all()
    assert (moved["segmentation"][outside] == IGNORE).all()
    assert (moved["segmentation"][moved["content"]] != IGNORE).all()
    assert moved["image"][:, 0][moved["content"]].min() > 0.02  # no dark rim of mixed pixels
    assert moved["glints_visible"][:, :4].all()

    left_half = torch.zeros_like(eyes["content"])
    left_half[..., :20] = True
    cut = warp(eyes, similar(0.0, 1.0, 0, 0, eyes), left_half)
    assert torch.equal(cut["glints_visible"][:, :4], cut["glints_px"][:, :4, 0].round() < 20)
    assert not cut["glints_visible"][:, 4:].any()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_border_that_cuts_the_pupil(share: float) -> None:
    """Shift a pupil out of the frame until `share` of its width is left."""
    eyes = drawn_eyes(1, 96, 128)
    centre = eyes["pupil_ellipse"][0, :2]
    outline = ellipse_points(eyes["pupil_ellipse"][0], 360)
    right, width = outline[:, 0].max(), outline[:, 0].max() - outline[:, 0].min()
    moved = warp(eyes, similar(0, 1, float(share * width - right - 0.5), 0, eyes))
    area = math.pi / 4 * eyes["pupil_ellipse"][0, 2] * eyes["pupil_ellipse"][0, 3]
    left = (moved["segmentation"] == PUPIL).sum() / area
    assert float(moved["pupil_visible"]) == pytest.approx(float(left), abs=0.03)
    assert bool(moved["pupil_present"]) == (float(left) >= 0.1)
    assert bool(moved["pupil_mask_px_valid"]) == (float(left) > 0)
    assert float(moved["blink"]) == 0.0  # the lids did not move
    inside = float(moved["pupil_ellipse"][0, 0]) >= -0.5
    assert bool(moved["blink_valid"]) == bool(moved["openness_valid"]) == inside == (share >= 0.5)
    assert moved["pupil_ellipse_valid"].all()
    assert moved["eye3d_valid"].all()
    assert moved["pupil_ellipse"][0, 1] == pytest.approx(float(centre[1]), abs=1e-4)


def test_labels_that_cannot_be_mended_become_unknown() -> None:
    """Mask data gives a point without an outline: near the border nobody knows how much was cut."""
    eyes = empty_eye_batch(3, 96, 128)
    eyes["pupil_mask_px"] = torch.tensor([[64.0, 48.0], [64.0, 48.0], [64.0, 48.0]])
    for key in ("pupil_mask_px_valid", "pupil_visible_valid", "pupil_present_valid", "blink_valid"):
        eyes[key].fill_(True)
    eyes["pupil_present"].fill_(1)
    shift = torch.tensor([[30.0, 0], [60, 0], [80, 0]])  # inside, at the border, outside
    moved = warp(eyes, similarity(torch.zeros(3), torch.ones(3), shift, 96, 128))
    check_eye_batch(moved, "warped")
    torch.testing.assert_close(moved["pupil_mask_px"], eyes["pupil_mask_px"] + shift, rtol=0, atol=1e-4)
    for key in ("pupil_mask_px_valid", "pupil_visible_valid", "pupil_present_valid"):
        assert moved[key].tolist() == [True, False, False], key
    assert moved["blink_valid"].tolist() == [True, True, False]


def test_unknown_labels_stay_unknown_and_finite() -> None:
    eyes = empty_eye_batch(2, 32, 40)
    moved = warp(hflip(eyes, torch.tensor([True, False])), similar(1, 1.2, 3, 3, eyes))
    check_eye_batch(moved, "unknown")
    for key, value in moved.items():
        if key.endswith("_valid"):
            assert not value.any(), key  # type: ignore[attr-defined]


def test_resampling_moves_by_the_map() -> None:
    """A linear ramp is exact under bilinear sampling: at p it is the ramp at the map's inverse of p."""
    height, width = 40, 50
    u, v = torch.arange(width).expand(height, width), torch.arange(height)[:, None].expand(height, width)
    ramp = torch.stack([u, v]).float()[None]
    affine = similarity(torch.tensor([0.4]), torch.tensor([1.2]), torch.tensor([[2.0, -3.0]]), height, width)
    out = sample(ramp, sampling_grid(affine, height, width))[0].permute(1, 2, 0)
    expected = move_points(ramp[0].permute(1, 2, 0)[None], invert(affine))[0]
    inside = ((expected > 0) & (expected < torch.tensor([width - 1, height - 1]))).all(-1)
    assert inside.float().mean() > 0.5
    torch.testing.assert_close(out[inside], expected[inside], rtol=0, atol=1e-3)


def test_turn_is_from_x_towards_y_about_the_centre() -> None:
    affine = similarity(torch.tensor([math.pi / 2]), torch.ones(1), torch.zeros(1, 2), 41, 61)
    points = torch.tensor([[[30.0, 20.0], [40.0, 20.0]]])
    torch.testing.assert_close(
        move_points(points, affine), torch.tensor([[[30.0, 20.0], [30.0, 30.0]]]), rtol=0, atol=1e-4
    )


def test_fills_are_background_with_the_same_labels() -> None:
    eyes = drawn_eyes(3)
    affine = similar(0.2, 0.6, 20, 0, eyes)
    plain = warp(eyes, affine)
    filled = warp(eyes, affine, fill=torch.tensor([0, 1, 2]))
    check_eye_batch(filled, "filled")
    empty = ~plain["content"]
    assert torch.equal(filled["content"], plain["content"] | torch.tensor([False, True, True])[:, None, None])
    assert (filled["segmentation"][0][empty[0]] == IGNORE).all()
    assert (filled["segmentation"][1:][empty[1:]] == 0).all()
    assert (filled["image"][:2, 0][empty[:2]] == 0).all()
    assert (filled["image"][2, 0][empty[2]] > 0.02).all()
    for key in ("pupil_visible", "pupil_mask_px", "glints_visible", "pupil_ellipse", "blink_valid"):
        assert torch.equal(filled[key], plain[key]), key  # type: ignore[literal-required]
    left_half = torch.zeros_like(eyes["content"])
    left_half[..., :20] = True
    cut = warp(eyes, affine, left_half, torch.tensor([0, 1, 2]))
    assert torch.equal(cut["content"], filled["content"] & left_half)
    assert not cut["image"][:, 0][~left_half].any()


def test_a_centre_without_an_outline_moves_and_is_hidden_by_the_border() -> None:
    eyes = empty_eye_batch(2, 96, 128)
    eyes["pupil_ellipse"][:, :2] = torch.tensor([64.0, 48.0])
    for key in ("pupil_centre_valid", "pupil_present_valid", "blink_valid"):
        eyes[key][0] = True  # type: ignore[literal-required]
    eyes["pupil_present"][0] = 1
    mirrored = hflip(eyes, torch.tensor([True, True]))
    assert mirrored["pupil_ellipse"][0, :2].tolist() == [63, 48]
    moved = warp(eyes, similar(0, 1, -60.0, 0, eyes))  # to 4 pixels from the border
    assert moved["pupil_ellipse"][0, :2].tolist() == pytest.approx([4, 48], abs=1e-4)
    assert moved["pupil_centre_valid"].tolist() == [True, False] and not moved["pupil_ellipse_valid"].any()
    assert not moved["pupil_present_valid"][0] and moved["blink_valid"][0]
    assert not warp(eyes, similar(0, 1, -80.0, 0, eyes))["blink_valid"][0]
