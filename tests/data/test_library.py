"""Transforms of albumentations: what happens to a sample depends on (seed, index) alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.data.drawn import drawn_eyes
from zoo.config import compose
from zoo.data.augment import augment
from zoo.data.batches import Batches, loader
from zoo.data.config import LIBRARY, AugmentConfig, LibraryTransform, PhotometricConfig
from zoo.data.library import transformed
from zoo.data.sample import EyeBatch, check_eye_batch
from zoo.draws import Draws


def library(*transforms: LibraryTransform) -> AugmentConfig:
    photometric = PhotometricConfig.off().model_copy(update={"library": list(transforms)})
    return AugmentConfig.off().model_copy(update={"photometric": photometric})


NOISE = library(
    LibraryTransform(name="GaussNoise", p=0.7),
    LibraryTransform(name="MotionBlur", p=0.5),
    LibraryTransform(name="ISONoise", p=0.3),
)


class Eyes:
    """A source of the same eye, again and again."""

    def __len__(self) -> int:
        return 16

    def batch(self, rows: np.ndarray) -> EyeBatch:
        one = drawn_eyes(1)
        return {key: value.expand(len(rows), *value.shape[1:]).clone() for key, value in one.items()}  # type: ignore


def test_labels_stay_and_images_keep_the_contract() -> None:
    eyes, before = drawn_eyes(12), drawn_eyes(12)
    eyes["content"][:, :, :9] = before["content"][:, :, :9] = False
    out = augment(eyes, Draws(3, torch.arange(12)), NOISE)
    check_eye_batch(out, "changed")
    for key, value in before.items():
        assert torch.equal(eyes[key], value), key  # type: ignore[literal-required]
        if key != "image":
            assert torch.equal(out[key], value), key  # type: ignore[literal-required]
    changed = (out["image"][..., 9:] - before["image"][..., 9:]).abs().flatten(1).amax(1) > 1e-6
    assert 6 <= int(changed.sum()) <= 12
    assert not out["image"][..., :9].any()


def test_a_sample_depends_on_its_own_index_alone() -> None:
    eyes = drawn_eyes(6)
    whole = augment(eyes, Draws(1, torch.arange(100, 106)), NOISE)["image"]
    for first, last in ((3, 5), (0, 1)):
        some: Any = {key: value[first:last] for key, value in eyes.items()}
        part = augment(some, Draws(1, torch.arange(100 + first, 100 + last)), NOISE)["image"]
        assert torch.equal(part, whole[first:last])
    assert not torch.equal(augment(eyes, Draws(2, torch.arange(100, 106)), NOISE)["image"], whole)


def test_workers_and_resuming_change_nothing() -> None:
    """Left to itself the library repeats one stream in every worker, and in every epoch."""
    batches = Batches(Eyes(), 4, seed=5, augmentation=NOISE)
    alone = [batches[step]["image"] for step in range(4)]  # type: ignore[typeddict-item]
    shared = [batch["image"] for batch in loader(batches, 0, 4, workers=2)]  # type: ignore[typeddict-item]
    later = [batch["image"] for batch in loader(batches, 2, 4, workers=1)]  # type: ignore[typeddict-item]
    for a, b in zip(alone, [*shared[:2], *later], strict=True):
        assert torch.equal(a, b)
    assert torch.equal(shared[3], alone[3])
    pictures = torch.cat(alone).flatten(1)
    different = (pictures[:, None] != pictures[None]).any(2)
    kept = ~different.any(1)  # those that no transform changed look alike
    assert kept.sum() == 0 and different.float().mean() > 0.9


@pytest.mark.parametrize("name", LIBRARY)
def test_every_transform_runs_and_moves_nothing(name: str) -> None:
    eyes = drawn_eyes(2, 64, 80)
    out = transformed(
        eyes["image"], eyes["content"], Draws(0, torch.arange(2)), [LibraryTransform(name=name, p=1)]
    )  # type: ignore[arg-type]
    assert out.shape == eyes["image"].shape and out.dtype == torch.float32
    assert out.min() >= 0 and out.max() <= 1
    if name not in (
        "Emboss",
        "RandomFog",
        "RandomSunFlare",
        "Spatter",
        "RandomRain",
    ):  # what they add is bright
        inside = eyes["segmentation"] == 3
        for i in range(2):
            assert out[i, 0][inside[i]].mean() < out[i, 0][eyes["segmentation"][i] == 1].mean()


def test_the_group_adds_to_the_default_and_changes_nothing_of_it() -> None:
    default, more = (compose("train", [f"augment={name}"]).augment for name in ("default", "albumentations"))
    assert default.photometric.library == []
    without = more.photometric.model_copy(update={"library": []})
    assert more.model_copy(update={"photometric": without}) == default
    assert {t.name for t in more.photometric.library} >= {"MotionBlur", "Defocus", "ImageCompression"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "HorizontalFlip"}, "name"),
        ({"name": "MotionBlur", "p": 2}, "p"),
        ({"name": "MotionBlur", "options": {"blur": 3}}, r"MotionBlur: Argument\(s\) 'blur' are not valid"),
        ({"name": "MotionBlur", "options": {"p": 1}}, "p stands beside options"),
        ({"name": "MotionBlur", "sigma": 1}, "sigma"),
    ],
)
def test_bad_values_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LibraryTransform(**values)
