from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from zoo.predict.images import BadImageError, read_image, scale_by_range, to_unit_grey, to_unit_grey8

GREY = np.add.outer(np.arange(20, dtype=np.uint8) * 5, np.arange(30, dtype=np.uint8) * 2)


def huge(path: Path, side: int) -> None:
    """A PNG that claims side x side pixels and holds none."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.pgm", "a.webp", "a.gif"])
def test_grey_files_are_read_as_they_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.fromarray(GREY).save(path, **({"lossless": True} if name.endswith("webp") else {}))
    image, remark = read_image(path)
    assert image.dtype == np.uint8 and remark is None
    assert np.abs(image.astype(int) - GREY).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "1", "CMYK", "YCbCr"])
def test_colour_alpha_and_palettes_become_grey(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode in ("CMYK", "YCbCr") else "a.png"
    Image.fromarray(GREY).convert("L" if mode == "P" else "RGB").convert(mode).save(tmp_path / name)
    image, _ = read_image(tmp_path / name)
    assert image.shape == GREY.shape and image.dtype == np.uint8
    if mode != "1":
        assert np.abs(image.astype(int) - GREY).max() < 12


def test_transparent_pixels_keep_their_grey(tmp_path: Path) -> None:
    alpha = np.zeros_like(GREY)
    Image.fromarray(np.stack([GREY, GREY, GREY, alpha], axis=2)).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png")[0] == GREY).all()


def test_sixteen_bits_are_scaled_by_their_range(tmp_path: Path) -> None:
    twelve = GREY.astype(np.uint16) * 16 + 100
    assert cv2.imwrite(str(tmp_path / "a.png"), twelve) and cv2.imwrite(str(tmp_path / "a.tif"), twelve)
    for name in ("a.png", "a.tif"):
        image, _ = read_image(tmp_path / name)
        assert image.dtype == np.uint16 and (image == twelve).all()
        unit = to_unit_grey(image)
        assert unit.min() == 0 and unit.max() == 1
    assert scale_by_range(np.array([[7, 9]], dtype=np.uint16)).max() == pytest.approx(
        2 / 255
    )  # not stretched


def test_float_files_are_scaled_by_their_range(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.float32) * 1000 - 5).save(tmp_path / "a.tif")
    image, _ = read_image(tmp_path / "a.tif")
    assert (image.min(), image.max()) == (0, 1)
    assert to_unit_grey8(image).max() == 255


def test_images_are_turned_upright_by_their_exif_tag(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    assert (read_image(tmp_path / "a.png")[0] == np.rot90(GREY, -1)).all()


def test_of_several_pages_the_first_is_read_and_the_user_hears_of_it(tmp_path: Path) -> None:
    page = Image.fromarray(GREY)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[Image.fromarray(255 - GREY)])
    image, remark = read_image(tmp_path / "a.tif")
    assert (image == GREY).all() and remark == "has 2 pages, only the first is used"


def truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("empty.png", lambda path: path.touch(), "empty file"),
        ("text.png", lambda path: path.write_text("not a picture"), "not an image"),
        ("half.png", truncated, "truncated"),
        ("half.jpg", truncated, "truncated"),
        ("half.tif", truncated, "."),
        ("one.png", lambda path: Image.new("L", (1, 1)).save(path), "too small: 1x1"),
        ("long.png", lambda path: Image.new("L", (6000, 100)).save(path), "too elongated: 6000x100"),
        ("large.png", lambda path: huge(path, 9_000), "too large: 9000x9000"),
        ("bomb.png", lambda path: huge(path, 50_000), "too large: more than 64 megapixels"),
        ("folder.png", lambda path: path.mkdir(), "cannot be read"),
        ("absent.png", lambda path: None, "cannot be read"),
        (
            "nan.tif",
            lambda path: Image.fromarray(np.full((9, 9), np.nan, np.float32)).save(path),
            "not finite",
        ),
    ],
)
def test_files_that_cannot_be_used_say_why(
    tmp_path: Path, name: str, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(BadImageError, match=message):
        read_image(tmp_path / name)


def test_any_damage_to_a_file_is_a_bad_image_or_an_image(tmp_path: Path) -> None:
    draws = np.random.default_rng(1)
    for name in ("a.png", "a.jpg", "a.tif", "a.bmp", "a.webp", "a.gif"):
        path = tmp_path / name
        Image.fromarray(GREY).save(path)
        sound = path.read_bytes()
        for _ in range(40):
            damaged = bytearray(sound)
            for position in draws.integers(0, len(sound), 3):
                damaged[position] = draws.integers(0, 256)
            path.write_bytes(damaged[: draws.integers(1, len(sound) + 1)])
            try:
                image, _ = read_image(path)
            except BadImageError:
                continue
            assert np.isfinite(to_unit_grey(image)).all()
