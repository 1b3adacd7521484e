"""`evaluate_model`: a model's scores on a labelled dataset, in its own layout or prepared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from landslide_geo.chips.doubts import doubts_of
from landslide_geo.chips.split import Split
from landslide_geo.config import TrainParams
from landslide_geo.errors import DatasetError, MissingExtraError, ParameterError
from landslide_geo.models import Ensemble, Model, find_bundle, load_simplest
from landslide_geo.models.prefilter import open_prefilter
from landslide_geo.pipeline.prepare import DATASETS
from landslide_geo.pipeline.training import decided
from landslide_geo.processor import described
from landslide_geo.training.evaluate import (
    UNITS_COUNTED,
    Passing,
    Scores,
    histograms_of,
    passing,
    probabilities,
    require_symmetries,
    truth_for,
)
from landslide_geo.training.metrics import Counts, Histogram, by_cloud_cover

#: Stores of chips, whatever they were made from.
CHIPS: Final = "chips"
#: Draws splits that are not published, as in ``landslide prepare``.
_SEED: Final = 42


#: Histogram of all chips, counts of each, and which passed.
_Asked = tuple[Histogram, list[Counts], Passing | None]


class Evaluation(NamedTuple):
    """What an evaluation found.

    Attributes:
        metrics: content of ``metrics.json``.
        histogram: of calibrated probabilities.
        chips: with all their bands, and the truth that the model is asked for.
        model: as it was scored.
        each: counts of each chip at the threshold.
        through: (N,) chips that its filter lets pass; none: no filter was asked.
        doubts: what looks wrong with the chips, a line each.
    """

    metrics: dict[str, Any]
    histogram: Histogram
    chips: Split
    model: Model | Ensemble
    each: list[Counts]
    through: Passing | None
    doubts: tuple[str, ...] = ()


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
    filter: bool = True,
    compare_filter: bool = False,
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
        filter: ask the filter in the model's folder, where there is one: what it does not let pass is 0.
        compare_filter: ask the model with its filter and without, and tell what either took: ``filter_saves``.

    Raises:
        BundleError: there is no such model, or its filter is broken.
        DatasetError: no such dataset or split, or the folder is not laid out as the dataset is.
        MissingExtraError: what the filter saves is to be measured, and codecarbon is not installed.
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
    chips = truth_for(found.task, read_split(dataset, Path(root), split))
    used = found.threshold if threshold is None else threshold
    prefilter = open_prefilter(find_bundle(model)) if filter else None
    if compare_filter and prefilter is None:
        raise ParameterError(
            f"{model}: {'its filter is not asked' if not filter else 'has no filter'}, so there is nothing to compare; "
            f"leave out {'--no-filter' if not filter else '--compare-filter'}"
        )

    def asked(through_it: bool) -> _Asked:
        through = passing(prefilter, chips) if through_it and prefilter is not None else None
        histogram, each = Histogram(), []
        for own in histograms_of(found, chips, tta=tta, prior=prior, through=through):
            histogram.include(own)
            each.append(own.at(used))
        return histogram, each, through

    compared: dict[str, Any] = {}
    if compare_filter:
        assert prefilter is not None
        passing(prefilter, chips.at([0]))  # what is loaded when it is first asked is no cost of either way
        probabilities(found, chips.at([0]), tta=tta, prior=prior)
        (histogram, each, through), compared = _compared(asked, used)
    else:
        histogram, each, through = asked(True)
    seed: Any = (
        [member.manifest.training.seed for member, _ in found.models]
        if isinstance(found, Ensemble)
        else found.manifest.training.seed
    )
    metrics = Scores.of(histogram, threshold=used, patches=len(chips)).to_json() | {
        "unit": UNITS_COUNTED[found.task],
        "simulated": chips.simulated,
        "model": found.name,
        "model_sha256": found.sha256,
        "dataset": dataset if dataset != CHIPS else ", ".join(sorted(set(chips.sources.tolist()))),
        "split": split,
        "tta": found.tta if tta is None else tta,
        "prior": prior,
        "seed": seed,
        "hardware": described(),
    }
    if found.task == "classification" and chips.cloud_cover is not None:
        metrics |= {"by_cloud_cover": told} if (told := by_cloud_cover(each, chips.cloud_cover)) else {}
    if through is not None:
        metrics["filtered"] = share_filtered(through)
    if compared:
        metrics["filter_saves"] = compared
    return Evaluation(metrics, histogram, chips, found, each, through, tuple(doubts_of(chips)))


def _compared(asked: Callable[[bool], _Asked], threshold: float) -> tuple[_Asked, dict[str, Any]]:
    """The answers through a filter, and what it saves.

    Returns:
        The answers; and ``with_filter`` and ``without_filter`` (``seconds``, ``energy_wh`` of the whole machine, that
        of the filter included, ``f1`` and ``recall``), ``energy_share``, ``seconds_share`` and ``wh_per_1000_chips``:
        what is saved.

    Raises:
        MissingExtraError: codecarbon is not installed.
    """
    try:
        from landslide_geo.training.energy import Meter, measured
    except ImportError as error:
        raise MissingExtraError(
            f"what a filter saves is measured with {error.name}; install it with: pip install 'landslide-geo[train]'"
        ) from None
    meter = Meter(TrainParams().country)
    try:
        own, cost = measured(meter, lambda: asked(True))
        every, whole = measured(meter, lambda: asked(False))
    finally:
        meter.stop()
    told: dict[str, Any] = {}
    for name, said, spent in (("with_filter", own, cost), ("without_filter", every, whole)):
        counts = said[0].at(threshold)
        told[name] = spent | {"f1": round(counts.f1, 5), "recall": round(counts.recall, 5)}
    for name in ("seconds", "energy_wh"):
        told[f"{name.partition('_')[0]}_share"] = round(1 - cost[name] / whole[name], 4) if whole[name] else None
    told["wh_per_1000_chips"] = round(1000 * (whole["energy_wh"] - cost["energy_wh"]) / max(len(own[1]), 1), 6)
    return own, told


def share_filtered(through: Passing) -> float:
    """Share of the chips that a filter kept from the network."""
    return round(float((~through).mean()), 5)


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
