"""Pools of rendered eyes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from zoo.data.pool import PoolWriter
from zoo.synth.eyes.domain import EyeDomain
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.eyes.rig import Rig
from zoo.synth.pool import Progress, render_into

_CHUNK = {"cpu": 16, "cuda": 512}
_COMPILE_FROM = 4000
"""Frames from which compiling the shader in every process pays."""


def render_pool(
    path: Path,
    domain: EyeDomain,
    rig: Rig,
    count: int,
    seed: int,
    height: int = 120,
    width: int = 160,
    workers: int = 2,
    device: str = "cpu",
    progress: Progress = lambda done: None,
) -> None:
    """Render samples 0 to `count` into a pool, or go on with one that was cut short.

    Raises:
        ZooError: the folder holds another recipe's pool, or the disk is full.
    """
    shown = rig.model_dump(exclude={"distortion"})  # the frames do not depend on it
    spec = {"renderer": "eyes", "seed": seed, "domain": domain.model_dump(), "rig": shown}
    writer = PoolWriter(path, spec, count, height, width)
    render_into(
        writer,
        partial(EyeRenderer, domain, seed, rig, height, width),
        chunk=_CHUNK.get(torch.device(device).type, _CHUNK["cpu"]),
        device=device,
        workers=workers,
        compiled=count - writer.done >= _COMPILE_FROM,
        progress=progress,
    )
