"""What may be set about data: validated values, no tensors."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Probability = Annotated[float, Field(ge=0, le=1)]


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> _Config:
        for name, value in self:
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ValueError(f"{name}: low {value[0]} is above high {value[1]}")
        return self


LibraryName = Literal[
    "AdditiveNoise",
    "AdvancedBlur",
    "AutoContrast",
    "Blur",
    "CLAHE",
    "Defocus",
    "Downscale",
    "Emboss",
    "Equalize",
    "GaussNoise",
    "GaussianBlur",
    "GlassBlur",
    "ISONoise",
    "Illumination",
    "ImageCompression",
    "MedianBlur",
    "MotionBlur",
    "MultiplicativeNoise",
    "PixelDropout",
    "PlasmaBrightnessContrast",
    "PlasmaShadow",
    "Posterize",
    "RandomBrightnessContrast",
    "RandomFog",
    "RandomGamma",
    "RandomRain",
    "RandomShadow",
    "RandomSunFlare",
    "RandomToneCurve",
    "RingingOvershoot",
    "SaltAndPepper",
    "Sharpen",
    "ShotNoise",
    "Spatter",
    "UnsharpMask",
    "ZoomBlur",
]
"""Transforms of albumentations that change how an image looks, not where things are or what is covered."""
LIBRARY: Final[tuple[str, ...]] = get_args(LibraryName)


class LibraryTransform(_Config):
    """One transform of albumentations."""

    name: LibraryName
    p: Probability = 0.1
    """Share of samples that it changes."""
    options: dict[str, Any] = {}
    """Of the transform, by the library's names, such as `blur_limit`; its defaults where nothing is said."""

    @field_validator("options")
    @classmethod
    def _plain(cls, options: dict[str, Any]) -> dict[str, Any]:
        if "p" in options:
            raise ValueError("p stands beside options, not in them")
        try:
            json.dumps(options)
        except (TypeError, ValueError) as error:
            raise ValueError(f"numbers, texts and lists are valid here ({error})") from None
        return options

    @model_validator(mode="after")
    def _can_be_built(self) -> LibraryTransform:
        if self.options:  # loading the library takes seconds, and its own defaults need no check
            from zoo.data.library import build
            from zoo.errors import ZooError

            try:
                build(self.name, self.options)
            except ZooError as error:
                raise ValueError(str(error)) from None
        return self


Scale = Annotated[float, Field(ge=0.1, le=10)]
Amount = Annotated[float, Field(ge=0, le=1)]


class GeometricConfig(_Config):
    """How the frame is moved; every label and the camera move with it. Zeros and (1, 1) switch a part off."""

    flip: Probability = 0.5
    """Share of samples that are mirrored: a left eye becomes a right one."""
    half_turn: Probability = 0.1
    """Share of samples that are turned upside down, as by a camera mounted the other way."""
    rotate_deg: float = Field(20.0, ge=0, le=180)
    """Largest turn either way, uniform."""
    scale: tuple[Scale, Scale] = (0.7, 1.4)
    """Enlargement, log-uniform."""
    shift: float = Field(0.15, ge=0, le=1)
    """Largest shift either way, as a share of the frame's width and height, uniform."""
    reframe: Probability = 0.3
    """Share of samples that are cut to a frame of another aspect and padded, as a letterboxed frame is."""
    aspect: tuple[Scale, Scale] = (0.6, 2.4)
    """Width over height of that frame, log-uniform."""
    fill: Probability = 0.4
    """Share of samples where what the old frame does not cover is not padding but background: black, or the
    old edge's colours drawn out."""

    @classmethod
    def off(cls) -> GeometricConfig:
        """The configuration that changes nothing."""
        return cls(
            flip=0.0, half_turn=0.0, rotate_deg=0.0, scale=(1.0, 1.0), shift=0.0, reframe=0.0, fill=0.0
        )

    @property
    def moves(self) -> bool:
        """Whether anything but the mirroring is on."""
        return bool(
            self.half_turn or self.rotate_deg or self.shift or self.reframe or self.scale != (1.0, 1.0)
        )


class PhotometricConfig(_Config):
    """What light, lens, sensor and compression do to the image. Zeros and (1, 1) switch a part off."""

    blur: Probability = 0.25
    """Share of samples that are blurred ..."""
    blur_px: tuple[Annotated[float, Field(gt=0, le=4)], Annotated[float, Field(gt=0, le=4)]] = (0.3, 1.8)
    """... by a Gaussian of this standard deviation in pixels, uniform."""
    gradient: Amount = 0.4
    """Largest relative change of the light from the frame's centre to its edge, uniform either way."""
    vignette: Amount = 0.4
    """Largest share of the light that is lost in the corners, uniform."""
    contrast: tuple[Scale, Scale] = (0.6, 1.25)
    """Factor on the distance from the mean grey level, log-uniform, before clipping and noise."""
    exposure_stops: float = Field(2.0, ge=0, le=6)
    """Largest exposure error either way in stops (factors of two); small ones are likelier (triangular)."""
    read_noise: Amount = 0.03
    """Largest standard deviation of the noise that does not depend on the light, of full scale, uniform."""
    shot_noise: Amount = 0.03
    """Largest standard deviation, at full scale, of noise that grows as the root of the light, uniform."""
    gamma: tuple[Scale, Scale] = (0.65, 1.5)
    """Exponent on the grey level, log-uniform."""
    jpeg: Probability = 0.15
    """Share of samples that are compressed in blocks of 8x8 ..."""
    jpeg_quality: tuple[Annotated[float, Field(ge=1, le=100)], Annotated[float, Field(ge=1, le=100)]] = (
        25,
        95,
    )
    """... at this quality, uniform, with the usual luminance table."""
    quantise: bool = True
    """Round to 8 bits."""
    library: list[LibraryTransform] = []
    """What albumentations does after all that, in this order."""

    @classmethod
    def off(cls) -> PhotometricConfig:
        """The configuration that changes nothing."""
        one, none = (1.0, 1.0), 0.0
        return cls(
            blur=none,
            gradient=none,
            vignette=none,
            contrast=one,
            exposure_stops=none,
            read_noise=none,
            shot_noise=none,
            gamma=one,
            jpeg=none,
            quantise=False,
            library=[],
        )


class SparseConfig(_Config):
    """Measured depths that training pretends to have, with a sensor's or a reconstruction's faults."""

    share: Probability = 0.4
    """Share of samples that get any."""
    count: tuple[Annotated[float, Field(ge=1)], Annotated[float, Field(ge=1)]] = (20, 3000)
    """Points per image of 320x240, log-uniform; in smaller images as many per pixel."""
    noise: Amount = 0.08
    """Largest relative standard deviation of their depth; a third of the samples has none."""
    outliers: Probability = 0.15
    """Largest share of them whose depth is drawn anew; a third of the samples has none."""


class ViewAugmentConfig(_Config):
    """What training does to posed views. Zeros and (1, 1) switch a part off."""

    flip: Probability = 0.5
    """Share of samples that are mirrored, poses and cameras too."""
    world_scale: tuple[Scale, Scale] = (0.75, 1.35)
    """Factor on depths and baselines together, log-uniform: the pictures do not change."""
    drop: Probability = 0.15
    """Share of samples that lose a source, if they have another."""
    alone: Probability = 0.3
    """Share of the samples with sparse depths that lose all their sources."""
    exposure_stops: float = Field(0.7, ge=0, le=6)
    """Largest exposure change either way, of the sample; a third of it of each view."""
    colour: Amount = 0.15
    """Largest relative change of a channel, of the sample; a third of it of each view."""
    gamma: tuple[Scale, Scale] = (0.7, 1.4)
    contrast: tuple[Scale, Scale] = (0.7, 1.25)
    noise: Amount = 0.03
    """Largest standard deviation of the noise, of full scale."""
    blur: Probability = 0.25
    """Share of views that are blurred by up to `blur_px`."""
    blur_px: float = Field(1.0, gt=0, le=4)
    sparse: SparseConfig = SparseConfig()

    @classmethod
    def off(cls) -> ViewAugmentConfig:
        """The configuration that changes nothing."""
        one = (1.0, 1.0)
        return cls(
            flip=0.0,
            world_scale=one,
            drop=0.0,
            alone=0.0,
            exposure_stops=0.0,
            colour=0.0,
            gamma=one,
            contrast=one,
            noise=0.0,
            blur=0.0,
            sparse=SparseConfig(share=0.0),
        )


class AugmentConfig(_Config):
    """What training does to a sample after it was read."""

    geometric: GeometricConfig = GeometricConfig()
    photometric: PhotometricConfig = PhotometricConfig()
    views: ViewAugmentConfig = ViewAugmentConfig()

    @classmethod
    def off(cls) -> AugmentConfig:
        """The configuration that changes nothing."""
        return cls(
            geometric=GeometricConfig.off(),
            photometric=PhotometricConfig.off(),
            views=ViewAugmentConfig.off(),
        )
