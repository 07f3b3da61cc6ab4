"""The schema of a network: the same object in a YAML under ``conf/network`` and in a checkpoint's JSON.

Imports no torch, so that commands which only read configurations stay fast.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from zoo.conventions import Kind

Width = Annotated[int, Field(ge=8, multiple_of=8)]
"""Channels; multiples of 8 fill the vector registers."""


TRUNK: Final = ("backbone", "neck")
"""What all heads share; heads have names of their own."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputConfig(_Strict):
    """The canvas in pixels that images are letterboxed to."""

    height: int = Field(120, ge=32)
    width: int = Field(160, ge=32)


class ByobConfig(_Strict):
    """A convolutional stem to stride 4, then stages of dense residual blocks (those of timm's ByobNet).

    Dense blocks behind a stem of stride 4 run a CPU's vector units at several times the rate of the
    depthwise convolutions of mobile networks, so they are faster with more arithmetic.
    """

    type: Literal["byob"] = "byob"
    stem: tuple[Width] | tuple[Width, Width] = Field(
        (16, 24), description="channels of one 7x7 convolution of stride 4, or of two 3x3 of stride 2"
    )
    widths: tuple[Width, ...] = Field((24, 48, 96, 128), description="channels of each stage")
    depths: tuple[PositiveInt, ...] = Field((1, 1, 1, 1), description="residual blocks of each stage")
    first_stride: Literal[1, 2] = Field(1, description="stride of the first stage; each later one has 2")
    shortcut: Literal["conv1x1", "none"] = Field("conv1x1", description="around the strided block of a stage")

    @model_validator(mode="after")
    def _stages_agree(self) -> ByobConfig:
        if not self.widths or len(self.widths) != len(self.depths):
            raise ValueError(f"widths {self.widths} and depths {self.depths} need one number per stage")
        return self


class TimmConfig(_Strict):
    """Any timm model that offers ``features_only``, convolutional or transformer."""

    type: Literal["timm"] = "timm"
    name: str = Field(description="as in timm.list_models(), with or without a tag of weights")
    pretrained: bool = Field(False, description="start from timm's weights (downloads them once)")
    out_indices: tuple[int, ...] | None = Field(None, description="which feature maps; None: timm's choice")
    options: dict[str, Any] = Field({}, description="further arguments of timm.create_model")


BackboneConfig = Annotated[ByobConfig | TimmConfig, Field(discriminator="type")]


class NeckConfig(_Strict):
    """The shared map at stride 4, and a finer one at stride 2 for boundaries."""

    width: Width = 32
    depth: PositiveInt = Field(2, description="3x3 convolutions after the fusion")
    detail: Width | None = Field(None, description="channels of the map at stride 2; null: there is none")


class BlinkConfig(_Strict):
    """Openness and blink probability."""

    type: Literal["blink"] = "blink"
    hidden: PositiveInt = 64


class SegmentationConfig(_Strict):
    """Class of every pixel."""

    type: Literal["segmentation"] = "segmentation"
    reads: Literal["finest", "stride4"] = Field(
        "finest", description="the neck's map: stride4 is cheaper where `detail` is there for others"
    )
    hidden: Width | None = Field(
        None, description="channels of a 3x3 convolution before smooth contours; null: cells alone"
    )


class KeypointsConfig(_Strict):
    """Pupil centre, its presence, and glints."""

    type: Literal["keypoints"] = "keypoints"
    hidden: PositiveInt = Field(32, description="hidden units of the presence classifier")


class PatchConfig(_Strict):
    """A second look at the eye, resampled to a fixed number of pixels a millimetre (`zoo.model.patch`)."""

    size: Annotated[int, Field(ge=32, multiple_of=16)] = Field(64, description="pixels of its side")
    widths: tuple[Width, Width, Width, Width] = (16, 32, 64, 96)


class Eye3dConfig(_Strict):
    """Cornea centre and pupil centre in millimetres."""

    type: Literal["eye3d"] = "eye3d"
    hidden: PositiveInt = 64
    points: PositiveInt = Field(8, description="learned points whose positions the numbers are read from")
    patch: PatchConfig | None = Field(None, description="refine by a second look; null: the first one counts")


class GazeConfig(_Strict):
    """Optical and visual axis with their expected error; geometric where there is an eye3d head too."""

    type: Literal["gaze"] = "gaze"
    hidden: PositiveInt = 128
    points: PositiveInt = Field(8, description="as for eye3d")


class MatchingConfig(_Strict):
    """Points of the anchor, and where along their rays the other views agree (`zoo.model.heads.depth`)."""

    type: Literal["joint", "classic"] = Field(
        "joint",
        description="joint: the sources share hypotheses of depth; classic: a soft-argmax along the epipolar "
        "segment in every source, then weighted triangulation, as DELTAS has it",
    )
    descriptor: PositiveInt = Field(32, multiple_of=4, description="channels of a descriptor")
    hypotheses: Annotated[int, Field(ge=8)] = Field(48, description="uniform in inverse depth")
    nearest_m: float = Field(0.4, gt=0)
    farthest_m: float = Field(10.0, gt=0)
    context: Width = Field(96, description="channels of the convolutions over the grid of points")
    check: bool = Field(
        False,
        description="at inference, whether every point is matched back from the sources; the confidence of "
        "points that none of them confirms is lowered (zoo.model.heads.depth.left_right)",
    )

    @model_validator(mode="after")
    def _range_is_ordered(self) -> MatchingConfig:
        if self.nearest_m >= self.farthest_m:
            raise ValueError(f"nearest_m {self.nearest_m} is not below farthest_m {self.farthest_m}")
        return self


class DepthConfig(_Strict):
    """Dense metric depth of posed views, of sparse measurements, or of both."""

    type: Literal["depth"] = "depth"
    width: Width | None = Field(
        None, description="channels that the neck's map at stride 4 is projected to; null: read as it is"
    )
    matching: MatchingConfig = MatchingConfig()
    widths: tuple[Width, Width, Width] = Field((48, 80, 128), description="of the densifier, stride 4 to 16")


HeadConfig = Annotated[
    BlinkConfig | SegmentationConfig | KeypointsConfig | Eye3dConfig | GazeConfig | DepthConfig,
    Field(discriminator="type"),
]


class NetworkConfig(_Strict):
    """A backbone, a neck and named heads; the name of a head prefixes its metrics."""

    input: InputConfig = InputConfig()
    views_input: InputConfig | None = Field(None, description="canvas of posed views; null: that of `input`")
    norms: Literal["shared", "per_kind"] = Field(
        "shared",
        description="batch norms of the trunk: per_kind has one set for eyes and one for views",
    )
    backbone: BackboneConfig = ByobConfig()
    neck: NeckConfig = NeckConfig()
    heads: dict[str, HeadConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_free(self) -> NetworkConfig:
        if taken := set(TRUNK) & set(self.heads):
            raise ValueError(f"a head cannot be called {', '.join(sorted(taken))}")
        return self

    def canvas(self, kind: Kind) -> InputConfig:
        """The pixels that samples of that kind are letterboxed to."""
        return self.input if kind == "eyes" or self.views_input is None else self.views_input

    def heads_of(self, kind: Kind) -> list[str]:
        """Names of the heads that read samples of that kind."""
        return [name for name, head in self.heads.items() if (head.type == "depth") == (kind == "views")]
