"""Scores of a model on labelled chips. Needs nothing but the core installation.

Chips are normalised each as a scene of its own, predicted whole, averaged over the symmetries of the square and
calibrated. Every valid pixel of all chips is counted once: F1 and IoU are of the pooled pixels, not means over chips.
Of a model that classifies a chip counts as one pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from landslide_geo.bands import unit_fits
from landslide_geo.chips.augment import TTA_SYMMETRIES, symmetry, undo_symmetry
from landslide_geo.chips.split import Split
from landslide_geo.config import FixedParams, Normalisation
from landslide_geo.errors import ParameterError
from landslide_geo.models import Ensemble, Model
from landslide_geo.models.prefilter import Prefilter
from landslide_geo.models.voting import Poll
from landslide_geo.progress import tracked
from landslide_geo.scene.stretch import normalised
from landslide_geo.training.calibration import calibrate_histogram, expected_calibration_error
from landslide_geo.training.metrics import Histogram
from landslide_geo.units import NUMBER, RATIO

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

#: What is counted, by task.
UNITS_COUNTED: Final = {"segmentation": "pixel", "classification": "chip"}
#: For each chip whether a filter lets it pass.
Passing = npt.NDArray[np.bool_]

#: Chips per call of a network.
_BATCH = 16


def require_symmetries(tta: int | None) -> None:
    """Check a number of symmetries to average over; none is the model's own.

    Raises:
        ParameterError: it is not 1, 2, 4 or 8.
    """
    if tta is not None and tta not in TTA_SYMMETRIES:
        raise ParameterError(f"tta {tta}: use one of {', '.join(map(str, TTA_SYMMETRIES))}")


def answers(predict: Predict, batch: npt.NDArray[np.float32], tta: int) -> Iterator[npt.NDArray[np.float32]]:
    """Predictions of 1, 2, 4 or 8 symmetries, turned back: (N, 1, y, x), or (N, 1, 1, 1) of whole chips."""
    for index in TTA_SYMMETRIES[tta]:
        turned = symmetry(torch.from_numpy(batch), index).contiguous().numpy()
        answer = predict(turned)
        answer = answer if answer.ndim == 4 else answer[..., None, None]
        yield undo_symmetry(torch.from_numpy(answer), index).contiguous().numpy()


def averaged(predict: Predict, batch: npt.NDArray[np.float32], tta: int) -> npt.NDArray[np.float32]:
    """Mean prediction over symmetries; shapes as of `answers`."""
    total: npt.NDArray[np.float32] | None = None
    for answer in answers(predict, batch, tta):
        total = answer if total is None else total + answer
    assert total is not None
    return total / np.float32(len(TTA_SYMMETRIES[tta]))


def images(chips: Split, how: Normalisation) -> npt.NDArray[np.float32]:
    """(N, band, y, x) float32 normalised, each chip as a scene of its own."""
    return np.stack([normalised(chips.image(index), how) for index in range(len(chips))])


def raw_probabilities(predict: Predict, chips: Split, how: Normalisation, *, tta: int) -> npt.NDArray[np.float32]:
    """Raw probabilities of some chips, which are normalised and averaged over symmetries.

    Returns:
        (N, y, x) float32; (N, 1, 1) of a network that classifies.
    """
    result: npt.NDArray[np.float32] = np.clip(averaged(predict, images(chips, how), tta)[:, 0], 0, 1)
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


def batches(chips: Split) -> Iterator[Split]:
    """The same chips, a few at a time, as a stage of whatever asks for them."""
    parts = (chips.at(range(start, min(start + _BATCH, len(chips)))) for start in range(0, len(chips), _BATCH))
    return tracked(parts, "answers", len(chips), "chip", size=len)


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
    accuracy: float
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
            accuracy=_short(counts.accuracy),
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


class Answer(NamedTuple):
    """What a model says of some chips.

    Attributes:
        probability: (N, y, x) float32, calibrated; (N, 1, 1) of a model that classifies.
        spread: standard deviation over members and symmetries, alike; 0 where there is one answer.
    """

    probability: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]


def passing(prefilter: Prefilter, chips: Split) -> Passing:
    """Which chips a filter lets pass. A chip larger than its own is cut into such, and the likeliest of them decides.

    Returns:
        (N,); true for a chip of which nothing is known, as nothing is said of it.

    Raises:
        DatasetError: the chips lack a band that the filter looks at.
        ParameterError: they have it in another unit, or radar filtered otherwise than the filter's was.
    """
    own = chips.taking(prefilter.bands).in_units([band.unit for band in prefilter.manifest.bands])
    for band, unit in zip(prefilter.manifest.bands, own.units, strict=True):
        if not unit_fits(unit, band.unit):
            raise ParameterError(
                f"the filter takes {band.name} in {band.unit}; {chips.name} has it in {unit}; take other chips, or "
                "leave the filter out with --no-filter"
            )
    own = own.despeckled(prefilter.manifest.speckle, by="the model's filter")
    likeliest = []
    for index in range(len(own)):
        tiles = prefilter.tiles(own.image(index))
        known = np.isfinite(tiles).any(axis=(1, 2, 3))
        likeliest.append(prefilter.probabilities(tiles[known]).max() if known.any() else np.float32(1))
    found: Passing = np.array(likeliest, np.float32) >= np.float32(prefilter.threshold)
    return found


def answer(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, prior: float | None = None,
    through: Passing | None = None,
) -> Answer:  # fmt: skip
    """Calibrated probabilities of some chips; of an ensemble the weighted mean.

    Args:
        model: members of an ensemble see the chips each in its own normalisation.
        chips: few enough to be held in memory; `batches` cuts them.
        tta: symmetries that each member is averaged over; none: the model's own.
        prior: expected share of landslides; none keeps that of the calibration.
        through: (N,) chips that the network is asked about, by `passing`; the others are 0 throughout. None: all.

    Raises:
        DatasetError: the chips lack a band.
        ParameterError: their units are others than those the model was trained on.
    """
    if through is not None and not through.all():
        return _partly(model, chips, through, tta=tta, prior=prior)
    members: list[tuple[Model, float, float | None]]
    if isinstance(model, Model):
        members = [(model, 1.0, None)]
        abstain = None
    else:
        members = [(member, weight, model.anchor(i)) for i, (member, weight) in enumerate(model.models)]
        abstain = model.abstain
    over = tta or model.tta
    poll = Poll(abstain)
    whole = sum(weight for _, weight, _ in members)
    for member, weight, anchor in members:
        own = own_bands(member, chips)
        if member.task == "classification":
            own = own.without_truth()  # a mask, or what it does not know, must not show in the input
        seen = images(own, member.manifest.normalisation)
        asked = (one[:, 0] for one in answers(member.probabilities, seen, over))
        poll.ask(asked, partial(member.calibrate, prior=prior), weight / whole, count=over, anchor=anchor)
    return Answer(poll.mean, poll.spread)


def _partly(model: Model | Ensemble, chips: Split, through: Passing, *, tta: int | None, prior: float | None) -> Answer:
    side = 1 if model.task == "classification" else chips.size
    whole = Answer(*(np.zeros((len(chips), side, side), np.float32) for _ in range(2)))
    if through.any():
        some = answer(model, chips.at(np.flatnonzero(through).tolist()), tta=tta, prior=prior)
        whole.probability[through], whole.spread[through] = some
    return whole


def probabilities(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, prior: float | None = None,
    through: Passing | None = None,
) -> npt.NDArray[np.float32]:  # fmt: skip
    """The probabilities of `answer`."""
    return answer(model, chips, tta=tta, prior=prior, through=through).probability


def histogram_of(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, prior: float | None = None,
    through: Passing | None = None,
) -> Histogram:  # fmt: skip
    """Histogram of calibrated probabilities over all valid pixels; arguments as of `probabilities`."""
    histogram = Histogram()
    for own in histograms_of(model, chips, tta=tta, prior=prior, through=through):
        histogram.include(own)
    return histogram


def histograms_of(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, prior: float | None = None,
    through: Passing | None = None,
) -> Iterator[Histogram]:  # fmt: skip
    """The same for each chip, in their order; their sum is what `histogram_of` gives where all of them pass."""
    if isinstance(model, Model) and prior is None and through is None:
        # A bin moves as a whole: 2000 of them are calibrated instead of all pixels.
        manifest = model.manifest
        over = manifest.tta if tta is None else tta
        for part in batches(own_chips(model, chips)):
            raw = raw_probabilities(model.probabilities, part, manifest.normalisation, tta=over)
            for one in _counted(raw, part):
                yield calibrate_histogram(one, manifest.calibration)
        return
    start = 0
    for part in batches(counted_chips(model, chips)):
        own = None if through is None else through[start : start + len(part)]
        start += len(part)
        yield from _counted(probabilities(model, part, tta=tta, prior=prior, through=own), part)


def score(
    model: Model | Ensemble, chips: Split, *, tta: int | None = None, threshold: float | None = None,
    prior: float | None = None, through: Passing | None = None,
) -> Scores:  # fmt: skip
    """Scores on chips, at the model's own threshold and with its own symmetries unless said."""
    histogram = histogram_of(model, chips, tta=tta, prior=prior, through=through)
    return Scores.of(histogram, threshold=model.threshold if threshold is None else threshold, patches=len(chips))


def own_chips(model: Model, chips: Split) -> Split:
    """The chips with the bands of a model, and the truth that it is asked for: masks, or labels.

    Raises:
        DatasetError: they lack a band, or have labels only and the model outlines.
        ParameterError: their units are others than those the model was trained on.
    """
    return truth_for(model.task, own_bands(model, chips))


def own_bands(model: Model, chips: Split) -> Split:
    """The chips with the bands of a model, whatever truth they have, if any; radar filtered as it was in training.

    Raises:
        DatasetError: they lack a band.
        ParameterError: their units are others than those the model was trained on, or their radar was filtered
            otherwise.
    """
    own = chips.taking(model.bands)
    # Local normalisation takes any linear unit that its bands share, which ratios are not; a fixed one only its own.
    any_linear = [band.unit.startswith("any ") for band in model.manifest.bands]
    wanted = [
        NUMBER if free and unit == RATIO else band.unit
        for band, unit, free in zip(model.manifest.bands, own.units, any_linear, strict=True)
    ]
    own = own.in_units(wanted)
    if isinstance(model.manifest.normalisation, FixedParams) or RATIO in wanted:
        for name, needed, unit in zip(model.bands, wanted, own.units, strict=True):
            if not unit_fits(unit, needed):
                raise ParameterError(
                    f"model {model.manifest.name!r} takes {name} in {needed}; these chips have it in {unit}"
                )
    return own.seen_by(model.sensors).despeckled(model.manifest.speckle, by=f"model {model.manifest.name!r}")


def counted_chips(model: Model | Ensemble, chips: Split) -> Split:
    """The chips as they are scored: a pixel counts where the model sees enough of it, and its truth is known.

    Raises:
        DatasetError: they lack a band, or have labels only and the model outlines.
        ParameterError: they do not fit a model, as for `own_bands`.
    """
    if isinstance(model, Model):
        return own_chips(model, chips)
    return truth_for(model.task, chips.taking(model.bands).seen_by(model.sensors))


def truth_for(task: str, chips: Split) -> Split:
    """Chips with the truth that a task is about.

    Raises:
        DatasetError: they have labels, and masks are needed.
    """
    return chips.as_labelled() if task == "classification" else chips.as_masked()


def _short(value: float) -> float:
    return round(float(value), 5)
