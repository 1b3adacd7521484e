"""Platt scaling fitted on a histogram of raw probabilities, and the threshold on calibrated ones."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from landslide_geo.errors import DatasetError
from landslide_geo.models.manifest import Calibration
from landslide_geo.models.model import EPSILON, calibrated
from landslide_geo.training.metrics import BINS, Histogram

CENTRES = np.clip((np.arange(BINS) + 0.5) / BINS, EPSILON, 1 - EPSILON)


def fit_platt(histogram: Histogram, *, data: str) -> Calibration:
    """Slope and intercept of the logit that maximise the likelihood of the pixels counted.

    A slope above zero is enforced by fitting its logarithm, within bounds: perfectly separated pixels would drive it to
    infinity.

    Args:
        histogram: of raw probabilities.
        data: what it was counted on.

    Raises:
        DatasetError: there are no positives or no negatives.
    """
    positive, negative = histogram.positive.astype(float), histogram.negative.astype(float)
    if not positive.sum() or not negative.sum():
        raise DatasetError(f"{data}: calibration needs pixels with and without landslides")
    logit = np.log(CENTRES / (1 - CENTRES))
    total = positive.sum() + negative.sum()

    def loss(parameters: np.ndarray) -> float:
        score = np.exp(parameters[0]) * logit + parameters[1]
        # log(1 + e^s) without overflow
        return float((positive * np.logaddexp(0, -score) + negative * np.logaddexp(0, score)).sum() / total)

    found = minimize(
        loss,
        np.zeros(2),
        method="Nelder-Mead",
        bounds=[(-3, 3), (-20, 20)],
        options={"xatol": 1e-6, "fatol": 1e-12, "maxiter": 4000},
    )
    return Calibration(
        slope=round(float(np.exp(found.x[0])), 6),
        intercept=round(float(found.x[1]), 6),
        prevalence=round(float(positive.sum() / total), 6),
        data=data,
    )


def calibrate_histogram(histogram: Histogram, calibration: Calibration) -> Histogram:
    """The histogram of the calibrated probabilities; a bin moves as a whole."""
    moved = np.minimum((calibrated(CENTRES.astype(np.float32), calibration) * BINS).astype(int), BINS - 1)
    result = Histogram()
    np.add.at(result.positive, moved, histogram.positive)
    np.add.at(result.negative, moved, histogram.negative)
    return result


def expected_calibration_error(histogram: Histogram, *, groups: int = 20) -> float:
    """Mean distance between probability and frequency over even groups of probability, weighted by pixels."""
    positive = histogram.positive.reshape(groups, -1).sum(axis=1)
    count = positive + histogram.negative.reshape(groups, -1).sum(axis=1)
    weighted = ((histogram.positive + histogram.negative) * CENTRES).reshape(groups, -1).sum(axis=1)
    return float(np.abs(weighted - positive).sum() / max(count.sum(), 1))
