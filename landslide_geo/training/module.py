"""The Lightning module: loss, warm-up and cosine, average of the weights, validation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from landslide_geo.config import TrainParams
from landslide_geo.models.registry import build
from landslide_geo.models.start import find_start
from landslide_geo.training.losses import loss_function, sample_losses
from landslide_geo.training.metrics import Histogram

#: Steps after which the average of the weights begins: random initial weights would linger in it.
_YOUNG = 200


class _Average:
    """Exponential average of weights; PyTorch's own function cannot travel to another process."""

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def __call__(self, *values: Any) -> None:
        get_ema_multi_avg_fn(self.decay)(*values)


class Segmenter(lightning.LightningModule):
    """Trains a network of the registry on batches of image, mask, validity and number of the chip.

    The average of the weights, batch statistics included, is what is validated and kept; it is part of the checkpoint.

    Args:
        params: of training.
        bands: of the input.
        chips: number of labelled chips, whose losses are remembered.
        steps: of the optimizer in an epoch.
    """

    def __init__(self, params: TrainParams, *, bands: int, chips: int = 0, steps: int = 1) -> None:
        super().__init__()
        self.params, self.steps = params, steps
        network = build(params.architecture, bands=bands, arguments=params.arguments)
        if params.start is not None:
            find_start(params.start).into(network)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = (
            AveragedModel(self.network, multi_avg_fn=_Average(params.ema_decay), use_buffers=True)
            if params.ema_decay is not None
            else None
        )
        if self.average is not None:
            self.average.requires_grad_(False)
        self.loss = loss_function(params.loss)
        self.losses: torch.Tensor
        self.register_buffer("losses", torch.full((chips,), math.nan))
        self.histogram = Histogram()

    @property
    def best(self) -> nn.Module:
        """The network to keep."""
        module: nn.Module = self.network if self.average is None else self.average.module
        return module

    def last_losses(self) -> NDArray[np.float64]:
        """(N,) last loss of each labelled chip, NaN where there is none yet."""
        return self.losses.double().cpu().numpy()

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        """Loss of one batch."""
        image, mask, valid, index = batch
        logits = _logits(self.network, image)
        loss = self.loss(logits, mask, valid)
        self.log("loss", loss, on_step=False, on_epoch=True, batch_size=len(image), sync_dist=True)
        if self.params.hard_share:
            self._remember(index, logits.detach(), mask, valid)
        return loss

    def _remember(self, index: torch.Tensor, logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> None:
        own = sample_losses(logits, mask, valid)
        # Each process knows the losses of its own chips; all draw from the losses of all.
        index, own = (torch.as_tensor(self.all_gather(value)).reshape(-1) for value in (index, own))
        labelled = index < len(self.losses)
        self.losses[index[labelled]] = own[labelled].to(self.losses.dtype)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Take the new weights into the average; young averages follow fast."""
        if self.average is not None and (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0:
            if self.global_step < _YOUNG:
                self.average.n_averaged.zero_()
            self.average.update_parameters(self.network)

    def on_validation_epoch_start(self) -> None:
        """Start counting."""
        self.histogram = Histogram()

    def validation_step(self, batch: Any, _: int) -> None:
        """Count the kept network's probabilities."""
        image, mask, valid, _ = batch
        self.best.eval()
        logits = _logits(self.best, image)
        self.log("val_loss", self.loss(logits, mask, valid), batch_size=len(image), sync_dist=True)
        probability = torch.sigmoid(logits).cpu().numpy()
        self.histogram.add(probability, mask.cpu().numpy() > 0.5, valid.cpu().numpy() > 0.5)

    def on_validation_epoch_end(self) -> None:
        """Log F1 at the best threshold, and AUC."""
        threshold = self.histogram.best_threshold()
        counts = self.histogram.at(threshold)
        auc = self.histogram.auc()
        self.log_dict(
            {
                "val_f1": counts.f1,
                "val_iou": counts.iou,
                "val_auc": 0.0 if np.isnan(auc) else auc,
                "val_threshold": threshold,
            },
            sync_dist=True,
        )

    def configure_optimizers(self) -> Any:
        """Adam or AdamW without decay on norms and biases, and a learning rate per step."""
        decay = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[self.params.optimizer]
        optimizer = kind(
            [{"params": decay, "weight_decay": self.params.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=self.params.lr,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate_factor(self.params, self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _logits(network: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """(N, 1, y, x) float32; (N, 1, 1, 1) of networks that classify: losses take a chip for one pixel."""
    logits: torch.Tensor = network(image.contiguous(memory_format=torch.channels_last)).float()
    return logits if logits.ndim == 4 else logits[..., None, None]


def learning_rate_factor(params: TrainParams, steps: int) -> Callable[[int], float]:
    """What the learning rate is multiplied by at a step: a linear rise, a cosine, and another for the late epochs.

    Args:
        params: epochs and learning rates.
        steps: in an epoch.
    """
    warmup = min(round(steps * params.warmup_epochs), steps * params.epochs)
    main, late = steps * params.epochs, steps * params.late_epochs

    def cosine(done: float) -> float:
        return params.least_lr + (1 - params.least_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if step >= main and late:
            return params.late_lr / params.lr * cosine((step - main) / late)
        return 1.0 if params.schedule == "constant" else cosine((step - warmup) / max(1, main - warmup))

    return factor
