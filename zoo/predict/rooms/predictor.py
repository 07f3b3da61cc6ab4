"""A network that looks at rooms, as one object: samples of posed views in, depth and points out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from zoo.data.views import ViewBatch, ViewSample, check_view_batch, stack_views
from zoo.errors import ZooError
from zoo.export.session import Session
from zoo.hub.metadata import ModelMetadata
from zoo.model.completion import complete
from zoo.model.network import Network
from zoo.predict.predictor import opened

SINGLE_SIGMA: Final = 0.25
"""Least relative uncertainty where nothing tells the scale: rooms of the same look differ by this much."""


class FittedDepth(NamedTuple):
    """Depth of an anchor in the pixels of the network's input, in metres."""

    depth: Float32[np.ndarray, "H W"]
    sigma: Float32[np.ndarray, "H W"]
    """68 % of relative errors are below it."""
    point_px: Float32[np.ndarray, "P 2"]
    point_depth: Float32[np.ndarray, "P"]
    point_confidence: Float32[np.ndarray, "P"]
    """In [0, 1]; 0 where no source sees the point."""


class RoomPredictor:
    """Call `predict` with samples of one image size.

    Args:
        network: with a head of rooms that gives depth; a copy runs in evaluation mode on `device`.
        metadata: what the network was trained with.
        device: where it runs.
        session: an exported file, which answers in place of the network's weights.

    Raises:
        ZooError: the network has no such head.
    """

    def __init__(
        self,
        network: Network,
        metadata: ModelMetadata,
        device: torch.device | str = "cpu",
        session: Session | None = None,
    ) -> None:
        heads = network.heads_of("views")
        if not heads:
            raise ZooError(f"{metadata.name} has no head that looks at rooms: {', '.join(network.heads)}")
        self.device = torch.device(device)
        self.metadata = metadata
        self._head = heads[0]
        self._session = session
        self._run = copy.deepcopy(network).eval().requires_grad_(False).to(self.device)

    @property
    def canvas(self) -> tuple[int, int] | None:
        """Height and width of the only samples that an exported file takes; None: any."""
        return None if self._session is None else self._session.canvas

    def predict(self, samples: Sequence[ViewSample]) -> list[FittedDepth]:
        """One result a sample, from one forward pass.

        Raises:
            ValueError: a sample that breaks the contract of `zoo.data.views`.
        """
        if not samples:
            return []
        batch = stack_views(samples)
        check_view_batch(batch, "predict")
        known = (batch["views_valid"][:, 1:].any(1) | (batch["sparse_depth"] > 0).any(2).any(1)).tolist()
        moved: ViewBatch = {key: value.to(self.device) for key, value in batch.items()}  # type: ignore[assignment, attr-defined]
        any_size = self._session is None or self._session.any_size
        with torch.inference_mode():
            answer = complete(self._answer, moved, halve=any_size)
        keys = ("depth", "sigma", "point_px", "point_depth", "point_confidence")
        arrays = [_array(answer[key]) for key in keys]
        results = [FittedDepth(*(array[row] for array in arrays)) for row in range(len(samples))]
        return [
            result if scaled else result._replace(sigma=np.hypot(result.sigma, np.float32(SINGLE_SIGMA)))
            for result, scaled in zip(results, known, strict=True)
        ]

    def _answer(self, batch: ViewBatch) -> dict[str, Tensor]:
        if self._session is None:
            return self._run.views(batch, [self._head])[self._head]
        return self._session.answer(batch)[self._head]


def load(name_or_path: str | Path, device: str | None = None) -> RoomPredictor:
    """Load a checkpoint that looks at rooms, or a file of `zoo export`.

    Raises:
        ZooError: no such checkpoint, a damaged one, one of eyes alone, or a device that is not here.
    """
    return RoomPredictor(*opened(name_or_path, device, "views"))


def _array(value: Tensor) -> Float32[np.ndarray, "..."]:
    array: Float32[np.ndarray, "..."] = value.float().cpu().numpy()
    return array
