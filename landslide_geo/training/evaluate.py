"""Scores of a bundle on a labelled dataset. Needs nothing but the core installation.

Patches are normalised as a scene of their own, predicted whole, averaged over the symmetries of the square, calibrated,
and every valid pixel of all patches is counted once: F1 and IoU are of the pooled pixels, not means over patches.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from landslide_geo.chips import landslide4sense_rgb
from landslide_geo.chips.augment import TTA_SYMMETRIES, symmetry, undo_symmetry
from landslide_geo.chips.landslide4sense_rgb import BANDS, SPLITS, Patches
from landslide_geo.config import Normalisation, TrainParams
from landslide_geo.errors import DatasetError, OutputError, ParameterError
from landslide_geo.models import Ensemble, Model
from landslide_geo.scene.stretch import patch_statistics, stretch
from landslide_geo.training.calibration import calibrate_histogram, expected_calibration_error
from landslide_geo.training.metrics import Histogram

DATASETS: Final = ("landslide4sense-rgb",)
Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def normalise(patches: Patches, params: Normalisation) -> npt.NDArray[np.float32]:
    """Every patch as a scene of its own: (N, band, y, x) float32, zero where not valid."""
    result = np.empty(patches.images.shape, np.float32)
    for i in range(len(patches)):
        values = patches.digital_numbers(i)
        result[i] = np.nan_to_num(stretch(values, 0, 0, patch_statistics(values, params), params), nan=0.0)
    return result


def averaged(predict: Predict, batch: npt.NDArray[np.float32], tta: int) -> npt.NDArray[np.float32]:
    """Mean prediction over 1, 2, 4 or 8 symmetries of the square; shapes as ``predict`` has them."""
    total: npt.NDArray[np.float32] | None = None
    for index in TTA_SYMMETRIES[tta]:
        turned = symmetry(torch.from_numpy(batch), index).contiguous().numpy()
        back = undo_symmetry(torch.from_numpy(predict(turned)), index).contiguous().numpy()
        total = back if total is None else total + back
    assert total is not None
    return total / np.float32(len(TTA_SYMMETRIES[tta]))


def raw_histogram(
    predict: Predict, patches: Patches, *, normalisation: Normalisation, tta: int, batch_size: int = 16
) -> Histogram:
    """Histogram of raw probabilities over all valid pixels.

    Args:
        predict: (N, band, y, x) float32 normalised → (N, 1, y, x) float32 in [0, 1].
        patches: labelled patches.
        normalisation: of the model.
        tta: symmetries averaged.
        batch_size: patches per call.
    """
    histogram = Histogram()
    images = normalise(patches, normalisation)
    for start in range(0, len(patches), batch_size):
        part = slice(start, start + batch_size)
        probability = averaged(predict, images[part], tta)[:, 0]
        histogram.add(np.clip(probability, 0, 1), patches.masks[part], patches.valid[part])
    return histogram


@dataclass(frozen=True)
class Scores:
    """Pixel scores of calibrated probabilities at a threshold; ``n`` counts pixels."""

    f1: float
    iou: float
    precision: float
    recall: float
    threshold: float
    n: int
    patches: int
    prevalence: float
    predicted_share: float
    auc: float | None
    average_precision: float | None
    calibration_error: float

    @classmethod
    def of(cls, histogram: Histogram, *, threshold: float, patches: int) -> Scores:
        """Scores from a histogram of calibrated probabilities."""
        counts = histogram.at(threshold)
        auc, ap = histogram.auc(), histogram.average_precision()
        return cls(
            f1=_short(counts.f1),
            iou=_short(counts.iou),
            precision=_short(counts.precision),
            recall=_short(counts.recall),
            threshold=threshold,
            n=counts.n,
            patches=patches,
            prevalence=_short(counts.prevalence),
            predicted_share=_short((counts.tp + counts.fp) / max(counts.n, 1)),
            auc=None if np.isnan(auc) else _short(auc),
            average_precision=None if np.isnan(ap) else _short(ap),
            calibration_error=_short(expected_calibration_error(histogram)),
        )

    def to_json(self) -> dict[str, Any]:
        """A value that ``json`` can write."""
        return asdict(self)


def mean_histogram(ensemble: Ensemble, patches: Patches, *, tta: int, batch_size: int = 16) -> Histogram:
    """Histogram of an ensemble's probabilities, the weighted mean of calibrated ones, over all valid pixels.

    Args:
        ensemble: its members see the patches each in its own normalisation.
        patches: labelled patches.
        tta: symmetries that each member is averaged over.
        batch_size: patches per call.
    """
    histogram = Histogram()
    whole = sum(weight for _, weight in ensemble.models)
    for start in range(0, len(patches), batch_size):
        part = slice(start, start + batch_size)
        some = Patches(patches.ids[part], patches.images[part], patches.masks[part], patches.valid[part])
        mean = np.zeros(some.masks.shape, np.float64)
        for model, weight in ensemble.models:
            raw = averaged(model.probabilities, normalise(some, model.manifest.normalisation), tta)[:, 0]
            mean += weight / whole * model.calibrate(np.clip(raw, 0, 1))
        histogram.add(mean.astype(np.float32), some.masks, some.valid)
    return histogram


def score(
    model: Model | Ensemble, patches: Patches, *, tta: int | None = None, threshold: float | None = None
) -> Scores:
    """Scores of a model or an ensemble on patches, at its own threshold and with its own symmetries unless said."""
    for member in [member for member, _ in model.models] if isinstance(model, Ensemble) else [model]:
        if member.bands != BANDS:
            raise ParameterError(
                f"model {member.manifest.name!r} takes the bands {', '.join(member.bands)}; these patches have "
                f"{', '.join(BANDS)}"
            )
    if isinstance(model, Ensemble):
        histogram = mean_histogram(model, patches, tta=model.tta if tta is None else tta)
    else:
        manifest = model.manifest
        raw = raw_histogram(
            model.probabilities, patches, normalisation=manifest.normalisation, tta=manifest.tta if tta is None else tta
        )
        histogram = calibrate_histogram(raw, manifest.calibration)
    return Scores.of(histogram, threshold=model.threshold if threshold is None else threshold, patches=len(patches))


def evaluate(
    model: Model | Ensemble,
    *,
    dataset: str,
    root: Path,
    split: str,
    tta: int | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """The content of ``metrics.json``.

    Args:
        model: to score; one from :func:`landslide_geo.models.load_ensemble` may be a single model.
        dataset: one of :data:`DATASETS`.
        root: folder of the dataset.
        split: ``train``, ``validation`` or ``test``.
        tta: symmetries averaged; none: the model's own.
        threshold: on calibrated probability; none: the model's own.

    Raises:
        DatasetError: no such dataset or split, or the folder is not laid out as the dataset is.
        ParameterError: the model takes other bands.
    """
    if dataset not in DATASETS:
        raise DatasetError(f"dataset {dataset!r} is not known; use one of {', '.join(DATASETS)}")
    known = next((name for name in SPLITS if name == split), None)
    if tta is not None and tta not in TTA_SYMMETRIES:
        raise ParameterError(f"tta {tta}: use one of {', '.join(map(str, TTA_SYMMETRIES))}")
    if threshold is not None and not 0 < threshold < 1:
        raise ParameterError(f"threshold {threshold}: give a probability between 0 and 1")
    if known is None:
        raise DatasetError(f"split {split!r} is not known; use one of {', '.join(SPLITS)}")
    drawn = TrainParams()
    patches = landslide4sense_rgb.read(root, known, test_patches=drawn.test_patches, seed=drawn.split_seed)
    if isinstance(model, Ensemble) and model.sha256 == model.models[0][0].sha256:
        model = model.models[0][0]  # a model as an ensemble of one
    scores = score(model, patches, tta=tta, threshold=threshold)
    if isinstance(model, Ensemble):
        name, usual = model.name, model.tta
        seed: Any = [member.manifest.training.seed for member, _ in model.models]
    else:
        name, usual, seed = model.manifest.name, model.manifest.tta, model.manifest.training.seed
    return scores.to_json() | {
        "unit": "pixel",
        "model": name,
        "model_sha256": model.sha256,
        "dataset": dataset,
        "split": split,
        "split_seed": drawn.split_seed,
        "test_patches": drawn.test_patches,
        "tta": usual if tta is None else tta,
        "seed": seed,
        "hardware": hardware(),
    }


def hardware() -> str:
    """Processor and number of cores, for figures that are reported."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores, no GPU"


def _short(value: float) -> float:
    return round(float(value), 5)


def write_metrics(metrics: dict[str, Any], out: Path) -> None:
    """Write ``metrics.json``, in one step.

    Raises:
        OutputError: the file cannot be written.
    """
    staged = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        staged.replace(out)
    except OSError as error:
        with suppress(OSError):
            staged.unlink()
        raise OutputError(f"{out}: cannot be written ({error.strerror}); name another --out") from None
