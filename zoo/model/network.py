"""One backbone, one neck, many heads."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from zoo.conventions import DEFAULT_HORIZONTAL_FOV_DEG, Kind
from zoo.data.kinds import Batch, is_views
from zoo.data.letterbox import standardise
from zoo.data.sample import EyeBatch
from zoo.data.views import ViewBatch
from zoo.errors import did_you_mean
from zoo.geometry.cameras import default_camera
from zoo.geometry.views import relative_pose
from zoo.model.backbone import build_backbone
from zoo.model.config import TRUNK, NetworkConfig
from zoo.model.heads import Task, build_head
from zoo.model.neck import Features, Given, Neck
from zoo.model.norms import Switch, split_norms
from zoo.model.patch import patch_features
from zoo.model.views import ViewFeatures


class Network(nn.Module):
    """The network that `config` describes.

    Args:
        config: see `zoo.model.config`.
        fetch_weights: false builds a timm backbone without fetching its pretrained weights, for a
            checkpoint whose own weights are loaded next.

    Raises:
        ZooError: timm does not know the backbone, or has no weights of it.
    """

    def __init__(self, config: NetworkConfig, fetch_weights: bool = True) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, config.input, fetch_weights)
        self.neck = Neck(self.backbone.strides, self.backbone.channels, config.neck)
        channels = self.neck.channels
        for head in config.heads.values():
            if head.type == "eye3d" and head.patch is not None:
                channels = channels._replace(look=patch_features(head.patch))
        self._switch = Switch()
        if config.norms == "per_kind":
            split_norms(self.backbone, self._switch)
            split_norms(self.neck, self._switch)
        self.heads = nn.ModuleDict({k: build_head(h, channels) for k, h in config.heads.items()})
        self._frozen: list[nn.Module] = []
        self.to(memory_format=torch.channels_last)  # what convolutions are fastest in

    def forward(
        self,
        image: Float[Tensor, "B 1 H W"],
        camera: Float[Tensor, "B 3 3"] | None = None,
        eye_side: Int[Tensor, "B"] | None = None,
        heads: Collection[str] | None = None,
    ) -> dict[str, dict[str, Tensor]]:
        """Predict.

        Args:
            image: standardised grey images of any size; see `zoo.data.letterbox.standardise`.
            camera: intrinsics in pixels of `image`; a camera of `DEFAULT_HORIZONTAL_FOV_DEG` by default.
            eye_side: index into `zoo.conventions.EYE_SIDES`; matters to the visual axis alone.
            heads: which heads to run (what only the others need is not computed); None: all of eyes.

        Returns:
            the prediction of each head, in pixels of `image`.

        Raises:
            ValueError: an unknown head.
        """
        chosen = self.heads_of("eyes") if heads is None else heads
        self._switch.kind = "eyes"
        size = (image.shape[2], image.shape[3])
        padded = self._prepare(image)
        modules = self._in_order({name: self.head(name) for name in chosen})
        needs = {need for head in modules.values() for need in head.needs}
        if camera is None:
            camera = default_camera(size[1], size[0], DEFAULT_HORIZONTAL_FOV_DEG, device=image.device)
            camera = camera.expand(len(image), 3, 3)
        if eye_side is None:
            eye_side = torch.zeros(len(image), dtype=torch.long, device=image.device)
        features: Features = self.neck(
            padded, self.backbone(padded), Given(size, image, camera, eye_side), needs
        )
        predictions = {}
        for name, head in modules.items():
            predictions[name] = head(features)
            if head.config.type == "eye3d":
                features = features._replace(eye3d=predictions[name])
        return {name: predictions[name] for name in chosen}

    def freeze(self, parts: Collection[str]) -> None:
        """Keep the weights and the normalisation statistics of these parts: `backbone`, `neck`, or heads."""
        for part in parts:
            module = getattr(self, part) if part in TRUNK else self.head(part)
            module.requires_grad_(False)
            self._frozen.append(module)
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        """As of any module, but frozen parts stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def views(self, batch: ViewBatch, heads: Collection[str] | None = None) -> dict[str, dict[str, Tensor]]:
        """Predict from posed views: the heads of rooms, in pixels and metres.

        Raises:
            ValueError: an unknown head.
        """
        modules = {name: self.head(name) for name in (self.heads_of("views") if heads is None else heads)}
        needs = {need for head in modules.values() for need in head.needs}
        self._switch.kind = "views"
        images, cameras = batch["images"], batch["cameras"]
        b, v, _, height, width = images.shape
        flat = images.flatten(0, 1)
        # Exposure and white balance differ from view to view; what matters is alike after this.
        deviation, mean = torch.std_mean(flat, dim=(1, 2, 3), keepdim=True)
        padded = self._prepare((flat - mean) / (deviation + 0.05))
        given = Given((height, width), flat, cameras.flatten(0, 1), torch.zeros(b * v, dtype=torch.long))
        maps = self.neck(padded, self.backbone(padded), given, needs)
        assert maps.stride4 is not None and maps.fine is not None
        features = ViewFeatures(
            (height, width),
            images,
            cameras,
            relative_pose(batch["cam_to_world"][:, :1], batch["cam_to_world"][:, 1:]),
            batch["views_valid"][:, 1:],
            batch["sparse_depth"],
            batch["sparse_confidence"],
            maps.stride4.unflatten(0, (b, v)),
            maps.fine.unflatten(0, (b, v)),
        )
        return {name: head(features) for name, head in modules.items()}

    def heads_of(self, kind: Kind) -> list[str]:
        """Names of the heads that read eyes, or views."""
        return [name for name in self.heads if self.head(name).kind == kind]

    def answer(self, batch: Batch, heads: Collection[str] | None = None) -> dict[str, dict[str, Tensor]]:
        """The prediction for a batch of samples, with the cameras that are known; of all heads by default."""
        if is_views(batch):
            return self.views(batch, heads)
        image = standardise(batch["image"], batch["content"])
        return self(image, cameras_of(batch), batch["eye_side"], heads)

    def _in_order(self, chosen: dict[str, Task[Any, Any, Any]]) -> dict[str, Task[Any, Any, Any]]:
        """The gaze is fused from the geometry, which therefore comes first, wanted or not."""
        if not any(head.config.type == "gaze" for head in chosen.values()):
            return chosen
        everything = {name: self.head(name) for name in self.heads}
        return {name: head for name, head in everything.items() if head.config.type == "eye3d"} | chosen

    def head(self, name: str) -> Task[Any, Any, Any]:
        """The head of that name.

        Raises:
            ValueError: there is none.
        """
        if name not in self.heads:
            raise ValueError(f"the network has no head {name!r}: {did_you_mean(name, self.heads)}")
        return cast(Task[Any, Any, Any], self.heads[name])

    def _prepare(self, image: Tensor) -> Tensor:
        """Pad to the backbone's multiple with 0, the mean; repeat grey, as one trunk serves colour too."""
        right, below = (-image.shape[3] % self.backbone.multiple, -image.shape[2] % self.backbone.multiple)
        padded = F.pad(image, (0, right, 0, below)) if right or below else image
        repeated = padded.expand(-1, self.backbone.image_channels, -1, -1)
        return repeated.contiguous(memory_format=torch.channels_last)


def cameras_of(batch: EyeBatch) -> Float[Tensor, "B 3 3"]:
    """Intrinsics of samples, of a default field of view where they are not known."""
    height, width = batch["image"].shape[2:]
    default = default_camera(width, height, DEFAULT_HORIZONTAL_FOV_DEG, device=batch["camera"].device)
    return torch.where(batch["camera_valid"][:, None, None], batch["camera"], default)
