"""Segmentation: background, sclera, iris or pupil for every pixel."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from timm.layers import ConvNormAct
from torch import Tensor, nn

from zoo.conventions import CLASSES, IGNORE
from zoo.data.sample import EyeBatch
from zoo.model.config import SegmentationConfig
from zoo.model.heads.base import Head, Masked, at_least_float32, masked
from zoo.model.masks import centroid, pupil_mask
from zoo.model.neck import FeatureChannels, Features, Map, unfold


class SegmentationHead(Head[SegmentationConfig]):
    """Class logits at the size of the input.

    Each cell of the map that is read predicts its own pixels. With `hidden` channels the cells' pixels are
    what is added to one smooth field, interpolated between the cells: alone they leave contours ragged. The
    loss is the cross entropy plus the soft Dice loss averaged over the classes that the label holds;
    pixels labelled 255 count in neither.
    """

    def __init__(self, config: SegmentationConfig, channels: FeatureChannels) -> None:
        super().__init__(config, channels)
        finest = config.reads == "finest"
        read, self.stride = (channels.fine, channels.fine_stride) if finest else (channels.stride4, 4)
        width = config.hidden or read
        self.hidden = ConvNormAct(read, width, 3) if config.hidden else None
        self.smooth = nn.Conv2d(width, len(CLASSES), 1) if config.hidden else None
        self.classify = nn.Conv2d(width, self.stride**2 * len(CLASSES), 1)

    @property
    def needs(self) -> tuple[Map, ...]:
        """The map that the config names."""
        return ("fine",) if self.config.reads == "finest" else ("stride4",)

    def forward(self, features: Features) -> dict[str, Tensor]:
        """`logits` (B, 4, H, W)."""
        x = features.fine if self.config.reads == "finest" else features.stride4
        assert x is not None
        height, width = features.size
        if self.hidden is not None:
            x = self.hidden(x)
        logits = unfold(self.classify(x), self.stride)
        if self.smooth is not None:
            logits = logits + F.interpolate(self.smooth(x), scale_factor=self.stride, mode="bilinear")
        return {"logits": logits[:, :, :height, :width]}

    def loss(self, prediction: dict[str, Tensor], batch: EyeBatch) -> Masked:
        """Cross entropy + soft Dice loss of the classes present."""
        labels = batch["segmentation"]
        known = labels != IGNORE
        valid = batch["segmentation_valid"] & known.flatten(1).any(1)
        log_p = at_least_float32(prediction["logits"]).log_softmax(1)
        weight = known.to(log_p.dtype)
        picked = log_p.gather(1, labels.long().where(known, 0)[:, None])[:, 0]
        cross_entropy = -(picked * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)
        # Predicted and labelled mass of each class, and the mass that falls on it, as matrix products:
        # the loss must stay cheap beside the network on a CPU.
        p = log_p.exp().flatten(2)
        label = torch.stack([labels == c for c in range(len(CLASSES))], dim=1).to(p.dtype).flatten(2)
        overlap = (p * label).sum(2)
        mass = torch.einsum("bcn,bn->bc", p, weight.flatten(1))
        area = label.sum(2)
        present = area > 0
        dice = masked(1 - 2 * overlap / (mass + area).clamp(min=1e-6), present)
        value = cross_entropy + dice.sum(1) / present.sum(1).clamp(min=1)
        return Masked(masked(value, valid), valid)

    def errors(self, prediction: dict[str, Tensor], batch: EyeBatch) -> dict[str, Masked]:
        """Pixels in the intersection and the union of each class, and the error of the pupil's centroid.

        `<class>_intersection`, `<class>_union`: of the most probable class and the label, where labelled.
        `pupil_mask_px`: from the centroid of the largest blob of the predicted pupil to
        `EyeBatch.pupil_mask_px`; a blob that is missing costs the diagonal of the image.
        """
        logits, labels, valid = prediction["logits"], batch["segmentation"], batch["segmentation_valid"]
        predicted, known = logits.argmax(1), labels != IGNORE
        errors: dict[str, Masked] = {}
        for c, name in enumerate(CLASSES):
            ours, theirs = (predicted == c) & known, labels == c
            errors[f"{name}_intersection"] = Masked((ours & theirs).sum((1, 2)).float(), valid)
            errors[f"{name}_union"] = Masked((ours | theirs).sum((1, 2)).float(), valid)
        centre, area = centroid(pupil_mask(logits))
        distance = (centre - batch["pupil_mask_px"]).norm(dim=1)
        distance = distance.where(area > 0, math.hypot(*labels.shape[1:]))
        errors["pupil_mask_px"] = Masked(distance, batch["pupil_mask_px_valid"])
        return errors
