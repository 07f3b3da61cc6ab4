"""A network whose answer is known: it sees dark discs as pupils and white dots as glints."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zoo.geometry.cameras import unit_rays
from zoo.hub.metadata import Licences, Training, describe
from zoo.model.config import BlinkConfig, ByobConfig, InputConfig, NeckConfig, NetworkConfig
from zoo.model.network import Network
from zoo.predict.predictor import Predictor

HEIGHT, WIDTH = 120, 160


class Thresholds(Network):
    """The pupil is what is darker than the middle of an image's range; a flat image has none."""

    def __init__(self) -> None:
        super().__init__(
            NetworkConfig(
                input=InputConfig(height=HEIGHT, width=WIDTH),
                backbone=ByobConfig(stem=(8, 8), widths=(8, 8), depths=(1, 1)),
                neck=NeckConfig(width=8),
                heads={"blink": BlinkConfig()},
            )
        )
        self.batches: list[int] = []

    def forward(
        self, image: Tensor, camera: Tensor, *_: object, **__: object
    ) -> dict[str, dict[str, Tensor]]:
        self.batches.append(len(image))
        grey = image[:, 0]
        middle = (grey.amin((1, 2), keepdim=True) + grey.amax((1, 2), keepdim=True)) / 2
        dark = middle - 0.1 * (grey.std((1, 2), keepdim=True) < 0.1) - grey
        logits = torch.stack(
            [torch.full_like(grey, -9), torch.full_like(grey, -9), torch.zeros_like(grey), dark], dim=1
        )
        mask = (dark > 0).float()
        area = mask.sum((1, 2))
        rows, columns = torch.arange(HEIGHT), torch.arange(WIDTH)
        u = (mask.sum(1) * columns).sum(1) / area.clamp(min=1)
        v = (mask.sum(2) * rows).sum(1) / area.clamp(min=1)
        ray = unit_rays(torch.stack([u, v], dim=1), camera)
        brightest = grey.flatten(1).argmax(1)
        glints = torch.zeros(len(grey), 8, 2)
        glints[:, 0] = torch.stack([brightest % WIDTH, brightest // WIDTH], dim=1)
        scores = torch.zeros(len(grey), 8)
        scores[:, 0] = 0.9
        return {
            "lids": {"openness": area / (area + 100), "blink": 100 / (area + 100)},
            "classes": {"logits": logits},
            "points": {
                "pupil_px": torch.stack([u, v], dim=1),
                "pupil_present": (area > 3).float() * 0.98 + 0.01,
                "glints_px": glints,
                "glint_scores": scores,
            },
            # An eye 40 mm away on the pupil's ray that looks straight back along it.
            "solid": {
                "cornea_mm": 40 * ray,
                "pupil_mm": 36 * ray,
                "optical": -ray,
                "visual": -ray,
                "gaze_sigma": torch.full_like(u, 0.05),
                "roll": torch.zeros_like(u),
            },
        }


def predictor() -> Predictor:
    network = Thresholds()
    training = Training(data="None.", samples_seen=0, command="none")
    licences = Licences(weights="Apache-2.0", training_data="none")
    return Predictor(network, describe("thresholds", network.config, training, licences))


def disc(
    height: int, width: int, u: float, v: float, radius: float, background: int = 170, level: int = 20
) -> np.ndarray:
    """A dark disc with a smooth edge, HxW uint8."""
    return ellipse(height, width, u, v, 2 * radius, 2 * radius, 0.0, background, level)


def ellipse(
    height: int,
    width: int,
    u: float,
    v: float,
    major: float,
    minor: float,
    angle_deg: float,
    background: int = 170,
    level: int = 20,
) -> np.ndarray:
    """A dark ellipse, averaged over 5x5 points of each pixel."""
    steps = (np.arange(5) - 2) / 5
    rows = (np.arange(height)[:, None] + steps).reshape(-1, 1) - v
    columns = (np.arange(width)[:, None] + steps).reshape(1, -1) - u
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    along, across = (
        (cosine * columns + sine * rows) / (major / 2),
        (cosine * rows - sine * columns) / (minor / 2),
    )
    inside = (along**2 + across**2 <= 1).reshape(height, 5, width, 5).mean((1, 3))
    return np.rint(background + (level - background) * inside).astype(np.uint8)
