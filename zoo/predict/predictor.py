"""A network with its preprocessing and conventions as one object: images in, results in native pixels out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from zoo.conventions import EyeSide, Kind
from zoo.data.kinds import Batch
from zoo.data.letterbox import letterbox
from zoo.errors import ZooError
from zoo.export.file import is_exported, read_exported
from zoo.export.graph import EyeGraph
from zoo.export.session import Session
from zoo.geometry.lens import Distortion
from zoo.hub import checkpoint
from zoo.hub.index import using
from zoo.hub.metadata import ModelMetadata
from zoo.model.network import Network
from zoo.predict.images import BadImageError, check_size, to_unit_grey
from zoo.predict.native import Camera, OnCanvas, checked_camera, on_canvas, to_native
from zoo.predict.refine import refine
from zoo.predict.result import EyeResult
from zoo.predict.rig import Leds, checked_leds
from zoo.predict.straighten import Straightener

Image = Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."]
"""HxW or HxWxC (1, 3 or 4 channels) of uint8, uint16, or float in [0, 1]."""


class Predictor:
    """Call it with an image, or with a list of images of any sizes.

    Args:
        network: its weights are copied, in eval mode, to `device` at the first prediction.
        metadata: what the network was trained with.
        device: where it runs.
        session: an exported file, which answers in place of the network's weights.
    """

    def __init__(
        self,
        network: Network,
        metadata: ModelMetadata,
        device: torch.device | str = "cpu",
        session: Session | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.network = network
        self.metadata = metadata
        self._session = session

    @cached_property
    def _run(self) -> EyeGraph | Session:
        """What answers; made at the first prediction, as folding takes as long as building the network."""
        return EyeGraph(self.network).to(self.device) if self._session is None else self._session

    @overload
    def __call__(
        self,
        image: Image,
        camera: Camera | None = None,
        eye_side: EyeSide | None = None,
        distortion: Distortion | None = None,
        leds_mm: Leds | None = None,
    ) -> EyeResult: ...
    @overload
    def __call__(
        self,
        image: Sequence[Image],
        camera: Sequence[Camera | None] | None = None,
        eye_side: Sequence[EyeSide | None] | None = None,
        distortion: Sequence[Distortion | None] | None = None,
        leds_mm: Leds | None = None,
    ) -> list[EyeResult]: ...
    def __call__(
        self,
        image: Image | Sequence[Image],
        camera: Camera | Sequence[Camera | None] | None = None,
        eye_side: EyeSide | Sequence[EyeSide | None] | None = None,
        distortion: Distortion | Sequence[Distortion | None] | None = None,
        leds_mm: Leds | None = None,
    ) -> EyeResult | list[EyeResult]:
        """Predict one image, or a list of images in one batch.

        Args:
            image: see `Image`; grey is made of colour.
            camera: its intrinsics; with a list of images, one for each, None where unknown.
            eye_side: the subject's own side; with a list of images, one for each.
            distortion: of the lens, with its `camera`; with a list of images, one for each. Results in pixels
                are of the image as it came; what is 3D is free of the lens.
            leds_mm: positions of the LEDs of the one rig that took all images, in the frame of the camera.
                Their glints refine cornea and axes (`zoo.predict.refine`) of images whose camera is given.

        Raises:
            ValueError: an image, camera, side, distortion or LEDs that are not valid, or LEDs for a network
                that finds no glints or no 3D.
        """
        if not isinstance(image, (np.ndarray, Tensor)):
            return self.predict(image, camera, eye_side, distortions=distortion, leds_mm=leds_mm)  # type: ignore[arg-type]
        return self.predict([image], [camera], [eye_side], distortions=[distortion], leds_mm=leds_mm)[0]  # type: ignore[list-item]

    def predict(
        self,
        images: Sequence[Image],
        cameras: Sequence[Camera | None] | None = None,
        eye_sides: Sequence[EyeSide | None] | None = None,
        segmentation: bool = True,
        distortions: Sequence[Distortion | None] | None = None,
        leds_mm: Leds | None = None,
    ) -> list[EyeResult]:
        """One result an image, from one forward pass; `segmentation` tells whether it has a class map."""
        if not images:
            return []
        leds = None if leds_mm is None else checked_leds(leds_mm)
        unknown = [None] * len(images)
        cameras, eye_sides = cameras or unknown, eye_sides or unknown
        lenses: list[Straightener | None] = []
        greys = [_grey(image) for image in images]
        for row, (camera, distortion) in enumerate(zip(cameras, distortions or unknown, strict=True)):
            lens = None if distortion is None else _straightener(distortion, camera, *greys[row].shape)
            greys[row] = greys[row] if lens is None else lens.straight(greys[row])
            lenses.append(lens)
        size = self.metadata.preprocessing
        boxed = [letterbox(torch.from_numpy(grey)[None], size.height, size.width) for grey in greys]
        canvas = torch.stack([image for image, _, _ in boxed]).to(self.device)
        content = torch.stack([mask for _, mask, _ in boxed]).to(self.device)
        frames = [
            OnCanvas(box, grey.shape[0], grey.shape[1], camera, side)
            for grey, (_, _, box), camera, side in zip(greys, boxed, cameras, eye_sides, strict=True)
        ]
        with torch.inference_mode():
            intrinsics, sides = on_canvas(frames)
            heads = self._run(canvas, content, intrinsics.to(self.device), sides.to(self.device))
            if leds is not None:
                known = torch.tensor([camera is not None for camera in cameras])
                heads = refine(heads, intrinsics, leds, sides, known)
            results = to_native(heads, content, frames, segmentation)
        return [lens.bent(result) if lens else result for lens, result in zip(lenses, results, strict=True)]

    def answer(self, batch: Batch) -> dict[str, dict[str, Tensor]]:
        """What the heads say of samples, on their canvas: `Network.answer`."""
        return self.network.answer(batch) if self._session is None else self._session.answer(batch)


def load(name_or_path: str | Path, device: str | None = None, index: str | None = None) -> Predictor:
    """Load a checkpoint as one object: network, preprocessing and conventions.

    Args:
        name_or_path: a name that `zoo list` shows, the folder of a checkpoint or of a run, or a file of
            `zoo export`. A listed one that is not on this machine is fetched into the cache.
        device: "cpu", "cuda", "cuda:1", ...; None: a GPU where there is one. Exported files run on the CPU.
        index: path or address of an index of checkpoints that is read beside ours.

    Raises:
        ZooError: no such checkpoint, a damaged one, or a device that is not here.
    """
    with using([] if index is None else [index]):
        return Predictor(*opened(name_or_path, device))


class Opened(NamedTuple):
    """What a predictor is made of: its arguments, in their order."""

    network: Network
    metadata: ModelMetadata
    device: torch.device
    session: Session | None


def opened(name_or_path: str | Path, device: str | None, wanted: Kind | None = None) -> Opened:
    """A checkpoint or an exported file, as `load` finds it; `wanted`: what an exported one must look at."""
    if is_exported(name_or_path):
        if device not in (None, "auto", "cpu"):
            raise ZooError(f"{name_or_path}: ONNX Runtime runs it on the CPU here, not on {device}")
        file = read_exported(name_or_path, wanted)
        network = Network(file.metadata.network, fetch_weights=False).eval()
        return Opened(network, file.metadata, torch.device("cpu"), Session(file))
    chosen = pick_device(device)
    return Opened(*checkpoint.load(name_or_path), chosen, None)


def pick_device(device: str | None) -> torch.device:
    """The named device, or a GPU where there is one; `ZooError` where it is not here."""
    if device in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    valid = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    valid += ["mps"] if torch.backends.mps.is_available() else []
    if device not in valid and not (device == "cuda" and len(valid) > 1):
        raise ZooError(f"no device {device!r} here; valid: auto, {', '.join(valid)}")
    return torch.device(device)


def _straightener(distortion: Distortion, camera: Camera | None, height: int, width: int) -> Straightener:
    if camera is None:
        raise ValueError("a distortion is of a camera whose intrinsics are known; give it too")
    return Straightener.of(distortion, checked_camera(camera), height, width)


def _grey(image: Image) -> Float[np.ndarray, "h w"]:
    array = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
    grey = to_unit_grey(array)
    try:
        check_size(*grey.shape)
    except BadImageError as error:
        raise ValueError(str(error)) from None
    return grey
