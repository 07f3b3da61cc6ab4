"""Which glint is which LED: the assignment that one corneal sphere explains best.

Few glints under a hypothesis of their LEDs determine the cornea, which predicts all others. Every such
hypothesis is tried; the best distinct assignments are fitted to all their glints and compared. A shift of the
eye moves glints much as a step to the neighbouring LEDs does, so that few glints may fit twice: the margin
says by how much the runner-up is worse.
"""

from __future__ import annotations

import math
from itertools import combinations, permutations, product
from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zoo.geometry.glint_inverse import (
    MEAN_CORNEA_RADIUS,
    CorneaFix,
    CorneaPrior,
    cornea_from_glints,
    glint_image,
)
from zoo.geometry.vectors import Scalar, dot, transform

_FIRST_STEPS: Final = 2
_STEPS: Final = 6
_GATES: Final = (3.0, 1.0, 1.0)
"""Of the rounds in which finalists are fitted and matched again, in gates: wide while false glints may bend
the fit."""
_FINALISTS: Final = 12
_AT_ONCE: Final = 20_000
"""Hypotheses of a batch that are tried at once; bounds the memory to a few hundred MB."""


class Assignment(NamedTuple):
    """LEDs of glints."""

    which_led: Tensor  # (*b, n) int64, -1 where the glint is none's
    ok: Tensor  # (*b,) bool: enough glints agree, and no other assignment explains them nearly as well
    margin: Tensor  # (*b,) by how much the best contradicting assignment is worse, in squared sigmas


def assign_glints(
    glints_px: Float[Tensor, "*b n 2"],
    valid: Bool[Tensor, "*b n"],
    leds_mm: Float[Tensor, "*#b l 3"],
    camera: Float[Tensor, "*#b 3 3"],
    radius: Scalar = MEAN_CORNEA_RADIUS,
    *,
    pixel_sigma: Float[Tensor, "*#b #n"] | float = 0.3,
    radius_sigma: Scalar | None = None,
    prior: CorneaPrior | None = None,
    gate: float = 5.0,
    least_margin: float = 6.0,
) -> Assignment:
    """The most probable LED of each glint, where some may be false and some LEDs may have none.

    Minimises the squared distances of the glints from their predictions in sigmas, a false glint counting as
    one at the gate. Without a prior at least 3 glints must agree on a cornea, with one at least 2. Meant for
    up to 8 glints and LEDs (1568 hypotheses, or 64 beside a prior). Not differentiable.

    Args:
        glints_px: centres of glints, in any order.
        valid: which of them there are.
        leds_mm: LED positions in the camera frame.
        radius: of the cornea, mm; `radius_sigma` lets it vary, as in `cornea_from_glints`.
        pixel_sigma: standard deviation of a glint's u and of its v.
        prior: of the cornea centre. It keeps the eye from shifting by an LED, and saves most hypotheses.
        gate: farther from its prediction than this many sigmas a glint is not this LED's.
        least_margin: of assignments that are `ok`; 6 is odds of 20 to 1.
    """
    count = glints_px.shape[-2]
    batch = glints_px.shape[:-2]

    def flat(value: Tensor | float, *shape: int) -> Tensor:
        """(B, 1, *shape) in float64."""
        value = torch.as_tensor(value, dtype=torch.float64, device=glints_px.device)
        return value.expand(*batch, *shape).reshape(math.prod(batch), 1, *shape)

    rig = _Rig(
        glints=flat(glints_px, count, 2),
        valid=valid.reshape(math.prod(batch), 1, count),
        sigma=flat(pixel_sigma, count),
        leds=flat(leds_mm, *leds_mm.shape[-2:]),
        camera=flat(camera, 3, 3),
        radius=flat(radius),
        radius_sigma=None if radius_sigma is None else flat(radius_sigma),
        mean=None if prior is None else flat(prior.mean, 3),
        covariance=None if prior is None else flat(prior.covariance, 3, 3),
    )
    first = _hypotheses(count, leds_mm.shape[-2], prior is not None, glints_px.device)
    chunk = max(1, _AT_ONCE // max(1, first.shape[1]))
    starts = range(0, max(1, math.prod(batch)), chunk)
    with torch.no_grad():
        parts = [_assign(rig.part(slice(i, i + chunk)), first, gate) for i in starts]
    which, margin, agree = (torch.cat(values) for values in zip(*parts, strict=True))
    return Assignment(
        which_led=which.reshape(*batch, count),
        ok=(agree & (margin >= least_margin)).reshape(batch),
        margin=margin.to(glints_px.dtype).reshape(batch),
    )


class _Rig(NamedTuple):
    """The arguments in float64, flat, with a dimension of 1 for hypotheses."""

    glints: Tensor  # (B, 1, n, 2)
    valid: Tensor  # (B, 1, n)
    sigma: Tensor  # (B, 1, n)
    leds: Tensor  # (B, 1, l, 3)
    camera: Tensor  # (B, 1, 3, 3)
    radius: Tensor  # (B, 1)
    radius_sigma: Tensor | None  # (B, 1)
    mean: Tensor | None  # (B, 1, 3) of the prior
    covariance: Tensor | None  # (B, 1, 3, 3)

    def part(self, rows: slice) -> _Rig:
        """Some items of the batch."""
        return _Rig(
            *(value[rows] for value in self[:6]),
            *(None if value is None else value[rows] for value in self[6:]),
        )

    def fit(
        self,
        pixels: Float[Tensor, "B #h m 2"],
        sigma: Float[Tensor, "B #h m"],
        which: Int[Tensor, "B h m"],
        steps: int,
    ) -> CorneaFix:
        """The corneas of hypotheses."""
        batch = which.shape[:2]
        prior = None
        if self.mean is not None and self.covariance is not None:
            prior = CorneaPrior(self.mean.expand(*batch, 3), self.covariance.expand(*batch, 3, 3))
        return cornea_from_glints(
            pixels.expand(*batch, -1, 2),
            which,
            which >= 0,
            self.leds,
            self.camera,
            self.radius,
            pixel_sigma=sigma,
            radius_sigma=self.radius_sigma,
            prior=prior,
            steps=steps,
        )

    def match(self, fix: CorneaFix, gate: float, few: bool = False) -> tuple[Tensor, Tensor]:
        """LEDs (B, h, n) of glints that are each other's nearest within the gate, and the cost (B, h).

        `few`: distances are relative to the uncertainty of the prediction too.
        """
        seen = glint_image(
            fix.cornea[..., None, :], fix.radius[..., None], self.leds, self.camera[..., None, :, :]
        )
        variance = self.sigma[..., :, None] ** 2
        u, v = (self.glints[..., :, None, :] - seen.pixel[..., None, :, :]).unbind(-1)
        if few:
            slope = seen.slope[..., :3]
            spread = (slope @ fix.covariance[..., None, :, :] @ slope.mT)[..., None, :, :, :]
            uu, uv, vv = spread[..., 0, 0] + variance, spread[..., 0, 1], spread[..., 1, 1] + variance
            determinant = uu * vv - uv**2
            squared = (vv * u**2 - 2 * uv * u * v + uu * v**2) / determinant
            squared = squared + torch.log(determinant / variance**2)  # of two predictions the surer one wins
        else:
            squared = (u**2 + v**2) / variance
        squared = torch.where(self.valid[..., None] & torch.isfinite(squared), squared, torch.inf)
        nearest, led = squared.min(-1)
        back = torch.take_along_dim(squared.argmin(-2), led, dim=-1)
        taken = (back == torch.arange(back.shape[-1], device=back.device)) & (nearest < gate**2)
        cost = torch.where(taken, nearest, gate**2 * self.valid).sum(-1)
        if self.mean is not None and self.covariance is not None:
            apart = fix.cornea - self.mean
            cost = cost + dot(apart, transform(torch.linalg.inv(self.covariance), apart))
        if self.radius_sigma is not None:
            cost = cost + ((fix.radius - self.radius) / self.radius_sigma) ** 2
        least = 3 if self.mean is None else 2
        return torch.where(taken, led, -1), torch.where(taken.sum(-1) < least, torch.inf, cost)


def _hypotheses(glints: int, leds: int, has_prior: bool, device: torch.device) -> Int[Tensor, "2 h m"]:
    """The fewest glints that determine a cornea, one beside a prior, else two; and LEDs they may be of."""
    size = 1 if has_prior else 2
    chosen = combinations(range(glints), size)
    pairs = list(product(chosen, permutations(range(leds), size)))
    return torch.tensor(pairs, dtype=torch.int64, device=device).reshape(-1, 2, size).movedim(1, 0)


def _assign(rig: _Rig, first: Tensor, gate: float) -> tuple[Tensor, Tensor, Tensor]:
    """LEDs (B, n), margin (B,), and whether enough glints agree (B,)."""
    items, _, count = rig.valid.shape
    nothing = gate**2 * rig.valid[:, 0].sum(-1).double()
    chosen, named = first
    if len(chosen) == 0:
        none = torch.full((items, count), -1, device=nothing.device)
        return none, torch.zeros_like(nothing), torch.zeros_like(nothing, dtype=torch.bool)
    start = rig.fit(
        rig.glints[:, 0, chosen], rig.sigma[:, 0, chosen], named.expand(items, -1, -1), _FIRST_STEPS
    )
    which, cost = rig.match(start, gate, few=True)
    cost = torch.where(rig.valid[:, 0, chosen].all(-1), cost, torch.inf)
    for widening in _GATES:
        which, cost = _best_distinct(which, cost, rig.leds.shape[-2])
        which, cost = rig.match(rig.fit(rig.glints, rig.sigma, which, _STEPS), widening * gate)
    best = cost.argmin(-1, keepdim=True)
    winner = torch.take_along_dim(which, best[..., None], dim=1)
    least = torch.take_along_dim(cost, best, dim=1)[:, 0]
    rival = torch.where(_contradict(which, winner), cost, torch.inf).amin(-1)
    agree = torch.isfinite(least)
    margin = torch.where(agree, torch.minimum(rival, nothing) - least, 0.0)
    return torch.where(agree[:, None], winner[:, 0], -1), margin, agree


def _best_distinct(which: Tensor, cost: Tensor, leds: int) -> tuple[Tensor, Tensor]:
    """The cheapest assignments (B, k, n), each once, and their costs (B, k)."""
    order = cost.argsort(-1)
    which = torch.take_along_dim(which, order[..., None], dim=1)
    cost = torch.take_along_dim(cost, order, dim=1)
    powers = (leds + 1) ** torch.arange(which.shape[-1], device=which.device)
    code, place = ((which + 1) * powers).sum(-1).sort(dim=-1, stable=True)
    again = torch.zeros_like(code, dtype=torch.bool)
    again[:, 1:] = code[:, 1:] == code[:, :-1]
    cost = torch.where(torch.zeros_like(again).scatter(1, place, again), torch.inf, cost)
    cost, kept = cost.topk(min(_FINALISTS, cost.shape[1]), dim=-1, largest=False)
    return torch.take_along_dim(which, kept[..., None], dim=1), cost


def _contradict(a: Int[Tensor, "B #h n"], b: Int[Tensor, "B #h n"]) -> Bool[Tensor, "B h"]:
    """Whether two assignments give a glint two LEDs, or an LED two glints."""
    same_led = a[..., :, None] == b[..., None, :]
    same_glint = torch.eye(a.shape[-1], dtype=torch.bool, device=a.device)
    both = (a[..., :, None] >= 0) & (b[..., None, :] >= 0)
    return (both & (same_led != same_glint) & (same_led | same_glint)).any(-1).any(-1)
