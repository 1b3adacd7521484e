"""Scores of a model on labelled chips. Needs nothing but the core installation.

Chips are normalised each as a scene of its own, predicted whole, averaged over the symmetries of the square and
calibrated. Every valid pixel of all chips is counted once: F1 and IoU are of the pooled pixels, not means over chips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from landslide_geo.bands import unit_fits
from landslide_geo.chips.augment import TTA_SYMMETRIES, symmetry, undo_symmetry
from landslide_geo.chips.split import Split
from landslide_geo.config import FixedParams, Normalisation
from landslide_geo.errors import ParameterError
from landslide_geo.models import Ensemble, Model
from landslide_geo.scene.stretch import normalised
from landslide_geo.training.calibration import calibrate_histogram, expected_calibration_error
from landslide_geo.training.metrics import Histogram

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

#: Chips per call of a network.
_BATCH = 16


def require_symmetries(tta: int | None) -> None:
    """Check a number of symmetries to average over; none is the model's own.

    Raises:
        ParameterError: it is not 1, 2, 4 or 8.
    """
    if tta is not None and tta not in TTA_SYMMETRIES:
        raise ParameterError(f"tta {tta}: use one of {', '.join(map(str, TTA_SYMMETRIES))}")


def averaged(predict: Predict, batch: npt.NDArray[np.float32], tta: int) -> npt.NDArray[np.float32]:
    """Mean prediction over 1, 2, 4 or 8 symmetries of the square; shapes as ``predict`` has them."""
    total: npt.NDArray[np.float32] | None = None
    for index in TTA_SYMMETRIES[tta]:
        turned = symmetry(torch.from_numpy(batch), index).contiguous().numpy()
        back = undo_symmetry(torch.from_numpy(predict(turned)), index).contiguous().numpy()
        total = back if total is None else total + back
    assert total is not None
    return total / np.float32(len(TTA_SYMMETRIES[tta]))


def raw_probabilities(predict: Predict, chips: Split, how: Normalisation, *, tta: int) -> npt.NDArray[np.float32]:
    """(N, y, x) float32 raw probabilities of some chips, which are normalised and averaged over symmetries."""
    images = np.stack([normalised(chips.image(index), how) for index in range(len(chips))])
    result: npt.NDArray[np.float32] = np.clip(averaged(predict, images, tta)[:, 0], 0, 1)
    return result


def raw_histogram(predict: Predict, chips: Split, how: Normalisation, *, tta: int) -> Histogram:
    """Histogram of raw probabilities over all valid pixels.

    Args:
        predict: (N, band, y, x) float32 normalised → (N, 1, y, x) float32 in [0, 1].
        chips: labelled.
        how: normalisation of the model.
        tta: symmetries averaged.
    """
    histogram = Histogram()
    for part in batches(chips):
        for one in _counted(raw_probabilities(predict, part, how, tta=tta), part):
            histogram.include(one)
    return histogram


def batches(chips: Split) -> list[Split]:
    """The same chips, a few at a time."""
    return [chips.at(range(start, min(start + _BATCH, len(chips)))) for start in range(0, len(chips), _BATCH)]


def _counted(probability: npt.NDArray[np.float32], chips: Split) -> Iterator[Histogram]:
    """A histogram for each chip."""
    for index in range(len(chips)):
        histogram = Histogram()
        histogram.add(probability[index], chips.mask(index), chips.valid(index))
        yield histogram


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
    confusion: dict[str, int]

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
            confusion=asdict(counts),
        )

    def to_json(self) -> dict[str, Any]:
        """A value that ``json`` can write."""
        return asdict(self)


def probabilities(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, prior: float | None = None
) -> npt.NDArray[np.float32]:
    """(N, y, x) float32 calibrated probabilities of some chips; of an ensemble the weighted mean.

    Args:
        model: members of an ensemble see the chips each in its own normalisation.
        chips: few enough to be held in memory; `batches` cuts them.
        tta: symmetries that each member is averaged over; none: the model's own.
        prior: expected share of landslide pixels; none keeps that of the calibration.

    Raises:
        DatasetError: the chips lack a band.
        ParameterError: their units are others than those the model was trained on.
    """
    members, over = _members(model, tta)
    whole = sum(weight for _, weight in members)
    mean = np.zeros((len(chips), chips.size, chips.size), np.float64)
    for member, weight in members:
        own = own_chips(member, chips)
        raw = raw_probabilities(member.probabilities, own, member.manifest.normalisation, tta=over)
        mean += weight / whole * member.calibrate(raw, prior)
    return mean.astype(np.float32)


def histogram_of(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, prior: float | None = None
) -> Histogram:
    """Histogram of calibrated probabilities over all valid pixels; arguments as of `probabilities`."""
    histogram = Histogram()
    for own in histograms_of(model, chips, tta=tta, prior=prior):
        histogram.include(own)
    return histogram


def histograms_of(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, prior: float | None = None
) -> Iterator[Histogram]:
    """The same for each chip, in their order; their sum is what `histogram_of` gives."""
    if isinstance(model, Model) and prior is None:
        # A bin moves as a whole: 2000 of them are calibrated instead of all pixels.
        manifest = model.manifest
        over = manifest.tta if tta is None else tta
        for part in batches(own_chips(model, chips)):
            raw = raw_probabilities(model.probabilities, part, manifest.normalisation, tta=over)
            for one in _counted(raw, part):
                yield calibrate_histogram(one, manifest.calibration)
        return
    for part in batches(chips):
        yield from _counted(probabilities(model, part, tta=tta, prior=prior), part)


def score(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, threshold: float | None = None,
    prior: float | None = None,
) -> Scores:  # fmt: skip
    """Scores on chips, at the model's own threshold and with its own symmetries unless said."""
    histogram = histogram_of(model, chips, tta=tta, prior=prior)
    return Scores.of(histogram, threshold=model.threshold if threshold is None else threshold, patches=len(chips))


def _members(model: Model | Ensemble, tta: int | None) -> tuple[tuple[tuple[Model, float], ...], int]:
    if isinstance(model, Ensemble):
        return model.models, model.tta if tta is None else tta
    return ((model, 1.0),), model.manifest.tta if tta is None else tta


def own_chips(model: Model, chips: Split) -> Split:
    """The chips with the bands of a model."""
    own = chips.taking(model.bands)
    if isinstance(model.manifest.normalisation, FixedParams):
        # Local normalisation takes any linear unit, a fixed one only its own.
        for band, unit in zip(model.manifest.bands, own.units, strict=True):
            if not unit_fits(unit, band.unit):
                raise ParameterError(
                    f"model {model.manifest.name!r} takes {band.name} in {band.unit}; these chips have it in {unit}"
                )
    return own


def _short(value: float) -> float:
    return round(float(value), 5)
