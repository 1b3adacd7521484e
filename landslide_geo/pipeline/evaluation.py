"""`evaluate_model`: a model's scores on a labelled dataset, in its own layout or prepared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

from landslide_geo.chips.split import Split
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.models import Ensemble, Model, load_simplest
from landslide_geo.pipeline.prepare import DATASETS
from landslide_geo.pipeline.training import decided
from landslide_geo.processor import described
from landslide_geo.training.evaluate import UNITS_COUNTED, Scores, histograms_of, require_symmetries
from landslide_geo.training.metrics import Counts, Histogram

#: Stores of chips, whatever they were made from.
CHIPS: Final = "chips"
#: Draws splits that are not published, as in ``landslide prepare``.
_SEED: Final = 42


class Evaluation(NamedTuple):
    """What an evaluation found.

    Attributes:
        metrics: content of ``metrics.json``.
        histogram: of calibrated probabilities.
        chips: with all their bands.
        model: as it was scored.
        each: counts of each chip at the threshold.
    """

    metrics: dict[str, Any]
    histogram: Histogram
    chips: Split
    model: Model | Ensemble
    each: list[Counts]


def evaluate_model(
    model: str | Path,
    *,
    dataset: str,
    root: str | Path,
    split: str,
    tta: int | None = None,
    threshold: float | None = None,
    prior: float | None = None,
    decision: str | Path | None = None,
) -> Evaluation:
    """Score a model or an ensemble.

    Args:
        model: name of a shipped bundle, or a bundle's folder.
        dataset: as ``landslide prepare`` names it, or ``chips``.
        root: folder of the dataset in its own layout; of chips, the folder with their stores.
        split: of the dataset.
        tta: symmetries averaged; none: the model's own.
        threshold: on calibrated probability; none: the model's own.
        prior: expected share of landslide pixels; none keeps that of the calibration.
        decision: file of ``landslide calibrate`` whose calibration and threshold take the place of the model's own.

    Raises:
        DatasetError: no such dataset or split, or the folder is not laid out as the dataset is.
        ParameterError: the model takes other bands or units, or an option is out of range.
    """
    require_symmetries(tta)
    if threshold is not None and not 0 < threshold < 1:
        raise ParameterError(f"threshold {threshold}: give a probability between 0 and 1")
    found = load_simplest(model)
    if decision is not None:
        if isinstance(found, Ensemble):
            raise ParameterError(f"{model}: an ensemble has calibrations of its own; leave out --calibration")
        found = decided(found, decision)
    chips = read_split(dataset, Path(root), split)
    used = found.threshold if threshold is None else threshold
    histogram, each = Histogram(), []
    for own in histograms_of(found, chips, tta=tta, prior=prior):
        histogram.include(own)
        each.append(own.at(used))
    if isinstance(found, Ensemble):
        name, usual = found.name, found.tta
        seed: Any = [member.manifest.training.seed for member, _ in found.models]
    else:
        name, usual, seed = found.manifest.name, found.manifest.tta, found.manifest.training.seed
    metrics = Scores.of(histogram, threshold=used, patches=len(chips)).to_json() | {
        "unit": UNITS_COUNTED[found.task if isinstance(found, Ensemble) else found.manifest.task],
        "simulated": chips.simulated,
        "model": name,
        "model_sha256": found.sha256,
        "dataset": dataset if dataset != CHIPS else ", ".join(sorted(set(chips.sources.tolist()))),
        "split": split,
        "tta": usual if tta is None else tta,
        "prior": prior,
        "seed": seed,
        "hardware": described(),
    }
    return Evaluation(metrics, histogram, chips, found, each)


def read_split(dataset: str, root: Path, split: str) -> Split:
    """The chips of a split.

    Raises:
        DatasetError: no such dataset or split, or the folder is not laid out as the dataset is.
    """
    if dataset == CHIPS:
        there = sorted(path.stem for path in root.glob("*.zarr"))
        if split not in there:
            raise DatasetError(
                f"{root}: no chips of split {split!r} there (it has {', '.join(there) or 'none'}); make some with "
                "landslide chips or landslide prepare"
            )
        return Split.read(root / f"{split}.zarr")
    if dataset not in DATASETS:
        raise DatasetError(f"dataset {dataset!r} is not known; use one of {', '.join(DATASETS)}, {CHIPS}")
    if dataset == "simulated":
        raise DatasetError("simulated chips lie in no folder: prepare some, and evaluate on --dataset chips")
    collection = DATASETS[dataset](root, seed=_SEED)
    if split not in collection.splits:
        raise DatasetError(f"split {split!r} is not known; use one of {', '.join(collection.splits)}")
    return Split.of(f"{root} {split}", collection.batches(split))
