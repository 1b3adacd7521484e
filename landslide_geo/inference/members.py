"""Several answers to one question: networks of an ensemble, each asked about several symmetries of a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landslide_geo.inference.engine import Predict
from landslide_geo.inference.symmetries import Symmetry

FloatArray = NDArray[np.float32]


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
        turned = [symmetry.apply(batch) for symmetry in symmetries]
        mean, answers = 0.0, []
        for member, weight in zip(members, weights, strict=True):
            raw = np.stack(
                [_undone(s, member.network(t[:, member.channels])) for s, t in zip(symmetries, turned, strict=True)]
            )
            mean = mean + weight * member.calibrate(raw.mean(axis=0))
            answers.append(member.calibrate(raw))
        # Around the mean of the answers themselves: calibration bends, so that of the average lies elsewhere.
        each = np.stack(answers)
        middle = np.tensordot(weights, each.mean(axis=1), axes=1)
        variance = np.tensordot(weights, ((each - middle) ** 2).mean(axis=1), axes=1)
        return np.concatenate([mean, np.sqrt(variance)], axis=1).astype(np.float32)

    return predict


def entropy(probability: FloatArray) -> FloatArray:
    """Entropy of a yes-no decision in bits, 0–1; the uncertainty of a network that is asked once."""
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return (-(p * np.log2(p) + (1 - p) * np.log2(1 - p))).astype(np.float32)


def _undone(symmetry: Symmetry, result: FloatArray) -> FloatArray:
    return symmetry.undo(result) if result.ndim == 4 else result
