"""The optical axis by geometry alone: from a cornea found by its glints and the image of its pupil."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from zoo.geometry.eye import EFFECTIVE_INDEX
from zoo.geometry.glint_inverse import MEAN_CORNEA_RADIUS
from zoo.geometry.spheres import pupil_on_sphere
from zoo.geometry.vectors import Scalar, unit


class ClassicalGaze(NamedTuple):
    """Pupils and optical axes, camera frame."""

    pupil_mm: Tensor  # (*b, 3) centre
    optical: Tensor  # (*b, 3) unit vector out of the eye
    ok: Tensor  # (*b,) bool: the pixel's ray meets the cornea, and behind it the sphere of the pupil


def classical_gaze(
    cornea: Float[Tensor, "*#b 3"],
    pupil_px: Float[Tensor, "*#b 2"],
    camera: Float[Tensor, "*#b 3 3"],
    radius: Scalar = MEAN_CORNEA_RADIUS,
    pupil_distance: Scalar = 4.4,
    n: Scalar = EFFECTIVE_INDEX,
) -> ClassicalGaze:
    """Pupil and axis of the classical method (Guestrin and Eizenman, IEEE Trans. Biomed. Eng. 2006).

    Args:
        cornea: centres of the corneal spheres, mm, such as `cornea_from_glints` finds.
        pupil_px: refracted image of the pupil's 3D centre, for which the centre of its ellipse may stand.
        radius: of the cornea, mm.
        pupil_distance: cornea centre to pupil centre, mm; a person's if it is known.
        n: refractive index of the eye behind the cornea, over that of air.
    """
    pupil, seen = pupil_on_sphere(pupil_px, camera, cornea, radius, pupil_distance, n)
    return ClassicalGaze(pupil, unit(pupil - cornea), seen)
