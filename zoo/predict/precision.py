"""How exactly a network located glints and pupil, as its own answer tells; pixels of the network's image.

Measured on rendered training people in the reference rig, where one law held for two networks of very
different precision: eyenet_s, and eyenet_s_headset, which was fine-tuned for that rig.
"""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

_GLINT_PX: Final = 2.2
_GLINT_FALL: Final = 2.6
"""Standard deviations 0.75, 0.47, 0.27, 0.21 at scores of about 0.42, 0.6, 0.8, 0.93; either network is
within 20 % of them."""
_PUPIL_PX: Final = 0.67
_PUPIL_POWER: Final = 0.67
_PUPIL_LEAST: Final = 0.5
"""Fitted to the logarithms of the errors; of the two networks' factors one is 0.65 and one 0.69."""


def glint_sigma_px(scores: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Standard deviation of a found glint's u and of its v, by its score."""
    return _GLINT_PX * torch.exp(-_GLINT_FALL * scores)


def pupil_sigma_px(
    pupil_px: Float[Tensor, "*b 2"], pupil_ray_px: Float[Tensor, "*b 2"]
) -> Float[Tensor, "*b"]:
    """Standard deviation of the pupil's u and of its v as the keypoints head found it.

    Two heads find the pupil, this one and `eye3d`; the farther they are apart, the worse is either.
    """
    apart = (pupil_px - pupil_ray_px).norm(dim=-1)
    return _PUPIL_PX * (apart + _PUPIL_LEAST) ** _PUPIL_POWER
