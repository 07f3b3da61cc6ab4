"""Labels in other units and frames break a rule, and right ones break none."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

from tests.data.drawn import drawn_eyes
from zoo.data.majority import Majority
from zoo.data.rules import broken_samples
from zoo.data.sample import EyeBatch

H, W = 60, 80


def off_centre(count: int = 40, seed: int = 0) -> EyeBatch:
    """Eyes above or below the middle that look where their pupils are."""
    eyes = drawn_eyes(count, H, W, seed)
    eyes["subject"] = torch.arange(count) % 2  # two people
    offset = eyes["pupil_ellipse"][:, :2] - torch.tensor([W / 2, H / 2])
    xy = offset / 20
    eyes["optical"] = torch.nn.functional.normalize(torch.cat([xy, -torch.ones(count, 1)], 1), dim=1)
    eyes["visual"] = eyes["optical"].clone()
    eyes["pupil_mm"] = eyes["cornea_mm"] + 4.2 * eyes["optical"]
    eyes["blink"][::2] = 1
    eyes["openness"][::2] = 0.1
    return eyes


def test_right_labels_break_no_rule() -> None:
    eyes = off_centre(80)
    assert broken_samples(eyes) == []
    majority = Majority()
    majority.add(eyes)
    assert list(majority.broken()) == []


def up(eyes: EyeBatch) -> None:
    eyes["pupil_ellipse"][:, 1] = H - 1 - eyes["pupil_ellipse"][:, 1]


def metres(eyes: EyeBatch) -> None:
    for key in ("cornea_mm", "pupil_mm", "eyeball_mm"):
        eyes[key] /= 1000  # type: ignore[literal-required]


def y_up(eyes: EyeBatch) -> None:
    eyes["optical"][:, 1] *= -1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda e: e["pupil_ellipse"][:, 4].copy_(torch.full((40,), 95.0)), r"angle is 95; expected radians"),
        (
            lambda e: e["pupil_ellipse"][:, 2:4].copy_(torch.tensor([3.0, 9.0]).expand(40, 2)),
            r"axes are 3, 9",
        ),
        (lambda e: e["pupil_ellipse"][:, :2].mul_(8), r"far outside of the 80x60 input"),
        (lambda e: e["glints_px"].mul_(4), r"a visible glint"),
        (lambda e: e["camera"][:, :2].mul_(0.1), r"the camera \(f .*does not fit the 80x60 input"),
        (lambda e: e["pupil_mask_px"].add_(torch.tensor([0.0, 8.0])).clamp_(0, 59), r"from that of class 3"),
        (metres, r"cornea and pupil are 0\.0042 apart"),
        (lambda e: e["cornea_radius_mm"].div_(1000), r"cornea's radius is 0\.0078"),
        (lambda e: e["pupil_mm"].mul_(torch.tensor([1, -1, 1])), r"apart|seen|degrees from the line"),
        (y_up, r"optical axis is .* degrees from the line from cornea to pupil"),
        (lambda e: e["optical"].mul_(-1), r"the optical axis .* points away from the camera"),
    ],
)
def test_wrong_units_and_frames_are_named(spoil: Callable[[EyeBatch], object], message: str) -> None:
    eyes = off_centre()
    spoil(eyes)
    found = broken_samples(eyes)
    assert found
    assert any(re.search(message, sentence) for _, sentence in found), found[:3]


def test_a_centre_counted_from_the_bottom_contradicts_the_mask() -> None:
    eyes = off_centre()
    up(eyes)
    eyes["segmentation_valid"].fill_(False)
    places = {place for place, sentence in broken_samples(eyes) if "y from the bottom" in sentence}
    ellipse = off_centre()["pupil_ellipse"]
    apart = 2 * (ellipse[:, 1] - (H - 1) / 2).abs()
    high = (apart > ellipse[:, 2] / 2 + 3.1).nonzero()[:, 0].tolist()
    assert high and set(high) <= places


def only(eyes: EyeBatch, *masks: str) -> Majority:
    for key, value in eyes.items():
        if key.endswith("_valid") and key not in masks:
            value.fill_(False)  # type: ignore[attr-defined]
    majority = Majority()
    majority.add(eyes)
    return majority


def test_many_samples_tell_what_one_does_not() -> None:
    """Without a mask or a 3D label beside them."""
    eyes = off_centre(80)
    up(eyes)
    (said,) = only(eyes, "pupil_centre_valid").broken()
    assert "y points up" in said

    eyes = off_centre(80)
    y_up(eyes)
    (said,) = only(eyes, "pupil_centre_valid", "optical_valid").broken()
    assert "the farther gaze turns to +y, the farther the pupil moves to -v" in said

    eyes = off_centre(80)
    eyes["segmentation"] = torch.tensor([0, 3, 2, 1], dtype=torch.uint8)[eyes["segmentation"].long()]
    (said,) = only(eyes, "segmentation_valid").broken()
    assert "brighter than the sclera" in said

    eyes = off_centre(80)
    towards = torch.tensor([0.0, 0.0, -1.0])
    eyes["visual"] = torch.nn.functional.normalize(towards + eyes["visual"] * 0.01, dim=1)
    (said,) = only(eyes, "visual_valid").broken()
    assert "degrees turned into radians twice" in said

    eyes = off_centre(80)
    eyes["openness"] = 1 - eyes["openness"]
    (said,) = only(eyes, "blink_valid", "openness_valid").broken()
    assert "1 is wide open" in said
