from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.data.drawn import drawn_eyes
from zoo.data.augment import augment, draw_motion
from zoo.data.config import AugmentConfig, GeometricConfig, PhotometricConfig
from zoo.data.photometric import gaussian_blur, photometric
from zoo.data.sample import check_eye_batch
from zoo.draws import Draws
from zoo.imaging import compress


def only(**values: Any) -> PhotometricConfig:
    return PhotometricConfig(**{**PhotometricConfig.off().model_dump(), **values})


def flat(level: float, count: int = 64, size: int = 64) -> tuple[torch.Tensor, torch.Tensor, Draws]:
    return (
        torch.full((count, 1, size, size), level),
        torch.ones(count, size, size, dtype=torch.bool),
        Draws(0, torch.arange(count)),
    )


def test_off_changes_nothing() -> None:
    eyes = drawn_eyes(4)
    out = augment(eyes, Draws(0, torch.arange(4)), AugmentConfig.off())
    for key, value in eyes.items():
        assert torch.equal(out[key], value), key  # type: ignore[literal-required]


def test_default_keeps_the_contract_and_the_input() -> None:
    eyes, untouched = drawn_eyes(32), drawn_eyes(32)
    out = augment(eyes, Draws(1, torch.arange(32)), AugmentConfig())
    check_eye_batch(out, "augmented")
    for key, value in untouched.items():
        assert torch.equal(eyes[key], value), key  # type: ignore[literal-required]
    assert not out["image"][:, 0][~out["content"]].any()
    assert (out["image"] != eyes["image"]).flatten(1).any(1).all()


def test_a_sample_depends_on_its_own_index_alone() -> None:
    eyes = drawn_eyes(6)
    whole = augment(eyes, Draws(1, torch.arange(100, 106)), AugmentConfig())
    some = {key: value[3:5] for key, value in eyes.items()}
    part = augment(some, Draws(1, torch.arange(103, 105)), AugmentConfig())  # type: ignore[arg-type]
    other = augment(eyes, Draws(2, torch.arange(100, 106)), AugmentConfig())
    for key, value in whole.items():
        torch.testing.assert_close(part[key], value[3:5], rtol=0, atol=1e-5)
    assert not torch.equal(whole["image"], other["image"])


def test_motion_stays_in_its_ranges() -> None:
    config = GeometricConfig(flip=0.3, half_turn=0, rotate_deg=30, scale=(0.5, 2), shift=0.1, reframe=1)
    motion = draw_motion(Draws(0, torch.arange(4000)), config, 48, 64)
    linear = motion.affine[:, :, :2]
    scale = torch.linalg.det(linear).sqrt()
    turn = torch.atan2(linear[:, 1, 0], linear[:, 0, 0]).rad2deg()
    assert 0.5 <= scale.min() < 0.52
    assert 1.95 < scale.max() <= 2.001
    assert scale.median() == pytest.approx(1, abs=0.05)
    assert -30.01 <= turn.min() < -29
    assert 29 < turn.max() <= 30.01
    assert motion.flip.float().mean() == pytest.approx(0.3, abs=0.03)
    centre = torch.tensor([31.5, 23.5])
    shift = linear @ centre + motion.affine[:, :, 2] - centre
    assert shift[:, 0].abs().max() == pytest.approx(6.4, abs=0.1)
    assert shift[:, 1].abs().max() == pytest.approx(4.8, abs=0.1)
    assert motion.frame is not None
    full = motion.frame.any(1).all(1) | motion.frame.any(2).all(1)
    assert full.all()  # as a letterboxed frame: it fills the width or the height
    assert motion.frame.float().mean((1, 2)).min() < 0.5


def test_half_turn() -> None:
    config = GeometricConfig.off().model_copy(update={"half_turn": 0.5})
    upside_down = draw_motion(Draws(0, torch.arange(1000)), config, 48, 64).affine[:, 0, 0] < 0
    assert upside_down.float().mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rotate_deg": 181}, "rotate_deg"),
        ({"scale": (2, 0.5)}, "scale: low 2.0 is above high 0.5"),
        ({"flip": 1.5}, "flip"),
        ({"zoom": 2}, "zoom"),
    ],
)
def test_bad_values_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GeometricConfig(**values)


def test_exposure_is_in_stops_and_clips() -> None:
    image, content, draws = flat(0.2, 2000, 4)
    out = photometric(image, content, draws, only(exposure_stops=2)).flatten(1)[:, 0]
    stops = torch.log2(out / 0.2)
    assert stops.min() == pytest.approx(-2, abs=0.1)
    assert stops.max() == pytest.approx(2, abs=0.1)
    assert stops.median() == pytest.approx(0, abs=0.1)
    assert photometric(image * 5, content, draws, only(exposure_stops=2)).max() == 1


def test_noise_has_the_promised_size_and_is_fresh_for_every_sample() -> None:
    image, content, draws = flat(0.5)
    read = photometric(image, content, draws, only(read_noise=0.04)) - image
    sd = read.std((1, 2, 3))
    torch.testing.assert_close(sd, draws.uniform("read_noise", 0.0, 0.04), rtol=0.05, atol=1e-4)
    normal = (read / sd[:, None, None, None]).flatten(1)
    correlation = (normal @ normal.T / normal.shape[1]).fill_diagonal_(0)
    assert correlation.abs().max() < 0.1
    neighbours = (normal[:, 1:] * normal[:, :-1]).mean()
    assert neighbours.abs() < 0.02
    bright = photometric(image, content, draws, only(shot_noise=0.04)) - image
    dark = photometric(image / 4, content, draws, only(shot_noise=0.04)) - image / 4
    torch.testing.assert_close(bright.std((1, 2, 3)), 2 * dark.std((1, 2, 3)), rtol=0.05, atol=1e-4)


def test_blur_matches_an_independent_gaussian() -> None:
    cv2 = pytest.importorskip("cv2")
    image = torch.rand(3, 1, 40, 50)
    sd = torch.tensor([0.4, 1.0, 2.5])
    out = gaussian_blur(image, torch.ones_like(image), sd)
    for one, expected, s in zip(out[:, 0], image[:, 0], sd.tolist(), strict=True):
        reference = cv2.GaussianBlur(expected.numpy(), (25, 25), s)
        torch.testing.assert_close(
            one[12:-12, 12:-12], torch.from_numpy(reference)[12:-12, 12:-12], rtol=0, atol=2e-3
        )


def test_blur_does_not_mix_padding_in() -> None:
    image = torch.full((1, 1, 20, 20), 0.7)
    mask = torch.zeros_like(image)
    mask[..., 5:15] = 1
    out = gaussian_blur(image * mask, mask, torch.tensor([2.0]))
    torch.testing.assert_close(out[mask > 0], image[mask > 0])


def test_contrast_and_gamma_keep_what_they_should() -> None:
    image = torch.rand(8, 1, 16, 16) * 0.2 + 0.4
    content = torch.ones(8, 16, 16, dtype=torch.bool)
    draws = Draws(0, torch.arange(8))
    out = photometric(image, content, draws, only(contrast=(0.5, 0.9)))
    torch.testing.assert_close(out.mean((1, 2, 3)), image.mean((1, 2, 3)))
    factor = out.std((1, 2, 3)) / image.std((1, 2, 3))
    assert ((factor > 0.499) & (factor < 0.901)).all()
    out = photometric(image, content, draws, only(gamma=(0.5, 2)))
    exponent = torch.log(out) / torch.log(image)
    torch.testing.assert_close(exponent.amax((1, 2, 3)), exponent.amin((1, 2, 3)), rtol=1e-4, atol=1e-4)


def test_uneven_light_is_smooth_and_bounded() -> None:
    image, content, draws = flat(0.5)
    slope = photometric(image, content, draws, only(gradient=0.4)) / image
    assert (slope.mean((1, 2, 3)) - 1).abs().max() < 1e-3
    assert slope.amax() <= 1 + 0.4 * 2**0.5
    dim = photometric(image, content, draws, only(vignette=0.4)) / image
    corner = 1 - dim[:, 0, 0, 0]
    torch.testing.assert_close(corner, draws.uniform("vignette", 0.0, 0.4))
    assert dim[:, 0, 32, 32].min() > 0.99


@pytest.mark.parametrize("quality", [20, 50, 90])
def test_compression_is_like_a_real_codec(quality: int) -> None:
    cv2 = pytest.importorskip("cv2")
    eyes = drawn_eyes(1, 97, 123)["image"]
    _, data = cv2.imencode(".jpg", (eyes[0, 0] * 255).byte().numpy(), [cv2.IMWRITE_JPEG_QUALITY, quality])
    real = torch.from_numpy(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)).float() / 255
    ours = compress(eyes, torch.tensor([float(quality)]))
    assert ours.shape == eyes.shape
    assert (ours[0, 0] - real).abs().mean() < 2.5 / 255
    assert (ours - eyes).abs().mean() > 0.5 / 255


def test_quantise() -> None:
    image, content, draws = flat(0.3001)
    out = photometric(image, content, draws, only(quantise=True)) * 255
    torch.testing.assert_close(out, out.round())
