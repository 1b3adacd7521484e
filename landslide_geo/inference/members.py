"""Several answers to one question: networks of an ensemble, each asked about several symmetries of a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landslide_geo.inference.engine import Predict
from landslide_geo.inference.symmetries import Symmetry

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """A network of an ensemble; a single network is an ensemble of one.

    Attributes:
        network: (N, C, h, w) → (N, 1, h, w) or (N, 1) probabilities, not calibrated.
        calibrate: of its average over symmetries; never changes an order.
        channels: which of the source's channels it sees.
        weight: in the mean over members, above zero.
    """

    network: Predict
    calibrate: Callable[[FloatArray], FloatArray]
    channels: slice = field(default_factory=lambda: slice(None))
    weight: float = 1.0


class _Moments:
    """Weighted mean and variance of arrays that come one by one (West 1979), in float64."""

    def __init__(self) -> None:
        self._weight = 0.0
        self.mean: DoubleArray = np.zeros(1)
        self._squares: DoubleArray = np.zeros(1)

    def add(self, values: FloatArray, weight: float, *, spread: bool = False) -> None:
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


def averaged(members: Sequence[Member], symmetries: Sequence[Symmetry]) -> Predict:
    """The weighted mean of members, each averaged over symmetries and then calibrated.

    Returns:
        (N, C, h, w) → (N, 1, h, w) for a single answer, else (N, 2, h, w): the calibrated mean, and the weighted
        standard deviation over members and symmetries (of calibrated values), 0–0.5. Shapes without h and w where the
        networks give one value per window.
    """
    if len(members) * len(symmetries) == 1 and symmetries[0].is_identity:
        only = members[0]
        return lambda batch: only.calibrate(only.network(batch[:, only.channels]))
    weights = np.array([member.weight for member in members], dtype=np.float64)
    weights /= weights.sum()

    def predict(batch: FloatArray) -> FloatArray:
        # One answer at a time, always in the same order: however many there are, memory stays that of a few.
        average = _Moments()
        answers = _Moments()
        for member, weight in zip(members, weights, strict=True):
            raw = _Moments()
            for symmetry in symmetries:
                answer = _undone(symmetry, member.network(symmetry.apply(batch)[:, member.channels]))
                raw.add(answer, 1.0)
                # Around the mean of the answers themselves: calibration bends, so that of the average lies elsewhere.
                answers.add(member.calibrate(answer), weight / len(symmetries), spread=True)
            average.add(member.calibrate(raw.mean.astype(np.float32)), weight)
        return np.concatenate([average.mean, np.sqrt(answers.variance)], axis=1).astype(np.float32)

    return predict


def entropy(probability: FloatArray) -> FloatArray:
    """Entropy of a yes-no decision in bits, 0–1; the uncertainty of a network that is asked once."""
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return (-(p * np.log2(p) + (1 - p) * np.log2(1 - p))).astype(np.float32)


def _undone(symmetry: Symmetry, result: FloatArray) -> FloatArray:
    return symmetry.undo(result) if result.ndim == 4 else result
