"""Photometric transforms of albumentations, each sample by draws of its own.

Albumentations draws from generators of its own, which in worker processes are copies of one another. Here a
transform's place in the list decides by `Draws` which samples it changes, and it is seeded anew for each of
them: what happens to a sample is a function of (seed, index), as everywhere else.

Only transforms that leave everything where it is: labels and camera stay as they are. The library is loaded
when the first transform is built.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from zoo.data.config import LibraryTransform
from zoo.draws import Draws
from zoo.errors import ZooError

_COLOUR: Final = ("ISONoise", "RandomFog", "RandomRain", "RandomSunFlare", "Spatter")
"""Those that take three channels only; our grey images are repeated for them."""


def transformed(
    image: Float[Tensor, "B 1 H W"],
    content: Bool[Tensor, "B H W"],
    draws: Draws,
    transforms: Sequence[LibraryTransform],
) -> Float[Tensor, "B 1 H W"]:
    """The images after the transforms, in their order, in 8 bits; padding stays 0.

    Args:
        image: in [0, 1]; left as it is.
        content: false on padding.
        draws: one index a sample.
        transforms: which, of which share of the samples; none of them returns `image`.
    """
    if not transforms:
        return image
    bytes_ = (image[:, 0] * 255).round().to(torch.uint8).cpu().numpy()
    for place, transform in enumerate(transforms):
        name = f"library/{place}/{transform.name}"
        chosen = draws.chance(name, transform.p).nonzero()[:, 0].tolist()
        seeds = (draws.unit(f"{name}/seed") * 2**24).long().tolist()
        for row in chosen:
            bytes_[row] = _apply(transform, bytes_[row], seeds[row])
    changed = torch.from_numpy(bytes_).to(image.device).to(image.dtype)[:, None] / 255
    return changed * content[:, None]


def build(name: str, options: dict[str, Any]) -> Any:
    """A pipeline of that one transform, which it always applies; ZooError for options that it has not."""
    return _built(name, json.dumps(options, sort_keys=True))


@lru_cache(maxsize=64)
def _built(name: str, options: str) -> Any:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or its import asks the network for a version
    import albumentations as library  # type: ignore[import-untyped]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it warns of options that it does not know, and goes on
            return library.Compose([getattr(library, name)(**json.loads(options), p=1.0)])
    except (ValueError, TypeError, Warning) as error:
        reason = " ".join(str(error).split())
        raise ZooError(f"augmentation by {name}: {reason}") from None


def _apply(transform: LibraryTransform, image: UInt8[np.ndarray, "h w"], seed: int) -> np.ndarray:
    pipeline = build(transform.name, transform.options)
    pipeline.set_random_seed(seed)
    if transform.name not in _COLOUR:
        return np.asarray(pipeline(image=image)["image"])
    colour = pipeline(image=np.repeat(image[:, :, None], 3, 2))["image"]
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY))
