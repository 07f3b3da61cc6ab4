"""Backbones: an image in, feature maps of rising stride out. Anything that timm can express."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import timm
import torch
from jaxtyping import Float
from timm.layers import ConvNormAct, Format
from timm.models import FeatureInfo
from timm.models.byobnet import BasicBlock
from torch import Tensor, nn

from zoo.errors import ZooError, did_you_mean
from zoo.model.config import BackboneConfig, ByobConfig, InputConfig, TimmConfig


class Backbone(nn.Module):
    """Feature maps of an image.

    Attributes:
        strides: of each map, rising.
        channels: of each map.
        multiple: height and width of the input must be multiples of this.
        image_channels: of the input.
    """

    def __init__(self, body: nn.Module, multiple: int) -> None:
        super().__init__()
        info: Any = body.feature_info
        self.body = body
        self.strides: tuple[int, ...] = tuple(info.reduction())
        self.channels: tuple[int, ...] = tuple(info.channels())
        self.multiple = multiple
        self.image_channels = 3
        self._channels_last = getattr(body, "output_fmt", Format.NCHW) == Format.NHWC

    def forward(self, image: Float[Tensor, "B C H W"]) -> list[Tensor]:
        """One (B, channels, h, w) map per stride."""
        maps: Sequence[Tensor] = self.body(image)
        return [m.permute(0, 3, 1, 2) for m in maps] if self._channels_last else list(maps)


def build_backbone(config: BackboneConfig, canvas: InputConfig, fetch_weights: bool = True) -> Backbone:
    """The backbone that `config` names.

    Args:
        canvas: the usual input size, for models that build tables for it.
        fetch_weights: false ignores `TimmConfig.pretrained`: a checkpoint's own weights follow.

    Raises:
        ZooError: timm does not know the name, has no feature maps or no weights of it.
    """
    if isinstance(config, ByobConfig):
        # Padded convolutions of stride 2 keep cell 0 in place for any size, so only stride 4 must divide it.
        return Backbone(_Byob(config), multiple=4)
    return _timm(config, canvas, fetch_weights)


class _Byob(nn.Module):
    def __init__(self, config: ByobConfig) -> None:
        super().__init__()
        if len(config.stem) == 1:
            # timm's own padding, 4, would add a row and a column of cells
            self.stem: nn.Module = ConvNormAct(3, config.stem[0], 7, stride=4, padding=3)
        else:
            first, second = config.stem
            self.stem = nn.Sequential(
                ConvNormAct(3, first, 3, stride=2), ConvNormAct(first, second, 3, stride=2)
            )
        width, reduction = config.stem[-1], 4
        # The first half of a stem of two is offered too: boundaries are sharpest there.
        info = [_level(config.stem[0], 2, "stem.0")] if len(config.stem) == 2 else []
        self.offers_stem = config.first_stride > 1  # else the first stage has a map of the same stride
        info += [_level(width, reduction, "stem")] if self.offers_stem else []
        stages: list[nn.Module] = []
        for i, (out, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            stride = config.first_stride if i == 0 else 2
            reduction *= stride
            shortcut = "" if config.shortcut == "none" else config.shortcut
            blocks = [BasicBlock(width, out, stride=stride, downsample=shortcut)]
            blocks += [BasicBlock(out, out) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
            info.append(_level(out, reduction, f"stages.{i}"))
            width = out
        self.stages = nn.ModuleList(stages)
        self.feature_info = FeatureInfo(info, tuple(range(len(info))))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BasicBlock):
                module.init_weights(zero_init_last=True)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for layer in self.stem if isinstance(self.stem, nn.Sequential) else [self.stem]:
            x = layer(x)
            maps.append(x)
        if not self.offers_stem:
            maps.pop()
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _level(channels: int, reduction: int, module: str) -> dict[str, Any]:
    return {"num_chs": channels, "reduction": reduction, "module": module}


def _timm(config: TimmConfig, canvas: InputConfig, fetch_weights: bool) -> Backbone:
    if not timm.is_model(config.name):
        nearest = did_you_mean(config.name.split(".")[0], timm.list_models())
        raise ZooError(f"timm {timm.__version__} has no model {config.name!r}: {nearest}")
    body = _create(config, canvas, fetch_weights)
    backbone = Backbone(body, math.lcm(4, max(body.feature_info.reduction())))
    height, width = (
        -(-side // backbone.multiple) * backbone.multiple for side in (canvas.height, canvas.width)
    )
    try:  # some models run at the size of their own training alone, and only a forward pass tells
        with torch.no_grad():
            backbone.eval()(torch.zeros(1, 3, height, width))
    except (AssertionError, RuntimeError) as error:
        raise ZooError(f"timm's {config.name!r} cannot take {height}x{width} images: {error}") from error
    return backbone.train()


def _create(config: TimmConfig, canvas: InputConfig, fetch_weights: bool) -> Any:
    options: dict[str, Any] = {**config.options, "features_only": True}
    options["pretrained"] = config.pretrained and fetch_weights
    if config.out_indices is not None:
        options["out_indices"] = config.out_indices
    # Transformers are told to accept any size, under the name that their class has for it.
    size = (canvas.height, canvas.width)
    for flexible in ({"dynamic_img_size": True}, {"img_size": size, "strict_img_size": False}, {}):
        try:
            return timm.create_model(config.name, **(flexible | options))
        except TypeError as error:
            if not any(name in str(error) for name in flexible):
                raise ZooError(f"timm's {config.name!r} refuses {config.options}: {error}") from error
        except (AssertionError, AttributeError, OSError, RuntimeError, ValueError) as error:
            raise ZooError(f"timm's {config.name!r} cannot serve as a backbone: {error}") from error
    raise AssertionError("unreachable: the last attempt has no flexible option")
