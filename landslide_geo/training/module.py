"""The Lightning module: loss, warm-up and cosine, average of the weights, validation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from landslide_geo.config import TrainParams
from landslide_geo.models.registry import build
from landslide_geo.training.losses import LOSSES
from landslide_geo.training.metrics import Histogram


class Segmenter(lightning.LightningModule):
    """Trains a network of the registry on batches of image, mask and validity.

    The average of the weights, batch statistics included, is what is validated and kept; it is part of the checkpoint.
    """

    def __init__(self, params: TrainParams, *, bands: int) -> None:
        super().__init__()
        self.params = params
        self.network = build(params.architecture, bands=bands, arguments=params.arguments).to(
            memory_format=torch.channels_last  # type: ignore[call-overload]
        )
        self.average = (
            AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(params.ema_decay), use_buffers=True)
            if params.ema_decay is not None
            else None
        )
        self.loss = LOSSES[params.loss]
        self.histogram = Histogram()

    @property
    def best(self) -> nn.Module:
        """The network to keep."""
        module: nn.Module = self.network if self.average is None else self.average.module
        return module

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        """Loss of one batch."""
        image, mask, valid = batch
        logits = self.network(image.contiguous(memory_format=torch.channels_last)).float()
        loss = self.loss(logits, mask, valid)
        self.log("loss", loss, on_step=False, on_epoch=True, batch_size=len(image))
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        """Take the new weights into the average; young averages follow fast."""
        if self.average is not None:
            step = self.global_step
            if step < 200:  # random initial weights would linger for many steps
                self.average.n_averaged.zero_()
            self.average.update_parameters(self.network)

    def on_validation_epoch_start(self) -> None:
        """Start counting."""
        self.histogram = Histogram()

    def validation_step(self, batch: Any, _: int) -> None:
        """Count the kept network's probabilities."""
        image, mask, valid = batch
        self.best.eval()
        probability = torch.sigmoid(self.best(image.contiguous(memory_format=torch.channels_last)).float())
        self.histogram.add(probability.numpy(), mask.numpy() > 0.5, valid.numpy() > 0.5)

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
            }
        )

    def configure_optimizers(self) -> Any:
        """AdamW without decay on norms and biases, and a learning rate per step."""
        decay = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": self.params.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=self.params.learning_rate,
        )
        total = int(self.trainer.estimated_stepping_batches)
        factor = learning_rate_factor(self.params, total // (self.params.epochs + self.params.late_epochs))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def learning_rate_factor(params: TrainParams, steps: int) -> Callable[[int], float]:
    """What the learning rate is multiplied by at a step: a linear rise, a cosine, and another for the late epochs.

    Args:
        params: epochs and learning rates.
        steps: in an epoch.
    """
    warmup = round(steps * params.warmup_epochs)
    main, late = steps * params.epochs, steps * params.late_epochs

    def cosine(done: float) -> float:
        return 0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if step >= main and late:
            return params.late_learning_rate / params.learning_rate * cosine((step - main) / late)
        return 1.0 if params.schedule == "constant" else cosine((step - warmup) / max(1, main - warmup))

    return factor
