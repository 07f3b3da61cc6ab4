"""From the config to batches: what is trained on, and what is held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from zoo.config import (
    CaptureData,
    Data,
    EyeFiles,
    MeyeData,
    MixtureData,
    MixtureSource,
    PoolData,
    RenderData,
    RoomPoolData,
    TrainConfig,
)
from zoo.config.rendering import load_domain, load_rig
from zoo.config.sources import is_views
from zoo.conventions import Kind
from zoo.data.augment import augment
from zoo.data.batches import Batches, Source, Split, rows
from zoo.data.config import AugmentConfig
from zoo.data.kinds import Batch
from zoo.data.mixture import Mixed, Mixture, Part, part_seed
from zoo.data.pool import Pool
from zoo.data.sample import EyeBatch
from zoo.data.select_views import ViewRule
from zoo.data.sources.capture import CaptureViews
from zoo.data.sources.meye import Meye
from zoo.data.sources.room_pool import RoomViews
from zoo.draws import Draws
from zoo.errors import ZooError
from zoo.model.config import InputConfig
from zoo.train.eye_sources import eye_source


class FromSource(Batches):
    """Batches of a source that ends, in a new order in every pass."""

    def ids(self, step: int) -> list[int]:
        """Row numbers of the samples of a step."""
        index = Split().numbers(step, self.batch_size)
        numbers: list[int] = rows(self.seed, index, len(self.source)).tolist()
        return numbers


class Rendered(Dataset[EyeBatch]):
    """Batches rendered on the fly, each sample once."""

    def __init__(self, renderer: Any, seed: int, batch_size: int, changes: AugmentConfig | None) -> None:
        self.renderer = renderer
        self.seed = seed
        self.batch_size = batch_size
        self.changes = changes
        self.split = Split()

    def __getitem__(self, step: int) -> EyeBatch:
        index = torch.from_numpy(self.split.numbers(step, self.batch_size)).to(self.renderer.device)
        batch: EyeBatch = self.renderer.render(index)
        return batch if self.changes is None else augment(batch, Draws(self.seed, index), self.changes)

    def ids(self, step: int) -> list[int]:
        """Indices of the samples of a step, as the renderer counts them."""
        numbers: list[int] = Split().numbers(step, self.batch_size).tolist()
        return numbers


def training_batches(config: TrainConfig, device: torch.device) -> FromSource | Rendered | Mixture:
    """What the run trains on, rendered on `device` or read on the CPU."""
    if isinstance(config.data, MixtureData):
        return _mixture(config, config.data, device)
    size = canvas_of(config, config.data)
    if isinstance(config.data, RenderData):
        renderer = _renderer(config.data, config.seed, size, device)
        return Rendered(renderer, config.seed, config.batch_size, config.augment)
    return FromSource(_source(config.data, size), config.batch_size, config.seed, config.augment)


def canvas_of(config: TrainConfig, data: Data) -> InputConfig:
    """The pixels that samples of a source are letterboxed to."""
    return config.network.canvas("views" if is_views(data) else "eyes")


def _mixture(config: TrainConfig, data: MixtureData, device: torch.device) -> Mixture:
    def part(kind: Kind, name: str, source: MixtureSource) -> Part:
        read, size = reader_of(
            source.data, part_seed(config.seed, kind, name), config.network.canvas(kind), device
        )
        return Part(name, read, size, source.knots, source.domain, source.max_samples, source.subset_seed)

    kinds: list[tuple[Kind, dict[str, MixtureSource], int]] = [
        ("eyes", data.eyes, data.batch.eyes),
        ("views", data.views, data.batch.views),
    ]
    return Mixture(
        [
            Mixed(
                kind,
                [part(kind, name, source) for name, source in sources.items()],
                count,
                data.step_samples,
                config.seed,
                config.augment,
                device,
            )
            for kind, sources, count in kinds
            if sources
        ]
    )


def reader_of(
    data: Data, seed: int, size: InputConfig, device: torch.device
) -> tuple[Callable[[np.ndarray], Batch], int | None]:
    """How rows of a source are read, and how many it has (None: no end)."""
    if not isinstance(data, RenderData):
        source = _source(data, size)
        return source.batch, len(source)
    renderer = _renderer(data, seed, size, device)
    return partial(_rendered, renderer), None


def _rendered(renderer: Any, rows: np.ndarray) -> Batch:
    batch: EyeBatch = renderer.render(torch.from_numpy(rows).to(renderer.device))
    return batch


def batches_of(
    data: Data,
    seed: int,
    count: int | None,
    batch_size: int,
    size: InputConfig,
    device: torch.device,
    first: int = 0,
) -> Iterator[Batch]:
    """Samples `first` to `count` - 1 of a source, in order (None: to the end of a source that ends)."""
    if isinstance(data, RenderData):
        if count is None:
            raise ZooError("rendered data never ends: say how many samples with count=...")
        renderer = _renderer(data, seed, size, device)
        for start in range(first, count, batch_size):
            yield renderer.render(torch.arange(start, min(start + batch_size, count), device=device))
        return
    source = _source(data, size)
    if count is not None and count > len(source):
        at = data.path if isinstance(data, (PoolData, RoomPoolData)) else data.root
        raise ZooError(
            f"{count} samples wanted, {data.type} in {at} has {len(source)}: lower count (of a validation: "
            "validation.count)"
        )
    last = len(source) if count is None else count
    for start in range(first, last, batch_size):
        yield source.batch(np.arange(start, min(start + batch_size, last)))


def samples_of(data: Data, rows: np.ndarray, size: InputConfig) -> Batch:
    """The samples of these numbers, of a source that ends."""
    assert not isinstance(data, RenderData), "what is rendered on the fly has no rows to go back to"
    return _source(data, size).batch(rows)


def _source(data: PoolData | MeyeData | EyeFiles | RoomPoolData | CaptureData, size: InputConfig) -> Source:
    if isinstance(data, PoolData):
        pool = Pool(data.path)
        if (pool.height, pool.width) != (size.height, size.width):
            raise ZooError(
                f"data.path={data.path}: its images are {pool.width}x{pool.height}, the network takes "
                f"{size.width}x{size.height} (network.input)"
            )
        return pool
    if isinstance(data, RoomPoolData):
        return RoomViews(data.path, size.height // data.reduce, size.width // data.reduce)
    if isinstance(data, CaptureData):
        return view_source(data, size.height, size.width)
    if isinstance(data, MeyeData):
        return Meye(data.root, size.height, size.width)
    return eye_source(data, size.height, size.width)


def view_source(data: CaptureData, height: int, width: int) -> CaptureViews:
    """The samples of posed captures, their images height x width."""
    return CaptureViews(
        data.root,
        data.layout,
        height=height,
        width=width,
        views=data.views,
        min_kept=data.min_kept,
        rule=ViewRule(data.baseline_m, data.max_turn_deg, data.min_overlap),
        views_csv=data.views_csv,
        metres_per_unit=data.metres_per_unit,
        depth_range=data.depth_range_m,
    )


def _renderer(data: RenderData, seed: int, size: InputConfig, device: torch.device) -> Any:
    from zoo.synth.eyes.renderer import EyeRenderer

    domain = load_domain(data.domain)
    if data.people is not None:
        domain = domain.model_copy(update={"people": data.people})
    rig = None if data.rig is None else load_rig(data.rig)
    return EyeRenderer(domain, seed, rig, size.height, size.width, device)
