"""The cornea's centre from glints of known LEDs: the inverse of `zoo.geometry.reflection.glint`.

A glint's ray and the depth of its specular point give the normal there, which bisects the directions to
camera and LED, and so the centre of a cornea of known radius. Over all depths that is a curve in the plane of
camera, LED and glint; the curves of two or more LEDs meet in the centre (Shih and Liu, IEEE Trans. Syst. Man
Cybern. B 2004; Guestrin and Eizenman, IEEE Trans. Biomed. Eng. 2006). Where they come closest, least squares
of the glints' pixels start. A prior on the centre joins them as further squares, so that the same function
fuses glints with any other estimate, each by its covariance.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.geometry.cameras import project, rays
from zoo.geometry.reflection import glint
from zoo.geometry.vectors import Scalar, column, dot, norm, safe_sqrt, transform, unit

MEAN_CORNEA_RADIUS: Final = 7.8
"""Of adults, in mm; their standard deviation is about 0.27 (see `zoo.synth.eyes.anatomy`)."""
_DEPTHS: Final = (10.0, 1500.0, 40)
"""Depths of glints to start from, mm: first, last, and how many, spaced evenly in their logarithm."""
_SPREAD: Final = 0.01
"""Angle, as seen by the camera, by which curves at a common depth may miss: the glints' depths differ."""
_STEPS: Final = 15
_RECORDED: Final = 3
"""Last steps, of Gauss and Newton, recorded for differentiation. The derivative of one lacks what their
method neglects, which grows with the residuals; that of three lacks only its third power."""
_FLOOR: Final = 1e-8
"""Information in 1/mm^2 that is assumed where there is none, so that covariances stay finite."""


class CorneaPrior(NamedTuple):
    """What is known of cornea centres without the glints: a normal density, camera frame, mm."""

    mean: Tensor  # (*b, 3)
    covariance: Tensor  # (*b, 3, 3)

    @classmethod
    def along_ray(
        cls, mean: Float[Tensor, "*#b 3"], lateral_sigma: Scalar, depth_sigma: Scalar
    ) -> CorneaPrior:
        """From standard deviations in mm along the ray to the mean, and in each direction across it."""
        ray = unit(mean)
        along = ray[..., :, None] * ray[..., None, :]
        across = torch.eye(3, dtype=mean.dtype, device=mean.device) - along
        lateral, depth = (column(column(sigma)) for sigma in (lateral_sigma, depth_sigma))
        return cls(mean, lateral**2 * across + depth**2 * along)


class CorneaFix(NamedTuple):
    """Corneas as found from glints: camera frame, mm."""

    cornea: Tensor  # (*b, 3) centre
    covariance: Tensor  # (*b, 3, 3) of the centre; for an exact radius unless that had a sigma
    radius: Tensor  # (*b,) as given, or estimated with the centre
    radius_sigma: Tensor  # (*b,) its standard deviation now; 0 if it was taken as exact
    rms_px: Tensor  # (*b,) root of the mean squared distance of the valid glints from where they should be
    ok: Tensor  # (*b,) bool: enough was given, and the iterations settled


def cornea_from_glints(
    glints_px: Float[Tensor, "*b n 2"],
    which_led: Int[Tensor, "*b n"],
    valid: Bool[Tensor, "*b n"],
    leds_mm: Float[Tensor, "*#b l 3"],
    camera: Float[Tensor, "*#b 3 3"],
    radius: Scalar = MEAN_CORNEA_RADIUS,
    *,
    pixel_sigma: Float[Tensor, "*#b #n"] | float = 0.3,
    radius_sigma: Scalar | None = None,
    prior: CorneaPrior | None = None,
    steps: int = _STEPS,
) -> CorneaFix:
    """The most probable cornea centre given glints of known LEDs, and how sure it is.

    Needs valid glints of two different LEDs, or a prior: then any number of them, also none. Where `ok` is
    false all values are finite and mean nothing. Computed in float64, returned in the type of the glints.
    Differentiable in all floating-point arguments.

    Args:
        glints_px: centres of glints.
        which_led: index of each glint's LED; -1 counts as not valid.
        valid: which glints to use.
        leds_mm: LED positions in the camera frame.
        radius: of the cornea, mm.
        pixel_sigma: standard deviation of a glint's u and of its v.
        radius_sigma: standard deviation of `radius`: estimates it too. It is known to be exact unless given.
        prior: of the cornea centre, independent of the glints.
        steps: Levenberg-Marquardt iterations.
    """
    problem = _pose(glints_px, which_led, valid, leds_mm, camera, radius, pixel_sigma, radius_sigma, prior)
    with torch.no_grad():
        state = _descend(problem, _start(problem), steps)
        # The squared length of the step that is left, in standard deviations.
        left = dot(state.gradient, _solve(state.information, state.gradient))
        settled = state.inside & (left.abs() < 1e-4 * (1 + state.cost))
    x = state.x
    for _ in range(_RECORDED):
        state = _evaluate(problem, x)
        x = x - torch.where(settled[..., None], _solve(state.information, state.gradient), 0.0)
    state = _evaluate(problem, x)

    used = problem.weight > 0
    floor = _FLOOR * torch.eye(4, dtype=x.dtype, device=x.device)
    covariance = torch.linalg.inv_ex(state.information + floor).inverse
    radius_variance = covariance[..., 3, 3] if radius_sigma is not None else torch.zeros_like(x[..., 3])
    led = torch.where(used, which_led, -1)
    two = (used[..., None] & used[..., None, :] & (led[..., None] != led[..., None, :])).flatten(-2).any(-1)
    rms_px = safe_sqrt((state.off_px**2).sum((-2, -1)) / used.sum(-1).clamp(min=1))
    dtype = glints_px.dtype
    return CorneaFix(
        cornea=x[..., :3].to(dtype),
        covariance=covariance[..., :3, :3].to(dtype),
        radius=x[..., 3].to(dtype),
        radius_sigma=safe_sqrt(radius_variance).to(dtype),
        rms_px=rms_px.to(dtype),
        ok=settled & (two | (prior is not None)),
    )


class _Problem(NamedTuple):
    """Least squares in x = (cornea centre, radius), in float64."""

    pixels: Tensor  # (*b, n, 2)
    lights: Tensor  # (*b, n, 3)
    weight: Tensor  # (*b, n) one over sigma; 0 where the glint is not used
    camera: Tensor  # (*b, 3, 3)
    mean: Tensor  # (*b, 4) of the prior
    information: Tensor  # (*b, 4, 4) of the prior
    free: Tensor  # (4,) 1, or 0 for a radius that is known


class _State(NamedTuple):
    """The sum of squares at a point, and its quadratic approximation there."""

    x: Tensor  # (*b, 4)
    cost: Tensor  # (*b,) infinite where the camera or an LED would be inside the cornea
    gradient: Tensor  # (*b, 4) half of it
    information: Tensor  # (*b, 4, 4)
    off_px: Tensor  # (*b, n, 2)
    inside: Tensor  # (*b,) bool: the glints can be as they are at this point


def _pose(
    glints_px: Tensor,
    which_led: Tensor,
    valid: Tensor,
    leds_mm: Tensor,
    camera: Tensor,
    radius: Scalar,
    pixel_sigma: Tensor | float,
    radius_sigma: Scalar | None,
    prior: CorneaPrior | None,
) -> _Problem:
    batch = which_led.shape[:-1]
    blank = torch.zeros(batch, dtype=torch.float64, device=glints_px.device)
    used = valid & (which_led >= 0)
    leds = leds_mm.double().expand(*batch, *leds_mm.shape[-2:])
    lights = torch.take_along_dim(leds, which_led.clamp(min=0)[..., None], dim=-2)
    mean, information = blank.new_zeros(*batch, 4), blank.new_zeros(*batch, 4, 4)
    if prior is not None:
        mean[..., :3] = prior.mean
        information[..., :3, :3] = torch.linalg.inv(prior.covariance.double())
    mean[..., 3] = blank + radius
    information[..., 3, 3] = 1.0 if radius_sigma is None else 1 / (blank + radius_sigma) ** 2
    return _Problem(
        pixels=torch.where(used[..., None], glints_px.double(), 0.0),
        lights=torch.where(used[..., None], lights, 0.0),
        weight=torch.where(used, 1 / (blank[..., None] + pixel_sigma), 0.0),
        camera=camera.double().expand(*batch, 3, 3),
        mean=mean,
        information=information,
        free=blank.new_tensor([1.0, 1.0, 1.0, float(radius_sigma is not None)]),
    )


def _start(problem: _Problem) -> Float[Tensor, "*b 4"]:
    """Where the curves of the glints come closest to one another and to the prior's mean."""
    low, high, count = _DEPTHS
    depth = torch.logspace(math.log10(low), math.log10(high), count).to(problem.pixels)[:, None, None]
    ray = rays(problem.pixels, problem.camera[..., None, :, :])
    point = depth * ray[..., None, :, :]  # (*b, depth, n, 3)
    normal = unit(unit(-point) + unit(problem.lights[..., None, :, :] - point))
    centres = point - problem.mean[..., 3, None, None, None] * normal
    share = problem.weight / problem.weight.sum(-1, keepdim=True).clamp(min=1e-12)
    share = share[..., None, :, None]
    middle = (share * centres).sum(-2, keepdim=True)
    # Lengths over depth are angles, so that the far end has no advantage.
    spread = (share * ((centres - middle) / depth) ** 2).sum((-2, -1))
    middle = middle[..., 0, :]
    apart = middle - problem.mean[..., None, :3]
    pull = dot(apart, transform(problem.information[..., None, :3, :3], apart))
    best = (spread / _SPREAD**2 + pull).argmin(-1)[..., None, None]
    centre = torch.take_along_dim(middle, best, dim=-2)[..., 0, :]
    used = (problem.weight > 0).any(-1, keepdim=True)
    return torch.cat((torch.where(used, centre, problem.mean[..., :3]), problem.mean[..., 3:]), dim=-1)


def _descend(problem: _Problem, x: Tensor, steps: int) -> _State:
    """Levenberg-Marquardt with a damping of its own for each item."""
    state = _evaluate(problem, x)
    damping = torch.full_like(state.cost, 1e-3)
    for _ in range(steps):
        extra = damping[..., None] * state.information.diagonal(dim1=-2, dim2=-1)
        step = _solve(state.information + torch.diag_embed(extra), state.gradient)
        trial = _evaluate(problem, state.x - step)
        better = trial.cost < state.cost
        state = _State(
            *(
                torch.where(better[(..., *[None] * (new.ndim - better.ndim))], new, old)
                for new, old in zip(trial, state, strict=True)
            )
        )
        damping = torch.where(better, 0.1 * damping, 10 * damping)
    return state


def _evaluate(problem: _Problem, x: Tensor) -> _State:
    cornea, radius = x[..., None, :3], x[..., 3:]
    seen = glint_image(cornea, radius, problem.lights, problem.camera[..., None, :, :])
    used, weight = problem.weight > 0, problem.weight[..., None]
    off_px = torch.where(used[..., None], seen.pixel - problem.pixels, 0.0)
    residual = (weight * off_px).flatten(-2)
    slope = torch.where(used[..., None, None], weight[..., None] * seen.slope * problem.free, 0.0)
    slope = slope.flatten(-3, -2)
    apart = x - problem.mean
    pull = transform(problem.information, apart)
    outside = (norm(cornea) > radius) & (norm(problem.lights - cornea) > radius) & (seen.point[..., 2] > 0)
    inside = (outside | ~used).all(-1) & (x[..., 3] > 0)
    return _State(
        x=x,
        cost=torch.where(inside, dot(residual, residual) + dot(apart, pull), torch.inf),
        gradient=transform(slope.mT, residual) + pull,
        information=slope.mT @ slope + problem.information,
        off_px=off_px,
        inside=inside,
    )


def _solve(information: Tensor, gradient: Tensor) -> Tensor:
    """The step, with a floor of information where there is none."""
    floor = _FLOOR * torch.eye(4, dtype=gradient.dtype, device=gradient.device)
    step: Tensor = torch.linalg.solve_ex(information + floor, gradient[..., None]).result
    return step[..., 0]


class GlintImage(NamedTuple):
    """Glints on known corneas."""

    point: Tensor  # (*b, 3) on the sphere, camera frame
    pixel: Tensor  # (*b, 2)
    slope: Tensor  # (*b, 2, 4) derivative of the pixel by the centre (first three columns) and the radius


def glint_image(
    cornea: Float[Tensor, "*#b 3"],
    radius: Scalar,
    light: Float[Tensor, "*#b 3"],
    camera: Float[Tensor, "*#b 3 3"],
) -> GlintImage:
    """Where a camera sees the glint of a light, and how that moves with the cornea.

    Light takes a path of stationary length, so the sum of the unit vectors from the specular point to camera
    and light has no part along the surface. The derivative of that condition gives how the normal turns.

    Args:
        cornea: centre of the sphere; add a dimension to batch over LEDs.
        radius: of the sphere.
        light: positions outside the sphere.
        camera: with a third row of (0, 0, 1).
    """
    point = glint(cornea, radius, light)
    pixel = project(point, camera)
    normal = (point - cornea) / column(radius)
    identity = torch.eye(3, dtype=point.dtype, device=point.device)

    def turn(to: Tensor) -> Tensor:
        """Minus the derivative of the unit vector along `to` by the point."""
        direction, distance = unit(to), norm(to)
        return (identity - direction[..., :, None] * direction[..., None, :]) / distance[..., None, None]

    across = identity - normal[..., :, None] * normal[..., None, :]
    both = across @ (turn(-point) + turn(light - point))
    stiffness = dot(normal, unit(-point) + unit(light - point))[..., None, None] * identity
    length = column(column(radius))
    moved = torch.cat((identity.expand_as(across), normal[..., :, None]), dim=-1)
    turned = torch.linalg.solve_ex(stiffness + length * both @ across, both @ moved).result
    # By the point: (K - pixel (0, 0, 1)) / z over the first two rows of the camera K.
    by_point = camera[..., :2, :] - pixel[..., :, None] * identity[2]
    return GlintImage(point, pixel, by_point / point[..., 2, None, None] @ (moved - length * turned))
