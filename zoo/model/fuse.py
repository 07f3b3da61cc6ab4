"""A network for inference: batch normalisation folded away, and little between the convolutions."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import BaseModel
from timm.layers import ConvNormAct
from timm.models.byobnet import BasicBlock
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from zoo.conventions import Kind
from zoo.model.network import Network
from zoo.model.norms import NormPerKind


def fused(network: Network, kind: Kind = "eyes") -> Network:
    """A copy of `network` in evaluation mode that computes the same with fewer and cheaper operations.

    With one image on one core a small network spends more time between its convolutions than in them.
    Folds timm's `ConvNormAct` and `BasicBlock`, which our own backbones and the neck consist of; other
    timm backbones keep their layers. The copy cannot be trained, and its state dict fits no other network.

    Args:
        kind: what the copy will look at; norms of the other kind are left out of it.
    """
    # What is folded, and configs, which are frozen, are not copied: that would cost more than building.
    instead: dict[int, Any] = {}
    _fold(network, instead, kind)
    result = copy.deepcopy(network, instead).eval()
    stem = getattr(result.backbone.body, "stem", None)
    if isinstance(stem, _Convolution) and stem.weight.shape[2] > 3:
        # Repeating grey three times and summing the kernel over its inputs are the same. (PyTorch runs
        # small kernels on one channel so slowly that they are better left alone.)
        stem.weight = nn.Parameter(stem.weight.sum(1, keepdim=True))
        result.backbone.image_channels = 1
    return result.to(memory_format=torch.channels_last).requires_grad_(False)


def _fold(module: nn.Module, instead: dict[int, Any], kind: Kind) -> None:
    """Note in `instead`, by the identity of what it stands for, what takes its place in a copy."""
    for value in vars(module).values():
        if isinstance(value, BaseModel):
            instead[id(value)] = value
    for child in module.children():
        if isinstance(child, BasicBlock) and _is_plain(child):
            instead[id(child)] = _Block(child, kind)
        elif isinstance(child, ConvNormAct) and isinstance(_norm(child, kind), nn.BatchNorm2d):
            instead[id(child)] = _Convolution(child, kind)
        elif isinstance(child, NormPerKind):
            instead[id(child)] = copy.deepcopy(child.of[kind])
        else:
            _fold(child, instead, kind)


def _norm(layer: Any, kind: Kind) -> nn.Module:
    norm: nn.Module = layer.bn
    return norm.of[kind] if isinstance(norm, NormPerKind) else norm


def _is_plain(block: BasicBlock) -> bool:
    extras = (block.attn, block.attn_last, block.drop_path)
    return all(isinstance(extra, nn.Identity) for extra in extras) and isinstance(block.act, nn.ReLU)


class _Convolution(nn.Module):
    """A convolution with the normalisation after it folded in, and its activation."""

    def __init__(self, layer: Any, kind: Kind) -> None:  # a ConvNormAct; timm does not type its attributes
        super().__init__()
        conv: Any = layer.conv
        norm: Any = _norm(layer, kind)
        self.weight, self.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        self.geometry = (conv.stride, conv.padding, conv.dilation, conv.groups)
        # Most are a ReLU: neither copied nor called as a module, which takes longer than what it computes.
        self.relu = type(norm.act) is nn.ReLU
        plain = self.relu or isinstance(norm.act, nn.Identity)
        self.act = None if plain else copy.deepcopy(norm.act)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, self.bias, *self.geometry)
        if self.relu:
            return x.relu_()
        return x if self.act is None else self.act(x)


class _Block(nn.Module):
    """timm's residual `BasicBlock` of two convolutions."""

    def __init__(self, block: BasicBlock, kind: Kind) -> None:
        super().__init__()
        self.first, self.second = _Convolution(block.conv1_kxk, kind), _Convolution(block.conv2_kxk, kind)
        shortcut: nn.Module | None = block.shortcut
        self.skips = shortcut is not None
        self.shortcut = _Convolution(shortcut, kind) if isinstance(shortcut, ConvNormAct) else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        if self.skips:
            y += x if self.shortcut is None else self.shortcut(x)
        return y.relu_()
