"""Calibration and decision threshold, both from a histogram of raw probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize

from landslide_geo.errors import DatasetError
from landslide_geo.models.manifest import Calibration, Threshold
from landslide_geo.models.model import EPSILON, calibrated
from landslide_geo.training.metrics import BINS, Histogram

Method = Literal["platt", "temperature", "isotonic"]

CENTRES = np.clip((np.arange(BINS) + 0.5) / BINS, EPSILON, 1 - EPSILON)
#: Groups of even width in which probability is compared with frequency.
_GROUPS: Final = 20


def fit_platt(histogram: Histogram, *, data: str) -> Calibration:
    """Slope and intercept of the logit that maximise the likelihood of the pixels counted (Platt 1999).

    A slope above zero is enforced by fitting its logarithm, within bounds: perfectly separated pixels would drive it to
    infinity.

    Args:
        histogram: of raw probabilities.
        data: what it was counted on.

    Raises:
        DatasetError: there are no positives or no negatives.
    """
    found = _likeliest(histogram, data, np.zeros(2))
    return _calibration(histogram, data, method="platt", slope=float(np.exp(found[0])), intercept=float(found[1]))


def fit_temperature(histogram: Histogram, *, data: str) -> Calibration:
    """The same with no intercept (Guo et al. 2017): the slope is the inverse of the temperature."""
    found = _likeliest(histogram, data, np.zeros(1))
    return _calibration(histogram, data, method="temperature", slope=float(np.exp(found[0])))


def fit_isotonic(histogram: Histogram, *, data: str) -> Calibration:
    """The rising function nearest to the frequencies (Zadrozny and Elkan 2002), linear between its steps."""
    _require_both(histogram, data)
    count = (histogram.positive + histogram.negative).astype(float)
    used = np.flatnonzero(count)
    steps = isotonic_regression(histogram.positive[used] / count[used], weights=count[used])
    knots = []
    for first, last in pairwise(steps.blocks):
        for end in dict.fromkeys((used[first], used[last - 1])):  # a step may be one bin wide
            knots.append((round(float(CENTRES[end]), 7), round(float(steps.x[first]), 7)))
    return _calibration(histogram, data, method="isotonic", knots=tuple(knots))


FITS: Final[dict[str, Callable[..., Calibration]]] = {
    "platt": fit_platt,
    "temperature": fit_temperature,
    "isotonic": fit_isotonic,
}


def _likeliest(histogram: Histogram, data: str, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the slope, and intercept where ``start`` has one, of the highest likelihood."""
    _require_both(histogram, data)
    positive, negative = histogram.positive.astype(float), histogram.negative.astype(float)
    logit = np.log(CENTRES / (1 - CENTRES))
    total = positive.sum() + negative.sum()

    def loss(parameters: np.ndarray) -> float:
        score = np.exp(parameters[0]) * logit + (parameters[1] if len(parameters) > 1 else 0.0)
        # log(1 + e^s) without overflow
        return float((positive * np.logaddexp(0, -score) + negative * np.logaddexp(0, score)).sum() / total)

    bounds = [(-3, 3), (-20, 20)][: len(start)]
    options = {"xatol": 1e-6, "fatol": 1e-12, "maxiter": 4000}
    found: NDArray[np.float64] = minimize(loss, start, method="Nelder-Mead", bounds=bounds, options=options).x
    return found


def _require_both(histogram: Histogram, data: str) -> None:
    if not histogram.positive.sum() or not histogram.negative.sum():
        raise DatasetError(f"{data}: calibration needs ground with and without landslides")


def _calibration(histogram: Histogram, data: str, **values: Any) -> Calibration:
    rounded = {key: round(value, 6) if isinstance(value, float) else value for key, value in values.items()}
    return Calibration(prevalence=round(prevalence(histogram), 6), data=data, **rounded)


def prevalence(histogram: Histogram) -> float:
    """Share of positive pixels."""
    positive, negative = int(histogram.positive.sum()), int(histogram.negative.sum())
    return positive / max(positive + negative, 1)


def calibrate_histogram(histogram: Histogram, calibration: Calibration) -> Histogram:
    """The histogram of the calibrated probabilities; a bin moves as a whole."""
    moved = np.minimum((calibrated(CENTRES.astype(np.float32), calibration) * BINS).astype(int), BINS - 1)
    result = Histogram()
    np.add.at(result.positive, moved, histogram.positive)
    np.add.at(result.negative, moved, histogram.negative)
    return result


@dataclass(frozen=True)
class Reliability:
    """Probability and frequency in groups of even width.

    Attributes:
        probability: mean of each group that holds a pixel.
        frequency: share of positives.
        count: pixels.
    """

    probability: NDArray[np.float64]
    frequency: NDArray[np.float64]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, histogram: Histogram) -> Reliability:
        """From a histogram of probabilities."""
        positive = histogram.positive.reshape(_GROUPS, -1).sum(axis=1)
        count = positive + histogram.negative.reshape(_GROUPS, -1).sum(axis=1)
        weighted = ((histogram.positive + histogram.negative) * CENTRES).reshape(_GROUPS, -1).sum(axis=1)
        there = count > 0
        return cls(weighted[there] / count[there], positive[there] / count[there], count[there])

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance between probability and frequency, weighted by pixels."""
        return float((np.abs(self.probability - self.frequency) * self.count).sum() / max(self.count.sum(), 1))


def expected_calibration_error(histogram: Histogram) -> float:
    """Mean distance between probability and frequency over even groups of probability, weighted by pixels."""
    return Reliability.of(histogram).error


@dataclass(frozen=True)
class Decision:
    """How raw probabilities become calibrated ones and those a class, and what that was drawn from.

    Attributes:
        calibration: of raw probabilities.
        threshold: on calibrated ones.
        before, after: histograms of raw and of calibrated probabilities.
        tta: symmetries that raw probabilities were averaged over; those to use afterwards.
    """

    calibration: Calibration
    threshold: Threshold
    before: Histogram
    after: Histogram
    tta: int

    def to_json(self) -> dict[str, Any]:
        """A value that ``json`` can write."""
        return {
            "calibration": self.calibration.model_dump(mode="json"),
            "threshold": self.threshold.model_dump(mode="json"),
            "tta": self.tta,
            "f1": round(self.after.at(self.threshold.value).f1, 5),
            "calibration_error": {
                "before": round(expected_calibration_error(self.before), 5),
                "after": round(expected_calibration_error(self.after), 5),
            },
        }


def decide(histogram: Histogram, *, method: Method, data: str, tta: int, unit: str = "pixel") -> Decision:
    """Calibration by a method, and the threshold of highest F1 after it.

    Args:
        histogram: of raw probabilities.
        method: of calibration.
        data: what it was counted on.
        tta: symmetries that probabilities were averaged over.
        unit: what was counted, ``pixel`` or ``chip``.

    Raises:
        DatasetError: there are no positives or no negatives.
    """
    calibration = FITS[method](histogram, data=data)
    after = calibrate_histogram(histogram, calibration)
    how = f"highest {unit} F1 on {data}, steps of 0.01"
    return Decision(calibration, Threshold(value=after.best_threshold(), how=how), histogram, after, tta)
