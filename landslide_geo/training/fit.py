"""Training from chips to weights: trainer, checkpoints, history, resume after a kill, smaller steps for less memory."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import nn
from torch.multiprocessing import ProcessRaisedException
from torch.utils.data import DataLoader

from landslide_geo.chips.split import Split
from landslide_geo.config import FixedParams, Normalisation, TrainParams
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.files import write_json
from landslide_geo.models.start import find_start
from landslide_geo.processor import computes_bfloat16
from landslide_geo.progress import Advance, stage
from landslide_geo.training.data import EpochBatches, HeldChips, TrainingChips, collate
from landslide_geo.training.energy import Meter
from landslide_geo.training.module import Segmenter
from landslide_geo.training.statistics import settled

LAST: Final = "last.ckpt"
BEST: Final = "best.ckpt"
HISTORY: Final = "history.jsonl"
_RUN: Final = "run.json"
#: What Lightning calls precisions.
_PRECISIONS: Final = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


@dataclass(frozen=True)
class Material:
    """What a network is trained on.

    Attributes:
        training: labelled chips.
        validation: labelled chips of the same bands to report on while training goes on.
        negatives: chips without landslides of which each epoch draws some.
    """

    training: Split
    validation: Split
    negatives: Split | None = None


@dataclass(frozen=True)
class Fitted:
    """What came of training.

    Attributes:
        network: with the weights to keep, on the processor, in evaluation mode.
        normalisation: of its input, with centre and scale.
        history: a line for each epoch.
        how: what it ran on: ``accelerator``, ``devices``, ``precision`` and ``parts`` of each step.
    """

    network: nn.Module
    normalisation: Normalisation
    history: list[dict[str, float]]
    how: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Spent on all epochs, those of runs that were killed included."""
        return sum(line["seconds"] for line in self.history)


def silent(line: dict[str, float]) -> None:
    """Tell nobody."""


def fit(
    material: Material,
    *,
    params: TrainParams,
    out: Path,
    resume: bool = True,
    report: Callable[[dict[str, float]], None] = silent,
) -> Fitted:
    """Train a network.

    Args:
        material: chips.
        params: everything else.
        out: folder for checkpoints and ``history.jsonl``, one line per epoch.
        resume: go on where a run with the same chips and parameters was killed; one with others starts anew.
        report: called with each epoch's line of the history.

    Raises:
        DatasetError: the chips do not fit together, or there are none.
        ParameterError: parameters do not fit the machine, or not even the smallest step fits into memory.
    """
    require_fitting(material, params)
    torch.set_num_threads(params.threads)
    out.mkdir(parents=True, exist_ok=True)
    key = _key(material, params)
    if not resume or not _same_run(out, key):
        for name in (LAST, BEST, HISTORY):
            (out / name).unlink(missing_ok=True)
    write_json(out / _RUN, {"key": key})
    normalisation = settled(params.normalisation, material.training)
    devices = _devices(params)
    parts = 1
    while True:
        try:
            with _quiet(), stage("epochs", params.epochs + params.late_epochs, "epoch") as advance:
                # Where several devices train, each is a process of its own, which no bar can be handed to.
                told = report if devices > 1 else _advancing(report, advance)
                return _fit(material, params, normalisation, out, devices, parts, told)
        except (torch.OutOfMemoryError, RuntimeError, ProcessRaisedException) as error:
            if not _out_of_memory(error):
                raise
        parts = _smaller(params.batch_size, parts, devices)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _advancing(report: Callable[[dict[str, float]], None], advance: Advance) -> Callable[[dict[str, float]], None]:
    """The same report; it tells the bar how many epochs are behind, also those of a run that was killed."""
    behind = 0

    def told(line: dict[str, float]) -> None:
        nonlocal behind
        report(line)
        advance(int(line["epoch"]) + 1 - behind)
        behind = int(line["epoch"]) + 1

    return told


def _fit(
    material: Material,
    params: TrainParams,
    normalisation: Normalisation,
    out: Path,
    devices: int,
    parts: int,
    report: Callable[[dict[str, float]], None],
) -> Fitted:
    lightning.seed_everything(params.seed, verbose=False)
    training, negatives = material.training, material.negatives
    batches = EpochBatches(
        training.has_landslide(), 0 if negatives is None else len(negatives), params, parts=parts, world=devices
    )
    loader = DataLoader(
        TrainingChips(training, negatives, params, normalisation), batch_sampler=batches, collate_fn=collate,
        num_workers=params.workers, pin_memory=torch.cuda.is_available(),
    )  # fmt: skip
    few = max(params.batch_size // (parts * devices), 1)
    held = DataLoader(HeldChips(material.validation, normalisation), batch_size=few, collate_fn=collate)
    module = Segmenter(params, bands=len(training.bands), chips=len(training), steps=batches.steps)
    every = min(params.validate_every or (2 if params.epochs > 10 else 1), params.epochs + params.late_epochs)
    epochs = _Epochs(batches, out / HISTORY, params.country, report)
    trainer = lightning.Trainer(
        accelerator=params.accelerator,
        devices=devices,
        strategy="ddp_spawn" if devices > 1 else "auto",
        max_epochs=params.epochs + params.late_epochs,
        precision=_PRECISIONS[precision(params)],  # type: ignore[arg-type]
        deterministic=params.deterministic,
        accumulate_grad_batches=parts,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        gradient_clip_val=params.clip,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=every,
        callbacks=[epochs, *_keepers(params, out)],
        default_root_dir=out,
    )
    last = out / LAST
    if last.is_file():
        # Processes that prepare chips begin with the first epoch before training says which that is.
        known = torch.load(last, map_location="cpu", weights_only=True)
        batches.set_epoch(known["epoch"] + 1, known["state_dict"]["losses"].double().numpy())
    trainer.fit(module, loader, held, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    kept = _kept(module, params, out)
    how = {
        "accelerator": trainer.accelerator.__class__.__name__.removesuffix("Accelerator").lower(), "devices": devices,
        "precision": precision(params), "parts": parts,
    }  # fmt: skip
    if how["accelerator"] == "cuda":
        how["hardware"] = f"{devices} × {torch.cuda.get_device_name(0)}"
    return Fitted(kept, normalisation, read_history(out), how)


def _keepers(params: TrainParams, out: Path) -> list[Callback]:
    """What writes checkpoints, and what ends training early."""
    found: list[Callback] = []
    if params.keep == "best":
        found.append(ModelCheckpoint(out, filename="best", monitor="val_f1", mode="max", enable_version_counter=False))
    if params.patience is not None:
        found.append(EarlyStopping("val_f1", mode="max", patience=params.patience, check_on_train_epoch_end=False))
    # Last of all, so that it holds what the others know.
    found.append(
        ModelCheckpoint(out, filename="last", save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True)
    )
    return found


def _kept(module: Segmenter, params: TrainParams, out: Path) -> nn.Module:
    """The network to keep. Checkpoints are this program's own, and hold nothing but tensors and numbers."""
    path = out / (BEST if params.keep == "best" and (out / BEST).is_file() else LAST)
    if path.is_file():  # another process trained where there were several
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
    return module.best.cpu().eval()


class _Epochs(Callback):
    """Tells the sampler the epoch, and writes one line per epoch."""

    def __init__(
        self, batches: EpochBatches, history: Path, country: str, report: Callable[[dict[str, float]], None]
    ) -> None:
        self.batches, self.history, self.country, self.report = batches, history, country, report
        self.started, self.waited, self.asked = 0.0, 0.0, 0.0
        self.meter: Meter | None = None

    def setup(self, trainer: lightning.Trainer, pl_module: Any, stage: str) -> None:
        """Called in each process before it trains."""
        if trainer.is_global_zero and self.meter is None:
            self.meter = Meter(self.country)

    def teardown(self, trainer: lightning.Trainer, pl_module: Any, stage: str) -> None:
        """Called when it has trained, or failed."""
        if self.meter is not None:
            self.meter.stop()
            self.meter = None

    def on_exception(self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Called when it fails."""
        self.teardown(trainer, pl_module, "fit")

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Called before the batches of an epoch are drawn."""
        self.started = self.asked = time.monotonic()
        self.waited = 0.0
        self.batches.rank = trainer.global_rank
        self.batches.set_epoch(trainer.current_epoch, pl_module.last_losses() if trainer.current_epoch else None)

    def on_train_batch_start(self, *_: Any) -> None:
        """Called when a batch is there."""
        self.waited += time.monotonic() - self.asked

    def on_train_batch_end(self, *_: Any) -> None:
        """Called before the next batch is asked for."""
        self.asked = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Called after validation."""
        if not trainer.is_global_zero:
            return
        line: dict[str, float] = {"epoch": trainer.current_epoch}
        line |= {"seconds": round(time.monotonic() - self.started, 1), "seconds_waited": round(self.waited, 1)}
        # Where this epoch was not validated, the figures of the last one that was are still there.
        seen = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        metrics = {key: value for key, value in trainer.callback_metrics.items() if seen or not key.startswith("val_")}
        line |= {key: round(float(value), 5) for key, value in metrics.items()}
        line["lr"] = float(f"{trainer.optimizers[0].param_groups[0]['lr']:.4g}")
        if self.meter is not None:
            spent = self.meter.read()
            line |= {"energy_kwh": round(spent.energy_kwh, 8), "co2_kg": round(spent.co2_kg, 8)}
        with self.history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.report(line)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning from telling what it finds, and what its makers sell."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*exists and is not empty")
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec")
        warnings.filterwarnings("ignore", message=".*the logging interval")
        try:
            yield
        finally:
            logger.setLevel(level)


def read_history(out: Path) -> list[dict[str, float]]:
    """The epochs of ``history.jsonl``; of one that was run again after a kill, the last line."""
    history = out / HISTORY
    if not history.is_file():
        return []
    lines = (json.loads(line) for line in history.read_text(encoding="utf-8").splitlines())
    return list({line["epoch"]: line for line in lines}.values())


def precision(params: TrainParams) -> str:
    """Of the arithmetic: as asked for, or what the device computes in without losing range."""
    if params.precision != "auto":
        return params.precision
    if params.accelerator in ("auto", "cuda") and torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if params.accelerator in ("auto", "mps") and torch.backends.mps.is_available():
        return "float32"
    return "bfloat16" if computes_bfloat16() else "float32"


def _devices(params: TrainParams) -> int:
    """Processes to train in.

    Raises:
        ParameterError: the accelerator asked for is not there, or a batch cannot be shared out.
    """
    if params.accelerator == "cuda" and not torch.cuda.is_available():
        raise ParameterError("accelerator cuda: PyTorch finds no GPU here; choose cpu, or auto")
    if params.accelerator == "mps" and not torch.backends.mps.is_available():
        raise ParameterError("accelerator mps: PyTorch finds no such device here; choose cpu, or auto")
    there = torch.cuda.device_count() if params.accelerator in ("auto", "cuda") else 0
    devices = params.devices or max(there, 1)
    if there and devices > there:
        raise ParameterError(f"devices {devices}: there are {there} GPUs")
    if params.batch_size % devices or params.batch_size // devices < 2:
        raise ParameterError(
            f"batch_size {params.batch_size} does not divide among {devices} devices; choose a multiple of {devices}, "
            f"at least {2 * devices}"
        )
    return devices


def _out_of_memory(error: Exception) -> bool:
    # On the processor PyTorch raises nothing more special than this, and of another process only its text arrives.
    elsewhere = isinstance(error, ProcessRaisedException) and "OutOfMemoryError" in str(error)
    here = isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate" in str(error)
    return here or elsewhere


def _smaller(batch: int, parts: int, devices: int) -> int:
    """In how many parts a step is computed after memory ran out; norms need two chips at least.

    Raises:
        ParameterError: it cannot be cut further.
    """
    for more in range(parts + 1, batch // (2 * devices) + 1):
        if batch % (more * devices) == 0 and more >= 2 * parts:
            return more
    raise ParameterError(
        f"a step of {batch // parts} chips does not fit into memory; choose smaller chips or a smaller network"
    )


def require_fitting(material: Material, params: TrainParams) -> None:
    """Check that chips fit together, and can be learned from.

    Raises:
        DatasetError: they do not, or none of them shows a landslide.
    """
    training = material.training
    for other in (material.validation, material.negatives):
        if other is not None and other.bands != training.bands:
            raise DatasetError(
                f"{other.name}: its bands are {', '.join(other.bands)}, those of {training.name} "
                f"{', '.join(training.bands)}; prepare both alike, or say which `bands` to take"
            )
        if other is not None and other.speckle != training.speckle:
            raise DatasetError(
                f"{other.name}: radar is {_filtered(other)}, that of {training.name} {_filtered(training)}; prepare "
                "both with the same --speckle and --speckle-window"
            )
        if other is not None and other.size != training.size:
            raise DatasetError(
                f"{other.name}: its chips have {other.size} pixels a side, those of {training.name} {training.size}; "
                "prepare both alike"
            )
        if other is not None and isinstance(params.normalisation, FixedParams) and other.units != training.units:
            raise DatasetError(
                f"{other.name}: its units are {', '.join(other.units)}, those of {training.name} "
                f"{', '.join(training.units)}; fixed normalisation needs the same"
            )
    if not training.has_landslide().any():
        raise DatasetError(f"{training.name}: no chip shows a landslide; there is nothing to learn")
    if not material.validation.has_landslide().any():
        raise DatasetError(f"{material.validation.name}: no chip shows a landslide; nothing can be validated")


def _filtered(chips: Split) -> str:
    return "as it was measured" if chips.speckle is None else f"filtered {chips.speckle}"


def _key(material: Material, params: TrainParams) -> str:
    """Stands for all that decides the weights."""
    digest = hashlib.sha256(params.model_dump_json().encode())
    if params.start is not None:
        digest.update(find_start(params.start).sha256.encode())
    for chips in (material.training, material.validation, material.negatives):
        if chips is not None:
            digest.update(chips.digest().encode())
    return digest.hexdigest()


def _same_run(out: Path, key: str) -> bool:
    try:
        return bool(json.loads((out / _RUN).read_text(encoding="utf-8"))["key"] == key)
    except (OSError, ValueError, KeyError):
        return False
