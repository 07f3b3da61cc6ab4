"""Corneas, assignments and axes from glints of the headset rig's LEDs, on random eyes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from tests.geometry.random_eyes import random_eyes
from zoo.geometry.angles import angle_between
from zoo.geometry.cameras import intrinsics, project
from zoo.geometry.classical_gaze import classical_gaze
from zoo.geometry.eye import Eye
from zoo.geometry.glint_assignment import Assignment, assign_glints
from zoo.geometry.glint_inverse import CorneaFix, CorneaPrior, cornea_from_glints, glint_image
from zoo.geometry.reflection import glint
from zoo.geometry.refraction import pupil_centre_px
from zoo.geometry.vectors import dot, unit
from zoo.synth.eyes.rig import FixedRig

_HEADSET = Path(__file__).parents[2] / "conf" / "rig" / "headset.yaml"
RIG = FixedRig.model_validate(yaml.safe_load(_HEADSET.read_text()))
LEDS = torch.tensor(RIG.leds_mm, dtype=torch.float64)
CAMERA = intrinsics(*torch.tensor([RIG.fx, RIG.fy, RIG.cx, RIG.cy], dtype=torch.float64))
ALL = range(len(LEDS))


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def headset_eyes(count: int, seed: int = 0) -> Eye:
    """Random eyes where the headset's slip puts them."""
    eyes = random_eyes(count, seed=seed, max_angle_deg=30.0)
    slip = torch.tensor(RIG.slip_mm) * normal(seed, count, 3)
    return eyes._replace(eyeball=torch.tensor(RIG.eye_mm, dtype=torch.float64) + slip)


def glints(eyes: Eye) -> Tensor:
    """Exact pixels of every LED's glint."""
    return project(glint(eyes.cornea[:, None], eyes.cornea_radius[:, None], LEDS), CAMERA)


def solve(pixels: Tensor, which: Tensor, radius: Tensor | float, **options: object) -> CorneaFix:
    """All of the glints are valid, and of the same LEDs in every item."""
    everywhere = which.expand(pixels.shape[:-1])
    return cornea_from_glints(
        pixels, everywhere, torch.ones_like(everywhere, dtype=torch.bool), LEDS, CAMERA, radius, **options
    )


def rms(error: Tensor) -> float:
    return error.square().sum(-1).mean().sqrt().item()


def squared_sigmas(fix: CorneaFix, eyes: Eye) -> float:
    """Mean squared error per dimension in terms of the covariance: 1 if that is right."""
    error = fix.cornea - eyes.cornea
    return (dot(error, torch.linalg.solve(fix.covariance, error)).mean() / 3).item()


def depth_and_lateral(error: Tensor, cornea: Tensor) -> tuple[Tensor, Tensor]:
    depth = dot(error, unit(cornea))
    return depth, (error - depth[:, None] * unit(cornea)).norm(dim=-1)


@pytest.mark.parametrize("leds", [(0, 2), (4, 3), (5, 0, 2), tuple(ALL)])
def test_exact_glints_give_the_cornea_near_and_far(leds: tuple[int, ...]) -> None:
    eyes = random_eyes(300)  # 20 to 1000 mm away
    which = torch.tensor(leds)
    found = solve(glints(eyes)[:, which], which, eyes.cornea_radius)
    assert found.ok.all()
    assert (found.cornea - eyes.cornea).norm(dim=-1).max() < 1e-6
    assert found.rms_px.max() < 1e-9
    assert torch.equal(found.radius_sigma, torch.zeros(300, dtype=torch.float64))


def test_reference_vectors() -> None:
    leds = torch.tensor([[10.0, 0.0, 0.0], [15.0, -8.0, 5.0]], dtype=torch.float64)
    image = torch.tensor([[0.0294385, 0.0], [0.0477721, -0.0254784]], dtype=torch.float64)
    camera = torch.eye(3, dtype=torch.float64)
    valid = torch.ones(2, dtype=torch.bool)
    found = cornea_from_glints(image, torch.tensor([0, 1]), valid, leds, camera, 7.8, pixel_sigma=1e-4)
    assert found.ok
    expected = torch.tensor([0.0, 0.0, 40.0], dtype=torch.float64)
    torch.testing.assert_close(found.cornea, expected, rtol=0, atol=1e-4)


def test_glints_that_are_not_valid_change_nothing() -> None:
    eyes = headset_eyes(20)
    pixels = glints(eyes) + 0.3 * normal(1, 20, 6, 2)
    some = torch.tensor([0, 1, 4])
    expected = solve(pixels[:, some], some, eyes.cornea_radius)
    pixels[:, 2], pixels[:, 5] = torch.nan, 1e6
    which = torch.tensor([0, 1, -1, 3, 4, 5]).expand(20, 6)
    valid = torch.tensor([True, True, True, False, True, False]).expand(20, 6)
    found = cornea_from_glints(pixels, which, valid, LEDS, CAMERA, eyes.cornea_radius)
    for value, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(value, reference)


def test_a_wrong_radius_moves_the_cornea_along_its_ray_as_the_derivative_says() -> None:
    eyes = headset_eyes(100)
    pixels, which = glints(eyes), torch.arange(6)
    radius = eyes.cornea_radius.clone().requires_grad_()
    exact = solve(pixels, which, radius)
    columns = [torch.autograd.grad(exact.cornea[:, i].sum(), radius, retain_graph=True)[0] for i in range(3)]

    wrong = solve(pixels, which, eyes.cornea_radius + 0.3)
    error = wrong.cornea - eyes.cornea
    depth, lateral = depth_and_lateral(error, eyes.cornea)
    # About 2.7 mm a millimetre: a larger cornea is farther away.
    assert depth.min() > 0.5 and depth.max() < 1.2
    assert lateral.max() < 0.02
    assert (error - 0.3 * torch.stack(columns, dim=-1)).norm(dim=-1).max() < 0.05
    assert wrong.rms_px.max() < 0.1  # and the glints do not tell


def test_a_prior_on_the_radius_improves_the_cornea_and_makes_its_covariance_true() -> None:
    eyes = headset_eyes(300)
    which = torch.arange(6)
    radius = eyes.cornea_radius + 0.3 * normal(2, 300)
    pixels = glints(eyes) + 0.1 * normal(3, 300, 6, 2)
    fixed = solve(pixels, which, radius, pixel_sigma=0.1)
    joint = solve(pixels, which, radius, pixel_sigma=0.1, radius_sigma=0.3)
    assert rms(joint.cornea - eyes.cornea) < 0.9 * rms(fixed.cornea - eyes.cornea)
    assert (joint.radius - eyes.cornea_radius).square().mean() < 0.8 * 0.3**2
    assert squared_sigmas(fixed, eyes) > 20
    assert squared_sigmas(joint, eyes) == pytest.approx(1, abs=0.15)
    ratio = (joint.radius - eyes.cornea_radius) / joint.radius_sigma
    assert ratio.square().mean().item() == pytest.approx(1, abs=0.25)

    exact = solve(glints(eyes), which, eyes.cornea_radius + 0.3, pixel_sigma=0.01, radius_sigma=0.3)
    assert rms(exact.cornea - eyes.cornea) < 0.1  # without the estimate 0.8


@pytest.mark.parametrize("count", [2, 3, 6])
def test_the_covariance_is_that_of_the_errors(count: int) -> None:
    eyes = headset_eyes(400)
    which = torch.arange(count)
    pixels = (glints(eyes) + 0.3 * normal(4, 400, 6, 2))[:, :count]
    found = solve(pixels, which, eyes.cornea_radius, pixel_sigma=0.3)
    assert found.ok.all()
    assert squared_sigmas(found, eyes) == pytest.approx(1, abs=0.15)
    depth, lateral = depth_and_lateral(found.cornea - eyes.cornea, eyes.cornea)
    assert depth.square().mean() > 4 * lateral.square().mean()


def test_fusion_with_a_prior_is_better_than_either() -> None:
    eyes = headset_eyes(400)
    which = torch.tensor([0, 1])
    pixels = (glints(eyes) + 0.3 * normal(5, 400, 6, 2))[:, which]
    covariance = CorneaPrior.along_ray(eyes.cornea, 0.1, 0.4).covariance
    mean = eyes.cornea + (torch.linalg.cholesky(covariance) @ normal(6, 400, 3, 1))[..., 0]
    alone = solve(pixels, which, eyes.cornea_radius)
    fused = solve(pixels, which, eyes.cornea_radius, prior=CorneaPrior(mean, covariance))
    assert fused.ok.all()
    error = rms(fused.cornea - eyes.cornea)
    assert error < 0.8 * rms(alone.cornea - eyes.cornea)
    assert error < 0.8 * rms(mean - eyes.cornea)
    assert squared_sigmas(fused, eyes) == pytest.approx(1, abs=0.15)

    # Between the two, weighted by their information, but for the curvature of the problem.
    of_glints, of_prior = alone.covariance.inverse(), covariance.inverse()
    weighted = of_glints @ alone.cornea[..., None] + of_prior @ mean[..., None]
    expected = torch.linalg.solve(of_glints + of_prior, weighted)[..., 0]
    assert rms(fused.cornea - expected) < 0.1 * error


def test_a_prior_stands_alone_where_there_are_no_glints() -> None:
    eyes = headset_eyes(5)
    prior = CorneaPrior.along_ray(eyes.cornea, 0.5, 1.0)
    found = solve(glints(eyes)[:, :0], torch.arange(0), 7.8, prior=prior)
    assert found.ok.all()
    torch.testing.assert_close(found.cornea, eyes.cornea)
    torch.testing.assert_close(found.covariance, prior.covariance, rtol=1e-5, atol=1e-6)
    assert torch.equal(found.rms_px, torch.zeros(5, dtype=torch.float64))


def test_a_vague_prior_far_off_does_no_harm() -> None:
    eyes = headset_eyes(50)
    prior = CorneaPrior.along_ray(1.8 * eyes.cornea + 10, 1e4, 1e4)
    found = solve(glints(eyes), torch.arange(6), eyes.cornea_radius, prior=prior)
    assert (found.cornea - eyes.cornea).norm(dim=-1).max() < 1e-4


@pytest.mark.parametrize("leds", [(), (3,), (1, 1)])
def test_fewer_than_two_leds_are_not_ok_but_finite(leds: tuple[int, ...]) -> None:
    eyes = headset_eyes(20)
    which = torch.tensor(leds, dtype=torch.int64)
    pixels = glints(eyes)[:, which].requires_grad_()
    found = solve(pixels, which, 7.8)
    assert not found.ok.any()
    assert all(torch.isfinite(value).all() for value in found)
    (gradient,) = torch.autograd.grad(found.cornea.sum() + found.rms_px.sum(), pixels)
    assert torch.isfinite(gradient).all()


def test_glints_of_no_eye_give_finite_values_and_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = 400 * torch.rand(100, 6, 2, generator=generator, dtype=torch.float64) - 50
    leds = LEDS.clone().requires_grad_()
    which = torch.arange(6).expand(100, 6)
    found = cornea_from_glints(pixels, which, which >= 0, leds, CAMERA)
    assert all(torch.isfinite(value).all() for value in found)
    (gradient,) = torch.autograd.grad(found.cornea.sum(), leds)
    assert torch.isfinite(gradient).all()
    assert (found.rms_px[found.ok] > 10).all()


def test_gradients() -> None:
    eyes = headset_eyes(2)
    pixels = glints(eyes)[:, :3] + 0.3 * normal(7, 2, 3, 2)
    which = torch.arange(3).expand(2, 3)
    covariance = CorneaPrior.along_ray(eyes.cornea, 0.5, 1.0).covariance

    def found(pixels: Tensor, leds: Tensor, radius: Tensor, mean: Tensor) -> tuple[Tensor, ...]:
        alone = cornea_from_glints(pixels, which, which >= 0, leds, CAMERA, radius)
        prior = CorneaPrior(mean, covariance)
        fused = cornea_from_glints(
            pixels, which, which >= 0, leds, CAMERA, radius, radius_sigma=0.3, prior=prior
        )
        return alone.cornea, alone.covariance, alone.rms_px, fused.cornea, fused.radius

    inputs = [x.clone().requires_grad_() for x in (pixels, LEDS[:3], eyes.cornea_radius, eyes.cornea + 0.3)]
    assert torch.autograd.gradcheck(
        found, inputs, atol=1e-5, rtol=1e-4, fast_mode=True, check_undefined_grad=False
    )

    def cornea(pixels: Tensor) -> Tensor:
        return cornea_from_glints(pixels, which[0], which[0] >= 0, LEDS, CAMERA, 7.8, steps=6).cornea

    assert torch.autograd.gradcheck(
        cornea, pixels[0].clone().requires_grad_(), atol=1e-5, rtol=1e-4, check_undefined_grad=False
    )


def test_the_slope_of_a_glint_is_its_derivative() -> None:
    eyes = headset_eyes(20)
    cornea, radius = (
        eyes.cornea[:, None].repeat(1, 6, 1).requires_grad_(),
        eyes.cornea_radius[:, None].repeat(1, 6).requires_grad_(),
    )
    seen = glint_image(cornea, radius, LEDS, CAMERA)
    torch.testing.assert_close(seen.pixel, glints(eyes))
    for i in range(2):
        by_centre, by_radius = torch.autograd.grad(
            seen.pixel[..., i].sum(), (cornea, radius), retain_graph=True
        )
        torch.testing.assert_close(seen.slope[..., i, :], torch.cat((by_centre, by_radius[..., None]), -1))


def test_float_type_and_batch_dimensions_are_kept() -> None:
    eyes = headset_eyes(6)
    pixels, which = glints(eyes) + 0.3 * normal(8, 6, 6, 2), torch.arange(6)
    flat = solve(pixels, which, eyes.cornea_radius)
    deep = solve(pixels.reshape(2, 3, 6, 2), which, eyes.cornea_radius.reshape(2, 3))
    one = solve(pixels[4], which, eyes.cornea_radius[4])
    narrow = solve(pixels.float(), which, eyes.cornea_radius.float())
    for whole, folded, alone, coarse in zip(flat, deep, one, narrow, strict=True):
        torch.testing.assert_close(folded.flatten(0, 1), whole)
        torch.testing.assert_close(alone, whole[4])
        assert coarse.dtype == (torch.bool if whole.dtype == torch.bool else torch.float32)
    torch.testing.assert_close(narrow.cornea.double(), flat.cornea, rtol=0, atol=1e-3)

    assigned = assign_glints(pixels.reshape(2, 3, 6, 2), which.expand(2, 3, 6) >= 0, LEDS, CAMERA)
    assert assigned.which_led.shape == (2, 3, 6)
    assert assigned.margin.shape == assigned.ok.shape == (2, 3)


def shuffled(eyes: Eye, missing: int, false: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pixels with noise of 0.2 in random order, and their LEDs: some have none, some glints are false."""
    count = len(eyes.eyeball)
    generator = torch.Generator().manual_seed(seed)
    pixels = glints(eyes)
    kept = torch.rand(count, 6, generator=generator).argsort(-1)[:, : 6 - missing]
    noise = 0.2 * torch.randn(count, 6 - missing, 2, generator=generator, dtype=torch.float64)
    seen = torch.take_along_dim(pixels, kept[..., None], dim=1) + noise
    about = 2 * torch.rand(count, false, 2, generator=generator, dtype=torch.float64) - 1
    seen = torch.cat((seen, pixels.mean(1, keepdim=True) + 40 * about), dim=1)
    truth = torch.cat((kept, torch.full((count, false), -1)), dim=1)
    order = torch.rand(truth.shape, generator=generator).argsort(-1)
    return torch.take_along_dim(seen, order[..., None], dim=1), torch.take_along_dim(truth, order, dim=1)


def share_right(assigned: Assignment, truth: Tensor) -> float:
    return (assigned.which_led == truth).all(-1).double().mean().item()


@pytest.mark.parametrize(
    ("missing", "false", "known_radius", "least"),
    [(0, 0, True, 0.99), (1, 1, False, 0.95), (3, 0, False, 0.95)],
)
def test_glints_get_their_leds(missing: int, false: int, known_radius: bool, least: float) -> None:
    eyes = headset_eyes(100, seed=1)
    pixels, truth = shuffled(eyes, missing, false, seed=2)
    radius, sigma = (eyes.cornea_radius, None) if known_radius else (7.8, 0.3)
    assigned = assign_glints(pixels, truth > -2, LEDS, CAMERA, radius, pixel_sigma=0.2, radius_sigma=sigma)
    assert share_right(assigned, truth) >= least
    assert assigned.ok.double().mean() >= 0.95


@pytest.mark.parametrize(("missing", "false", "least"), [(1, 1, 0.95), (3, 1, 0.95), (4, 0, 0.9)])
def test_a_prior_helps_few_glints_to_their_leds(missing: int, false: int, least: float) -> None:
    eyes = headset_eyes(100, seed=1)
    pixels, truth = shuffled(eyes, missing, false, seed=3)
    covariance = CorneaPrior.along_ray(eyes.cornea, 0.7, 1.5).covariance
    mean = eyes.cornea + (torch.linalg.cholesky(covariance) @ normal(9, 100, 3, 1))[..., 0]
    assigned = assign_glints(
        pixels,
        truth > -2,
        LEDS,
        CAMERA,
        pixel_sigma=0.2,
        radius_sigma=0.3,
        prior=CorneaPrior(mean, covariance),
    )
    assert share_right(assigned, truth) >= least
    assert share_right(Assignment(*(x[assigned.ok] for x in assigned)), truth[assigned.ok]) >= 0.95


def test_a_glint_that_is_known_to_be_rough_is_not_taken_for_a_false_one() -> None:
    eyes = headset_eyes(40, seed=5)
    pixels, truth = shuffled(eyes, 0, 0, seed=6)
    pixels[:, 2] += torch.tensor([3.0, -2.0])
    valid, sigma = truth > -2, torch.full((40, 6), 0.2)
    exact = assign_glints(pixels, valid, LEDS, CAMERA, eyes.cornea_radius, pixel_sigma=sigma)
    sigma[:, 2] = 2.0
    rough = assign_glints(pixels, valid, LEDS, CAMERA, eyes.cornea_radius, pixel_sigma=sigma)
    assert share_right(rough, truth) >= 0.95
    assert (exact.which_led[:, 2] == truth[:, 2]).double().mean() < 0.1


def test_a_row_of_leds_is_ambiguous_until_a_prior_says_where_the_eye_is() -> None:
    row = torch.stack((torch.linspace(-20, 20, 8), torch.full((8,), -15.0), torch.zeros(8)), -1).double()
    eyes = headset_eyes(20)
    pixels = project(glint(eyes.cornea[:, None], eyes.cornea_radius[:, None], row[2:5]), CAMERA)
    valid = torch.ones(20, 3, dtype=torch.bool)
    alone = assign_glints(pixels, valid, row, CAMERA, eyes.cornea_radius)
    assert not alone.ok.any()
    prior = CorneaPrior.along_ray(eyes.cornea, 0.05, 0.2)
    helped = assign_glints(pixels, valid, row, CAMERA, eyes.cornea_radius, prior=prior)
    assert helped.ok.all()
    assert torch.equal(helped.which_led, torch.tensor([2, 3, 4]).expand(20, 3))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_glints_are_not_assigned(count: int) -> None:
    eyes = headset_eyes(3)
    valid = (torch.arange(6) < count).expand(3, 6)
    pixels = torch.where(valid[..., None], glints(eyes), torch.nan)
    for assigned in (
        assign_glints(pixels, valid, LEDS, CAMERA),
        assign_glints(pixels[:, :count], valid[:, :count], LEDS, CAMERA),
    ):
        assert not assigned.ok.any()
        assert (assigned.which_led == -1).all()
        assert torch.equal(assigned.margin, torch.zeros(3, dtype=torch.float64))


def test_the_axis_of_the_classical_method() -> None:
    eyes = headset_eyes(100)
    pixels, which = glints(eyes), torch.arange(6)
    found = solve(pixels, which, eyes.cornea_radius)
    pupil_px = pupil_centre_px(eyes, CAMERA)
    person = (eyes.cornea_radius, eyes.pupil_distance, eyes.refractive_index)
    gaze = classical_gaze(found.cornea, pupil_px, CAMERA, *person)
    assert gaze.ok.all()
    torch.testing.assert_close(gaze.pupil_mm, eyes.pupil, rtol=0, atol=1e-6)
    assert angle_between(gaze.optical, eyes.optical).max() < 1e-6

    mean_person = solve(pixels, which, 7.8)
    off = torch.rad2deg(
        angle_between(classical_gaze(mean_person.cornea, pupil_px, CAMERA).optical, eyes.optical)
    )
    assert 0.3 < off.median() < 3  # what a person's anatomy, not calibrated, costs
