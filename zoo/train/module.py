"""The LightningModule: any heads on one network, one sum of masked losses. Knows nothing of tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from zoo.config import MixtureData, TrainConfig
from zoo.config.balance import AggregatorBalance
from zoo.conventions import DOMAINS, Kind
from zoo.data.batches import Split
from zoo.data.kinds import Batch, MixedBatch, is_views, kind_of, parts_of
from zoo.errors import ZooError
from zoo.files import write_text
from zoo.model.config import TRUNK
from zoo.model.heads.base import Masked
from zoo.model.interpolate import interpolate
from zoo.model.network import Network
from zoo.train.balance import Balance, conflicts, task_gradients
from zoo.train.distil import distance
from zoo.train.ema import Ema
from zoo.train.groups import parameter_groups
from zoo.train.muon import Muon
from zoo.train.schedule import learning_rate_factor

LOG_EVERY: Final = 50
"""Steps between two entries in the logger, and between two looks at the loss where looking is dear (GPU)."""
LARGEST_LOSS: Final = 1e4
"""A sum of losses above this has diverged: trained heads stay below 10."""
EXPLODED: Final = "exploded.json"
"""Where a run folder names the samples of the step at which that was."""


def masked_mean(masked: Masked, rows: Tensor | None = None) -> Float[Tensor, ""]:
    """Mean of the valid values (of the chosen rows), 0 where there is none."""
    valid = masked.valid if rows is None else masked.valid & rows
    return torch.where(valid, masked.value, 0.0).sum() / valid.sum().clamp(min=1)


class ZooModule(pl.LightningModule):
    """Trains `network`; what happens at a step is a function of the seed, the step and the weights alone.

    Args:
        network: trained in place.
        config: of the run.
        batches: `(first step, last step, share of this process) -> batches` of the run.
        ids: `step -> ids of its samples`, to name them when a loss explodes.
        parent: what the run started from, where the config retains some of it.
    """

    def __init__(
        self,
        network: Network,
        config: TrainConfig,
        batches: Callable[[int, int, Split], Iterable[Batch | MixedBatch]],
        ids: Callable[[int], object],
        parent: Network | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.ema = Ema(network, config.ema.half_life_samples, config.ema.ramp)
        self.balance = Balance(config.balance, [n for n in network.heads if n not in config.freeze])
        self._terms: dict[str, Tensor] = {}
        # In a tuple, so that its weights are in no checkpoint: they are the parent's.
        frozen = [] if parent is None else [parent.requires_grad_(False).eval()]
        self._parent: tuple[Network, ...] = tuple(frozen)
        self.batches = batches
        self.ids = ids
        self.last_loss = torch.tensor(0.0)
        self.last_gradient = torch.tensor(0.0)
        self.first_bad = torch.tensor(-1)

    @property
    def seen(self) -> int:
        """Samples seen, in all slices of the run."""
        return self.trainer.global_step * self.config.step_samples

    def released(self) -> Network:
        """What is measured and exported: the average, drawn towards the parent where that is asked for."""
        share = None if self.config.retain is None else self.config.retain.interpolate
        if share is None:
            return self.ema.average
        return interpolate(self.ema.average, self._parent[0].to(self.device), share)

    def train_dataloader(self) -> Iterable[Batch | MixedBatch]:
        # Without a length Lightning leaves the counting to max_steps, also where a run goes on in its middle.
        split = Split(self.trainer.global_rank, self.trainer.world_size)
        loader = self.batches(self.trainer.global_step, self.config.steps, split)
        return _WithoutLength(loader)

    def configure_optimizers(self) -> Any:
        config = self.config
        muon = config.optimizer.type == "muon"
        optimizer = (Muon if muon else AdamW)(
            self._groups(),
            lr=config.optimizer.lr,
            betas=config.optimizer.betas,
        )
        schedule = LambdaLR(optimizer, lambda step: self._factor(step))  # a method would go into checkpoints
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self) -> list[dict[str, Any]]:
        return parameter_groups(self.network, self.config.optimizer) + self.balance.parameter_groups()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on at the rates of the config, which may be lower than those that were saved."""
        rates = [group.get("lr", self.config.optimizer.lr) for group in self._groups()]
        for optimizer, schedule in zip(
            checkpoint["optimizer_states"], checkpoint["lr_schedulers"], strict=True
        ):
            for group, rate in zip(optimizer["param_groups"], rates, strict=True):
                if group["initial_lr"] != rate:
                    group["lr"], group["initial_lr"] = group["lr"] * rate / group["initial_lr"], rate
            schedule["base_lrs"] = rates

    def _factor(self, step: int) -> float:
        config = self.config
        seen = (step + 1) * config.step_samples
        return learning_rate_factor(
            seen, config.schedule.warmup_samples, config.samples, config.schedule.final
        )

    def on_train_batch_start(self, batch: Batch | MixedBatch, batch_idx: int) -> None:
        # Dropout and the like: the same numbers at this step, however often the run was stopped before.
        step, processes = self.trainer.global_step, self.trainer.world_size
        torch.manual_seed((self.config.seed << 32) + step * processes + self.trainer.global_rank)

    def training_step(self, batch: Batch | MixedBatch, batch_idx: int) -> Tensor:
        losses: dict[str, Masked] = {}
        distances: dict[str, Tensor] = {}
        parts = parts_of(batch)
        for part in parts:
            kind = kind_of(part)
            learning = [n for n in self.network.heads_of(kind) if n not in self.config.freeze]
            kept = self._kept(kind)
            predictions = self.network.answer(part, {*learning, *kept})
            losses |= {name: self.network.head(name).loss(predictions[name], part) for name in learning}
            if kept:
                distances |= self._distances(part, kept, predictions)
        self._terms = self.balance.weigh({name: masked_mean(loss) for name, loss in losses.items()})
        for name, value in distances.items():
            self._terms[name] = self._terms[name] + value if name in self._terms else value
        total = torch.stack(list(self._terms.values())).sum()
        self._watch(total)
        if self.trainer.global_step % LOG_EVERY == 0:
            self._log(total, losses, parts, distances)
        return total

    def _kept(self, kind: Kind) -> list[str]:
        """The heads that shall answer as the parent's where there is no label."""
        if self.config.retain is None or self.config.retain.distil is None:
            return []
        return [name for name in self._parent[0].heads_of(kind) if name in self.network.heads]

    def _distances(
        self, part: Batch, kept: list[str], predictions: dict[str, dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        retain = self.config.retain
        assert retain is not None and retain.distil is not None
        with torch.no_grad():
            targets = self._parent[0].to(self.device).answer(part, kept)
            labelled = {name: self.network.head(name).loss(targets[name], part).valid for name in kept}
        return {
            name: retain.distil * masked_mean(distance(predictions[name], targets[name], ~labelled[name]))
            for name in kept
        }

    def backward(self, loss: Tensor, *_: Any, **__: Any) -> None:
        """The balance says what the gradient is; `loss` is the sum of its terms, scaled in half precision."""
        terms, self._terms = self._terms, {}
        trunk = [p for part in TRUNK for p in getattr(self.network, part).parameters() if p.requires_grad]
        every = self.config.balance.watch_every
        if every is not None and self.trainer.global_step % every == 0 and trunk:
            self._send(conflicts(task_gradients(terms, trunk, retain_graph=True)))
        if isinstance(self.config.balance, AggregatorBalance):
            self.balance.backward(terms, trunk)
        else:
            loss.backward()

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.ema.update(self.network, self.seen + self.config.step_samples, self.config.step_samples)

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        self.last_gradient = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optimizer.clip)

    def _watch(self, total: Tensor) -> None:
        """Remember the first step whose loss is not a sane number; looking at it waits for a GPU."""
        self.last_loss = total.detach()
        sane = self.last_loss < LARGEST_LOSS  # false for NaN too
        step = self.trainer.global_step
        bad = self.first_bad.to(total.device)
        self.first_bad = torch.where(sane | (bad >= 0), bad, step)
        if total.device.type == "cpu" or step % LOG_EVERY == 0:
            self.check_loss()

    def check_loss(self) -> None:
        """Raise `ZooError`, naming step and samples, if the loss exploded at any step so far."""
        step = int(self.first_bad)
        if step >= 0:
            samples = self.ids(step)
            if self.trainer.is_global_zero:
                told = {"step": step, "loss": str(float(self.last_loss)), "samples": samples}
                write_text(self.config.run_dir / EXPLODED, json.dumps(told) + "\n")
            raise ZooError(
                f"the loss exploded at step {step} (now {float(self.last_loss):.4g}). "
                f"Samples: {samples} (also in {self.config.run_dir / EXPLODED}). "
                "Nothing was saved since: the last good checkpoint stays. If the samples look right, "
                f"the same command goes on with a lower optimizer.lr (it was {self.config.optimizer.lr})"
            )

    def _log(
        self, total: Tensor, losses: dict[str, Masked], parts: list[Batch], distances: dict[str, Tensor]
    ) -> None:
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        values = {"loss": total, "samples": self.seen, "lr": rate, "gradient": self.last_gradient}
        for part in parts:
            slices = self._slices(part)
            for name in self.network.heads_of(kind_of(part)):
                if name not in losses:
                    continue
                values[f"loss/{name}"] = masked_mean(losses[name])
                for label, rows in slices.items():
                    if (rows & losses[name].valid).any():
                        values[f"loss/{name}/{label}"] = masked_mean(losses[name], rows)
        values |= {f"distance/{name}": value for name, value in distances.items()}
        values |= {f"log_variance/{name}": value for name, value in self.balance.log_variances.items()}
        self._send({key: float(torch.as_tensor(value).detach()) for key, value in values.items()})

    def _send(self, values: dict[str, float]) -> None:
        for logger in self.trainer.loggers:
            logger.log_metrics(values | {"samples": self.seen}, step=self.trainer.global_step)

    def _slices(self, part: Batch) -> dict[str, Tensor]:
        """Which samples are of each domain, and of each source of a mixture."""
        slices: dict[str, Tensor] = {label: part["domain"] == index for index, label in enumerate(DOMAINS)}
        if isinstance(self.config.data, MixtureData):
            sources = self.config.data.views if is_views(part) else self.config.data.eyes
            slices |= {f"source/{name}": part["source"] == index for index, name in enumerate(sources)}
        return slices

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.config.model_dump(mode="json")


class _WithoutLength:
    def __init__(self, loader: Iterable[Batch | MixedBatch]) -> None:
        self.loader = loader

    def __iter__(self) -> Any:
        return iter(self.loader)
