"""Eye batches with random labels of every kind, for tests of heads and of evaluation."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.conventions import BLINK_OPENNESS, MAX_GLINTS
from zoo.data.sample import EyeBatch, check_eye_batch, empty_eye_batch
from zoo.model.heads.gaze import visual_axis


def random_eye_batch(batch: int, height: int = 64, width: int = 64, seed: int = 0) -> EyeBatch:
    """Every label known and in range; labels do not agree with one another beyond the contract."""
    g = torch.Generator().manual_seed(seed)

    def unit(*shape: int) -> Tensor:
        return torch.rand(shape, generator=g)

    size = torch.tensor([width, height]) - 1.0
    eyes = empty_eye_batch(batch, height, width)
    eyes["image"] = unit(batch, 1, height, width)
    eyes["camera"][:, 0, 0] = eyes["camera"][:, 1, 1] = 1.5 * width
    eyes["camera"][:, :2, 2] = size / 2
    eyes["subject"] = torch.arange(batch) % 3
    coarse = torch.randint(0, 4, (batch, 1, height // 8, width // 8), generator=g).float()
    labels = torch.nn.functional.interpolate(coarse, size=(height, width), mode="nearest")
    eyes["segmentation"] = labels[:, 0].to(torch.uint8)
    eyes["segmentation"][:, :2] = 255
    eyes["openness"] = unit(batch)
    eyes["blink"] = (eyes["openness"] < BLINK_OPENNESS).float()
    eyes["pupil_visible"] = unit(batch)
    eyes["pupil_present"] = torch.ones(batch)
    eyes["pupil_ellipse"][:, :2] = 4 + unit(batch, 2) * (size - 8)
    eyes["pupil_ellipse"][:, 2:4] = torch.tensor([9.0, 7.0])
    eyes["pupil_mask_px"] = eyes["pupil_ellipse"][:, :2].clone()
    # Glints on a grid, so that no two share a cell of any heat map.
    cell = torch.stack([torch.randperm(16, generator=g)[:MAX_GLINTS] for _ in range(batch)])
    corner = torch.stack([cell % 4, cell // 4], dim=2)
    eyes["glints_px"] = (corner + 0.25 + 0.5 * unit(batch, MAX_GLINTS, 2)) * (size + 1) / 4 - 0.5
    eyes["glints_visible"] = unit(batch, MAX_GLINTS) < 0.6
    eyes["optical"] = torch.nn.functional.normalize(unit(batch, 3) - torch.tensor([0.5, 0.5, 1.5]), dim=1)
    eyes["eye_side"] = torch.arange(batch) % 2
    eyes["visual"] = visual_axis(eyes["optical"], torch.zeros(batch), eyes["eye_side"])
    eyes["cornea_mm"] = torch.tensor([1.0, -2.0, 40.0]) + unit(batch, 3)
    eyes["pupil_mm"] = eyes["cornea_mm"] + 4.3 * eyes["optical"]
    eyes["cornea_radius_mm"] = 7.5 + 0.5 * unit(batch)
    for key in eyes:
        if key.endswith("_valid"):
            eyes[key] = torch.ones(batch, dtype=torch.bool)  # type: ignore[literal-required]
    check_eye_batch(eyes, "random_eye_batch")
    return eyes
