"""Pixel metrics from counts, and the ranking metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 2000
#: Cloud cover from which on a chip is partly cloudy, and above which it is cloudy.
PARTLY, CLOUDY = 0.1, 0.5


@dataclass(frozen=True)
class Counts:
    """True and false positives, false and true negatives, in pixels."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        """All pixels counted."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); 0 where nothing is positive, neither in truth nor in prediction."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN)."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        """(TP + TN) / all: high wherever landslides are few, whatever is said of them."""
        return _ratio(self.tp + self.tn, self.n)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def prevalence(self) -> float:
        """Share of positive pixels in the truth."""
        return _ratio(self.tp + self.fn, self.n)

    @property
    def false_positive_share(self) -> float:
        """FP / (FP + TN)."""
        return _ratio(self.fp, self.fp + self.tn)


def by_cloud_cover(each: Sequence[Counts], cover: npt.NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """F1 of ``clear``, ``partly`` cloudy and ``cloudy`` chips, where there are both classes among them.

    Args:
        each: counts of each chip.
        cover: (N,) share of each that is under clouds; those of which it is NaN are in no group.

    Returns:
        ``f1`` and ``n`` by group.
    """
    groups = {"clear": cover < PARTLY, "partly": (cover >= PARTLY) & (cover <= CLOUDY), "cloudy": cover > CLOUDY}
    found = {}
    for name, own in groups.items():
        some = [each[index] for index in np.flatnonzero(own).tolist()]
        tp, fp, fn, tn = (sum(getattr(one, kind) for one in some) for kind in ("tp", "fp", "fn", "tn"))
        if tp + fn and fp + tn:
            whole = Counts(tp, fp, fn, tn)
            found[name] = {"f1": round(whole.f1, 5), "n": whole.n}
    return found


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


class Histogram:
    """How probabilities are distributed over positives and negatives; metrics at any threshold, in fixed memory.

    Bins are even in probability, so a threshold that is a multiple of 1/2000 is exact.
    """

    def __init__(self) -> None:
        self.positive = np.zeros(BINS, np.int64)
        self.negative = np.zeros(BINS, np.int64)

    def add(
        self,
        probability: npt.NDArray[np.float32],
        truth: npt.NDArray[np.bool_],
        valid: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Count pixels: probability in [0, 1], truth and optionally validity of the same shape."""
        if valid is not None:
            probability, truth = probability[valid], truth[valid]
        bins = np.minimum((probability.astype(np.float64) * BINS).astype(np.int64), BINS - 1).ravel()
        flat = truth.ravel()
        self.positive += np.bincount(bins[flat], minlength=BINS)
        self.negative += np.bincount(bins[~flat], minlength=BINS)

    def include(self, other: Histogram) -> None:
        """Count the pixels of another histogram too."""
        self.positive += other.positive
        self.negative += other.negative

    def at(self, threshold: float) -> Counts:
        """Counts when pixels at or above ``threshold`` are called landslides."""
        first = int(np.ceil(round(threshold * BINS, 6)))
        tp, fp = int(self.positive[first:].sum()), int(self.negative[first:].sum())
        return Counts(tp, fp, int(self.positive.sum()) - tp, int(self.negative.sum()) - fp)

    def auc(self) -> float:
        """Probability that a positive pixel ranks above a negative one; ties within a bin count half."""
        positives, negatives = int(self.positive.sum()), int(self.negative.sum())
        if not positives or not negatives:
            return float("nan")
        below = np.cumsum(self.negative) - self.negative
        return float((self.positive * (below + self.negative / 2)).sum() / (positives * negatives))

    def average_precision(self) -> float:
        """Area under precision over recall, stepwise."""
        tp, fp = np.cumsum(self.positive[::-1]), np.cumsum(self.negative[::-1])
        if not tp[-1]:
            return float("nan")
        return float((self.positive[::-1] / tp[-1] * (tp / np.maximum(tp + fp, 1))).sum())

    def best_threshold(self, *, lowest: float = 0.02, highest: float = 0.98, step: float = 0.01) -> float:
        """The threshold of highest F1 on a fixed grid; the lowest of equals."""
        steps = round((highest - lowest) / step)
        candidates = [round(lowest + i * step, 6) for i in range(steps + 1)]
        return max(candidates, key=lambda value: (self.at(value).f1, -value))
