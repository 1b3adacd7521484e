"""How several answers become one: members of an ensemble, each asked about several symmetries."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

Settle = Callable[[FloatArray], FloatArray]


def anchored(probability: FloatArray, threshold: float) -> FloatArray:
    """Probabilities bent so that a threshold comes to lie at 0.5: straight from 0 to it, and straight from it to 1.

    Members whose thresholds differ then agree on what 0.5 means, and their mean decides at 0.5.

    Args:
        probability: any shape, in [0, 1]; NaN stays NaN.
        threshold: above 0 and below 1.
    """
    below = probability * np.float32(0.5 / threshold)
    above = np.float32(1) - (np.float32(1) - probability) * np.float32(0.5 / (1 - threshold))
    return np.where(probability < threshold, below, above).astype(np.float32)


def settled(probability: FloatArray, anchor: float | None) -> FloatArray:
    """`anchored`, if there is anything to bend around."""
    return probability if anchor is None else anchored(probability, anchor)


class Moments:
    """Weighted mean and variance of arrays that come one by one (West 1979), in float64."""

    def __init__(self) -> None:
        self._weight = 0.0
        self.mean: DoubleArray = np.zeros(1)
        self._squares: DoubleArray = np.zeros(1)

    def add(self, values: FloatArray | DoubleArray, weight: float, *, spread: bool = False) -> None:
        """Add an array; ``spread``: for the variance too."""
        self._weight += weight
        off = values - self.mean
        mean = self.mean + off * (weight / self._weight)
        if spread:
            self._squares = self._squares + weight * off * (values - mean)
        self.mean = mean

    @property
    def variance(self) -> DoubleArray:
        """Of the arrays that were added with ``spread``."""
        found: DoubleArray = np.maximum(self._squares / self._weight, 0)
        return found


class Poll:
    """The weighted mean of what members say, and how far their answers lie apart.

    Answers come one at a time, always in the same order: however many there are, memory stays that of a few.

    Args:
        abstain: a member does not count where the standard deviation of its calibrated answers over symmetries is
            larger; where none is left, all count. None: all count everywhere.
    """

    def __init__(self, abstain: float | None = None) -> None:
        self._abstain = abstain
        self._all, self._answers = Moments(), Moments()
        self._voted: DoubleArray = np.zeros(1)
        self._votes: DoubleArray = np.zeros(1)

    def ask(
        self,
        answers: Iterable[FloatArray],
        calibrate: Settle,
        weight: float,
        *,
        count: int,
        anchor: float | None = None,
    ) -> None:
        """Take in a member.

        Args:
            answers: raw probabilities for each symmetry, turned back.
            calibrate: raw to calibrated probability; never changes an order.
            weight: in the mean; those of all members sum to 1.
            count: number of answers.
            anchor: calibrated probability that becomes 0.5 before averaging; none: as it is.
        """
        raw, own = Moments(), Moments()
        for answer in answers:
            raw.add(answer, 1.0)
            # Around the mean of the answers themselves: calibration bends, so that of the average lies elsewhere.
            calibrated = calibrate(answer)
            self._answers.add(settled(calibrated, anchor), weight / count, spread=True)
            if self._abstain is not None:  # of calibrated answers: bending would stretch some spreads and not others
                own.add(calibrated, 1.0, spread=True)
        value = settled(calibrate(raw.mean.astype(np.float32)), anchor)
        self._all.add(value, weight)
        if self._abstain is not None:
            stays = np.sqrt(own.variance) <= self._abstain
            self._voted = self._voted + weight * stays * value
            self._votes = self._votes + weight * stays

    @property
    def mean(self) -> FloatArray:
        """Of the final probabilities of all members."""
        if self._abstain is None:
            return self._all.mean.astype(np.float32)
        some = self._votes > 0
        found = np.where(some, self._voted / np.where(some, self._votes, 1), self._all.mean)
        return found.astype(np.float32)

    @property
    def spread(self) -> FloatArray:
        """Weighted standard deviation over members and symmetries, 0–0.5."""
        return np.sqrt(self._answers.variance).astype(np.float32)
