"""A frame's answer with the constants of its recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.rotations import listing
from zoo.geometry.vectors import norm, transform, unit
from zoo.predict.recording.constants import CENTRE, Constants, apart, slopes
from zoo.predict.recording.observe import SIGMA_OF_SD, answerable, observe
from zoo.predict.result import EyeResult, Vector

AGREES: Final = 4.0
"""Deviations that the network's axis may be off the one through the pupil, for the two to be of one eye."""


def answer(result: EyeResult, constants: Constants | None) -> EyeResult:
    """See `answer_all`."""
    return answer_all([result], constants)[0]


def answer_all(results: Sequence[EyeResult], constants: Constants | None) -> list[EyeResult]:
    """The results with axis, cornea, pupil and expected error of an eye with these constants.

    The visual axis keeps its angle to the optical one. A frame without a pupil or without a known camera
    stays as it is. One that the constants do not explain (the wrong pupil, another eye, one that slipped)
    keeps the network's answer; its expected error is then at least the angle to the axis through the pupil.

    Args:
        constants: None where there are none yet: the results stay as they are.
    """
    rows = [row for row, result in enumerate(results) if answerable(result)]
    if constants is None or not rows:
        return list(results)
    seen = observe([results[row] for row in rows])
    through, by_values, by_pixel = slopes(constants.values, seen)
    basis = listing(through)[..., :2]
    by_values, by_pixel = basis.mT @ by_values, basis.mT @ by_pixel
    of_pupil = by_pixel @ by_pixel.mT * (seen.pupil_sd**2)[:, None, None]
    of_pupil = of_pupil + by_values @ constants.covariance @ by_values.mT
    of_network = torch.diag_embed(((constants.scatter * seen.axis_sd) ** 2)[:, None].expand(-1, 2))
    off = apart(through, seen.axis)
    share = of_pupil @ torch.linalg.inv(of_pupil + of_network)  # of the network's axis in the mean
    axis = unit(through + transform(basis, transform(share, off)))
    deviations = (off * torch.linalg.solve(of_pupil + of_network, off)).sum(1).sqrt()
    variance = (of_pupil - share @ of_pupil).diagonal(dim1=1, dim2=2).mean(1) + constants.common_sd**2
    sigma = torch.rad2deg(SIGMA_OF_SD * variance.sqrt())
    apart_deg = torch.rad2deg(norm(off))
    corneas = constants.values[CENTRE] + constants.cornea_distance_mm * axis
    pupils = corneas + constants.pupil_distance_mm * axis
    answered = list(results)
    for n, row in enumerate(rows):
        result = results[row]
        if deviations[n] > AGREES:
            answered[row] = replace(
                result, gaze_sigma_deg=max(result.gaze_sigma_deg or 0.0, float(apart_deg[n]))
            )
            continue
        answered[row] = replace(
            result,
            optical=_vector(axis[n]),
            visual=_turned_with(result.visual, seen.axis[n], axis[n]),
            cornea_mm=_vector(corneas[n]),
            pupil_mm=_vector(pupils[n]),
            gaze_sigma_deg=float(sigma[n]),
        )
    return answered


def _turned_with(
    visual: Vector | None, before: Float[Tensor, "3"], after: Float[Tensor, "3"]
) -> Vector | None:
    """A visual axis turned as the optical one was, without torsion."""
    if visual is None:
        return visual
    return _vector(transform(listing(after, before), torch.tensor(visual, dtype=after.dtype)))


def _vector(vector: Float[Tensor, "3"]) -> Vector:
    x, y, z = vector.tolist()
    return x, y, z
