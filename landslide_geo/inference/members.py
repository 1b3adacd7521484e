"""Several answers to one question: networks of an ensemble, each asked about several symmetries of a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landslide_geo.inference.engine import Predict
from landslide_geo.inference.symmetries import Symmetry
from landslide_geo.models.voting import Poll, settled

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Member:
    """A network of an ensemble; a single network is an ensemble of one.

    Attributes:
        network: (N, C, h, w) → (N, 1, h, w) or (N, 1) probabilities, not calibrated.
        calibrate: of its average over symmetries; never changes an order.
        channels: which of the source's channels it sees.
        weight: in the mean over members, above zero.
        anchor: calibrated probability that becomes 0.5 before averaging; none: as it is.
    """

    network: Predict
    calibrate: Callable[[FloatArray], FloatArray]
    channels: slice = field(default_factory=lambda: slice(None))
    weight: float = 1.0
    anchor: float | None = None


def averaged(members: Sequence[Member], symmetries: Sequence[Symmetry], *, abstain: float | None = None) -> Predict:
    """The weighted mean of members, each averaged over symmetries and then calibrated; ``abstain`` as in `Poll`.

    Returns:
        (N, C, h, w) → (N, 1, h, w) for a single answer, else (N, 2, h, w): the calibrated mean, and the weighted
        standard deviation over members and symmetries (of calibrated values), 0–0.5. Shapes without h and w where the
        networks give one value per window.
    """
    if len(members) * len(symmetries) == 1 and symmetries[0].is_identity:
        only = members[0]
        return lambda batch: settled(only.calibrate(only.network(batch[:, only.channels])), only.anchor)
    weights = np.array([member.weight for member in members], dtype=np.float64)
    weights /= weights.sum()

    def predict(batch: FloatArray) -> FloatArray:
        poll = Poll(abstain)
        for member, weight in zip(members, weights, strict=True):
            answers = (
                _undone(symmetry, member.network(symmetry.apply(batch)[:, member.channels])) for symmetry in symmetries
            )
            poll.ask(answers, member.calibrate, weight, count=len(symmetries), anchor=member.anchor)
        return np.concatenate([poll.mean, poll.spread], axis=1)

    return predict


def entropy(probability: FloatArray) -> FloatArray:
    """Entropy of a yes-no decision in bits, 0–1; the uncertainty of a network that is asked once."""
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return (-(p * np.log2(p) + (1 - p) * np.log2(1 - p))).astype(np.float32)


def _undone(symmetry: Symmetry, result: FloatArray) -> FloatArray:
    return symmetry.undo(result) if result.ndim == 4 else result
