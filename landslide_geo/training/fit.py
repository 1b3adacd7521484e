"""Training from folders to weights: data, trainer, checkpoints, resume after a kill."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from landslide_geo.chips import landslide4sense_rgb, negatives
from landslide_geo.chips.landslide4sense_rgb import BANDS, Patches
from landslide_geo.config import TrainParams
from landslide_geo.training.dataset import EpochBatches, TrainingPatches, collate
from landslide_geo.training.evaluate import normalise
from landslide_geo.training.module import Segmenter

CHECKPOINT = "last.ckpt"


def load_data(root: Path, scene: Path | None, params: TrainParams) -> tuple[Patches, Patches, Patches | None]:
    """Training patches, validation patches, and hard negatives where a scene is given and negatives are asked for."""
    options = {"test_patches": params.test_patches, "seed": params.split_seed}
    training = landslide4sense_rgb.read(root, "train", **options)
    validation = landslide4sense_rgb.read(root, "validation", **options)
    if scene is None or not params.negatives_per_epoch:
        return training, validation, None
    return training, validation, negatives.cut(negatives.read_rgb(scene), held_out=False)


def fit(
    training: Patches, validation: Patches, hard: Patches | None, *, params: TrainParams, out: Path, resume: bool = True
) -> Segmenter:
    """Train, and return the module with its averaged weights.

    Args:
        training: labelled patches.
        validation: labelled patches to report on; nothing is selected on them here, the last epoch is kept.
        hard: patches without landslides.
        params: everything else.
        out: folder for ``last.ckpt`` and ``history.jsonl``, one line per epoch.
        resume: go on from ``last.ckpt`` where there is one.
    """
    torch.set_num_threads(params.threads)
    lightning.seed_everything(params.seed, verbose=False)
    out.mkdir(parents=True, exist_ok=True)
    batches = EpochBatches(len(training), 0 if hard is None else len(hard), params)
    train_loader = DataLoader(
        TrainingPatches(training, hard, params), batch_sampler=batches, collate_fn=collate, num_workers=0
    )
    held = TensorDataset(
        torch.from_numpy(normalise(validation, params.stretch)),
        torch.from_numpy(validation.masks[:, None]).float(),
        torch.from_numpy(validation.valid[:, None]).float(),
    )
    validation_loader = DataLoader(held, batch_size=32)
    module = Segmenter(params, bands=len(BANDS))
    last = out / CHECKPOINT
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=params.epochs + params.late_epochs,
        precision="bf16-mixed",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=2 if params.epochs > 10 else 1,
        callbacks=[
            _Epochs(batches, out / "history.jsonl"),
            ModelCheckpoint(
                out, filename="last", save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True
            ),
        ],
        default_root_dir=out,
    )
    trainer.fit(module, train_loader, validation_loader, ckpt_path=str(last) if resume and last.is_file() else None)
    return module


class _Epochs(Callback):
    """Tells the sampler the epoch, and writes one line per epoch."""

    def __init__(self, batches: EpochBatches, history: Path) -> None:
        self.batches, self.history, self.started = batches, history, time.monotonic()

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Called before the batches of an epoch are drawn."""
        self.started = time.monotonic()
        self.batches.set_epoch(trainer.current_epoch)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Called after validation."""
        line = {"epoch": trainer.current_epoch, "seconds": round(time.monotonic() - self.started, 1)}
        line |= {key: round(float(value), 5) for key, value in trainer.callback_metrics.items()}
        with self.history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def seconds_spent(out: Path) -> float:
    """Seconds of all epochs in ``history.jsonl``, those of runs that were killed and resumed included."""
    history = out / "history.jsonl"
    if not history.is_file():
        return 0.0
    return sum(float(json.loads(line)["seconds"]) for line in history.read_text(encoding="utf-8").splitlines())
