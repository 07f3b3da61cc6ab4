"""The modules that are exported: preprocessing and network in one, from plain tensors to named ones."""

from __future__ import annotations

import copy
from typing import Final

import torch
from torch import Tensor, nn

from zoo.conventions import Kind
from zoo.data.letterbox import standardise
from zoo.data.views import ViewBatch
from zoo.errors import ZooError
from zoo.model.fuse import fused
from zoo.model.network import Network

EYE_INPUTS: Final = ("image", "content", "camera", "eye_side")
VIEW_INPUTS: Final = (
    *("images", "cameras", "cam_to_world", "views_valid"),
    *("sparse_depth", "sparse_confidence"),
)
INPUTS: Final[dict[Kind, tuple[str, ...]]] = {"eyes": EYE_INPUTS, "views": VIEW_INPUTS}


class EyeGraph(nn.Module):
    """The heads of eyes, from letterboxed frames that are not standardised yet."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = fused(network)

    def forward(
        self, image: Tensor, content: Tensor, camera: Tensor, eye_side: Tensor
    ) -> dict[str, dict[str, Tensor]]:
        """Predict.

        Args:
            image: (B, 1, H, W) grey in [0, 1], 0 where it is padded (`zoo.data.letterbox.letterbox`).
            content: (B, H, W) bool, where the frame is.
            camera: (B, 3, 3) intrinsics in pixels of `image`.
            eye_side: (B,) int64, index into `zoo.conventions.EYE_SIDES`.

        Returns:
            the prediction of each head, in pixels of `image`.
        """
        return self.network(standardise(image, content), camera, eye_side)


class ViewGraph(nn.Module):
    """The heads of rooms, from posed views."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        folded = fused(network, "views")
        grey = folded.backbone.image_channels == 1  # folded for frames without colour
        self.network = copy.deepcopy(network).eval().requires_grad_(False) if grey else folded

    def forward(
        self,
        images: Tensor,
        cameras: Tensor,
        cam_to_world: Tensor,
        views_valid: Tensor,
        sparse_depth: Tensor,
        sparse_confidence: Tensor,
    ) -> dict[str, dict[str, Tensor]]:
        """Predict; shapes and units are those of `zoo.data.views`."""
        batch: ViewBatch = {  # type: ignore[typeddict-item]  # labels are not read
            "images": images,
            "cameras": cameras,
            "cam_to_world": cam_to_world,
            "views_valid": views_valid,
            "sparse_depth": sparse_depth,
            "sparse_confidence": sparse_confidence,
        }
        return self.network.views(batch)


def graph_of(network: Network, kind: Kind) -> EyeGraph | ViewGraph:
    """What computes the heads of one kind.

    Raises:
        ZooError: the network has none of them.
    """
    if not network.heads_of(kind):
        raise ZooError(f"the checkpoint has no head of {kind}: it has {', '.join(network.heads)}")
    return EyeGraph(network) if kind == "eyes" else ViewGraph(network)


def flat(heads: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all heads by `<head>.<name>`."""
    return {f"{head}.{name}": value for head, tensors in heads.items() for name, value in tensors.items()}


def nested(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The inverse of `flat`."""
    heads: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        head, _, part = name.rpartition(".")
        heads.setdefault(head, {})[part] = value
    return heads


def example(kind: Kind, batch: int, height: int, width: int, views: int = 3) -> tuple[Tensor, ...]:
    """Inputs to trace with."""
    focal = float(width)
    camera = torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    pictures = torch.Generator().manual_seed(0)
    if kind == "eyes":
        return (
            torch.rand(batch, 1, height, width, generator=pictures),
            torch.ones(batch, height, width, dtype=torch.bool),
            camera.expand(batch, 3, 3).contiguous(),
            torch.arange(batch) % 2,
        )
    poses = torch.eye(4).repeat(batch, views, 1, 1)
    poses[:, :, 0, 3] = 0.15 * torch.arange(views)
    return (
        torch.rand(batch, views, 3, height, width, generator=pictures),
        camera.expand(batch, views, 3, 3).contiguous(),
        poses,
        torch.ones(batch, views, dtype=torch.bool),
        torch.zeros(batch, height, width),
        torch.zeros(batch, height, width),
    )
